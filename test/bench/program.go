package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// program measures what has no bar: the binary, its start, its memory at rest.
func program(ctx context.Context, s settings) ([]row, error) {
	dir, err := s.fresh("program")
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(dir, "opsbot")
	build := exec.CommandContext(ctx, "go", "build", "-tags", "nomsgpack", "-trimpath", "-ldflags", "-s -w", "-o", bin, "./cmd/opsbot")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w: %s", err, out)
	}
	info, err := os.Stat(bin)
	if err != nil {
		return nil, fmt.Errorf("look at the binary: %w", err)
	}
	conf := filepath.Join(dir, "opsbot.yaml")
	if err := os.WriteFile(conf, []byte("listen: 127.0.0.1:0\nconsole: 127.0.0.1:0\napps: 127.0.0.1:0\n"), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	var ready, memory sample
	var first float64
	for i := range s.runs + 1 {
		took, rss, err := startOnce(ctx, bin, conf, filepath.Join(dir, "data"))
		if err != nil {
			return nil, err
		}
		if i == 0 { // makes the data folder and the database
			first = took
			continue
		}
		ready, memory = append(ready, took), append(memory, rss)
	}
	mb := func(v float64) string { return fmt.Sprintf("%.0f MB", v/1e6) }
	return []row{
		{what: "start to ready (aim 200 ms); the first start, which makes the database, took " + duration(first), ours: ready.text(duration)},
		{what: "memory (resident) 3 s after the start, idle (aim 50 MB)", ours: memory.text(mb)},
		{what: "binary, as `make build` makes it (aim 60 MB)", ours: mb(float64(info.Size()))},
	}, nil
}

// startOnce starts the program and measures until it says that it is ready, then
// its memory at rest.
func startOnce(ctx context.Context, bin, conf, data string) (ready, rss float64, err error) {
	cmd := exec.CommandContext(ctx, bin, "--config", conf, "--data", data)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, fmt.Errorf("start: %w", err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, fmt.Errorf("start: %w", err)
	}
	defer func() {
		err = errors.Join(err, cmd.Process.Signal(syscall.SIGTERM))
		_, _ = io.Copy(io.Discard, out) // until it has ended
		err = errors.Join(err, cmd.Wait())
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.Contains(line, "ready") {
		return 0, 0, fmt.Errorf("the program did not say that it is ready, but %q (%w)", line, err)
	}
	ready = time.Since(began).Seconds()
	select {
	case <-time.After(3 * time.Second):
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		return 0, 0, fmt.Errorf("read the program's memory: %w", err)
	}
	rss, err = residentBytes(string(status))
	return ready, rss, err
}

// residentBytes reads VmRSS of /proc/PID/status.
func residentBytes(status string) (float64, error) {
	_, rest, _ := strings.Cut(status, "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) < 2 || fields[1] != "kB" {
		return 0, errors.New("there is no VmRSS in the process's status")
	}
	kb, err := strconv.ParseFloat(fields[0], 64)
	return kb * 1024, err
}
