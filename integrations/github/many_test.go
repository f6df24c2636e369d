package github

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
)

// TestManyProjects: 25 at once stay under GitHub's limits by themselves: none of
// their requests is refused, and each has everything once.
func TestManyProjects(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) {
		c.Topics, c.Teams = []string{"opsbot"}, map[string]string{"developers": "push"}
		c.Protection = Protection{Enabled: true, Check: "ci"}
	})
	var wg sync.WaitGroup
	for i := range 25 {
		wg.Go(func() { w.whole(fmt.Sprintf("project-%d", i)) })
	}
	wg.Wait()
	calls := w.hub.Calls()
	for _, c := range calls {
		if c.Status == 403 || c.Status == 429 {
			t.Errorf("%s %s: %d", c.Method, c.Path, c.Status)
		}
	}
	repos := w.hub.Repos("foo-org")
	if len(repos) != 25 {
		t.Errorf("%d repositories", len(repos))
	}
	for _, r := range repos {
		if len(r.Hooks) != 1 || len(r.Branches) != 1 || len(r.Topics) != 1 || len(r.Protection) != 1 {
			t.Errorf("%+v", r)
		}
	}
	t.Logf("%d remote calls per project", len(calls)/25)
}

// whole makes a project step by step, as the operation engine does: a step that is
// to wait is repeated later.
func (w *world) whole(name string) {
	var repo bot.Repository
	steps := []func(context.Context) error{
		func(ctx context.Context) (err error) {
			repo, err = w.forge.EnsureRepository(ctx, spec(name))
			return err
		},
		func(ctx context.Context) error { _, err := w.forge.Push(ctx, request(repo, "x")); return err },
		func(ctx context.Context) error { _, err := w.forge.EnsureHook(ctx, hookOf(repo)); return err },
		func(ctx context.Context) error {
			return w.forge.EnsureProtection(ctx, bot.ProtectionSpec{Repository: repo, Branch: "main"})
		},
	}
	for i, step := range steps {
		for tries := 0; ; tries++ {
			err := step(w.t.Context())
			if err == nil {
				break
			}
			retry, wait := bot.RetryOf(err)
			if retry != bot.RetryAfter || tries > 200 {
				w.t.Errorf("%s, step %d: %v", name, i, err)
				return
			}
			w.clock.add(min(wait, 5*time.Second))
		}
	}
}
