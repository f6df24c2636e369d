package delivery

import (
	"context"
	"testing"
	"time"

	"opsbot/bot"
)

// tell has the service hear of an event about staging, and gives what it keeps.
func (r *rig) tell(e bot.Event) (state bot.EnvironmentState) {
	r.t.Helper()
	e.ProjectID, e.Environment = r.project.ID, "staging"
	s := r.service(r.db)
	r.write(func(ctx context.Context, tx *bot.Tx) error { return s.HandleEvent(ctx, tx, &e, nil) })
	r.read(func(ctx context.Context, tx *bot.Tx) (err error) {
		state, err = tx.Environments.Get(ctx, r.project.ID, "staging")
		return err
	})
	return state
}

func TestHealthIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r.tell(bot.Event{Type: bot.EventServiceDeployed, VersionID: "v1", Health: "healthy", URL: "http://a/", OccurredAt: at})
	for _, c := range []struct {
		what   bot.Event
		health string
		after  time.Duration
	}{
		{bot.Event{Type: bot.EventIncidentDetected, Health: "unhealthy", OccurredAt: at.Add(time.Minute)}, "unhealthy", time.Minute},
		{bot.Event{Type: bot.EventIncidentResolved, Health: "healthy", VersionID: "v1", OccurredAt: at.Add(30 * time.Second)}, "unhealthy", time.Minute},
		{bot.Event{Type: bot.EventIncidentResolved, Text: "p99 is fine", OccurredAt: at.Add(2 * time.Minute)}, "unhealthy", time.Minute},
		{bot.Event{Type: bot.EventIncidentResolved, Health: "healthy", VersionID: "v1", OccurredAt: at.Add(3 * time.Minute)}, "healthy", 3 * time.Minute},
	} {
		s := r.tell(c.what)
		if s.Health != c.health || !s.UpdatedAt.Equal(at.Add(c.after)) || s.ObservedID != "v1" {
			t.Errorf("after %+v it is %q since %s, running %q; want %q since %s", c.what, s.Health, s.UpdatedAt, s.ObservedID, c.health, at.Add(c.after))
		}
	}
}

// An app that dies between the end of its deployment and the look at it is
// unhealthy; one that was unhealthy before is not any more.
func TestSettlingKeepsNewerNewsOfHealth(t *testing.T) {
	t.Parallel()
	started := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		fell time.Duration
		want string
	}{
		"before": {-time.Minute, "healthy"},
		"while":  {time.Minute, "unhealthy"},
	} {
		r := newRig(t)
		v := r.version(1, "main")
		r.tell(bot.Event{Type: bot.EventIncidentDetected, Health: "unhealthy", OccurredAt: started.Add(c.fell)})
		d := bot.Deployment{
			ID: bot.NewID(started), ProjectID: r.project.ID, Environment: "staging", Verb: "deploy", VersionID: v.ID,
			State: bot.DeploymentSucceeded, StartedAt: started, FinishedAt: started.Add(2 * time.Minute), URL: "http://a/",
		}
		k := &deployKind{r.service(r.db)}
		r.write(func(ctx context.Context, tx *bot.Tx) error {
			return k.settle(ctx, tx, bot.DeployRequest{Project: r.project, Version: v}, d)
		})
		r.read(func(ctx context.Context, tx *bot.Tx) error {
			s, err := tx.Environments.Get(ctx, r.project.ID, "staging")
			if s.Health != c.want || s.DesiredID != v.ID {
				t.Errorf("it fell %s: %q, wanted %s", name, s.Health, s.DesiredID)
			}
			return err
		})
	}
}
