package storetest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"opsbot/bot"
)

func operationRules() []rule {
	return []rule{
		{"operations/come back whole", operationWhole},
		{"operations/found by a unique prefix", operationPrefix},
		{"operations/found by what people are shown", operationShort},
		{"operations/a stale writer loses", operationStale},
		{"operations/what is due", operationDue},
		{"operations/a lease ends, or its owner is dead", operationLease},
		{"operations/save frees the lease", operationFreed},
		{"operations/find", operationFind},
		{"steps/come back whole, by position", stepWhole},
		{"steps/a stale writer loses", stepStale},
	}
}

func operation(e *env, state bot.OperationState) *bot.Operation {
	return &bot.Operation{ID: bot.NewID(e.now()), Kind: "deploy", ProjectID: "p", State: state, CreatedAt: e.now()}
}

func (e *env) insert(op *bot.Operation) *bot.Operation {
	e.t.Helper()
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Operations.Insert(ctx, op) })
	return op
}

func save(op *bot.Operation) func(ctx context.Context, tx *bot.Tx) error {
	return func(ctx context.Context, tx *bot.Tx) error { return tx.Operations.Save(ctx, op) }
}

func getOperation(id string) func(ctx context.Context, tx *bot.Tx) (*bot.Operation, error) {
	return func(ctx context.Context, tx *bot.Tx) (*bot.Operation, error) { return tx.Operations.Get(ctx, id) }
}

func (e *env) claimOps(owner, deadPrefix string) []*bot.Operation {
	e.t.Helper()
	return get(e, func(ctx context.Context, tx *bot.Tx) ([]*bot.Operation, error) {
		return tx.Operations.Claim(ctx, owner, deadPrefix, e.now(), lease, 99)
	})
}

func opIDs(list []*bot.Operation) (out []string) {
	for _, op := range list {
		out = append(out, op.ID)
	}
	return out
}

func operationWhole(t *testing.T, e *env) {
	op := &bot.Operation{
		ID: "0123456789", Kind: "deploy", ProjectID: "p", Subject: "s", Environment: "e",
		Input: json.RawMessage(`{"a":1}`), State: bot.OperationWaiting, Error: "x", Requester: bot.User{ID: "u", Groups: []string{"g"}},
		Message: bot.Message{ID: "m", Room: room("r"), SentAt: e.now()}, LeaseOwner: "o", LeaseUntil: e.now(), Epoch: 3,
		WakeAt: e.now(), CreatedAt: e.now(), FinishedAt: e.now(), Cause: bot.Cause{Cause: "c", Root: "r"},
	}
	e.insert(op)
	same(t, get(e, getOperation(op.ID)), op)
	e.refused(bot.CodeConflict, func(ctx context.Context, tx *bot.Tx) error { return tx.Operations.Insert(ctx, op) })
}

func operationPrefix(t *testing.T, e *env) {
	for _, id := range []string{"abcdef1", "abcdef2", "abcxyz1", "zzzzzz"} {
		op := operation(e, bot.OperationRunning)
		op.ID = id
		e.insert(op)
	}
	if got := get(e, getOperation("abcxyz")); got.ID != "abcxyz1" {
		t.Errorf("got %s", got.ID)
	}
	for id, want := range map[string]bot.Code{
		"abcdef": bot.CodeConflict, "abcx": bot.CodeNotFound, "": bot.CodeNotFound,
		"abcxyz11": bot.CodeNotFound, "abc_yz": bot.CodeNotFound, "abc%%%": bot.CodeNotFound,
	} {
		e.refused(want, func(ctx context.Context, tx *bot.Tx) error {
			_, err := getOperation(id)(ctx, tx)
			return err
		})
	}
}

// operationShort: the end of an id is what cards show and people type.
func operationShort(t *testing.T, e *env) {
	for _, id := range []string{"01a1fc4c-f5e5-7479-8154-e458cd7b9b2c", "01a1fc4c-f5e5-7479-8154-aaaaaaaaaaaa", "01a1fc4d-0000-7000-8000-aaaaaaaaaaaa"} {
		op := operation(e, bot.OperationRunning)
		op.ID = id
		e.insert(op)
	}
	if got := get(e, getOperation("E458CD7B9B2C")); got.ID != "01a1fc4c-f5e5-7479-8154-e458cd7b9b2c" {
		t.Errorf("got %s", got.ID)
	}
	for id, want := range map[string]bot.Code{"aaaaaaaaaaaa": bot.CodeConflict, "e458cd7b9b2d": bot.CodeNotFound} {
		e.refused(want, func(ctx context.Context, tx *bot.Tx) error {
			_, err := getOperation(id)(ctx, tx)
			return err
		})
	}
}

func operationStale(t *testing.T, e *env) {
	op := e.insert(operation(e, bot.OperationRunning))
	mine := e.claimOps("a:1", "a:")[0]
	if mine.Epoch != op.Epoch+1 || mine.LeaseOwner != "a:1" || !mine.LeaseUntil.Equal(e.now().Add(lease)) {
		t.Errorf("claimed %s", show(mine))
	}
	e.clock.Advance(lease)
	theirs := e.claimOps("b:1", "b:")[0]
	mine.State = bot.OperationSucceeded
	e.refused(bot.CodeStale, save(mine))
	theirs.State, theirs.Error, theirs.ProjectID, theirs.FinishedAt, theirs.WakeAt =
		bot.OperationFailed, "why", "q", e.now(), e.now().Add(time.Hour)
	e.write(save(theirs))
	same(t, get(e, getOperation(op.ID)), theirs)
	theirs.ID = "none"
	e.refused(bot.CodeNotFound, save(theirs))
}

func operationDue(t *testing.T, e *env) {
	add := func(state bot.OperationState, wake time.Time) string {
		op := operation(e, state)
		op.WakeAt = wake
		return e.insert(op).ID
	}
	soon := e.now().Add(time.Minute)
	var now, later []string
	now = append(now, add(bot.OperationRunning, time.Time{}), add(bot.OperationUndoing, e.now()), add(bot.OperationWaiting, e.now()))
	later = append(later, add(bot.OperationWaiting, soon), add(bot.OperationUndoing, soon))
	add(bot.OperationWaiting, time.Time{}) // for an event alone
	for _, state := range []bot.OperationState{bot.OperationSucceeded, bot.OperationFailed, bot.OperationUndone} {
		add(state, e.now())
	}
	same(t, opIDs(e.claimOps("a:1", "a:")), now)
	e.clock.Advance(time.Minute - time.Microsecond)
	if got := e.claimOps("a:1", "a:"); got != nil {
		t.Errorf("not due yet: %s", show(got))
	}
	e.clock.Advance(time.Microsecond)
	same(t, opIDs(e.claimOps("a:1", "a:")), append(now, later...)) // the first lease has ended, too
}

func operationLease(t *testing.T, e *env) {
	op := e.insert(operation(e, bot.OperationRunning))
	e.claimOps("node_1:old", "node_1:")
	for owner, prefix := range map[string]string{"node_1:old": "node_1:", "node_2:x": "node_2:", "nodeX1:x": "nodeX1:", "x": ""} {
		if got := e.claimOps(owner, prefix); got != nil {
			t.Errorf("%s took a live lease: %s", owner, show(got))
		}
	}
	got := e.claimOps("node_1:new", "node_1:") // the same node, started again
	if len(got) != 1 || got[0].Epoch != op.Epoch+2 {
		t.Errorf("the restarted node: %s", show(got))
	}
	e.clock.Advance(lease)
	if got := e.claimOps("node_2:x", "node_2:"); len(got) != 1 {
		t.Error("an ended lease was not taken")
	}
}

func operationFreed(t *testing.T, e *env) {
	e.insert(operation(e, bot.OperationRunning))
	op := e.claimOps("a:1", "a:")[0]
	op.LeaseUntil = e.now().Add(time.Hour) // renewed
	e.write(save(op))
	e.clock.Advance(lease)
	if got := e.claimOps("b:1", "b:"); got != nil {
		t.Errorf("took a renewed lease: %s", show(got))
	}
	op.LeaseOwner = ""
	e.write(save(op))
	if got := e.claimOps("b:1", "b:"); len(got) != 1 {
		t.Error("a freed lease was not taken")
	}
}

func operationFind(t *testing.T, e *env) {
	var made []string
	for i, state := range []bot.OperationState{bot.OperationRunning, bot.OperationSucceeded, bot.OperationFailed, bot.OperationUndone} {
		op := operation(e, state)
		op.Environment = []string{"staging", "production"}[i%2]
		op.Kind = []string{"deploy", "new-project"}[i/2]
		op.ProjectID = []string{"p", "q"}[i/2]
		made = append(made, e.insert(op).ID)
	}
	for _, c := range []struct {
		filter bot.OperationFilter
		want   []string
	}{
		{bot.OperationFilter{}, []string{made[3], made[2], made[1], made[0]}},
		{bot.OperationFilter{Limit: 1}, []string{made[3]}},
		{bot.OperationFilter{Open: true}, []string{made[2], made[0]}},
		{bot.OperationFilter{Environment: "staging", ProjectID: "p"}, []string{made[0]}},
		{bot.OperationFilter{Kind: "new-project"}, []string{made[3], made[2]}},
		{bot.OperationFilter{Kind: "other"}, nil},
		{bot.OperationFilter{Without: []string{"new-project", "other"}, Limit: 1}, []string{made[1]}},
	} {
		got := get(e, func(ctx context.Context, tx *bot.Tx) ([]*bot.Operation, error) {
			return tx.Operations.Find(ctx, c.filter)
		})
		same(t, opIDs(got), c.want)
	}
}

func stepWhole(t *testing.T, e *env) {
	op := e.insert(operation(e, bot.OperationRunning))
	second := bot.StepRow{OperationID: op.ID, Name: "b", Position: 2, Title: "B", State: bot.StepPending}
	first := bot.StepRow{
		OperationID: op.ID, Name: "a", Position: 1, Title: "A", State: bot.StepDone, Attempt: 2,
		Output: map[string]string{"k": "v"}, Detail: "d", URL: "u", Error: "e", Made: true, NotBefore: e.now(),
		StartedAt: e.now(), FinishedAt: e.now(),
	}
	insert := func(ctx context.Context, tx *bot.Tx) error { return tx.Steps.Insert(ctx, []bot.StepRow{second, first}) }
	e.write(insert)
	of := func(ctx context.Context, tx *bot.Tx) ([]bot.StepRow, error) { return tx.Steps.Of(ctx, op.ID) }
	same(t, get(e, of), []bot.StepRow{first, second})
	e.refused(bot.CodeConflict, insert)
	second.State, second.Output = bot.StepFailed, map[string]string{"x": "y"}
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Steps.Save(ctx, op.Epoch, second) })
	same(t, get(e, of), []bot.StepRow{first, second})
}

func stepStale(_ *testing.T, e *env) {
	op := e.insert(operation(e, bot.OperationRunning))
	row := bot.StepRow{OperationID: op.ID, Name: "a", State: bot.StepRunning}
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Steps.Insert(ctx, []bot.StepRow{row}) })
	e.claimOps("a:1", "a:")
	save := func(epoch int64, row bot.StepRow) func(ctx context.Context, tx *bot.Tx) error {
		return func(ctx context.Context, tx *bot.Tx) error { return tx.Steps.Save(ctx, epoch, row) }
	}
	e.refused(bot.CodeStale, save(op.Epoch, row))
	e.write(save(op.Epoch+1, row))
	row.Name = "none"
	e.refused(bot.CodeNotFound, save(op.Epoch+1, row))
	row.OperationID = "none"
	e.refused(bot.CodeNotFound, save(op.Epoch+1, row))
}
