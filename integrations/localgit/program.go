package localgit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"opsbot/bot"
)

// program is the git program with nothing of the machine's configuration.
//
// Its children are not started through OpsBot's exec-child: they end by themselves
// when our end of their pipes closes, and a git that is killed in the middle of a
// ref update leaves a lock behind. What may still run after OpsBot was killed is
// told by the flock that they inherit; see lockShared.
type program struct {
	path string // "" = there is no git
	env  []string
}

func newProgram(dir string) program {
	path, err := exec.LookPath("git")
	if err != nil {
		path = ""
	}
	return program{path: path, env: []string{
		"PATH=" + filepath.Dir(path) + ":/usr/local/bin:/usr/bin:/bin",
		"HOME=" + filepath.Join(dir, "home"), "XDG_CONFIG_HOME=" + filepath.Join(dir, "home"),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + filepath.Join(dir, "gitconfig"),
		"GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_LITERAL_PATHSPECS=1", "LC_ALL=C", "TZ=UTC",
	}}
}

// gitConfig is all the configuration that git sees. A forge's user expects to force
// push and to delete branches; git itself refuses to delete the default branch.
func gitConfig(dir string, maxPush int64) string {
	return fmt.Sprintf(`# Written by OpsBot at every start; changes are lost.
[core]
	hooksPath = %s
	fsync = committed,reference
[safe]
	directory = *
[http]
	receivepack = true
	getanyfile = false
[receive]
	maxInputSize = %d
	fsckObjects = true
	autogc = false
	advertisePushOptions = false
[receive "fsck"]
	badTimezone = ignore
	missingSpaceBeforeDate = ignore
	zeroPaddedFilemode = ignore
[uploadpack]
	allowFilter = true
[gc]
	auto = 2000
	autoDetach = false
[i18n]
	logOutputEncoding = UTF-8
`, quoteConfig(filepath.Join(dir, "hooks")), maxPush)
}

func quoteConfig(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// exitError is git's own refusal: it ran and said no.
type exitError struct {
	verb, said string
	code       int
}

func (e *exitError) Error() string { return fmt.Sprintf("git %s: exit %d: %s", e.verb, e.code, e.said) }

var errOutput = errors.New("git printed more than is wanted")

func (g program) command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, g.path, args...) //nolint:gosec // no shell; callers check what could be an option
	cmd.Dir, cmd.Env = dir, g.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// TERM lets git remove its lock files; the group, because it has children.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// run runs git in dir and returns at most limit bytes of its output; more is an
// error that wraps errOutput. A git that says no is an *exitError.
func (g program) run(ctx context.Context, dir string, limit int64, args ...string) ([]byte, error) {
	if g.path == "" {
		return nil, bot.Errorf(bot.CodeUnavailable, "The program git is not installed on OpsBot's machine.")
	}
	if bot.InTransaction(ctx) {
		return nil, bot.Errorf(bot.CodeInternal, "git %s was tried inside a transaction.", args[0])
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := g.command(ctx, dir, args...)
	var out bytes.Buffer
	said := &tail{limit: 1000}
	cmd.Stdout, cmd.Stderr = &bounded{w: &out, left: limit}, said
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case int64(out.Len()) >= limit && err != nil && ctx.Err() == nil:
		return out.Bytes(), fmt.Errorf("git %s: %w", args[0], errOutput)
	case errors.As(err, &exit) && ctx.Err() == nil:
		return nil, &exitError{args[0], strings.TrimSpace(string(said.kept)), exit.ExitCode()}
	case err != nil:
		return nil, fmt.Errorf("git %s: %w", args[0], errors.Join(ctx.Err(), err))
	}
	return out.Bytes(), nil
}

// bounded fails the write that goes over, which ends git by its broken pipe.
type bounded struct {
	w    io.Writer
	left int64
}

func (b *bounded) Write(p []byte) (int, error) {
	if int64(len(p)) > b.left {
		n, _ := b.w.Write(p[:b.left])
		b.left = 0
		return n, errOutput
	}
	b.left -= int64(len(p))
	return b.w.Write(p)
}

// tail keeps the last bytes written.
type tail struct {
	limit int
	kept  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

// lockShared takes the repository's lock as everybody does who changes it. Given to
// a git as an open file it lives as long as any process of that git does, even when
// OpsBot was killed: whoever gets the lock alone knows that nobody is at work.
func (f *Forge) lockShared(id string) (*os.File, error) { return f.flock(id, syscall.LOCK_SH) }

// lockAlone fails at once with EWOULDBLOCK while somebody is at work.
func (f *Forge) lockAlone(id string) (*os.File, error) {
	return f.flock(id, syscall.LOCK_EX|syscall.LOCK_NB)
}

func (f *Forge) flock(id string, how int) (*os.File, error) {
	file, err := os.OpenFile(f.path("locks", id), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
