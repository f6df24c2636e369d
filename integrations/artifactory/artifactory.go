// Package artifactory gives each new project a local repository on a JFrog Artifactory.
//
// What marks a repository as an operation's is its description, which is set in the very
// call that creates it.
package artifactory

import (
	"net/http"
	"slices"
	"strings"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/rest"
)

// service is what messages call it.
const service = "Artifactory"

// Config is the section of an Artifactory.
type Config struct {
	URL         string        `yaml:"url" doc:"The address below which its API is, as it is given to build tools." example:"https://artifactory.example.com/artifactory"`
	Token       config.Secret `yaml:"token" doc:"An access token; its user must be an administrator to create repositories." example:"env:ARTIFACTORY_TOKEN"`
	PackageType string        `yaml:"package_type" doc:"What the repositories hold: gradle, maven or generic." default:"gradle" example:"maven"`
}

// Service is one Artifactory. Safe for concurrent use.
type Service struct {
	env  bot.IntegrationEnv
	cfg  Config
	mask *rest.Mask
	rest *rest.Client
}

var (
	_ bot.Provisioner = (*Service)(nil)
	_ bot.Prober      = (*Service)(nil)
)

// Kind lists Artifactory in the configuration.
func Kind() bot.IntegrationKind {
	return bot.IntegrationKind{
		Type: "artifactory", Summary: "JFrog Artifactory: a repository for the packages of each new project",
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
	if s.cfg.PackageType == "" {
		s.cfg.PackageType = "gradle"
	}
	wrong := func(text string) error {
		return bot.Errorf(bot.CodeInvalid, "integrations.%s.%s", s.env.Name, text)
	}
	switch {
	case s.cfg.URL == "":
		return wrong("url is needed: the address of the Artifactory, with /artifactory at its end")
	case s.cfg.Token.IsZero():
		return wrong("token is needed: env:NAME or file:PATH of an access token")
	case !slices.Contains([]string{"gradle", "maven", "generic"}, s.cfg.PackageType):
		return wrong("package_type must be gradle, maven or generic")
	}
	return nil
}

func (s *Service) authorize(r *http.Request) error {
	token, err := s.cfg.Token.Resolve(r.Context())
	if err != nil {
		return err
	}
	s.mask.Add(token)
	r.Header.Set("Authorization", "Bearer "+token)
	return nil
}

// page is a repository's address, for people and for build tools.
func (s *Service) page(key string) string { return s.cfg.URL + "/" + key + "/" }
