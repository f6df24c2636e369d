// Package sonarqube gives each new project a project on a SonarQube, and tells what its
// quality gate says of a commit.
//
// What marks a project there as an operation's: its name, which is set in the very call
// that creates it and gives way to the build's own with the first analysis; a tag, which
// stays; and its webhook, whose address holds our resource's id.
package sonarqube

import (
	"net/http"
	"net/url"
	"strings"
	"sync"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/rest"
)

// service is what messages call it.
const service = "SonarQube"

// Config is the section of a SonarQube.
type Config struct {
	URL           string        `yaml:"url" doc:"The server's address." example:"https://sonarqube.example.com"`
	Token         config.Secret `yaml:"token" doc:"A user token; the user needs the global permission Create Projects." example:"env:SONARQUBE_TOKEN"`
	WebhookSecret config.Secret `yaml:"webhook_secret" doc:"What the secrets of our webhooks are derived from; as it is, it signs the deliveries of webhooks that are made by hand. At least 16 characters." example:"env:SONARQUBE_WEBHOOK_SECRET"`
}

// Service is one SonarQube. Safe for concurrent use.
type Service struct {
	env  bot.IntegrationEnv
	cfg  Config
	mask *rest.Mask
	rest *rest.Client

	mu     sync.Mutex
	secret string // of webhooks, once it was needed
}

var (
	_ bot.Provisioner   = (*Service)(nil)
	_ bot.Prober        = (*Service)(nil)
	_ bot.WebhookParser = (*Service)(nil)
)

// Kind lists SonarQube in the configuration.
func Kind() bot.IntegrationKind {
	return bot.IntegrationKind{
		Type: "sonarqube", Summary: "SonarQube: a project with its webhook for each new project, and the quality gate of each commit",
		Config: &Config{}, New: func(env bot.IntegrationEnv) (any, error) { return New(env, nil) },
	}
}

// New makes an instance; it does no I/O. via sends the requests; nil: a transport of
// its own.
func New(env bot.IntegrationEnv, via http.RoundTripper) (*Service, error) {
	s := &Service{env: env, mask: &rest.Mask{}}
	if err := env.Config.Decode(&s.cfg); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	client, err := rest.New(rest.Options{
		Service: service, Base: s.cfg.URL, Authorize: s.authorize, Mask: s.mask, Clock: env.Clock, Via: via, MaxBody: 4 << 20,
	})
	if err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "integrations.%s.url: %s", env.Name, bot.MessageOf(err))
	}
	s.rest = client
	return s, nil
}

// check refuses a section that cannot work, by the field's name.
func (s *Service) check() error {
	s.cfg.URL = strings.TrimRight(s.cfg.URL, "/")
	wrong := func(text string) error {
		return bot.Errorf(bot.CodeInvalid, "integrations.%s.%s", s.env.Name, text)
	}
	switch {
	case s.cfg.URL == "":
		return wrong("url is needed: the address of the SonarQube")
	case s.cfg.Token.IsZero():
		return wrong("token is needed: env:NAME or file:PATH of a user token")
	case s.cfg.WebhookSecret.IsZero():
		return wrong("webhook_secret is needed: env:NAME or file:PATH of what signs the deliveries")
	}
	return nil
}

// authorize sends the token as a user without password: that every version takes.
func (s *Service) authorize(r *http.Request) error {
	token, err := s.cfg.Token.Resolve(r.Context())
	if err != nil {
		return err
	}
	s.mask.Add(token)
	r.SetBasicAuth(token, "")
	return nil
}

// page is a project's address for people.
func (s *Service) page(key string) string {
	return s.cfg.URL + "/dashboard?id=" + url.QueryEscape(key)
}
