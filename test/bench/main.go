// Command bench measures OpsBot beside baselines on the same disk and prints a
// Markdown table. Every comparison alternates ours with the baseline, at least
// seven times, and reports the median with its spread. Only ratios have bars: a
// result outside its bar makes it exit with 1.
//
//	go run ./test/bench [-quick] [-only NAME,NAME] [-dir FOLDER]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// settings are what all benchmarks share.
type settings struct {
	dir   string // on a real disk; made for this run, removed after it
	runs  int
	quick bool // fewer and smaller runs, for working on a benchmark
	log   io.Writer
}

// scaled gives n, or a tenth of it in a quick run.
func (s settings) scaled(n int) int {
	if s.quick {
		return max(n/10, 1)
	}
	return n
}

// fresh makes an empty folder.
func (s settings) fresh(name string) (string, error) {
	dir, err := os.MkdirTemp(s.dir, name+"-")
	if err != nil {
		return "", fmt.Errorf("make a folder for %s: %w", name, err)
	}
	return dir, nil
}

// benchmark is one line (or more) of the table.
type benchmark struct {
	name string
	run  func(ctx context.Context, s settings) ([]row, error)
}

// benchmarks lists all, in the order of the table.
func benchmarks() []benchmark {
	return []benchmark{
		{"ingest", ingest},
		{"reply", reply},
		{"new-project", newProject},
		{"services", remoteProject},
		{"many", manyProjects},
		{"blueprint", blueprint},
		{"calls", calls},
		{"growth", growth},
		{"program", program},
	}
}

// run is the program; its result is the exit status: 0 all within their bars, 1
// not, 2 wrong usage.
func run(ctx context.Context, args []string, out, log io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(log)
	quick := flags.Bool("quick", false, "fewer and smaller runs, for working on a benchmark; not for quoting")
	only := flags.String("only", "", "run only these, separated by commas")
	dir := flags.String("dir", filepath.Join(".cache", "bench"), "folder on the disk to measure on")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	s := settings{runs: 7, quick: *quick, log: log}
	list, err := chosen(*only)
	if err == nil {
		s.dir, err = prepare(*dir)
	}
	if err != nil {
		fmt.Fprintln(log, "bench:", err)
		return 2
	}
	defer func() { _ = os.RemoveAll(s.dir) }() // a leftover in the folder that was named
	rows, err := measure(ctx, s, list)
	fmt.Fprintf(out, "%s, %d processors, %s%s\n\n", runtime.GOARCH, runtime.NumCPU(), runtime.Version(), mode(s))
	table(out, rows)
	if err != nil {
		fmt.Fprintln(log, "bench:", err)
		return 1
	}
	return 0
}

func mode(s settings) string {
	if s.quick {
		return ", quick run: not for quoting"
	}
	return ""
}

func chosen(only string) ([]benchmark, error) {
	all := benchmarks()
	if only == "" {
		return all, nil
	}
	var list []benchmark
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(all, func(b benchmark) bool { return b.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no benchmark %q", name)
		}
		list = append(list, all[i])
	}
	return list, nil
}

// prepare makes the folder of this run on a real disk.
func prepare(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the folder: %w", err)
	}
	if err := realDisk(dir); err != nil {
		return "", err
	}
	return os.MkdirTemp(dir, "run-")
}

// measure runs the list; its error names what failed or missed its bar. One that
// fails does not keep the others from running.
func measure(ctx context.Context, s settings, list []benchmark) ([]row, error) {
	var rows []row
	var errs []error
	for _, b := range list {
		fmt.Fprintf(s.log, "bench: %s\n", b.name)
		got, err := b.run(ctx, s)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", b.name, err))
			got = []row{{what: b.name, verdict: "**not measured**"}}
		}
		rows = append(rows, got...)
		for _, r := range got {
			if r.missed {
				errs = append(errs, fmt.Errorf("%s: %s, but the bar is %s", r.what, r.ratio, r.bar))
			}
		}
		if ctx.Err() != nil {
			break
		}
	}
	return rows, errors.Join(errs...)
}
