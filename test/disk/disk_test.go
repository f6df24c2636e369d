// Package disk_test runs the program out of space: on a file system of limited
// size, with work under way.
package disk_test

import (
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

func TestMain(m *testing.M) {
	code := m.Run()
	binary.Remove()
	os.Exit(code)
}

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

// TestFullDiskUnderWork fills the file system of git, blobs, logs and the database
// while projects are being made. What was accepted completes once there is space
// again, without a restart; what could not be accepted was told so.
func TestFullDiskUnderWork(t *testing.T) {
	t.Parallel()
	dir := small(t, "64m")
	config := filepath.Join(t.TempDir(), "opsbot.yaml")
	if err := os.WriteFile(config, []byte(program.Configuration()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := program.Serve(t, binary.Path(t), config, filepath.Join(dir, "data"))
	if out, code := s.Say(t.Context(), "new-project before"); code != 0 {
		t.Fatalf("exit %d:\n%s", code, out)
	}
	const projects = 4
	outs, codes := make([]string, projects), make([]int, projects)
	var said sync.WaitGroup
	for i := range projects {
		said.Go(func() { outs[i], codes[i] = s.Say(t.Context(), fmt.Sprintf("new-project under-%d", i)) })
	}
	// Fill it in the middle: when the first of them has made its repository.
	waitFor(t, func() bool {
		repos, err := filepath.Glob(filepath.Join(dir, "data/integrations/localgit/repos/*.git"))
		return err == nil && len(repos) >= 2
	})
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	refused, code := s.Say(t.Context(), "status")
	if code != 1 || !strings.Contains(refused, "no space left") || strings.Contains(refused, "SQL") {
		t.Errorf("on a full disk it says (exit %d): %s", code, refused)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	said.Wait()
	accepted := 0
	for i := range projects {
		name := fmt.Sprintf("under-%d", i)
		switch {
		// The project is what was asked for; its first build may have met the full disk
		// and say so as its result.
		case strings.Contains(outs[i], "Success!"):
			accepted++
		case strings.Contains(outs[i], "no space left"):
			// Told so, and nothing half done: saying it again works.
			if out, code := s.Say(t.Context(), "new-project "+name); code != 0 && !strings.Contains(out, "already") {
				t.Errorf("%s the second time, exit %d:\n%s", name, code, out)
			}
		default:
			t.Errorf("%s: exit %d:\n%s\n%s", name, codes[i], outs[i], s.Log())
		}
	}
	t.Logf("%d of %d were under way when the disk was full, and completed", accepted, projects)
	out, _ := s.Say(t.Context(), "projects")
	for i := range projects {
		if !strings.Contains(out, fmt.Sprintf("under-%d", i)) {
			t.Errorf("under-%d is not there:\n%s", i, out)
		}
	}
	if strings.Contains(out, "creating") {
		t.Errorf("something is half done:\n%s", out)
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
