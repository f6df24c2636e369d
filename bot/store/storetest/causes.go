package storetest

import (
	"context"
	"testing"
	"time"

	"opsbot/bot"
)

func causeRules() []rule {
	return []rule{
		{"causes/messages and deliveries until they have run", causeIntake},
		{"causes/a post until it is shown", causePost},
		{"causes/several wait for one card", causeSharedCard},
		{"causes/operations", causeOperations},
		{"causes/an operation that waits for a person", causePerson},
		{"causes/builds", causeBuilds},
		{"causes/deployments", causeDeployments},
		{"causes/commands", causeCommands},
	}
}

// counts checks what is open and what failed under "root".
func (e *env) counts(open, failed int) {
	e.t.Helper()
	e.countsOf("root", open, failed)
}

func (e *env) countsOf(root string, open, failed int) {
	e.t.Helper()
	o := get(e, func(ctx context.Context, tx *bot.Tx) (int, error) { return tx.Causes.Open(ctx, root) })
	f := get(e, func(ctx context.Context, tx *bot.Tx) (int, error) { return tx.Causes.Failed(ctx, root) })
	if o != open || f != failed {
		e.t.Errorf("under %s %d open and %d failed, want %d and %d", root, o, f, open, failed)
	}
}

func underRoot() bot.Cause { return bot.Cause{Root: "root"} }

func causeIntake(_ *testing.T, e *env) {
	e.counts(0, 0)
	e.write(func(ctx context.Context, tx *bot.Tx) error {
		_, _, err := tx.Messages.Add(ctx, bot.Message{ID: "m", Room: room("r"), Root: "root"}, e.now())
		return err
	})
	e.counts(1, 0)
	e.addInbox(bot.InboxRow{ID: "i", Instance: "g", Key: "1", Cause: underRoot()}, delivery("g", "2"))
	e.counts(2, 0)
	e.claimMessages("a", 1)
	e.claimInbox("a", 9)
	e.counts(2, 0) // being worked on is open
	e.write(doneMessage("m"))
	e.write(doneInbox("i", "done"))
	e.counts(0, 0)
	e.countsOf("", 0, 0) // what has no cause is nobody's
}

func causePost(_ *testing.T, e *env) {
	e.put(post("r", "k", "a"))
	e.counts(1, 0)
	rows := e.claimPosts("w", 1)
	e.put(post("r", "k", "b"))
	e.counts(1, 0)
	e.delivered(rows[0])
	e.counts(1, 0) // the edit is not shown yet
	e.delivered(e.claimPosts("w", 1)[0])
	e.counts(0, 0)
	e.put(post("r", "k", "b"))
	e.counts(0, 0) // shown already
}

func causeSharedCard(_ *testing.T, e *env) {
	touch := func(root string) {
		e.write(func(ctx context.Context, tx *bot.Tx) error {
			return tx.Posts.Touch(ctx, room("r"), "card", "change", "1", bot.Cause{Root: root})
		})
	}
	touch("root")
	rows := e.claimPosts("w", 1)
	touch("other")
	e.counts(1, 0)
	e.countsOf("other", 1, 0)
	e.delivered(rows[0])
	e.counts(0, 0)
	e.countsOf("other", 1, 0)
	e.delivered(e.claimPosts("w", 1)[0])
	e.countsOf("other", 0, 0)
}

func causeOperations(_ *testing.T, e *env) {
	op := operation(e, bot.OperationRunning)
	op.Cause = underRoot()
	e.insert(op)
	for state, want := range map[bot.OperationState][2]int{
		bot.OperationRunning: {1, 0}, bot.OperationWaiting: {1, 0}, bot.OperationUndoing: {1, 0},
		bot.OperationFailed: {0, 1}, bot.OperationSucceeded: {0, 0}, bot.OperationUndone: {0, 0},
	} {
		op.State = state
		e.write(save(op))
		e.counts(want[0], want[1])
	}
}

func causePerson(_ *testing.T, e *env) {
	op := operation(e, bot.OperationWaiting)
	op.Cause = underRoot()
	e.insert(op)
	row := bot.StepRow{OperationID: op.ID, Name: "a", State: bot.StepWaiting}
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Steps.Insert(ctx, []bot.StepRow{row}) })
	e.counts(1, 0)
	row.State = bot.StepUnknown
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Steps.Save(ctx, op.Epoch, row) })
	e.counts(0, 1)
	op.State = bot.OperationRunning // a person has decided
	e.write(save(op))
	e.counts(1, 0)
}

func causeBuilds(_ *testing.T, e *env) {
	b := build(1, 1)
	b.Cause = underRoot()
	for _, state := range []bot.BuildState{bot.BuildQueued, bot.BuildRunning} {
		b.State = state
		e.report(b)
		e.counts(1, 0)
	}
	b.State = bot.BuildFinished
	for result, failed := range map[bot.Result]int{
		bot.ResultSuccess: 0, bot.ResultUnstable: 1, bot.ResultFailure: 1,
		bot.ResultNotBuilt: 1, bot.ResultAborted: 1,
	} {
		b.Result = result
		e.report(b)
		e.counts(0, failed)
	}
}

func causeDeployments(_ *testing.T, e *env) {
	d := bot.Deployment{ID: "1", Cause: underRoot()}
	for state, want := range map[bot.DeploymentState][2]int{
		bot.DeploymentPlanned: {0, 0}, bot.DeploymentWaiting: {1, 0}, bot.DeploymentApplying: {1, 0}, bot.DeploymentWatching: {1, 0},
		bot.DeploymentSucceeded: {0, 0}, bot.DeploymentSuperseded: {0, 0},
		bot.DeploymentFailed: {0, 1}, bot.DeploymentRolledBack: {0, 1}, bot.DeploymentUnknown: {0, 1},
	} {
		d.State = state
		e.deploy(d)
		e.counts(want[0], want[1])
	}
}

func causeCommands(_ *testing.T, e *env) {
	failed := 0
	for i, row := range []bot.AuditRow{
		{Decision: "allowed", Outcome: "done"},
		{Decision: "refused"},
		{Decision: "invalid"},
		{Decision: "allowed", Outcome: "failed: no such branch"},
		{Decision: "allowed", Outcome: "planned"},
	} {
		row.ID, row.At, row.Cause = string(rune('a'+i)), e.now().Add(time.Duration(i)), underRoot()
		e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Audit.Append(ctx, row) })
		if i >= 1 && i <= 3 {
			failed++
		}
		e.counts(0, failed)
	}
}
