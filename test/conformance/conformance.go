// Package conformance is what the suites of all ports share: rules, the run over
// them, and the proof that each of them can fail.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"opsbot/bot"
)

// Rule is one promise of a contract. Check returns nil when what the rig holds keeps
// it, or cannot be asked.
type Rule[Rig any] = struct {
	Name  string
	Check func(ctx context.Context, r Rig) error
}

// Run checks every rule on a fresh rig, each for limit at the most.
func Run[Rig any](t *testing.T, rules []Rule[Rig], limit time.Duration, fresh func(t *testing.T) Rig) {
	t.Helper()
	for _, rule := range rules {
		t.Run(rule.Name, func(t *testing.T) {
			t.Parallel()
			r := fresh(t)
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			if err := rule.Check(ctx, r); err != nil {
				t.Error(err)
			}
		})
	}
}

// Reject checks that every rule can fail. The cases, by the name of their rule, break
// it; rig makes what is broken in that way. It must be caught by what the rule says,
// not by taking too long.
func Reject[Rig, Case any](t *testing.T, rules []Rule[Rig], rig func(Case) Rig, cases ...map[string]Case) {
	t.Helper()
	all := map[string]Case{}
	for _, some := range cases {
		for name, c := range some {
			if _, twice := all[name]; twice {
				t.Errorf("two cases for the rule %q", name)
			}
			all[name] = c
		}
	}
	for _, rule := range rules {
		c, ok := all[rule.Name]
		if !ok {
			t.Errorf("nothing broken for the rule %q", rule.Name)
			continue
		}
		delete(all, rule.Name)
		t.Run(rule.Name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err := rule.Check(ctx, rig(c))
			if err == nil || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("what is broken gives %v", err)
			}
			t.Log(err)
		})
	}
	for name := range all {
		t.Errorf("something broken for no rule: %q", name)
	}
}

// WantCode reports an error unless err has that code.
func WantCode(what string, err error, code bot.Code) error {
	if err == nil {
		return fmt.Errorf("%s succeeds, want %s", what, code)
	}
	if got := bot.CodeOf(err); got != code {
		return fmt.Errorf("%s: code %s, want %s: %w", what, got, code, err)
	}
	return nil
}

// ReadLog reads a log from an offset to its end.
func ReadLog(ctx context.Context, l bot.LogReader, ref bot.LogRef, offset int64) (string, error) {
	body, err := l.ReadLog(ctx, ref, offset)
	if err != nil {
		return "", fmt.Errorf("ReadLog: %w", err)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return "", fmt.Errorf("read the log: %w", err)
	}
	return string(text), body.Close()
}

// Together runs n calls at the same time and gives their errors.
func Together(n int, call func(i int) error) []error {
	begin, errs, done := make(chan struct{}), make([]error, n), make(chan struct{})
	for i := range n {
		go func() {
			<-begin
			errs[i] = call(i)
			done <- struct{}{}
		}()
	}
	close(begin)
	for range n {
		<-done
	}
	return errs
}
