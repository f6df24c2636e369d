package localci

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"opsbot/bot"
	"opsbot/bot/sandbox"
)

// Where a sandboxed build finds its things. Without a sandbox it sees the
// folders of this machine instead.
const (
	insideHomeDir = "/build" // JENKINS_HOME
	insideWork    = "/build/workspace"
	insideCache   = "/build/cache"
	insideSource  = "/build/repository.git"
	insideHome    = "/home/opsbot"
)

// shell runs programs for one build, with the build's folders mounted. It is safe
// for concurrent use: parallel stages share it.
type shell struct {
	s      *Service
	alive  context.Context //nolint:containedctx // of the service, whose end ends all
	name   string
	cache  string
	source string

	mu      sync.Mutex
	spaces  []mounted
	secrets string // folder of files with secrets, "" without any
}

// mounted is a workspace and where the build finds it.
type mounted struct {
	space  *workspace
	inside string
}

// newShell makes the folders of a build that are no workspaces. name says in
// records what runs; source is the repository that it is built from.
func (s *Service) newShell(alive context.Context, name, job, source string) (*shell, error) {
	sh := &shell{s: s, alive: alive, name: name, source: source, cache: filepath.Join(s.env.Dir, "caches", folderName(job))}
	if err := os.MkdirAll(filepath.Join(sh.cache, "home"), 0o700); err != nil {
		return nil, fmt.Errorf("localci: create cache: %w", err)
	}
	return sh, nil
}

// close gives the workspaces back.
func (sh *shell) close() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, m := range sh.spaces {
		m.space.release()
	}
	sh.spaces = nil
}

// take adds a workspace that goes by key (the branch, or the folder that the
// pipeline asks for); inside is where the build finds it, without "@2".
func (sh *shell) take(job, key, inside string, fresh func(path string) bool) (mounted, error) {
	space, err := sh.s.spaces.take(job, key, fresh)
	if err != nil {
		return mounted{}, err
	}
	if space.Index > 1 {
		inside = fmt.Sprintf("%s@%d", inside, space.Index)
	}
	m := mounted{space: space, inside: inside}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.spaces = append(sh.spaces, m)
	return m, nil
}

// giveBack ends the use of a workspace before the build's end.
func (sh *shell) giveBack(m mounted) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.spaces = slices.DeleteFunc(sh.spaces, func(o mounted) bool { return o == m })
	m.space.release()
}

// show lets programs that start from now on read a folder of files with secrets.
func (sh *shell) show(secrets string) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.secrets = secrets
}

// path says where the build sees a folder.
func (sh *shell) path(host, inside string) string {
	if sh.s.runner.Unsafe() {
		return host
	}
	return inside
}

// workDir is the WORKSPACE that the build sees.
func (sh *shell) workDir(m mounted) string { return sh.path(m.space.files(), m.inside) }

// machine is the environment that every program of a build gets besides the
// pipeline's own variables: caches that are kept, and a git without anybody's
// configuration.
func (sh *shell) machine(searchPath string) map[string]string {
	cache := sh.path(sh.cache, insideCache)
	return map[string]string{
		"PATH": searchPath, "HOME": sh.path(filepath.Join(sh.cache, "home"), insideHome),
		"XDG_CACHE_HOME": cache, "GOMODCACHE": cache + "/go-mod",
		"GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
		"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
	}
}

// command is one program to run.
type command struct {
	Args           []string
	Dir            string   // as the build sees it
	Env            []string // all of it
	Stdout, Stderr io.Writer
}

// run executes the command until its end, or the end of ctx or of the service. The
// error is ours or the sandbox's, never the program's.
func (sh *shell) run(ctx context.Context, c command) (sandbox.Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(sh.alive, cancel)() //nolint:contextcheck // the second of two contexts
	result, err := sh.s.runner.Run(ctx, sandbox.Spec{
		Name: sh.name, Args: c.Args, Dir: c.Dir, Env: c.Env, Stdout: c.Stdout, Stderr: c.Stderr,
		Isolation: sh.isolation(),
		Limits:    sandbox.Limits{Processes: 4096, FileSize: 8 << 30, OpenFiles: 8192},
	})
	if errors.Is(err, sandbox.ErrNoSandbox) {
		return result, bot.Errorf(bot.CodeUnavailable,
			"Builds need a sandbox, and this machine has none. Install bubblewrap, or set unsafe_local: true to run them without.").Because(err)
	}
	return result, err
}

// searchPath asks a shell in the sandbox for the PATH that it has when nobody
// says anything: it depends on where the tools of this machine are.
func (sh *shell) searchPath(ctx context.Context) (string, error) {
	var out strings.Builder
	_, err := sh.run(ctx, command{Args: []string{"/bin/sh", "-c", `printf %s "$PATH"`}, Dir: "/", Stdout: &out})
	return out.String(), err
}

func (sh *shell) isolation() *sandbox.Isolation {
	iso := &sandbox.Isolation{
		ReadOnly:  []sandbox.Mount{{Host: sh.source, Inside: insideSource}},
		ReadWrite: []sandbox.Mount{{Host: sh.cache, Inside: insideCache}},
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, m := range sh.spaces {
		iso.ReadWrite = append(iso.ReadWrite,
			sandbox.Mount{Host: m.space.files(), Inside: m.inside},
			sandbox.Mount{Host: m.space.temp(), Inside: m.inside + "@tmp"})
	}
	if sh.secrets != "" {
		iso.ReadOnly = append(iso.ReadOnly, sandbox.Mount{Host: sh.secrets, Inside: insideSecrets})
	}
	if sh.s.config.Network {
		iso.Network = sandbox.NetworkHost
	}
	return iso
}

// script stores a script below the workspace's companion, where Jenkins has it,
// and returns its path as the build sees it and what removes it. It may be
// executed itself, for one that names its interpreter.
func (sh *shell) script(m mounted, text string) (file string, remove func(), err error) {
	dir := "durable-" + rand.Text()[:8]
	name := dir + "/script.sh.copy"
	remove = func() { _ = m.space.tempRoot.RemoveAll(dir) }
	if err = m.space.tempRoot.Mkdir(dir, 0o700); err == nil {
		err = m.space.tempRoot.WriteFile(name, []byte(text), 0o700)
	}
	if err != nil {
		remove()
		return "", nil, fmt.Errorf("localci: store script: %w", err)
	}
	return sh.workDir(m) + "@tmp/" + name, remove, nil
}

// tail remembers the last of what a program said.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	const most = 4 << 10
	t.text = append(t.text, p...)
	if len(t.text) > most {
		t.text = t.text[len(t.text)-most:]
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.ToValidUTF8(string(t.text), "\ufffd") }
