package jenkins

import (
	"context"
	"slices"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/test/conformance/deploytest"
)

// told are the events that were handed to the relay.
func (b *bench) told(t *testing.T) (out []bot.Event) {
	t.Helper()
	err := b.work.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		rows, err := tx.Inbox.Claim(ctx, "test", time.Now().Add(time.Hour), time.Hour, 100)
		for _, r := range rows {
			out = append(out, *r.Event)
			if err := tx.Inbox.Done(ctx, r.ID, "done", ""); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestDeployEvents: each step and the end of a deployment are told once.
func TestDeployEvents(t *testing.T) {
	t.Parallel()
	b := deployBench(t, nil)
	good, bad := deployment("d1", "1.0"), deployment("d2", "1.1")
	bad.Version, bad.Previous = labelled("1.1", deploytest.Bad), &good.Version
	good.Cause = bot.Cause{Cause: "op", Root: "msg"}
	for range 2 {
		b.observed(t, deployed(t, b, good), ended)
		b.observed(t, deployed(t, b, bad), ended)
	}
	if err := b.Remove(t.Context(), good.Project, "staging"); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range b.told(t) {
		if e.ProjectID != "0190-shop" || e.Environment != "staging" || e.DeploymentID == "d1" && (e.Cause != good.Cause || e.Commit != good.Version.Commit) {
			t.Errorf("%+v", e)
		}
		all = append(all, string(e.Type)+" "+e.DeploymentID+" "+e.VersionID+" "+e.Text+" "+e.URL)
	}
	want := []string{
		"service.progressed d1  Fetch ", "service.progressed d1  Switch ", "service.deployed d1 v-1.0  https://shop.staging.example.com/",
		"service.progressed d2  Fetch ", "service.failed d2  team/deploy #2 ended as FAILURE: Switch: script returned exit code 7 ",
		"service.removed    ",
	}
	if !slices.Equal(all, want) {
		t.Errorf("%q", all)
	}
}
