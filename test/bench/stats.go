package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// row is one line of the table.
type row struct {
	what, ours, base, ratio, bar, verdict string
	missed                                bool
}

// table prints the rows as Markdown.
func table(w io.Writer, rows []row) {
	fmt.Fprintln(w, "| what | OpsBot | baseline | ratio | bar | |\n|---|---|---|---|---|---|")
	for _, r := range rows {
		if r.verdict == "" && r.bar != "" {
			r.verdict = "holds"
			if r.missed {
				r.verdict = "**missed**"
			}
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s |\n", r.what, r.ours, r.base, r.ratio, r.bar, r.verdict)
	}
}

// sample is one run's result, in any unit.
type sample []float64

func (s sample) sorted() sample {
	out := slices.Clone(s)
	slices.Sort(out)
	return out
}

// median of at least one value; of an even number the mean of the two in the middle.
func (s sample) median() float64 {
	o := s.sorted()
	return (o[(len(o)-1)/2] + o[len(o)/2]) / 2
}

// text gives the median with the smallest and the largest value.
func (s sample) text(format func(float64) string) string {
	o := s.sorted()
	return fmt.Sprintf("%s (%s … %s)", format(s.median()), format(o[0]), format(o[len(o)-1]))
}

// alternate runs ours and base in turn, and each first every other time, so that
// what else the machine does falls on both.
func alternate(ctx context.Context, runs int, ours, base func(ctx context.Context) (float64, error)) (a, b sample, err error) {
	one := func(into *sample, f func(context.Context) (float64, error)) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		v, err := f(ctx)
		*into = append(*into, v)
		return err
	}
	for i := range runs {
		first, second := func() error { return one(&a, ours) }, func() error { return one(&b, base) }
		if i%2 == 1 {
			first, second = second, first
		}
		if err := first(); err != nil {
			return nil, nil, err
		}
		if err := second(); err != nil {
			return nil, nil, err
		}
	}
	return a, b, nil
}

// duration writes seconds for people.
func duration(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.0f s", s)
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", s)
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%.0f ms", s*1e3)
	}
	return fmt.Sprintf("%.2f ms", s*1e3)
}
