// Package localci is the pipeline of the embedded stack: it runs the Jenkinsfile
// of every branch of a repository, the declarative subset of package engine, as
// processes on this machine.
//
// A job is a multibranch project; its external id is its full name. Everything
// that must survive lives in documents (jobs, branches, builds, the queue) and
// changes in the transaction that also hands the event to the relay. Logs,
// workspaces and caches lie in the instance's folder, so one node at a time owns
// the instance; it holds a lease. A build that was running when its process
// died is run again: same number, next attempt, fresh workspace. So is one that met
// a full disk, once there is space.
package localci

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"opsbot/bot"
	"opsbot/bot/sandbox"
)

// Config is the section of the configuration; every field may be left out.
type Config struct {
	// Executors is how many builds run at once.
	Executors int `yaml:"executors" json:"executors,omitempty" default:"2"`
	// Network lets builds reach the network, this machine's ports included.
	Network bool `yaml:"network" json:"network,omitempty"`
	// KeepBuilds is how many builds of a branch are kept.
	KeepBuilds int `yaml:"keep_builds" json:"keep_builds,omitempty" default:"100"`
	// LogLimit cuts a build's log, in bytes.
	LogLimit int64 `yaml:"log_limit" json:"log_limit,omitempty" default:"16777216"`
	// Attempts is how often an interrupted build is run in all: one that takes OpsBot
	// down with it each time must end.
	Attempts int `yaml:"attempts" json:"attempts,omitempty" default:"3"`
}

func (c *Config) complete() error {
	if c.Executors == 0 {
		c.Executors = 2
	}
	if c.KeepBuilds == 0 {
		c.KeepBuilds = 100
	}
	if c.LogLimit == 0 {
		c.LogLimit = 16 << 20
	}
	if c.Attempts == 0 {
		c.Attempts = 3
	}
	switch {
	case c.Attempts < 0:
		return fmt.Errorf("attempts: %d is negative", c.Attempts)
	case c.Executors < 0 || c.Executors > 64:
		return fmt.Errorf("executors: %d is not between 1 and 64", c.Executors)
	case c.KeepBuilds < 0:
		return fmt.Errorf("keep_builds: %d is negative", c.KeepBuilds)
	case c.LogLimit < 1<<10:
		return fmt.Errorf("log_limit: %d is less than 1024 bytes", c.LogLimit)
	}
	return nil
}

// Kind is the line of this integration in the list of integrations.
func Kind() bot.IntegrationKind {
	return bot.IntegrationKind{
		Type:    "localci",
		Summary: "runs each branch's Jenkinsfile as processes on this machine",
		Config:  &Config{},
		New:     func(env bot.IntegrationEnv) (any, error) { return New(env) },
	}
}

// Service is one instance of the pipeline. It is safe for concurrent use.
type Service struct {
	env     bot.IntegrationEnv
	config  Config
	runner  *sandbox.Runner
	spaces  *workspaces
	execute func(ctx context.Context, run *run) outcome
	space   func() space

	// mirroring lets one fetch at a time write to the mirrors.
	mirroring sync.Mutex

	mu      sync.Mutex
	running map[string]context.CancelCauseFunc
	// passwords are those entered for questions, until the builds have taken them.
	passwords map[string]map[string]string
}

var (
	_ bot.Pipeline     = (*Service)(nil)
	_ bot.Aborter      = (*Service)(nil)
	_ bot.LogReader    = (*Service)(nil)
	_ bot.BuildLister  = (*Service)(nil)
	_ bot.EventHandler = (*Service)(nil)
	_ bot.Service      = (*Service)(nil)
	_ bot.Prober       = (*Service)(nil)
)

// New makes an instance. Nothing runs before Run.
func New(env bot.IntegrationEnv) (*Service, error) {
	var config Config
	if err := env.Config.Decode(&config); err != nil {
		return nil, fmt.Errorf("localci: configuration of %s: %w", env.Name, err)
	}
	if err := config.complete(); err != nil {
		return nil, fmt.Errorf("localci: configuration of %s: %w", env.Name, err)
	}
	for _, dir := range []string{"logs", "workspaces", "caches", "mirrors", "stashes", "secrets"} {
		if err := os.MkdirAll(filepath.Join(env.Dir, dir), 0o700); err != nil {
			return nil, fmt.Errorf("localci: create folder: %w", err)
		}
	}
	runner, err := sandbox.New(sandbox.Options{StateDir: env.RunDir, Exe: env.Self, Unsafe: env.UnsafeLocal})
	if err != nil {
		return nil, fmt.Errorf("localci: prepare children: %w", err)
	}
	s := &Service{
		env: env, config: config, runner: runner,
		spaces:  newWorkspaces(filepath.Join(env.Dir, "workspaces")),
		running: map[string]context.CancelCauseFunc{}, passwords: map[string]map[string]string{},
		space: func() space { return spaceOf(env.Dir) },
	}
	s.execute = s.runPipeline
	return s, nil
}
