// Package disk_test runs the program out of space: on a file system of limited
// size, with work under way.
package disk_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"opsbot/test/program"
)

var binary program.Binary

// patience bounds what one disk is tested for.
const patience = 4 * time.Minute

func TestMain(m *testing.M) { os.Exit(binary.Main(m)) }

// small mounts a file system of that size.
func small(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("NOT TESTED: a full file system; mounting one needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill writes until there is no space left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	block := make([]byte, 64<<10)
	for {
		_, err := f.Write(block)
		if errors.Is(err, syscall.ENOSPC) && len(block) > 1 {
			block = block[:len(block)/2]
			continue
		}
		if err != nil {
			return
		}
	}
}

// TestFullDiskUnderWork fills the file system of git, blobs, logs, workspaces and the
// database while projects are being made, built and deployed. What was accepted ends
// well once there is space again, without a restart: repository, build and deployment.
// What could not be accepted was told so.
func TestFullDiskUnderWork(t *testing.T) {
	t.Parallel()
	for moment, began := range map[string]func(data string) bool{
		"repositories": func(data string) bool { return len(found(data, "localgit/repos/*.git")) >= 3 },
		"builds":       func(data string) bool { return len(found(data, "localci/logs/under-*/*/1.log")) >= 1 },
		"deployments": func(data string) bool {
			for _, path := range found(data, "localci/logs/under-*/*/1.log") {
				if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), "Archiving artifacts") {
					return true
				}
			}
			return false
		},
	} {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			fullDisk(t, began)
		})
	}
}

func found(data, pattern string) []string {
	paths, err := filepath.Glob(filepath.Join(data, "integrations", pattern))
	if err != nil {
		return nil
	}
	return paths
}

// fullDisk fills the disk for a while, from the moment on that began sees.
func fullDisk(t *testing.T, began func(data string) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dir := small(t, "64m")
	bot := binary.Folder(t, dir, program.Configuration{})
	s := bot.Serve(t)
	if out, code := bot.Say(ctx, "new-project before"); code != 0 {
		t.Fatalf("exit %d:\n%s", code, out)
	}
	const projects = 4
	outs, codes := make([]string, projects), make([]int, projects)
	var said sync.WaitGroup
	for i := range projects {
		said.Go(func() { outs[i], codes[i] = bot.Say(ctx, "new-project "+name(i)) })
	}
	waitFor(t, func() bool { return began(bot.Data()) })
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	answered := ask(ctx, t, bot)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	answered()
	said.Wait()
	accepted := 0
	for i, out := range outs {
		switch {
		case strings.Contains(out, "Success!"):
			accepted++
			endedWell(t, s, name(i), out, codes[i])
		case strings.Contains(out, "no space left"):
			// Told so, and nothing half done: saying it again works.
			out, code := bot.Say(ctx, "new-project "+name(i))
			endedWell(t, s, name(i)+" the second time", out, code)
		default:
			t.Errorf("%s: exit %d:\n%s\n%s", name(i), codes[i], out, s.Log())
		}
	}
	t.Logf("%d of %d were under way when the disk was full, and completed", accepted, projects)
	if accepted == 0 {
		t.Error("nothing was under way when the disk was full")
	}
	for i := range projects {
		if out, code := bot.Say(ctx, "versions "+name(i)); code != 0 || !strings.Contains(out, "staging") {
			t.Errorf("%s does not run in staging, exit %d:\n%s", name(i), code, out)
		}
	}
	if out, _ := bot.Say(ctx, "projects"); strings.Contains(out, "creating") {
		t.Errorf("something is half done:\n%s", out)
	}
}

// ask asks on a full disk until it is told that there is no space. What found the last
// bit of it is answered later: answered waits for that.
func ask(ctx context.Context, t *testing.T, bot program.Folder) (answered func()) {
	t.Helper()
	const most = 10
	type answer struct {
		out  string
		code int
	}
	answers, open := make(chan answer, most), 0
	check := func(a answer) (refused bool) {
		open--
		refused = strings.Contains(a.out, "no space left")
		if refused != (a.code != 0) || strings.Contains(a.out, "SQL") {
			t.Errorf("on a full disk it says (exit %d): %s", a.code, a.out)
		}
		return refused
	}
	wait := time.NewTicker(2 * time.Second)
	defer wait.Stop()
	for range most {
		open++
		go func() {
			out, code := bot.Say(ctx, "status")
			answers <- answer{out, code}
		}()
		select {
		case a := <-answers:
			if check(a) {
				return func() {
					for open > 0 {
						check(<-answers)
					}
				}
			}
		case <-wait.C: // it was accepted
		}
	}
	t.Fatal("nobody is told that the disk is full")
	return nil
}

func name(i int) string { return fmt.Sprintf("under-%d", i) }

// endedWell checks what was said of a project until its first deployment.
func endedWell(t *testing.T, s *program.Server, what, out string, code int) {
	t.Helper()
	for _, want := range []string{"Success!", "SUCCESS in", "succeeded at"} {
		if code != 0 || !strings.Contains(out, want) || strings.Contains(out, "FAILURE") {
			t.Errorf("%s: exit %d, or %q is missing:\n%s\n%s", what, code, want, out, s.Log())
			return
		}
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("what the test waits for does not come")
		case <-tick.C:
		}
	}
}
