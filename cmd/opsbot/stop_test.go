package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStopsGracefully: SIGTERM ends the real process with status 0 in seconds, also
// with a build under way; after the next start that build runs again as attempt 2,
// and the apps answer.
func TestStopsGracefully(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, end := b.process()
	b.expect(0, "Success!", "say", "new-project hello-world")
	b.push(first, "slow", "pipeline { agent any; stages { stage('Wait') { steps { sh 'echo begun; sleep 120' } } } }\n")
	poll(t, "the build runs", func() bool {
		_, out, _ := b.call("say", "log hello-world slow")
		return strings.Contains(out, "begun\n") || strings.Contains(out, "| begun")
	})
	began := time.Now()
	if code := end(); code != 0 {
		t.Errorf("SIGTERM: exit %d", code)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("stopping took %v", took)
	}
	if _, err := os.Stat(socketPath(b.data)); err == nil {
		t.Error("the socket is left behind")
	}
	second, end := b.process()
	poll(t, "the build runs again", func() bool {
		return strings.Contains(b.ok("say", "builds hello-world slow"), "(attempt 2)")
	})
	b.answers(strings.TrimSuffix(second.after("localhost:"), "/"))
	if out := b.ok("say", "builds hello-world slow"); strings.Contains(out, "#2") {
		t.Errorf("the interrupted build became another one: %s", out)
	}
	if code := end(); code != 0 {
		t.Errorf("the second SIGTERM: exit %d", code)
	}
}

// process serves in a process of its own; end sends SIGTERM and gives the status.
func (b *bench) process() (g *greeting, end func() int) {
	b.t.Helper()
	g = &greeting{ready: make(chan struct{})}
	cmd := exec.CommandContext(b.t.Context(), os.Args[0], "serve", "--config", b.config, "--data", b.data)
	cmd.Env = append(os.Environ(), "OPSBOT_TEST_AS_MAIN=1")
	var problems strings.Builder
	cmd.Stdout, cmd.Stderr = g, &problems
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its state says it
		close(done)
	}()
	select {
	case <-g.ready:
	case <-done:
		b.t.Fatalf("the server did not start: %s", problems.String())
	case <-time.After(time.Minute):
		b.t.Fatal("the server does not get ready")
	}
	return g, func() int {
		_ = cmd.Process.Signal(syscall.SIGTERM) // if it is gone already, its state says so
		select {
		case <-done:
		case <-time.After(time.Minute):
			_ = cmd.Process.Kill()
			b.t.Fatal("SIGTERM does not end the server")
		}
		return cmd.ProcessState.ExitCode()
	}
}

// push makes a branch of hello-world with a Jenkinsfile.
func (b *bench) push(g *greeting, branch, jenkinsfile string) {
	b.t.Helper()
	token := strings.TrimSpace(b.ok("token", "new", "push"))
	host := strings.TrimPrefix(g.after("Hooks and git:"), "http://")
	clone := filepath.Join(b.t.TempDir(), "clone")
	git := func(args ...string) {
		b.t.Helper()
		cmd := exec.CommandContext(b.t.Context(), "git", append([]string{"-c", "user.name=alice", "-c", "user.email=alice@example.com"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_GLOBAL=/dev/null")
		if out, err := cmd.CombinedOutput(); err != nil {
			b.t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("clone", "-q", "http://"+ownerName()+":"+token+"@"+host+"/git/local/hello-world.git", clone)
	git("-C", clone, "checkout", "-q", "-b", branch)
	b.write(filepath.Join(clone, "Jenkinsfile"), jenkinsfile)
	git("-C", clone, "commit", "-q", "-am", "Wait")
	git("-C", clone, "push", "-q", "origin", branch)
}
