package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

// growth runs the store's own benchmark, which can fill tables in bulk: two
// stores, one with a thousand past events and one with a million, take turns.
func growth(ctx context.Context, s settings) ([]row, error) {
	args := []string{"test", "-run", "^$", "-bench", "^BenchmarkGrowth$", "-benchtime", fmt.Sprint(s.scaled(1000), "x"), "-timeout", "30m", "./bot/store"}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+s.dir)
	// go test's own child must not outlive us: a million rows take their time.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go test: %w: %s", err, out)
	}
	few, many, ratio, err := readGrowth(string(out))
	if err != nil {
		return nil, err
	}
	us := func(v float64) string { return duration(v / 1e6) }
	return []row{{
		what: "one event (stored, claimed, correlated, shown) at 1,000,000 stored events, beside 1,000",
		ours: us(many), base: us(few), ratio: fmt.Sprintf("%.2f ×", ratio), bar: "≤ 1.2 ×", missed: ratio > 1.2,
	}}, nil
}

var metric = regexp.MustCompile(`([0-9.]+) (µs-at-1000000|µs-at-1000|ratio)\b`)

// readGrowth takes the medians and their ratio from the benchmark's output.
func readGrowth(out string) (few, many, ratio float64, err error) {
	into := map[string]*float64{"µs-at-1000": &few, "µs-at-1000000": &many, "ratio": &ratio}
	for _, m := range metric.FindAllStringSubmatch(out, -1) {
		if *into[m[2]], err = strconv.ParseFloat(m[1], 64); err != nil {
			return 0, 0, 0, fmt.Errorf("read the benchmark's output: %w", err)
		}
	}
	if few == 0 || many == 0 || ratio == 0 {
		return 0, 0, 0, fmt.Errorf("the benchmark did not print what was expected: %s", out)
	}
	return few, many, ratio, nil
}
