// Package localrun is the deployer of the embedded stack: it runs what a build
// archived as a sandboxed process on this machine and answers under the app's own
// host name.
//
// A deployment starts a second instance beside the running one, waits for its
// health, switches the traffic, watches it for a while and only then ends the old
// one; what goes wrong before leaves or puts back what ran. The wanted state lies
// in documents: after a restart the apps are started again and an interrupted
// deployment is carried out from its beginning, under the same id.
package localrun

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/sandbox"
	"opsbot/integrations/localrun/proxy"
)

// cookiePrefix begins the names of OpsBot's own cookies; apps never see them.
const cookiePrefix = "opsbot"

// Config is the section of the configuration; every field may be left out.
type Config struct {
	Domain       string        `yaml:"domain" default:"localhost" doc:"Apps answer at NAME.ENVIRONMENT.DOMAIN."`
	Keep         int           `yaml:"keep" default:"5" doc:"How many good versions of each app are kept on disk."`
	StartTimeout time.Duration `yaml:"start_timeout" default:"60s" doc:"How long a new instance may take to get healthy."`
	Watch        time.Duration `yaml:"watch" default:"5s" doc:"How long a new instance must stay healthy before the old one is ended."`
	Drain        time.Duration `yaml:"drain" default:"30s" doc:"How long an old instance may finish its requests."`
	LogLimit     config.Size   `yaml:"log_limit" default:"16MiB" doc:"How much of each app's log is kept."`
	Memory       config.Size   `yaml:"memory" doc:"The private memory that each process of an app may use; not limited by default."`
	Network      bool          `yaml:"network" doc:"Lets apps reach the network, this machine's ports included."`
}

func (c *Config) complete() error {
	if c.Domain == "" {
		c.Domain = "localhost"
	}
	if c.Keep == 0 {
		c.Keep = 5
	}
	if c.LogLimit == 0 {
		c.LogLimit = 16 << 20
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&c.StartTimeout, time.Minute}, {&c.Watch, 5 * time.Second}, {&c.Drain, 30 * time.Second}} {
		if *d.field == 0 {
			*d.field = d.value
		}
		if *d.field < 0 {
			return fmt.Errorf("start_timeout, watch, drain: %s is negative", *d.field)
		}
	}
	switch {
	case c.Keep < 2:
		return fmt.Errorf("keep: %d is less than 2: the version before must stay for a way back", c.Keep)
	case c.LogLimit < 1<<10:
		return fmt.Errorf("log_limit: %s is less than 1 KiB", c.LogLimit)
	case c.Memory < 0:
		return fmt.Errorf("memory: %s is negative", c.Memory)
	}
	return nil
}

// Kind is the line of this integration in the list of integrations.
func Kind() bot.IntegrationKind {
	return bot.IntegrationKind{
		Type:    "localrun",
		Summary: "runs what was built as sandboxed processes on this machine",
		Config:  &Config{},
		New:     func(env bot.IntegrationEnv) (any, error) { return New(env) },
	}
}

// Service is one instance of the deployer. It is safe for concurrent use.
type Service struct {
	env    bot.IntegrationEnv
	config Config
	runner *sandbox.Runner
	proxy  *proxy.Proxy
	port   string
	boot   string
	// poll is the pause between two looks at an instance's health.
	poll time.Duration

	// kick wakes the loop of Run; it holds one token.
	kick chan struct{}
	// disk is held while version folders are made or removed.
	disk sync.Mutex

	mu      sync.Mutex
	workers map[string]*worker // by app key, while Run runs
}

var (
	_ bot.Deployer  = (*Service)(nil)
	_ bot.Locator   = (*Service)(nil)
	_ bot.LogReader = (*Service)(nil)
	_ bot.Routes    = (*Service)(nil)
	_ bot.Service   = (*Service)(nil)
	_ bot.Prober    = (*Service)(nil)

	_ bot.SecretUser = (*Service)(nil)
)

// New makes an instance. Nothing is started before Run.
func New(env bot.IntegrationEnv) (*Service, error) {
	var c Config
	if err := env.Config.Decode(&c); err != nil {
		return nil, fmt.Errorf("localrun: configuration of %s: %w", env.Name, err)
	}
	if err := c.complete(); err != nil {
		return nil, fmt.Errorf("localrun: configuration of %s: %w", env.Name, err)
	}
	_, port, err := net.SplitHostPort(env.AppsListen)
	if err != nil {
		return nil, fmt.Errorf("localrun: address of the apps: %w", err)
	}
	for _, dir := range []string{"versions", "logs"} {
		if err := os.MkdirAll(filepath.Join(env.Dir, dir), 0o700); err != nil {
			return nil, fmt.Errorf("localrun: create folder: %w", err)
		}
	}
	runner, err := sandbox.New(sandbox.Options{StateDir: env.RunDir, Exe: env.Self, Unsafe: env.UnsafeLocal})
	if err != nil {
		return nil, fmt.Errorf("localrun: prepare children: %w", err)
	}
	return &Service{
		env: env, config: c, runner: runner, port: port, boot: bootID(env.Owner), poll: 200 * time.Millisecond,
		proxy: proxy.New(proxy.Options{CookiePrefix: cookiePrefix, Log: env.Log}),
		kick:  make(chan struct{}, 1), workers: map[string]*worker{},
	}, nil
}

// DisplayName is what people call it.
func (s *Service) DisplayName() string { return s.env.Name }

// Prefix is below the apps' own hosts.
func (s *Service) Prefix() string { return "/" }

// Listener is the door of the apps.
func (s *Service) Listener() bot.Listener { return bot.ListenApps }

// Handler passes requests on to the apps by host name.
func (s *Service) Handler() http.Handler { return s.proxy }

// AppURL tells where a project will answer.
func (s *Service) AppURL(p bot.Project, environment string) string {
	return s.url(p.Slug, environment)
}

func (s *Service) url(slug, environment string) string {
	host := s.host(slug, environment)
	if s.port != "80" {
		host = net.JoinHostPort(host, s.port)
	}
	return "http://" + host + "/"
}

func (s *Service) host(slug, environment string) string {
	return slug + "." + environment + "." + s.config.Domain
}
