package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestRunRefusesWrongUse(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-nonsense"}, {"-only", "nonsense"}} {
		var out, log bytes.Buffer
		if code := run(t.Context(), args, &out, &log); code != 2 || log.Len() == 0 {
			t.Errorf("%v: exit %d, said %q", args, code, log.String())
		}
	}
}

func TestMeasureReportsMissedBarsAndFailures(t *testing.T) {
	t.Parallel()
	done := 0
	list := []benchmark{
		{"broken", func(context.Context, settings) ([]row, error) { return nil, errors.New("no disk") }},
		{"slow", func(context.Context, settings) ([]row, error) {
			return []row{{what: "slow", ratio: "5 ×", bar: "≤ 4 ×", missed: true}}, nil
		}},
		{"fast", func(context.Context, settings) ([]row, error) {
			done++
			return []row{{what: "fast", ratio: "3 ×", bar: "≤ 4 ×"}}, nil
		}},
	}
	rows, err := measure(t.Context(), settings{log: &bytes.Buffer{}}, list)
	if err == nil || !strings.Contains(err.Error(), "no disk") || !strings.Contains(err.Error(), "slow: 5 ×, but the bar is ≤ 4 ×") {
		t.Errorf("error %v", err)
	}
	if done != 1 || strings.Contains(err.Error(), "fast") {
		t.Errorf("the last benchmark: run %d times, error %v", done, err)
	}
	var out bytes.Buffer
	table(&out, rows)
	for _, want := range []string{"| broken |  |  |  |  | **not measured** |", "| slow |  |  | 5 × | ≤ 4 × | **missed** |", "| fast |  |  | 3 × | ≤ 4 × | holds |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

func TestAlternateTakesTurns(t *testing.T) {
	t.Parallel()
	var order strings.Builder
	note := func(name string, v float64) func(context.Context) (float64, error) {
		return func(context.Context) (float64, error) { order.WriteString(name); return v, nil }
	}
	a, b, err := alternate(t.Context(), 3, note("a", 1), note("b", 2))
	if err != nil || order.String() != "abbaab" {
		t.Errorf("order %q, error %v", order.String(), err)
	}
	if len(a) != 3 || a.median() != 1 || len(b) != 3 || b.median() != 2 {
		t.Errorf("samples %v and %v", a, b)
	}
	failing := func(context.Context) (float64, error) { return 0, errors.New("gone") }
	if _, _, err := alternate(t.Context(), 3, note("a", 1), failing); err == nil {
		t.Error("a failure was swallowed")
	}
}

func TestMedianAndSpread(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		s    sample
		want string
	}{
		{sample{0.3, 0.1, 0.2}, "200 ms (100 ms … 300 ms)"},
		{sample{4, 1, 2, 30}, "3.00 s (1.00 s … 30 s)"},
		{sample{0.0015}, "1.50 ms (1.50 ms … 1.50 ms)"},
	} {
		if got := c.s.text(duration); got != c.want {
			t.Errorf("%v: %q, want %q", c.s, got, c.want)
		}
	}
}

func TestMemoryIsNoDisk(t *testing.T) {
	t.Parallel()
	for kind, bad := range map[int64]bool{0x01021994: true, 0x858458f6: true, int64(int32(-2054924042)): true, 0xef53: false, 0x9123683e: false} {
		if err := refuseMemory("/x", kind); (err != nil) != bad {
			t.Errorf("%x: %v", kind, err)
		}
	}
	if err := realDisk("/proc/nonsense"); err == nil {
		t.Error("a folder that is not there was taken")
	}
}

// Two calls side by side count once; what is outside the story, not at all.
func TestCovered(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 4, 13, 52, 0, 0, time.UTC)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	for name, c := range map[string]struct {
		calls []span
		want  int
	}{
		"none":         {nil, 0},
		"one":          {[]span{{"a", at(1), at(4)}}, 3},
		"gap":          {[]span{{"a", at(1), at(2)}, {"b", at(5), at(7)}}, 3},
		"side by side": {[]span{{"a", at(1), at(6)}, {"b", at(2), at(3)}, {"c", at(5), at(8)}}, 7},
		"outside":      {[]span{{"a", at(-5), at(1)}, {"b", at(9), at(20)}}, 2},
	} {
		if got := covered(c.calls, at(0), at(10)); got != time.Duration(c.want)*time.Second {
			t.Errorf("%s: %v, want %d s", name, got, c.want)
		}
	}
}

func TestReadGrowth(t *testing.T) {
	t.Parallel()
	few, many, ratio, err := readGrowth("BenchmarkGrowth-2 \t 1000\t 10127 ns/op\t 1204 ratio2\n 5210 µs-at-1000 \t 5520 µs-at-1000000\t 1.060 ratio\nPASS\n")
	if err != nil || few != 5210 || many != 5520 || ratio != 1.06 {
		t.Errorf("%v %v %v %v", few, many, ratio, err)
	}
	if _, _, _, err := readGrowth("PASS\n"); err == nil {
		t.Error("an output without results was taken")
	}
}

func TestResidentBytes(t *testing.T) {
	t.Parallel()
	got, err := residentBytes("Name:\topsbot\nVmHWM:\t  60000 kB\nVmRSS:\t   51200 kB\nThreads:\t9\n")
	if err != nil || got != 51200*1024 {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "VmRSS:\t12 MB\n", "VmRSS:\tmany kB\n"} {
		if _, err := residentBytes(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestPushHasTheUsualSize(t *testing.T) {
	t.Parallel()
	if a, b := push("r1-1"), push("r12-12345"); len(a) != bodyBytes || len(b) != bodyBytes || bytes.Equal(a, b) {
		t.Errorf("%d and %d bytes", len(a), len(b))
	}
}
