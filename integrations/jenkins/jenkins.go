// Package jenkins is the pipeline of those who have a Jenkins, and their deployer if
// it has a job for that: a multibranch job per project, builds by the queue, and
// events by polling, by the notification plugin or by the Jenkinsfile's own call, each
// build told once.
//
// A job's external id is its full name ("team/hello-world"); a build is named by
// that, its branch and its number. What Jenkins cannot keep (who asked, why, under
// which key) is kept in documents, and so is the intent of every trigger: a build
// is looked for before it is asked for again.
package jenkins

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bndr/gojenkins"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/rest"
)

// Config is the section of the configuration.
type Config struct {
	URL           string        `yaml:"url" json:"url" required:"true" format:"url" example:"https://jenkins.example.com" doc:"Where Jenkins is, as OpsBot reaches it."`
	LinkURL       string        `yaml:"link_url" json:"link_url,omitempty" format:"url" doc:"Where people find it, if that differs."`
	User          string        `yaml:"user" json:"user" required:"true" example:"opsbot" doc:"OpsBot's account."`
	Token         config.Secret `yaml:"token" json:"token,omitzero" example:"env:JENKINS_TOKEN" doc:"Its API token."`
	Password      config.Secret `yaml:"password" json:"password,omitzero" doc:"Its password, where API tokens are not allowed."`
	WebhookSecret config.Secret `yaml:"webhook_secret" json:"webhook_secret,omitzero" doc:"What the addresses for Jenkins' notifications are derived from: 22 or more random characters. Without it OpsBot only polls."`
	Folder        string        `yaml:"folder" json:"folder,omitempty" example:"opsbot" doc:"The folder for all jobs, made if it is not there."`
	Forges        []ForgeConfig `yaml:"forges" json:"forges,omitempty" doc:"How Jenkins gets at the repositories of each forge."`
	Jenkinsfile   string        `yaml:"jenkinsfile" json:"jenkinsfile,omitempty" default:"Jenkinsfile" doc:"The pipeline's path in a repository."`
	Branches      bool          `yaml:"branches" json:"branches" default:"true" doc:"Build branches."`
	Tags          bool          `yaml:"tags" json:"tags,omitempty" doc:"Make a job of every tag."`
	PullRequests  bool          `yaml:"pull_requests" json:"pull_requests" default:"true" doc:"Build pull requests of the repository itself, where the forge's plugin can."`
	Forks         bool          `yaml:"forks" json:"forks,omitempty" doc:"Build pull requests from forks: code of strangers."`
	KeepDays      int           `yaml:"keep_days" json:"keep_days,omitempty" default:"30" doc:"Days after its last build that the job of a deleted branch is kept; 0 = not at all, -1 = for ever."`
	Rescan        time.Duration `yaml:"rescan" json:"rescan,omitempty" default:"1h" doc:"How often Jenkins looks for branches when no push tells it; 0 = never."`
	ScanOnPush    bool          `yaml:"scan_on_push" json:"scan_on_push" default:"true" doc:"Have Jenkins look for branches after a push, so that it needs no webhook."`
	PollMin       time.Duration `yaml:"poll_min" json:"poll_min,omitempty" default:"2s" doc:"How often OpsBot asks while something is built."`
	PollMax       time.Duration `yaml:"poll_max" json:"poll_max,omitempty" default:"1m" doc:"How often it asks when nothing happens."`
	Timeout       time.Duration `yaml:"timeout" json:"timeout,omitempty" default:"30s" doc:"How long one request to Jenkins may take."`
	ScanTimeout   time.Duration `yaml:"scan_timeout" json:"scan_timeout,omitempty" default:"40s" doc:"How long OpsBot waits for a scan of the branches."`
	Deploy        DeployConfig  `yaml:"deploy" json:"deploy,omitzero" doc:"Makes this Jenkins a deployer: its jobs bring versions into environments, whatever built them."`
}

// ForgeConfig says how Jenkins gets at the repositories of one host.
type ForgeConfig struct {
	Host        string `yaml:"host" json:"host" required:"true" example:"github.com" doc:"The host in the repositories' URLs, with its port if it has one."`
	Source      string `yaml:"source" json:"source,omitempty" enum:"github|gitea|gitlab|git" doc:"The branch source; its plugin must be installed. By default github for github.com, gitlab for gitlab.com, else git."`
	Credentials string `yaml:"credentials" json:"credentials,omitempty" doc:"The id of the credentials in Jenkins."`
	Server      string `yaml:"server" json:"server,omitempty" doc:"github: URL of the API; gitea: URL of the server; gitlab: the name of the server in Jenkins' configuration."`
}

// Validate implements the check of a section.
func (c *Config) Validate() error {
	switch {
	case c.Token.IsZero() == c.Password.IsZero():
		return config.Fieldf("token", "either token or password is needed")
	case c.PollMin < 100*time.Millisecond:
		return config.Fieldf("poll_min", "must be at least 100ms")
	case c.PollMax < c.PollMin:
		return config.Fieldf("poll_max", "must not be less than poll_min")
	case c.ScanTimeout <= 0:
		return config.Fieldf("scan_timeout", "must be more than 0")
	case !c.Branches && !c.PullRequests && !c.Tags:
		return config.Fieldf("branches", "branches, tags or pull_requests must be on, else nothing is ever built")
	}
	if c.Folder != "" {
		if err := checkFullName(c.Folder); err != nil {
			return config.Fieldf("folder", "%s", bot.MessageOf(err))
		}
	}
	seen := map[string]bool{}
	for i, f := range c.Forges {
		if seen[strings.ToLower(f.Host)] {
			return config.Fieldf(fmt.Sprintf("forges[%d].host", i), "there are two entries for %s", f.Host)
		}
		seen[strings.ToLower(f.Host)] = true
	}
	return c.Deploy.validate()
}

// Kind is the line of this integration in the list of integrations.
func Kind() bot.IntegrationKind {
	return bot.IntegrationKind{
		Type:    "jenkins",
		Summary: "builds every branch with a Jenkinsfile on a Jenkins",
		Config:  &Config{},
		New:     func(env bot.IntegrationEnv) (any, error) { return New(env) },
	}
}

// Service is one Jenkins. Safe for concurrent use.
type Service struct {
	env       bot.IntegrationEnv
	config    Config
	rest      *rest.Client
	plain     *rest.Client // without the login, for other servers
	requester *gojenkins.Requester
	mask      *rest.Mask
	crumbs    crumbs
	branches  keyed // one trigger of a branch at a time
	jobs      keyed // one change of a job at a time
	offsets   offsets
	looks     looks
	noStages  absence
	hooks     hookKey
	odd       oddNames
	// look is how often something that is waited for is looked at.
	look time.Duration
}

var (
	_ bot.Pipeline       = (*Service)(nil)
	_ bot.Aborter        = (*Service)(nil)
	_ bot.LogReader      = (*Service)(nil)
	_ bot.BuildLister    = (*Service)(nil)
	_ bot.Inputter       = (*Service)(nil)
	_ bot.ArtifactReader = (*Service)(nil)
	_ bot.Deployer       = (*Service)(nil)
	_ bot.CommitDeployer = (*Service)(nil)
	_ bot.Locator        = (*Service)(nil)
	_ bot.Service        = (*Service)(nil)
	_ bot.EventHandler   = (*Service)(nil)
	_ bot.WebhookParser  = (*Service)(nil)
	_ bot.Prober         = (*Service)(nil)
	_ bot.NameRules      = (*Service)(nil)
	_ bot.DisplayName    = (*Service)(nil)
)

// New makes an instance; it asks Jenkins nothing.
func New(env bot.IntegrationEnv) (*Service, error) {
	var c Config
	if err := env.Config.Decode(&c); err != nil {
		return nil, fmt.Errorf("jenkins: configuration of %s: %w", env.Name, err)
	}
	c.URL = strings.TrimRight(c.URL, "/")
	if c.LinkURL = strings.TrimRight(c.LinkURL, "/"); c.LinkURL == "" {
		c.LinkURL = c.URL
	}
	s := &Service{env: env, config: c, mask: &rest.Mask{}, look: time.Second}
	var err error
	s.rest, err = rest.New(rest.Options{
		Service: s.DisplayName(), Base: c.URL, Authorize: s.authorize, Mask: s.mask, Clock: env.Clock, Timeout: c.Timeout,
	})
	if err != nil {
		return nil, fmt.Errorf("jenkins: configuration of %s: %w", env.Name, err)
	}
	if s.plain, err = rest.New(rest.Options{Service: s.DisplayName(), Mask: s.mask, Clock: env.Clock, Timeout: c.Timeout}); err != nil {
		return nil, fmt.Errorf("jenkins: configuration of %s: %w", env.Name, err)
	}
	client := s.rest.HTTPClient()
	client.Transport = &door{next: client.Transport, s: s}
	// gojenkins would follow the 302 that every POST is answered with by a GET.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s.requester = &gojenkins.Requester{Base: c.URL, Client: client}
	return s, nil
}

// authorize logs in; the secret is read for every request, so that it may change.
func (s *Service) authorize(r *http.Request) error {
	secret := s.config.Token
	if secret.IsZero() {
		secret = s.config.Password
	}
	value, err := secret.Resolve(r.Context())
	if err != nil {
		return err
	}
	s.mask.Add(value)
	r.SetBasicAuth(s.config.User, value)
	return nil
}

// DisplayName is what people call it.
func (*Service) DisplayName() string { return "Jenkins" }

// byPassword: every change needs a crumb and the session that it was given to.
func (s *Service) byPassword() bool { return s.config.Token.IsZero() }

// pause waits; false if ctx ended.
func (s *Service) pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-s.env.Clock.After(d):
		return true
	}
}
