package bootstrap_test

import (
	"context"
	"sync/atomic"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

// closed is a forge whose configuration makes every repository private.
type closed struct{ *forge }

func (c closed) EnsureRepository(ctx context.Context, s bot.RepoSpec) (bot.Repository, error) {
	r, err := c.forge.EnsureRepository(ctx, s)
	r.Private = true
	return r, err
}

// asked is a quality that remembers whether it was told that a project is private.
type asked struct {
	*quality
	private *atomic.Bool
}

func (a asked) EnsureProvision(ctx context.Context, s bot.ProvisionSpec) (bot.Provision, error) {
	a.private.Store(s.Private)
	return a.quality.EnsureProvision(ctx, s)
}

// TestAsPrivateAsTheForgeMadeIt: what services make shows the code, so it follows the
// repository and not what was asked for.
func TestAsPrivateAsTheForgeMadeIt(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var private atomic.Bool
	w.Services.Integrations = commandtest.Instances{"git": closed{w.forge}, "ci": w.CI, "run": w.Runner, "chat": w.Chat, "quality": asked{w.quality, &private}}
	b := w.project("new-one")
	w.start(b)
	if op := w.Ended("new-project"); op.State != bot.OperationSucceeded || !private.Load() {
		t.Errorf("%s %s: private: %v", op.State, op.Error, private.Load())
	}
	w.Read(func(ctx context.Context, tx *bot.Tx) error {
		p, err := tx.Projects.ByID(ctx, b.Project.ID)
		if !p.Private {
			t.Error("the project counts as public")
		}
		return err
	})
}
