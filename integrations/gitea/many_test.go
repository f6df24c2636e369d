package gitea

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"opsbot/bot"
)

// TestManyProjects: eight at once, each by two replicas at once, have everything once.
func TestManyProjects(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *Config) {
		c.Topics, c.Teams = []string{"opsbot"}, []string{"developers"}
		c.Protection = Protection{Enabled: true, Check: "ci"}
	})
	first := w.forge
	w.restart()
	var wg sync.WaitGroup
	for i := range 8 {
		for _, f := range []*Forge{first, w.forge} {
			wg.Go(func() { w.whole(f, fmt.Sprintf("project-%d", i)) })
		}
	}
	wg.Wait()
	repos := w.tea.Repos("foo-org")
	if len(repos) != 8 {
		t.Errorf("%d repositories", len(repos))
	}
	for _, r := range repos {
		if len(r.Hooks) != 1 || len(r.Branches) != 2 || len(r.Topics) != 1 || len(r.Teams) != 1 || len(r.Protection) != 1 || len(r.Pulls) != 1 {
			t.Errorf("%+v", r)
		}
	}
	t.Logf("%d remote calls per project and replica", len(w.tea.Calls())/16)
}

// whole makes a project step by step, as the operation engine does: a step that may
// succeed later is repeated.
func (w *world) whole(f *Forge, name string) {
	var repo bot.Repository
	steps := []func(context.Context) error{
		func(ctx context.Context) (err error) {
			repo, err = f.EnsureRepository(ctx, spec(name))
			return err
		},
		func(ctx context.Context) error { _, err := f.Push(ctx, request(repo, "x")); return err },
		func(ctx context.Context) error { _, err := f.EnsureHook(ctx, hookOf(repo)); return err },
		func(ctx context.Context) error {
			return f.EnsureProtection(ctx, bot.ProtectionSpec{Repository: repo, Branch: "main"})
		},
		func(ctx context.Context) error { _, err := f.EnsurePullRequest(ctx, proposing(repo)); return err },
	}
	for i, step := range steps {
		for tries := 0; ; tries++ {
			err := step(w.t.Context())
			if err == nil {
				break
			}
			if retry, _ := bot.RetryOf(err); retry == bot.RetryNever || tries > 20 {
				w.t.Errorf("%s, step %d: %v", name, i, err)
				return
			}
		}
	}
}
