package secrets

import (
	"context"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

// listing lists what a test gives it.
type listing struct {
	bot.Secrets
	all map[string][]bot.ProjectSecret
	err error
}

func (l listing) List(_ context.Context, _ *bot.Tx, projectID string) ([]bot.ProjectSecret, error) {
	return l.all[projectID], l.err
}

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	set := time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)
	r.Services.Secrets = listing{all: map[string][]bot.ProjectSecret{r.Project.ID: {
		{Key: "db", Kind: bot.SecretLogin, ByName: "alice", UpdatedAt: set}, {Key: "db", Environment: "production", Kind: bot.SecretText, ByName: "b*b", UpdatedAt: set},
	}}}
	c := New(r.Services)
	r.Want(r.Said(c, "name=hello"), "Secrets of hello", "db | builds, everywhere | login | db db_USR db_PSW | 2026-03-01 12:30 | alice", "db | production | text | db | 2026-03-01 12:30 | b*b")
	r.Want(r.Said(c, "name="+r.NewProject("bare").Slug), "bare has no secrets. `secret set bare KEY [in ENV]` sets one.")
	out, err := c.Run(t.Context(), r.Request(c, "name=hello"))
	if err != nil || !out.Private {
		t.Errorf("everybody is told: %+v, %v", out, err)
	}
	if got := c.Keep(t.Context(), "secrets set hello TOKEN value", nil); got != "secrets" {
		t.Errorf("kept %q", got)
	}
	if got := c.Keep(t.Context(), "secrets hello", &bot.Args{}); got != "secrets hello" {
		t.Errorf("kept %q", got)
	}
	r.Services.Secrets = listing{err: bot.Errorf(bot.CodeUnavailable, "Not now.")}
	r.Refused(c, bot.CodeUnavailable, "Not now.", "name=hello")
}
