package localgit

import (
	"context"
	"path/filepath"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/forgetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	forgetest.Run(t, func(t *testing.T) forgetest.Rig {
		t.Helper()
		w := setup(t)
		return forgetest.Rig{
			Forge: w.forge, Owner: "foo-org", HookURL: "https://opsbot.example.com/hooks/localgit/",
			Commit: func(_ context.Context, repo bot.Repository, branch, message string) (string, error) {
				dir := filepath.Join(t.TempDir(), "copy")
				w.git(t.TempDir(), "clone", "-q", "-b", branch, w.mine(repo), dir)
				commit := w.commit(dir, bot.NewToken(), message)
				w.git(dir, "push", "-q", "origin", branch)
				return commit, nil
			},
			Tag: func(_ context.Context, repo bot.Repository, tag, commit string) error {
				dir := filepath.Join(t.TempDir(), "copy")
				w.git(t.TempDir(), "clone", "-q", w.mine(repo), dir)
				w.git(dir, "tag", tag, commit)
				w.git(dir, "push", "-q", "origin", tag)
				return nil
			},
		}
	})
}
