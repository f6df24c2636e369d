package gitea

import (
	"context"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/forgetest"
	fake "opsbot/test/fakes/gitea"
)

func rig(w *world, owner string) forgetest.Rig {
	return forgetest.Rig{
		Forge: w.forge, Owner: owner, HookURL: "https://opsbot.example.com/hooks/gitea/",
		Commit: func(_ context.Context, repo bot.Repository, branch, message string) (string, error) {
			return w.tea.Commit(repo.Owner+"/"+repo.Name, branch, message)
		},
		Tag: func(_ context.Context, repo bot.Repository, tag, commit string) error {
			return w.tea.Tag(repo.Owner+"/"+repo.Name, tag, commit)
		},
	}
}

// TestConformance: as an organisation's owner, with topics and a team to settle.
func TestConformance(t *testing.T) {
	t.Parallel()
	forgetest.Run(t, func(t *testing.T) forgetest.Rig {
		t.Helper()
		return rig(setup(t, func(c *Config) { c.Topics, c.Teams = []string{"opsbot"}, []string{"developers"} }), "foo-org")
	})
}

// TestConformanceAsPerson: repositories of the token's own account, on a Forgejo.
func TestConformanceAsPerson(t *testing.T) {
	t.Parallel()
	forgetest.Run(t, func(t *testing.T) forgetest.Rig {
		t.Helper()
		return rig(setup(t, nil, fake.WithVersion("12.0.1+gitea-1.22.0")), "opsbot")
	})
}
