// Package github is the forge GitHub, on github.com or an Enterprise Server, as a
// person's token or as a GitHub App: repositories with one first commit, webhooks,
// branch protection, commit statuses and deployments.
//
// What marks a repository as an operation's: its homepage, which is set in the very
// call that creates it, and the trailer of its first commit, which stays when
// somebody edits the homepage. What GitHub takes only after the creation (topics,
// teams) is settled right before the push, whose repetition is certain.
package github

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	gh "github.com/google/go-github/v60/github"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/gitpush"
	"opsbot/bot/rest"
	"opsbot/bot/sign"
)

// Config is the section of a GitHub.
type Config struct {
	Owners        []string          `yaml:"owners" doc:"Organisations, or the token's own account, that may get repositories." example:"[foo-org]"`
	Token         config.Secret     `yaml:"token" doc:"A personal access token, classic (scopes repo, admin:repo_hook, delete_repo, workflow, read:org) or fine-grained; or else app." example:"env:GITHUB_TOKEN"`
	App           App               `yaml:"app" doc:"A GitHub App in place of a token."`
	WebhookSecret config.Secret     `yaml:"webhook_secret" doc:"What signs the deliveries of our webhooks." example:"env:GITHUB_WEBHOOK_SECRET"`
	URL           string            `yaml:"url" doc:"The address of an Enterprise Server; default: github.com." example:"https://github.example.com"`
	APIURL        string            `yaml:"api_url" doc:"The API's address, where it is not below url." example:"https://api.github.com/"`
	Topics        []string          `yaml:"topics" doc:"Topics that each new repository gets." example:"[opsbot]"`
	Teams         map[string]string `yaml:"teams" doc:"Teams of the organisation that get access: slug and pull, triage, push, maintain or admin." example:"{ developers: push }"`
	Protection    Protection        `yaml:"protection" doc:"How the default branch of new repositories is guarded."`
	Credentials   string            `yaml:"clone_credentials" doc:"The id under which the pipeline knows how to clone from here." example:"github-opsbot"`
}

// App names a GitHub App and its installation.
type App struct {
	ID           int64         `yaml:"id" doc:"The App's id." example:"123456"`
	Installation int64         `yaml:"installation" doc:"The installation's id: the number at the end of its settings' address." example:"7654321"`
	Key          config.Secret `yaml:"key" doc:"The App's private key, PEM." example:"file:/etc/opsbot/github.pem"`
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
	gate   *gate
	login  *login
	http   *http.Client
	base   *url.URL // the API's root
	pusher *gitpush.Pusher

	mu     sync.Mutex
	scheme sign.Scheme       // made of the secret when it is first needed
	kinds  map[string]string // owner -> "User" or "Organization"
}

var (
	_ bot.RepoHost         = (*Forge)(nil)
	_ bot.Archiver         = (*Forge)(nil)
	_ bot.Retirer          = (*Forge)(nil)
	_ bot.HookInstaller    = (*Forge)(nil)
	_ bot.CommitReader     = (*Forge)(nil)
	_ bot.Protector        = (*Forge)(nil)
	_ bot.PullRequester    = (*Forge)(nil)
	_ bot.StatusWriter     = (*Forge)(nil)
	_ bot.DeploymentWriter = (*Forge)(nil)
	_ bot.NameRules        = (*Forge)(nil)
	_ bot.DisplayName      = (*Forge)(nil)
	_ bot.WebhookParser    = (*Forge)(nil)
	_ bot.Service          = (*Forge)(nil)
	_ bot.Prober           = (*Forge)(nil)
)

// Kind lists GitHub in the configuration.
func Kind() bot.IntegrationKind {
	return bot.IntegrationKind{
		Type: "github", Summary: "GitHub, github.com or an Enterprise Server: repositories, webhooks, statuses",
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
	base := f.apiURL()
	made, err := rest.New(rest.Options{Service: f.DisplayName(), Base: base, Clock: env.Clock, Mask: f.mask, Via: via})
	if err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "integrations.%s.url: %s", env.Name, bot.MessageOf(err))
	}
	f.rest = made
	client := made.HTTPClient()
	f.login = &login{cfg: f.cfg, api: base, mask: f.mask, next: made.HTTPClient(), forge: f}
	f.gate = newGate(&authorized{f.login, client.Transport}, env.Clock, f.DisplayName())
	client.Transport = newETags(f.gate)
	f.http = client
	if f.base, err = url.Parse(base); err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "integrations.%s.url is no address", env.Name)
	}
	f.pusher = gitpush.New(gitpush.Options{Credentials: f.login.forGit, Transport: via})
	return f, nil
}

// check refuses a section that cannot work, by the field's name.
func (f *Forge) check() error {
	c := &f.cfg
	c.URL = strings.TrimRight(c.URL, "/")
	wrong := func(text string) error {
		return bot.Errorf(bot.CodeInvalid, "integrations.%s.%s", f.env.Name, text)
	}
	app := c.App.ID != 0 || c.App.Installation != 0 || !c.App.Key.IsZero()
	switch {
	case !app && c.Token.IsZero():
		return wrong("token is needed, or app: env:NAME or file:PATH of a personal access token")
	case app && !c.Token.IsZero():
		return wrong("token and app exclude each other")
	case app && (c.App.ID <= 0 || c.App.Installation <= 0 || c.App.Key.IsZero()):
		return wrong("app needs id, installation and key")
	case c.WebhookSecret.IsZero():
		return wrong("webhook_secret is needed: env:NAME or file:PATH of what signs the deliveries")
	}
	for team, permission := range c.Teams {
		if !slices.Contains([]string{"pull", "triage", "push", "maintain", "admin"}, permission) {
			return wrong("teams." + team + " must be pull, triage, push, maintain or admin")
		}
	}
	for _, t := range c.Topics {
		if !topicForm.MatchString(t) {
			return wrong("topics: a topic has at most 50 lower-case letters, digits and dashes")
		}
	}
	return nil
}

// apiURL is the API's root, with a slash at its end.
func (f *Forge) apiURL() string {
	switch {
	case f.cfg.APIURL != "":
		return strings.TrimRight(f.cfg.APIURL, "/") + "/"
	case f.cfg.URL == "" || f.cfg.URL == "https://github.com":
		return "https://api.github.com/"
	}
	return f.cfg.URL + "/api/v3/"
}

// api is a client for one call: what it would remember about limits goes by the
// machine's clock, and gate does that by ours.
func (f *Forge) api() *gh.Client {
	c := gh.NewClient(f.http)
	c.UserAgent, c.BaseURL = "opsbot", f.base
	return c
}

// DisplayName is what people call it.
func (f *Forge) DisplayName() string { return "GitHub" }

// Writes tells how many requests that make or change something were sent in the
// last minute and the last hour; GitHub bounds both.
func (f *Forge) Writes() (minute, hour int) { return f.gate.count() }
