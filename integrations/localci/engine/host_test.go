package engine_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/integrations/localci/engine"
	"opsbot/integrations/localci/fileset"
	"opsbot/integrations/localci/report"
)

// plainHost runs builds on the machine as it is: a real shell, real folders, a
// real git repository.
type plainHost struct {
	home, repo, url string
	c               recordedCase
	branch          string
	commit          string
	changes         []engine.Change
	previous        *engine.Previous
	archived        map[string]string
	stashed         map[string][]byte

	mu       sync.Mutex
	inUse    map[string]bool
	lines    []string
	stop     func()
	messages []engine.Message
	events   []string
	scripts  atomic.Int32
}

var (
	_ engine.Host  = (*plainHost)(nil)
	_ engine.Asker = (*plainHost)(nil)
)

// Ask gets no answer: nobody was there when the cases were recorded.
func (h *plainHost) Ask(ctx context.Context, _ bot.Input) (bot.InputAnswer, error) {
	<-ctx.Done()
	return bot.InputAnswer{}, ctx.Err()
}

func newPlainHost(t *testing.T, c recordedCase) *plainHost {
	t.Helper()
	root := t.TempDir()
	h := &plainHost{
		home: filepath.Join(root, "home"), repo: filepath.Join(root, "repo"), url: "http://ci.example.com/",
		c: c, branch: c.Branch, inUse: map[string]bool{}, archived: map[string]string{}, stashed: map[string][]byte{},
	}
	for _, dir := range []string{h.home, h.repo} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// start makes the commit that a build is of.
func (h *plainHost) start(c recordedCase, number int, stop func()) {
	h.lines, h.stop = nil, stop
	switch number {
	case 1:
		h.git("init", "-q", "-b", h.branch)
		h.copy(filepath.Join(c.dir, "Jenkinsfile"), "Jenkinsfile")
		h.copyTree(filepath.Join(c.dir, "tree"))
		h.commitAll("first change")
	case 2:
		if _, err := os.Stat(filepath.Join(c.dir, "tree2")); err == nil {
			h.copyTree(filepath.Join(c.dir, "tree2"))
			h.commitAll("second change")
			h.changes = []engine.Change{{
				Message: "second change\n", Paths: strings.Fields(h.git("diff", "--name-only", "HEAD~1")),
			}}
		}
	}
}

func (h *plainHost) commitAll(message string) {
	h.git("add", "-A")
	h.git("commit", "-q", "-m", message)
	h.commit = strings.TrimSpace(h.git("rev-parse", "HEAD"))
}

func (h *plainHost) git(args ...string) string {
	out, err := runGit(context.Background(), h.repo, args...)
	if err != nil {
		return ""
	}
	return out
}

func runGit(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %v: %w: %s", args, err, out)
	}
	return string(out), nil
}

func (h *plainHost) copyTree(from string) {
	_ = filepath.WalkDir(from, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // there may be no such tree
		}
		rel, err := filepath.Rel(from, name)
		if err == nil {
			h.copy(name, rel)
		}
		return nil
	})
}

func (h *plainHost) copy(from, to string) {
	data, err := os.ReadFile(from)
	if err != nil {
		return
	}
	to = filepath.Join(h.repo, to)
	_ = os.MkdirAll(filepath.Dir(to), 0o755)
	_ = os.WriteFile(to, data, 0o644)
}

func (h *plainHost) workspacePath() string {
	return filepath.Join(h.home, "workspace", engine.Folder(h.c.Job, h.c.Branch))
}

// Allocate locks the first free of NAME, NAME@2 and so on.
func (h *plainHost) Allocate(_ context.Context, req engine.WorkspaceRequest) (engine.Workspace, func(), error) {
	base := h.workspacePath()
	if req.Custom != "" {
		base = filepath.Join(h.home, req.Custom)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	path := base
	for n := 2; h.inUse[path]; n++ {
		path = fmt.Sprintf("%s@%d", base, n)
	}
	h.inUse[path] = true
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, nil, err
	}
	return &plainWorkspace{host: h, path: path}, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.inUse, path)
	}, nil
}

func (h *plainHost) Send(_ context.Context, m engine.Message) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.messages = append(h.messages, m)
	return nil
}

func (h *plainHost) Line(line string) {
	h.lines = append(h.lines, line)
	if h.c.StopAt != "" && strings.Contains(line, h.c.StopAt) {
		h.stop()
	}
}

func (h *plainHost) Stage(s *engine.Stage) {
	h.events = append(h.events, strings.Join(s.Path, "/")+" "+string(s.Status))
}

// plainWorkspace is a folder.
type plainWorkspace struct {
	host *plainHost
	path string
}

var (
	_ engine.Workspace = (*plainWorkspace)(nil)
	_ engine.Files     = (*plainWorkspace)(nil)
	_ engine.Stasher   = (*plainWorkspace)(nil)
)

func (w *plainWorkspace) Path() string { return w.path }

func (w *plainWorkspace) Checkout(ctx context.Context, dir string, log io.Writer) (engine.Revision, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return engine.Revision{}, err
	}
	for _, args := range [][]string{
		{"init", "-q"}, {"fetch", "-q", w.host.repo, "+refs/heads/*:refs/remotes/origin/*"}, {"checkout", "-q", "-f", w.host.commit},
	} {
		if _, err := runGit(ctx, dir, args...); err != nil {
			return engine.Revision{}, err
		}
	}
	fmt.Fprintf(log, "Checking out Revision %s (%s)\n", w.host.commit, w.host.branch)
	return engine.Revision{Commit: w.host.commit, URL: w.host.repo}, nil
}

// Shell runs the script from a file beside the workspace, as Jenkins does.
func (w *plainWorkspace) Shell(ctx context.Context, s engine.Script) (engine.Exit, error) {
	dir := filepath.Join(w.path+"@tmp", fmt.Sprintf("durable-%08x", w.host.scripts.Add(1)))
	file := filepath.Join(dir, "script.sh.copy")
	syscall.ForkLock.RLock() // else a process that starts meanwhile holds the script open for writing for a moment
	err := errors.Join(os.MkdirAll(dir, 0o755), os.MkdirAll(s.Dir, 0o755), os.WriteFile(file, []byte(s.Text), 0o755))
	syscall.ForkLock.RUnlock()
	if err != nil {
		return engine.Exit{}, err
	}
	cmd := exec.Command("/bin/sh", "-xe", file)
	if s.Direct {
		cmd = exec.Command(file)
	}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.Dir, s.Env, s.Stdout, s.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 100 * time.Millisecond
	if err := cmd.Start(); err != nil {
		return engine.Exit{}, err
	}
	ended := context.AfterFunc(ctx, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) })
	err = cmd.Wait()
	ended()
	return exitOf(cmd, err)
}

func exitOf(cmd *exec.Cmd, err error) (engine.Exit, error) {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return engine.Exit{}, err
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return engine.Exit{Code: 128 + int(status.Signal()), Signal: int(status.Signal())}, nil
	}
	return engine.Exit{Code: cmd.ProcessState.ExitCode()}, nil
}

func (w *plainWorkspace) relative(name string) string {
	rel, err := filepath.Rel(w.path, name)
	if err != nil {
		return name
	}
	return rel
}

func (w *plainWorkspace) Tests(ctx context.Context, step engine.TestStep, say func(string)) (engine.Totals, error) {
	root, err := os.OpenRoot(w.path)
	if err != nil {
		return engine.Totals{}, err
	}
	defer root.Close()
	dir := w.relative(step.Dir)
	files, err := fileset.Find(ctx, root, dir, fileset.Parse(step.Pattern, ""), fileset.Limits{})
	if err != nil {
		return engine.Totals{}, err
	}
	found, err := report.Run(ctx, root, report.Request{
		Dir: dir, Files: files, Shown: step.Dir, AllowEmpty: step.AllowEmpty, BuildFailed: step.BuildFailed,
	}, say)
	var failure *report.Failure
	if errors.As(err, &failure) {
		return engine.Totals{}, &engine.Failure{Class: failure.Class, Message: failure.Text}
	}
	if err != nil {
		return engine.Totals{}, err
	}
	t := found.Totals()
	return engine.Totals{Total: t.Total, Passed: t.Passed, Failed: t.Failed, Skipped: t.Skipped}, nil
}

func (w *plainWorkspace) Archive(ctx context.Context, step engine.ArchiveStep, say func(string)) ([]string, error) {
	root, err := os.OpenRoot(w.path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	sink := &memory{}
	kept, err := fileset.Run(ctx, root, w.relative(step.Dir), fileset.Request{
		Artifacts: step.Artifacts, Excludes: step.Excludes, AllowEmpty: step.AllowEmpty, Fingerprint: step.Fingerprint,
		OnlyIfSuccessful: step.OnlyIfSuccessful, KeepDefaultExcludes: step.NoDefaultExcludes, FoldCase: step.FoldCase,
		BuildFailed: step.BuildFailed,
	}, sink, fileset.Limits{}, say)
	var failure fileset.Failure
	if errors.As(err, &failure) {
		return nil, &engine.Failure{Class: "hudson.AbortException", Message: string(failure)}
	}
	var names []string
	for _, a := range kept {
		names = append(names, a.Path)
		w.host.archived[a.Path] = sink.contents[a.Digest]
	}
	return names, err
}

// memory keeps archived contents.
type memory struct{ contents map[string]string }

func (m *memory) Put(_ context.Context, r io.Reader) (string, int64, error) {
	var b bytes.Buffer
	n, err := io.Copy(&b, r)
	if m.contents == nil {
		m.contents = map[string]string{}
	}
	digest := fmt.Sprintf("%x", sha256.Sum256(b.Bytes()))
	m.contents[digest] = b.String()
	return digest, n, err
}

func (w *plainWorkspace) Exists(_ context.Context, name string) (bool, error) {
	_, err := os.Stat(name)
	return err == nil, nil
}

func (w *plainWorkspace) ReadFile(_ context.Context, name string) (string, error) {
	data, err := os.ReadFile(name)
	return string(data), err
}

func (w *plainWorkspace) WriteFile(_ context.Context, name, text string) error {
	return errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644))
}

func (w *plainWorkspace) Remove(_ context.Context, dir string) error { return os.RemoveAll(dir) }

func (w *plainWorkspace) Stash(ctx context.Context, step engine.StashStep) (int, bool, error) {
	root, err := os.OpenRoot(w.path)
	if err != nil {
		return 0, false, err
	}
	defer root.Close()
	var packed bytes.Buffer
	_, replaced := w.host.stashed[step.Name]
	n, err := fileset.Pack(ctx, root, w.relative(step.Dir), fileset.Parse(step.Includes, step.Excludes), &packed, fileset.Limits{})
	w.host.stashed[step.Name] = packed.Bytes()
	return n, replaced, err
}

func (w *plainWorkspace) Unstash(ctx context.Context, name, dir string) (bool, error) {
	packed, ok := w.host.stashed[name]
	if !ok {
		return false, nil
	}
	root, err := os.OpenRoot(w.path)
	if err != nil {
		return true, err
	}
	defer root.Close()
	return true, fileset.Unpack(ctx, root, w.relative(dir), bytes.NewReader(packed))
}
