package github

import (
	"context"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/forgetest"
	fake "opsbot/test/fakes/github"
)

func rig(w *world, owner string) forgetest.Rig {
	return forgetest.Rig{
		Forge: w.forge, Owner: owner, HookURL: "https://opsbot.example.com/hooks/github/",
		Commit: func(_ context.Context, repo bot.Repository, branch, message string) (string, error) {
			return w.hub.Commit(repo.Owner+"/"+repo.Name, branch, message)
		},
		Tag: func(_ context.Context, repo bot.Repository, tag, commit string) error {
			return w.hub.Tag(repo.Owner+"/"+repo.Name, tag, commit)
		},
	}
}

// TestConformance: as an organisation's member, with topics and a team to settle.
func TestConformance(t *testing.T) {
	t.Parallel()
	forgetest.Run(t, func(t *testing.T) forgetest.Rig {
		t.Helper()
		return rig(setup(t, func(c *Config) { c.Topics = []string{"opsbot"}; c.Teams = map[string]string{"developers": "push"} }), "foo-org")
	})
}

// TestConformanceAsPerson: repositories of the token's own account.
func TestConformanceAsPerson(t *testing.T) {
	t.Parallel()
	forgetest.Run(t, func(t *testing.T) forgetest.Rig {
		t.Helper()
		return rig(setup(t, nil), "opsbot")
	})
}

// TestConformanceAsApp: by an App's installation tokens.
func TestConformanceAsApp(t *testing.T) {
	t.Parallel()
	forgetest.Run(t, func(t *testing.T) forgetest.Rig {
		t.Helper()
		return rig(asApp(t, nil), "foo-org")
	})
}

// asApp is a world in which OpsBot is an App.
func asApp(t *testing.T, permissions map[string]string, opts ...fake.Option) *world {
	t.Helper()
	w := setup(t, nil, opts...)
	app, err := w.hub.AddApp("foo-org", permissions)
	if err != nil {
		t.Fatal(err)
	}
	w.cfg.Token, w.cfg.App = Config{}.Token, App{ID: app.ID, Installation: app.Installation, Key: secret(t, app.Key)}
	w.restart()
	return w
}
