package localci

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/bot/sandbox"
)

// inSandbox gives a shell with one workspace, or skips where there is no sandbox.
func inSandbox(t *testing.T, b *bench) (*shell, mounted) {
	t.Helper()
	if err := b.runner.Available(); err != nil {
		t.Skipf("NOT TESTED, no sandbox: %v", err)
	}
	sh := b.shell(t)
	return sh, b.take(t, sh, "main", false)
}

func (b *bench) shell(t *testing.T) *shell {
	t.Helper()
	sh, err := b.newShell(context.Background(), "build shop/main #1", "shop", b.repo.bare)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sh.close)
	return sh
}

func (b *bench) take(t *testing.T, sh *shell, branch string, fresh bool) mounted {
	t.Helper()
	m, err := sh.take("shop", branch, insideWork+"/shop_"+branch, func(string) bool { return fresh })
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// machine is the environment of the sandbox.
func machine(t *testing.T, sh *shell) map[string]string {
	t.Helper()
	searchPath, err := sh.searchPath(t.Context())
	if err != nil || !strings.Contains(searchPath, "/usr/bin") {
		t.Fatalf("search path %q, %v", searchPath, err)
	}
	return sh.machine(searchPath)
}

// sh runs a script in the workspace and returns its exit status and output.
func (b *bench) sh(t *testing.T, sh *shell, m mounted, text string) (int, string) {
	t.Helper()
	path, remove, err := sh.script(m, text)
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	var out bytes.Buffer
	result, err := sh.run(t.Context(), command{
		Args: []string{"/bin/sh", "-e", path}, Dir: sh.workDir(m), Env: environ(machine(t, sh)), Stdout: &out, Stderr: &out,
	})
	if err != nil {
		t.Fatal(err)
	}
	return result.ExitCode, out.String()
}

func TestCheckout(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sh, m := inSandbox(t, b)
	first := b.status(t, "main", 1).Commit
	if err := sh.checkout(t.Context(), m, "", first, machine(t, sh)); err != nil {
		t.Fatal(err)
	}
	code, out := b.sh(t, sh, m, "git rev-parse HEAD; git status --porcelain; echo kept > untracked; echo spoiled > Jenkinsfile; pwd")
	if code != 0 || out != first+"\n"+insideWork+"/shop_main\n" {
		t.Errorf("after checkout %d, %q", code, out)
	}
	second := b.repo.commit(t, "main", map[string]string{"new.txt": "n"})
	// A force push takes the second commit off every branch; it was asked for all the same.
	b.repo.git(t, b.repo.work, "push", "-q", "-f", b.repo.bare, first+":refs/heads/main")
	if err := sh.checkout(t.Context(), m, "", second, machine(t, sh)); err != nil {
		t.Fatal(err)
	}
	if _, out := b.sh(t, sh, m, "cat Jenkinsfile untracked new.txt"); out != "pipeline {}kept\nn" {
		t.Errorf("files %q", out)
	}
	if err := sh.checkout(t.Context(), m, "", strings.Repeat("1", 40), machine(t, sh)); err == nil || !strings.Contains(err.Error(), "could not check out") {
		t.Errorf("a commit that isn't there: %v", err)
	}
}

// A repository that a build has broken is made anew, and what it has set up to
// run at the next checkout doesn't run.
func TestCheckoutAfterHostileBuild(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sh, m := inSandbox(t, b)
	commit := b.status(t, "main", 1).Commit
	if err := sh.checkout(t.Context(), m, "", commit, machine(t, sh)); err != nil {
		t.Fatal(err)
	}
	b.sh(t, sh, m, `for h in post-checkout reference-transaction; do printf '#!/bin/sh\ntouch $PWD/../shop_main/ran\n' > .git/hooks/$h; chmod +x .git/hooks/$h; done
git config core.fsmonitor 'touch ran'`)
	if err := sh.checkout(t.Context(), m, "", commit, machine(t, sh)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(m.space.files(), "ran")); err == nil {
		t.Error("a hook of the workspace ran during the checkout")
	}
	b.sh(t, sh, m, "rm -rf .git/objects; echo garbage > .git/HEAD; mkdir locked; chmod 000 locked")
	if err := sh.checkout(t.Context(), m, "", commit, machine(t, sh)); err != nil {
		t.Errorf("after the repository was broken: %v", err)
	}
}

func TestWorkspaces(t *testing.T) {
	t.Parallel()
	b := setup(t)
	write := func(m mounted, text string) {
		if err := os.WriteFile(filepath.Join(m.space.files(), "f"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sh := b.shell(t)
	one, two, other := b.take(t, sh, "main", false), b.take(t, sh, "main", false), b.take(t, sh, "Main", false)
	if one.inside != insideWork+"/shop_main" || two.inside != insideWork+"/shop_main@2" || one.space.path == other.space.path {
		t.Errorf("workspaces %+v, %+v, %+v", one, two, other)
	}
	write(one, "1")
	if err := b.spaces.remove("shop", "main"); err != nil || len(b.spaces.used) != 3 {
		t.Errorf("removal of what is in use: %v", err)
	}
	sh.close()
	again := b.take(t, sh, "main", false)
	if text, err := os.ReadFile(filepath.Join(again.space.files(), "f")); string(text) != "1" {
		t.Errorf("the branch's files are gone: %v", err)
	}
	sh.giveBack(again)
	fresh := b.take(t, sh, "main", true)
	if _, err := os.Stat(filepath.Join(fresh.space.files(), "f")); err == nil {
		t.Error("a fresh workspace has old files")
	}
	sh.giveBack(fresh)
	if err := b.spaces.remove("shop", "main"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(fresh.space.path); err == nil {
		t.Error("the removed workspace is still there")
	}
}

// What a build may not do, tried by one.
func TestHostileScript(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sh, m := inSandbox(t, b)
	var listen net.ListenConfig
	port, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	neighbour, err := b.spaces.take("shop", "other", func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	defer neighbour.release()
	secret := filepath.Join(neighbour.files(), "secret")
	if err := os.WriteFile(secret, []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, number, _ := net.SplitHostPort(port.Addr().String())
	for name, script := range map[string]string{
		"read the data folder":     "ls " + b.env.Dir,
		"read another workspace":   "cat " + secret,
		"reach a port of the host": "bash -c 'echo > /dev/tcp/127.0.0.1/" + number + "'",
		"read OpsBot's environ":    "cat /proc/" + strconv.Itoa(os.Getpid()) + "/environ",
		"kill OpsBot":              "kill -9 " + strconv.Itoa(os.Getpid()),
		"change the repository":    "touch " + insideSource + "/x",
		"write outside":            "touch /usr/x || touch /etc/x || touch /x",
	} {
		if code, out := b.sh(t, sh, m, script); code == 0 {
			t.Errorf("a build can %s: %q", name, out)
		}
	}
	if code, out := b.sh(t, sh, m, `test "$XDG_CACHE_HOME" = `+insideCache+`; echo warm > $XDG_CACHE_HOME/x; git --version; ls /build/workspace`); code != 0 || !strings.Contains(out, "shop_main") {
		t.Errorf("what a build may do: %d %q", code, out)
	}
	if text, err := os.ReadFile(filepath.Join(sh.cache, "x")); string(text) != "warm\n" {
		t.Errorf("the cache was not kept: %v", err)
	}
}

// withoutBwrap takes bubblewrap away from the bench.
func withoutBwrap(t *testing.T, b *bench, unsafe bool) {
	t.Helper()
	runner, err := sandbox.New(sandbox.Options{StateDir: t.TempDir(), Exe: os.Args[0], Bwrap: "/nonexistent", Unsafe: unsafe})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(runner.Close)
	b.runner = runner
}

const tinyPipeline = `pipeline {
    agent any
    stages { stage('S') { steps { sh 'test "$PWD" = "$WORKSPACE" && cat Jenkinsfile | wc -l && echo "in $HOME" > out.txt'; archiveArtifacts 'out.txt' } } }
}
`

// Without a sandbox nothing runs, and the person is told what to do.
func TestNoSandbox(t *testing.T) {
	t.Parallel()
	b := setup(t)
	withoutBwrap(t, b, false)
	b.handle(t, bot.Event{Type: bot.EventPushed, Branch: "main", Commit: b.repo.commit(t, "main", map[string]string{"Jenkinsfile": tinyPipeline})})
	serve(t, b.Service)
	build := b.finished(t, "main", 2)
	if build.Result != bot.ResultFailure || !strings.Contains(build.Message, "bubblewrap") || len(build.Artifacts) != 0 {
		t.Errorf("build %+v", build)
	}
	if log := b.logOf(t, "main", 2); !strings.Contains(log, "unsafe_local: true") {
		t.Errorf("log %q", log)
	}
	if findings := b.Probe(t.Context()); findings[0].OK {
		t.Errorf("findings %+v", findings)
	}
}

// Where the operator allows it a build runs all the same, and says so.
func TestUnsafe(t *testing.T) {
	t.Parallel()
	b := setup(t)
	withoutBwrap(t, b, true)
	b.handle(t, bot.Event{Type: bot.EventPushed, Branch: "main", Commit: b.repo.commit(t, "main", map[string]string{"Jenkinsfile": tinyPipeline})})
	serve(t, b.Service)
	build := b.finished(t, "main", 2)
	if build.Result != bot.ResultSuccess || build.Message != "ran without a sandbox" || len(build.Artifacts) != 1 {
		t.Fatalf("build %+v\n%s", build, b.logOf(t, "main", 2))
	}
	if got, want := b.blobs.kept[build.Artifacts[0].Digest], "in "+b.env.Dir; !strings.HasPrefix(got, want) {
		t.Errorf("artifact %q, want %q...", got, want)
	}
}

func TestCancelledScriptEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sh, m := inSandbox(t, b)
	path, _, err := sh.script(m, "trap 'echo got TERM; exit 143' TERM\necho ready\nwhile :; do sleep 0.05; done\n")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	out := &notify{word: "ready", seen: make(chan struct{})}
	go func() {
		<-out.seen
		cancel()
	}()
	result, err := sh.run(ctx, command{Args: []string{"/bin/sh", path}, Dir: sh.workDir(m), Stdout: out, Stderr: out})
	if code := result.ExitCode; err != nil || code != 143 || !strings.Contains(out.text, "got TERM") {
		t.Errorf("code %d, %v, output %q", result.ExitCode, err, out.text)
	}
}

// notify tells when a word was written.
type notify struct {
	word, text string
	seen       chan struct{}
	told       bool
}

func (n *notify) Write(p []byte) (int, error) {
	n.text += string(p)
	if !n.told && strings.Contains(n.text, n.word) {
		n.told = true
		close(n.seen)
	}
	return len(p), nil
}

func TestProbe(t *testing.T) {
	t.Parallel()
	b := setup(t)
	findings := b.Probe(t.Context())
	if len(findings) != 2 || findings[0].OK != (b.runner.Available() == nil) || !findings[1].OK || !strings.HasPrefix(findings[1].Text, "git version") {
		t.Errorf("findings %+v", findings)
	}
}
