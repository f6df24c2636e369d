// Package gitlab is the forge GitLab, on gitlab.com or self-managed, as a personal,
// group or project access token: repositories with one first commit in groups,
// subgroups and people's namespaces, webhooks, protected branches, commit statuses,
// deployments and merge requests.
//
// What marks a project as an operation's: a link at the end of its description,
// which is set in the very call that creates it, and the trailer of its first
// commit, which stays when somebody edits the description.
//
// Where GitLab, on its free tier, is less than the ports: no single status can be
// required of a branch (the whole pipeline of a merge request can, see
// EnsureProtection); a deployment's record has neither text nor log; the commit of a
// merge request has the date at which GitLab makes it.
package gitlab

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	gl "gitlab.com/gitlab-org/api/client-go"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/gitpush"
	"opsbot/bot/rest"
	"opsbot/bot/sign"
)

// Config is the section of a GitLab.
type Config struct {
	Owners        []string      `yaml:"owners" doc:"Groups, subgroups with their whole path, or the token's own account, that may get projects." example:"[foo-group, foo-group/teams/web]"`
	Token         config.Secret `yaml:"token" doc:"A personal, group or project access token with the scope api; its role in the groups must be Maintainer, and Owner to delete." example:"env:GITLAB_TOKEN"`
	WebhookSecret config.Secret `yaml:"webhook_secret" doc:"What our webhooks bring along to prove where they come from: 22 or more random letters and digits." example:"env:GITLAB_WEBHOOK_SECRET"`
	URL           string        `yaml:"url" doc:"The address of a self-managed GitLab; default: https://gitlab.com." example:"https://gitlab.example.com"`
	Topics        []string      `yaml:"topics" doc:"Topics that each new project gets." example:"[opsbot]"`
	Visibility    string        `yaml:"visibility" doc:"What every new project is, private or internal, whatever was asked for; default: public unless private was asked for." example:"internal"`
	Protection    Protection    `yaml:"protection" doc:"How the default branch of new projects is guarded."`
	Credentials   string        `yaml:"clone_credentials" doc:"The id under which the pipeline knows how to clone from here." example:"gitlab-opsbot"`
}

// Protection says whether and how branches are guarded.
type Protection struct {
	Enabled bool   `yaml:"enabled" doc:"Whether the default branch of a new repository is guarded." example:"true"`
	Check   string `yaml:"check" doc:"The status that a commit needs; default: OpsBot's own. GitLab cannot require a single one: with any, merge requests need pipelines that succeed, statuses of others included." example:"jenkins/build"`
}

// Forge is one instance. Safe for concurrent use.
type Forge struct {
	env    bot.IntegrationEnv
	cfg    Config
	mask   *rest.Mask
	rest   *rest.Client
	gate   *gate
	api    *gl.Client
	base   *url.URL // where people look
	pusher *gitpush.Pusher

	mu     sync.Mutex
	scheme sign.Scheme           // made of the secret when it is first needed
	spaces map[string]*namespace // by lower-case path
}

var (
	_ bot.RepoHost         = (*Forge)(nil)
	_ bot.Archiver         = (*Forge)(nil)
	_ bot.Retirer          = (*Forge)(nil)
	_ bot.HookInstaller    = (*Forge)(nil)
	_ bot.CommitReader     = (*Forge)(nil)
	_ bot.Protector        = (*Forge)(nil)
	_ bot.StatusWriter     = (*Forge)(nil)
	_ bot.DeploymentWriter = (*Forge)(nil)
	_ bot.PullRequester    = (*Forge)(nil)
	_ bot.NameRules        = (*Forge)(nil)
	_ bot.DisplayName      = (*Forge)(nil)
	_ bot.WebhookParser    = (*Forge)(nil)
	_ bot.Service          = (*Forge)(nil)
	_ bot.Prober           = (*Forge)(nil)
)

// Kind lists GitLab in the configuration.
func Kind() bot.IntegrationKind {
	return bot.IntegrationKind{
		Type: "gitlab", Summary: "GitLab, gitlab.com or self-managed: repositories, webhooks, statuses, merge requests",
		Config: &Config{}, New: func(env bot.IntegrationEnv) (any, error) { return New(env, nil) },
	}
}

// New makes an instance; it does no I/O. via sends the requests; nil: a transport
// of its own.
func New(env bot.IntegrationEnv, via http.RoundTripper) (*Forge, error) {
	f := &Forge{env: env, mask: &rest.Mask{}, spaces: map[string]*namespace{}}
	if err := env.Config.Decode(&f.cfg); err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	if len(f.env.Owners) == 0 {
		f.env.Owners = f.cfg.Owners
	}
	made, err := rest.New(rest.Options{
		Service: f.DisplayName(), Base: f.cfg.URL, Clock: env.Clock, Mask: f.mask, Via: via, Authorize: f.authorize,
	})
	if err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "integrations.%s.url: %s", env.Name, bot.MessageOf(err))
	}
	if f.base, err = url.Parse(f.cfg.URL); err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "integrations.%s.url is no address", env.Name)
	}
	f.rest = made
	client := made.HTTPClient()
	f.gate = &gate{next: client.Transport, clock: env.Clock, service: f.DisplayName()}
	client.Transport = &refusals{next: f.gate, mask: f.mask}
	f.pusher = gitpush.New(gitpush.Options{Credentials: f.forGit, Transport: via})
	f.api, err = gl.NewAuthSourceClient(gl.Unauthenticated{}, gl.WithBaseURL(f.cfg.URL), gl.WithHTTPClient(client),
		gl.WithoutRetries(), gl.WithCustomLimiter(unlimited{}), gl.WithUserAgent("opsbot"))
	if err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "integrations.%s.url is not usable as the address of a GitLab", env.Name)
	}
	return f, nil
}

var topicForm = regexp.MustCompile(`^[^,\s][^,\r\n]{0,49}$`)

// check refuses a section that cannot work, by the field's name.
func (f *Forge) check() error {
	c := &f.cfg
	if c.URL = strings.TrimRight(c.URL, "/"); c.URL == "" {
		c.URL = "https://gitlab.com"
	}
	wrong := func(text string) error {
		return bot.Errorf(bot.CodeInvalid, "integrations.%s.%s", f.env.Name, text)
	}
	switch {
	case c.Token.IsZero():
		return wrong("token is needed: env:NAME or file:PATH of an access token with the scope api")
	case c.WebhookSecret.IsZero():
		return wrong("webhook_secret is needed: env:NAME or file:PATH of what the deliveries bring along")
	case !slices.Contains([]string{"", "private", "internal"}, c.Visibility):
		return wrong("visibility must be private or internal, or be left out")
	}
	for _, o := range c.Owners {
		if !ownerForm.MatchString(o) {
			return wrong("owners: an owner is the whole path of a group, such as foo/bar, or a user's name")
		}
	}
	for _, t := range c.Topics {
		if !topicForm.MatchString(t) {
			return wrong("topics: a topic has at most 50 characters and no comma")
		}
	}
	return nil
}

// authorize adds the token to requests to the configured server.
func (f *Forge) authorize(r *http.Request) error {
	token, err := f.token(r.Context())
	if err != nil {
		return err
	}
	r.Header.Set(gl.AccessTokenHeaderName, token)
	return nil
}

func (f *Forge) token(ctx context.Context) (string, error) {
	value, err := f.cfg.Token.Resolve(ctx)
	f.mask.Add(value)
	return value, err
}

// forGit gives what git logs in with: any name does with a token.
func (f *Forge) forGit(ctx context.Context) (user, secret string, err error) {
	secret, err = f.token(ctx)
	return "oauth2", secret, err
}

// DisplayName is what people call it.
func (f *Forge) DisplayName() string { return "GitLab" }

// unlimited switches the library's own limiter off, which would wait by the
// machine's clock, holding a goroutine; gate does it by ours.
type unlimited struct{}

// Wait implements gl.RateLimiter.
func (unlimited) Wait(context.Context) error { return nil }
