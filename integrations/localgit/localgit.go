// Package localgit is the embedded forge: bare repositories in the data folder,
// served over smart HTTP by git's own http-backend, with tokens per person, a small
// page per repository, and signed webhooks that go through the same edge as those
// of every other source.
//
// What is where, below the instance's folder:
//
//	repos/ID.git   the bare repositories, by immutable id
//	hooks/         the two hooks of all of them, outside the repositories
//	spool/ID/      what the hooks noted about pushes that are not yet delivered
//	locks/ID       held by every git that changes a repository
//	gitconfig      all of git's configuration; system and user files are not read
//	secret         the key that signs the webhooks, mode 0600
//	identity       ties the folder to its rows in the store
//
// Names, hooks and the last delivered state of every branch are bot.Documents.
package localgit

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/gitpush"
	"opsbot/bot/sign"
)

// Config is localgit's section of the configuration.
type Config struct {
	Owners  []string    `yaml:"owners" doc:"Who may own repositories; empty means everybody." example:"foo-org"`
	MaxPush config.Size `yaml:"max_push" default:"256MiB" doc:"The largest pack that one push may send."`
}

// defaultMaxPush stands in for a decoder without defaults.
const defaultMaxPush = 256 << 20

// Options are what the composition root decides for all instances.
type Options struct {
	// Allow decides whether user, who has shown a valid token, may write to a
	// repository or read a private one. Its error's message is shown to the
	// person. Nil allows every known user. Safe for concurrent use.
	Allow func(ctx context.Context, user bot.User, owner, name string, write bool) error
}

// Kind is localgit's line in the list of integrations.
func Kind(opts Options) bot.IntegrationKind {
	return bot.IntegrationKind{
		Type: "localgit", Summary: "The embedded git forge: repositories in the data folder", Config: &Config{},
		New: func(env bot.IntegrationEnv) (any, error) { return New(env, opts) },
	}
}

// Forge is one instance. Safe for concurrent use.
type Forge struct {
	env    bot.IntegrationEnv
	opts   Options
	config Config
	git    program
	pusher *gitpush.Pusher
	scheme sign.Scheme
	home   home
	idle   time.Duration // of a client, see defaultIdle
	left   []os.DirEntry // in tmp when we began: an earlier life's
	slots  chan struct{} // one for each git that serves a request

	mu      sync.Mutex
	running map[string]string // pushes being received: push id -> repository id
	dirty   map[string]*try   // repositories that may have something to deliver
	wake    chan struct{}

	delivering sync.Mutex // held for one pass over one repository
}

var (
	_ bot.RepoHost      = (*Forge)(nil)
	_ bot.HookInstaller = (*Forge)(nil)
	_ bot.CommitReader  = (*Forge)(nil)
	_ bot.Archiver      = (*Forge)(nil)
	_ bot.WebhookParser = (*Forge)(nil)
	_ bot.Routes        = (*Forge)(nil)
	_ bot.Service       = (*Forge)(nil)
	_ bot.Prober        = (*Forge)(nil)
)

// maxServed bounds how many clones and pushes are served at once; more wait.
const maxServed = 16

// New makes an instance in env.Dir. It touches nothing but that folder, and starts
// nothing.
func New(env bot.IntegrationEnv, opts Options) (*Forge, error) {
	f := &Forge{
		env: env, opts: opts, running: map[string]string{}, dirty: map[string]*try{}, idle: defaultIdle,
		wake: make(chan struct{}, 1), slots: make(chan struct{}, maxServed), pusher: gitpush.New(gitpush.Options{}),
	}
	if err := env.Config.Decode(&f.config); err != nil {
		return nil, err
	}
	if f.config.MaxPush < 0 {
		return nil, bot.Errorf(bot.CodeInvalid, "integrations.%s.max_push must not be negative", env.Name)
	}
	if f.config.MaxPush == 0 {
		f.config.MaxPush = defaultMaxPush
	}
	if len(f.env.Owners) == 0 {
		f.env.Owners = f.config.Owners
	}
	if opts.Allow == nil {
		f.opts.Allow = func(context.Context, bot.User, string, string, bool) error { return nil }
	}
	if err := f.layOut(); err != nil {
		return nil, fmt.Errorf("localgit: lay out %s: %w", env.Dir, err)
	}
	return f, nil
}

// layOut makes the folders, the configuration and hooks, which may be of an older
// OpsBot, and the secrets unless they are there.
func (f *Forge) layOut() error {
	for _, dir := range []string{"repos", "hooks", "spool", "locks", "home", "tmp"} {
		if err := os.MkdirAll(f.path(dir), 0o700); err != nil {
			return err
		}
	}
	var err error
	if f.left, err = os.ReadDir(f.path("tmp")); err != nil {
		return err
	}
	f.git = newProgram(f.env.Dir)
	files := map[string]struct {
		text string
		mode os.FileMode
	}{
		"gitconfig":          {gitConfig(f.env.Dir, int64(f.config.MaxPush)), 0o600},
		"hooks/pre-receive":  {hookScript("intent"), 0o700},
		"hooks/post-receive": {hookScript("applied"), 0o700},
	}
	for name, file := range files {
		if err := replaceFile(f.path(name), file.text, file.mode); err != nil {
			return err
		}
	}
	key, err := f.keep("secret", bot.NewToken()+bot.NewToken()) // 260 bits
	if err != nil {
		return err
	}
	if f.scheme, err = sign.GitHub(key); err != nil {
		return err
	}
	f.home.identity, err = f.keep("identity", bot.NewToken())
	return err
}

// keep returns the content of a private file, writing fresh unless it is there.
func (f *Forge) keep(name, fresh string) (string, error) {
	have, err := os.ReadFile(f.path(name))
	if text := strings.TrimSpace(string(have)); err == nil && text != "" {
		return text, os.Chmod(f.path(name), 0o600)
	}
	if err != nil && !os.IsNotExist(err) {
		return "", err
	}
	return fresh, replaceFile(f.path(name), fresh+"\n", 0o600)
}

func (f *Forge) path(parts ...string) string {
	return filepath.Join(append([]string{f.env.Dir}, parts...)...)
}

func (f *Forge) repoPath(id string) string { return f.path("repos", id+".git") }

func (f *Forge) pageURL(owner, name string) string {
	return f.env.PublicURL + prefix + url.PathEscape(owner) + "/" + url.PathEscape(name)
}

// replaceFile writes a file in one step.
func replaceFile(path, text string, mode os.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".tmp-")
	if err != nil {
		return err
	}
	_, err = tmp.WriteString(text)
	for _, do := range []func() error{func() error { return tmp.Chmod(mode) }, tmp.Sync, tmp.Close} {
		if err == nil {
			err = do()
		}
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = tmp.Close()
		_ = os.Remove(tmp.Name())
	}
	return err
}
