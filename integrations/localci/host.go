package localci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"

	"opsbot/bot"
	"opsbot/integrations/localci/engine"
	"opsbot/integrations/localci/fileset"
	"opsbot/integrations/localci/report"
)

var (
	_ engine.Host      = (*host)(nil)
	_ engine.Workspace = (*node)(nil)
	_ engine.Files     = (*node)(nil)
	_ engine.Stasher   = (*node)(nil)
)

// host is what the engine runs a build on.
type host struct {
	*run
	machine map[string]string
}

// Allocate gives the branch's workspace, or the folder that the pipeline names.
func (h *host) Allocate(_ context.Context, req engine.WorkspaceRequest) (engine.Workspace, func(), error) {
	key, inside := h.build.Ref.Branch, insideWork+"/"+engine.Folder(h.build.Ref.Job, h.build.Ref.Branch)
	if req.Custom != "" {
		var err error
		if inside, err = customWorkspace(req.Custom); err != nil {
			return nil, nil, err
		}
		key = "custom\x00" + inside
	}
	m, err := h.shell.take(h.build.Ref.Job, key, inside, h.fresh)
	if err != nil {
		return nil, nil, h.own(err)
	}
	return &node{host: h, m: m}, func() { h.shell.giveBack(m) }, nil
}

// fresh reports whether a workspace is to be emptied: after an interruption, when
// this attempt takes it for the first time.
func (h *host) fresh(path string) bool {
	h.results.mu.Lock()
	defer h.results.mu.Unlock()
	known := slices.Contains(h.results.used, path)
	h.results.used = append(h.results.used, path)
	return h.build.Attempt > 1 && !known
}

// customWorkspace is where a build finds the folder that it asks for. It is the
// job's own in any case; the machine's folders can't be had.
func customWorkspace(name string) (string, error) {
	full := path.Clean(name)
	if !path.IsAbs(full) {
		full = path.Join(insideHomeDir, full)
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(full, "/"), "/")
	taken := []string{
		"", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "dev", "proc", "sys", "run", "tmp", "home", "root", "boot",
	}
	inHome := strings.HasPrefix(full, insideHomeDir+"/")
	ours := slices.ContainsFunc([]string{insideWork, insideCache, insideSource}, func(dir string) bool {
		return full == dir || strings.HasPrefix(full, dir+"/")
	})
	if slices.Contains(taken, first) || ours || first == strings.TrimPrefix(insideHomeDir, "/") && !inHome {
		return "", &engine.Failure{Class: "java.io.IOException", Message: fmt.Sprintf("the folder %s cannot be a workspace here", name)}
	}
	return full, nil
}

// Send hands a message to the chat.
func (h *host) Send(ctx context.Context, m engine.Message) error {
	return h.own(h.chat(ctx, m.Channel, m.Text, toneOf(m.Color)))
}

func toneOf(color string) bot.Tone {
	switch strings.ToLower(color) {
	case "good":
		return bot.ToneGood
	case "warning":
		return bot.ToneWarn
	case "danger":
		return bot.ToneBad
	}
	return bot.ToneNeutral
}

// Line writes to the log. The line that says how the build ended is held back:
// attempt writes it, past the log's limit if need be.
func (h *host) Line(line string) {
	if h.held != "" {
		h.log.Line(h.held)
		h.held = ""
	}
	if strings.HasPrefix(line, "Finished: ") {
		h.held = line
		return
	}
	h.log.Line(line)
}

// Stage keeps the list of stages and reports it.
func (h *host) Stage(s *engine.Stage) {
	key := strings.Join(s.Path, "\x00") + s.Synthetic
	h.results.mu.Lock()
	at, known := h.paths[key]
	if !known {
		at = len(h.stages)
		h.paths[key] = at
		h.stages = append(h.stages, bot.Stage{})
	}
	h.stages[at] = convertStage(s)
	h.results.mu.Unlock()
	h.progress(h.alive, h.stagesNow())
}

// node is a workspace as the engine uses it.
type node struct {
	host *host
	m    mounted
}

// Path is the workspace as scripts see it.
func (n *node) Path() string { return n.host.shell.workDir(n.m) }

// relative makes a path relative to the workspace. One that leads out of it is
// nobody's here, though a script may go there.
func (n *node) relative(name string) (string, error) {
	if path.IsAbs(name) {
		below, ok := strings.CutPrefix(path.Clean(name)+"/", n.Path()+"/")
		if !ok {
			return "", &engine.Failure{Class: "java.io.IOException", Message: fmt.Sprintf("%s is outside of the workspace", name)}
		}
		name = below
	}
	name = path.Join(".", name)
	if name == ".." || strings.HasPrefix(name, "../") {
		return "", &engine.Failure{Class: "java.io.IOException", Message: fmt.Sprintf("%s is outside of the workspace", name)}
	}
	return name, nil
}

// Checkout checks the build's commit out.
func (n *node) Checkout(ctx context.Context, dir string, log io.Writer) (engine.Revision, error) {
	h := n.host
	dir, err := n.relative(dir)
	if err != nil {
		return engine.Revision{}, err
	}
	url := h.job.Spec.Source.URL
	if h.job.Spec.Source.Path {
		url = h.shell.path(h.shell.source, insideSource)
	}
	if err := h.slot.use(ctx); err != nil {
		return engine.Revision{}, err
	}
	defer h.slot.done()
	_, _ = fmt.Fprintf(log, "Checking out Revision %s (%s)\nCommit message: %q\n", h.build.Commit, h.build.Ref.Branch, h.title)
	if err := h.shell.checkout(ctx, n.m, dir, h.build.Commit, h.machine); err != nil {
		return engine.Revision{}, h.own(err)
	}
	return engine.Revision{Commit: h.build.Commit, URL: url}, nil
}

// Shell runs a script in the sandbox. One that fails on a full disk is not to blame.
func (n *node) Shell(ctx context.Context, s engine.Script) (engine.Exit, error) {
	if err := n.host.slot.use(ctx); err != nil {
		return engine.Exit{Code: 143}, err // stopped before it could start
	}
	defer n.host.slot.done()
	stop := n.host.s.watchDisk()
	exit, err := n.script(ctx, s)
	if full := stop(); full && err == nil && exit.Code != 0 && ctx.Err() == nil {
		err = fmt.Errorf("localci: run script: %w", syscall.ENOSPC)
	}
	return exit, n.host.own(err)
}

func (n *node) script(ctx context.Context, s engine.Script) (engine.Exit, error) {
	script, remove, err := n.host.shell.script(n.m, s.Text)
	if err != nil {
		return engine.Exit{}, err
	}
	defer remove()
	args := []string{"/bin/sh", "-xe", script}
	if s.Direct {
		args = []string{script}
	}
	dir := s.Dir
	if !path.IsAbs(dir) {
		dir = path.Join(n.Path(), dir)
	}
	if below, err := n.relative(dir); err == nil {
		// dir('x') makes the folder that isn't there, as on Jenkins.
		if err := n.m.space.root.MkdirAll(below, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return engine.Exit{}, fmt.Errorf("create folder %s: %w", below, err)
		}
	}
	result, err := n.host.shell.run(ctx, command{Args: args, Dir: dir, Env: s.Env, Stdout: s.Stdout, Stderr: s.Stderr})
	return engine.Exit{Code: result.ExitCode, Signal: int(result.Signal), Own: !result.Cancelled}, err
}

// Tests reads test reports.
func (n *node) Tests(ctx context.Context, step engine.TestStep, say func(string)) (engine.Totals, error) {
	dir, err := n.relative(step.Dir)
	if err != nil {
		return engine.Totals{}, err
	}
	t, err := n.host.junit(ctx, n.m, dir, step, say)
	return engine.Totals{Total: t.Total, Passed: t.Passed, Failed: t.Failed, Skipped: t.Skipped}, n.host.own(failure(err))
}

// Archive keeps artifacts.
func (n *node) Archive(ctx context.Context, step engine.ArchiveStep, say func(string)) ([]string, error) {
	dir, err := n.relative(step.Dir)
	if err != nil {
		return nil, err
	}
	kept, err := n.host.archive(ctx, n.m, dir, fileset.Request{
		Artifacts: step.Artifacts, Excludes: step.Excludes, AllowEmpty: step.AllowEmpty,
		KeepDefaultExcludes: step.NoDefaultExcludes, FoldCase: step.FoldCase, Fingerprint: step.Fingerprint,
		OnlyIfSuccessful: step.OnlyIfSuccessful, BuildFailed: step.BuildFailed,
	}, say)
	return kept, n.host.own(failure(err))
}

// failure puts what fails a step into the engine's words.
func failure(err error) error {
	var tests *report.Failure
	var files fileset.Failure
	switch {
	case errors.As(err, &tests):
		return &engine.Failure{Class: tests.Class, Message: tests.Text}
	case errors.As(err, &files):
		return &engine.Failure{Class: "hudson.AbortException", Message: string(files)}
	}
	return err
}

// maxFile bounds what a pipeline reads or writes as text.
const maxFile = 8 << 20

// Exists reports whether a file or folder is there.
func (n *node) Exists(_ context.Context, name string) (bool, error) {
	name, err := n.relative(name)
	if err != nil {
		return false, nil //nolint:nilerr // nothing of this build is there
	}
	_, err = n.m.space.root.Stat(name)
	return err == nil, nil
}

// ReadFile reads a text.
func (n *node) ReadFile(_ context.Context, name string) (string, error) {
	below, err := n.relative(name)
	if err != nil {
		return "", err
	}
	f, err := n.m.space.root.Open(below)
	if err != nil {
		return "", &engine.Failure{Class: "java.nio.file.NoSuchFileException", Message: path.Join(n.Path(), below)}
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > maxFile {
		return "", &engine.Failure{Class: "java.io.IOException", Message: fmt.Sprintf("%s is no file, or too large", name)}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	return string(text), err
}

// WriteFile writes a text, and makes the folders above.
func (n *node) WriteFile(_ context.Context, name, text string) error {
	name, err := n.relative(name)
	if err != nil {
		return err
	}
	if err := n.m.space.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return n.host.own(err)
	}
	return n.host.own(n.m.space.root.WriteFile(name, []byte(text), 0o600))
}

// Remove removes a folder.
func (n *node) Remove(_ context.Context, dir string) error {
	dir, err := n.relative(dir)
	if err != nil {
		return err
	}
	if dir == "." {
		return n.m.space.empty(dir)
	}
	return n.m.space.root.RemoveAll(dir)
}
