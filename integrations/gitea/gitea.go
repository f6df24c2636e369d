// Package gitea is the forge Gitea, and Forgejo, which speaks the same API:
// repositories with one first commit, webhooks, branch protection, commit statuses
// and pull requests. Neither keeps deployments, so that bot.DeploymentWriter is not
// here; nor do they list a webhook's deliveries, so that none is asked for again.
//
// What marks a repository as an operation's: the end of its description, which is
// set in the very call that creates it (Gitea takes no website there), its website
// once it is pushed to, and the trailer of its first commit, which stays when
// somebody edits the website. What Gitea takes only after the creation (website,
// topics, teams) is settled right before the push, whose repetition is certain.
package gitea

import (
	"context"
	"net/http"
	"strings"
	"sync"

	sdk "code.gitea.io/sdk/gitea"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/gitpush"
	"opsbot/bot/rest"
)

// Config is the section of a Gitea or Forgejo.
type Config struct {
	URL           string        `yaml:"url" doc:"Gitea's or Forgejo's address." example:"https://gitea.example.com"`
	Owners        []string      `yaml:"owners" doc:"Organisations, or the token's own account, that may get repositories." example:"[foo-org]"`
	Token         config.Secret `yaml:"token" doc:"An access token with the scopes write:repository and write:organization; write:user in place of the last where the owner is the token's own account." example:"env:GITEA_TOKEN"`
	WebhookSecret config.Secret `yaml:"webhook_secret" doc:"What the secrets of our webhooks are derived from; as it is, it signs the deliveries of webhooks that are made by hand." example:"env:GITEA_WEBHOOK_SECRET"`
	Topics        []string      `yaml:"topics" doc:"Topics that each new repository gets." example:"[opsbot]"`
	Teams         []string      `yaml:"teams" doc:"Teams of the organisation that get access, each with the rights that it has there." example:"[developers]"`
	Protection    Protection    `yaml:"protection" doc:"How the default branch of new repositories is guarded."`
	Credentials   string        `yaml:"clone_credentials" doc:"The id under which the pipeline knows how to clone from here." example:"gitea-opsbot"`
}

// Protection says whether and by which check branches are guarded.
type Protection struct {
	Enabled bool   `yaml:"enabled" doc:"Whether the default branch of a new repository is guarded." example:"true"`
	Check   string `yaml:"check" doc:"The status that a commit needs; default: OpsBot's own, opsbot/ and the pipeline's name. That of Jenkins' plugin is continuous-integration/jenkins/branch." example:"continuous-integration/jenkins/branch"`
}

// Forge is one instance. Safe for concurrent use.
type Forge struct {
	env    bot.IntegrationEnv
	cfg    Config
	mask   *rest.Mask
	rest   *rest.Client
	http   *http.Client
	pusher *gitpush.Pusher

	mu     sync.Mutex
	secret string            // of webhooks, once it was needed
	kinds  map[string]string // owner -> "me" or "org"
}

var (
	_ bot.RepoHost      = (*Forge)(nil)
	_ bot.Archiver      = (*Forge)(nil)
	_ bot.Retirer       = (*Forge)(nil)
	_ bot.HookInstaller = (*Forge)(nil)
	_ bot.CommitReader  = (*Forge)(nil)
	_ bot.Protector     = (*Forge)(nil)
	_ bot.StatusWriter  = (*Forge)(nil)
	_ bot.PullRequester = (*Forge)(nil)
	_ bot.NameRules     = (*Forge)(nil)
	_ bot.DisplayName   = (*Forge)(nil)
	_ bot.WebhookParser = (*Forge)(nil)
	_ bot.Prober        = (*Forge)(nil)
)

// service is what messages call it.
const service = "Gitea"

// Kind lists Gitea in the configuration.
func Kind() bot.IntegrationKind {
	return bot.IntegrationKind{
		Type: "gitea", Summary: "Gitea or Forgejo: repositories, webhooks, statuses, pull requests",
		Config: &Config{}, New: func(env bot.IntegrationEnv) (any, error) { return New(env, nil) },
	}
}

// New makes an instance; it does no I/O. via sends the requests; nil: a transport
// of its own.
func New(env bot.IntegrationEnv, via http.RoundTripper) (*Forge, error) {
	f := &Forge{env: env, mask: &rest.Mask{}, kinds: map[string]string{}}
	if err := env.Config.Decode(&f.cfg); err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	if len(f.env.Owners) == 0 {
		f.env.Owners = f.cfg.Owners
	}
	made, err := rest.New(rest.Options{Service: service, Base: f.cfg.URL, Authorize: f.authorize, Clock: env.Clock, Mask: f.mask, Via: via})
	if err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "integrations.%s.url: %s", env.Name, bot.MessageOf(err))
	}
	f.rest, f.http = made, made.HTTPClient()
	f.http.Transport = wantsJSON{f.http.Transport}
	f.pusher = gitpush.New(gitpush.Options{Credentials: f.forGit, Transport: via})
	return f, nil
}

// check refuses a section that cannot work, by the field's name.
func (f *Forge) check() error {
	c := &f.cfg
	c.URL = strings.TrimRight(c.URL, "/")
	wrong := func(text string) error {
		return bot.Errorf(bot.CodeInvalid, "integrations.%s.%s", f.env.Name, text)
	}
	switch {
	case c.URL == "":
		return wrong("url is needed: where Gitea is, without /api/v1")
	case strings.HasSuffix(c.URL, "/api/v1"):
		return wrong("url is Gitea's own address, without /api/v1")
	case c.Token.IsZero():
		return wrong("token is needed: env:NAME or file:PATH of an access token")
	case c.WebhookSecret.IsZero():
		return wrong("webhook_secret is needed: env:NAME or file:PATH of what signs the deliveries")
	}
	for _, t := range c.Topics {
		if !topicForm.MatchString(t) {
			return wrong("topics: a topic has at most 35 lower-case letters, digits, dashes and dots")
		}
	}
	for _, t := range c.Teams {
		if !nameForm.MatchString(t) {
			return wrong("teams: a team has letters, digits, dashes, underscores and dots")
		}
	}
	return nil
}

// token gives the configured one.
func (f *Forge) token(ctx context.Context) (string, error) {
	value, err := f.cfg.Token.Resolve(ctx)
	f.mask.Add(value)
	return value, err
}

// authorize adds the token to requests to the configured server, and to no other.
func (f *Forge) authorize(r *http.Request) error {
	value, err := f.token(r.Context())
	if err == nil {
		r.Header.Set("Authorization", "token "+value)
	}
	return err
}

// forGit gives what git logs in with; Gitea takes a token in place of any user's
// password.
func (f *Forge) forGit(ctx context.Context) (user, secret string, err error) {
	secret, err = f.token(ctx)
	return "opsbot", secret, err
}

// api is a client for one call: the library's clients carry one context each. Its
// own look at the server's version is left out, so that making one cannot fail.
func (f *Forge) api(ctx context.Context) *sdk.Client {
	c, _ := sdk.NewClient(f.cfg.URL, sdk.SetGiteaVersion(""), sdk.SetHTTPClient(f.http), sdk.SetContext(ctx))
	return c
}

// wantsJSON says so in each request, which lets package rest find a page where JSON
// was due. The library does not say it.
type wantsJSON struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (w wantsJSON) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Accept", "application/json")
	return w.next.RoundTrip(req)
}

// DisplayName is what people call it.
func (f *Forge) DisplayName() string { return service }
