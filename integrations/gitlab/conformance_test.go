package gitlab

import (
	"context"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/forgetest"
	fake "opsbot/test/fakes/gitlab"
)

func rig(w *world, owner string) forgetest.Rig {
	return forgetest.Rig{
		Forge: w.forge, Owner: owner, HookURL: "https://opsbot.example.com/hooks/gitlab/",
		Commit: func(_ context.Context, repo bot.Repository, branch, message string) (string, error) {
			return w.lab.Commit(repo.Owner+"/"+repo.Name, branch, message)
		},
		Tag: func(_ context.Context, repo bot.Repository, tag, commit string) error {
			return w.lab.Tag(repo.Owner+"/"+repo.Name, tag, commit)
		},
	}
}

func conform(t *testing.T, owner string, change func(*Config), opts ...fake.Option) {
	t.Helper()
	forgetest.Run(t, func(t *testing.T) forgetest.Rig {
		t.Helper()
		return rig(setup(t, change, opts...), owner)
	})
}

// TestConformance: in a group, with topics, on a server of today, which renames what
// it will delete.
func TestConformance(t *testing.T) {
	t.Parallel()
	conform(t, "foo", func(c *Config) { c.Topics = []string{"opsbot"} })
}

// TestConformanceInSubgroup: as on gitlab.com, where nothing is deleted at once.
func TestConformanceInSubgroup(t *testing.T) {
	t.Parallel()
	conform(t, "foo/bar", nil, fake.WithDeletion(fake.DeleteLate))
}

// TestConformanceAsPerson: projects of the token's own account, on an older server.
func TestConformanceAsPerson(t *testing.T) {
	t.Parallel()
	conform(t, "opsbot", nil, fake.WithDeletion(fake.DeleteNow), fake.Slow())
}
