package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

type operationRow struct {
	bun.BaseModel `bun:"table:operations"`
	Seq           int64            `bun:"seq,pk,autoincrement"`
	ID            string           `bun:"id"`
	Kind          string           `bun:"kind"`
	ProjectID     string           `bun:"project_id"`
	Subject       string           `bun:"subject"`
	Environment   string           `bun:"environment"`
	Input         string           `bun:"input"`
	State         string           `bun:"state"`
	Error         string           `bun:"error"`
	Requester     doc[bot.User]    `bun:"requester"`
	Message       doc[bot.Message] `bun:"message"`
	LeaseOwner    string           `bun:"lease_owner"`
	LeaseUntil    micros           `bun:"lease_until"`
	Epoch         int64            `bun:"epoch"`
	WakeAt        micros           `bun:"wake_at"`
	CreatedAt     micros           `bun:"created_at"`
	FinishedAt    micros           `bun:"finished_at"`
	cause
}

func (r operationRow) noun() *bot.Operation {
	return &bot.Operation{
		ID: r.ID, Kind: r.Kind, ProjectID: r.ProjectID, Subject: r.Subject, Environment: r.Environment,
		Input: rawJSON(r.Input), State: bot.OperationState(r.State), Error: r.Error, Requester: r.Requester.V,
		Message: r.Message.V, LeaseOwner: r.LeaseOwner, LeaseUntil: r.LeaseUntil.time(), Epoch: r.Epoch,
		WakeAt: r.WakeAt.time(), CreatedAt: r.CreatedAt.time(), FinishedAt: r.FinishedAt.time(), Cause: r.cause.noun(),
	}
}

// openStates are those that nobody has to help on; the indexes name the same.
const openStates = "state IN ('running', 'undoing', 'waiting')"

type operations struct{ *work }

var _ bot.Operations = operations{}

// Insert implements bot.Operations; CodeConflict when the id is taken.
func (r operations) Insert(ctx context.Context, op *bot.Operation) error {
	row := operationRow{
		ID: op.ID, Kind: op.Kind, ProjectID: op.ProjectID, Subject: op.Subject, Environment: op.Environment,
		Input: string(op.Input), State: string(op.State), Error: op.Error, Requester: docOf(op.Requester),
		Message: docOf(op.Message), LeaseOwner: op.LeaseOwner, LeaseUntil: us(op.LeaseUntil), Epoch: op.Epoch,
		WakeAt: us(op.WakeAt), CreatedAt: us(op.CreatedAt), FinishedAt: us(op.FinishedAt), cause: causeOf(op.Cause),
	}
	if err := insert(ctx, r.work, &row, taken("an operation", op.ID)); err != nil {
		return err
	}
	r.wake(bot.QueueOperations, op.WakeAt)
	return nil
}

// shortID is the length of what people are shown of an operation's id: its last,
// random part. Its beginning is the time and the same for hours.
const shortID = 12

// Get implements bot.Operations. A text that fits several is CodeConflict.
func (r operations) Get(ctx context.Context, id string) (*bot.Operation, error) {
	missing := bot.Errorf(bot.CodeNotFound, "There is no operation %q.", id)
	row, err := first[operationRow](ctx, r.work, missing, where("id = ?", id))
	if err == nil || bot.CodeOf(err) != bot.CodeNotFound || len(id) < 6 {
		return row.noun(), err
	}
	fits := prefixed("id", id)
	if len(id) == shortID && !strings.Contains(id, "-") {
		fits = where("substr(id, 25) = ?", strings.ToLower(id))
	}
	found, err := list(ctx, r.work, operationRow.noun, fits, order("id"), limit(2))
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, missing
	case len(found) > 1:
		return nil, bot.Errorf(bot.CodeConflict, "Several operations fit %q; write more of the id.", id)
	}
	return found[0], nil
}

// prefixed selects the values that begin with prefix, by an index.
func prefixed(column, prefix string) scope {
	// U+10FFFF is the last character there is, and stands for none.
	return where("? >= ? AND ? < ?", bun.Ident(column), prefix, bun.Ident(column), prefix+"\U0010ffff")
}

// Save implements bot.Operations.
func (r operations) Save(ctx context.Context, op *bot.Operation) error {
	until := us(op.LeaseUntil)
	if op.LeaseOwner == "" {
		until = 0
	}
	n, err := r.raw(ctx, "save an operation", `UPDATE operations SET state = ?, error = ?, project_id = ?, wake_at = ?,
		finished_at = ?, lease_owner = ?, lease_until = ?, cause = ?, root = ? WHERE id = ? AND epoch = ?`,
		string(op.State), op.Error, op.ProjectID, us(op.WakeAt), us(op.FinishedAt), op.LeaseOwner, until, op.Cause.Cause, op.Cause.Root,
		op.ID, op.Epoch)
	if err != nil {
		return err
	}
	if n == 0 {
		return r.stale(ctx, op.ID, op.Epoch)
	}
	if !op.WakeAt.IsZero() && op.State == bot.OperationWaiting {
		r.wake(bot.QueueOperations, op.WakeAt)
	}
	return nil
}

// stale explains a lost compare-and-set.
func (w *work) stale(ctx context.Context, id string, epoch int64) error {
	row, err := first[operationRow](ctx, w, bot.Errorf(bot.CodeNotFound, "There is no operation %q.", id), where("id = ?", id))
	if err != nil {
		return err
	}
	return bot.Errorf(bot.CodeStale, "Somebody else goes on with the operation %s (epoch %d, not %d).", id, row.Epoch, epoch)
}

// Claim implements bot.Operations.
func (r operations) Claim(ctx context.Context, owner, deadPrefix string, now time.Time, lease time.Duration, n int) ([]*bot.Operation, error) {
	t := us(now)
	rows, err := leased[operationRow](ctx, r.work, r.claim(),
		[]any{t, t, deadPrefix, len([]rune(deadPrefix)), deadPrefix, owner, n}, []any{owner, us(now.Add(lease))})
	slices.SortFunc(rows, func(a, b operationRow) int { return int(a.Seq - b.Seq) })
	return convert(rows, operationRow.noun), err
}

func (operations) claim() claim {
	return claim{
		table: "operations", key: "seq", lock: "operations",
		due: `SELECT seq FROM operations
		WHERE ` + openStates + ` AND (state <> 'waiting' OR wake_at > 0) AND wake_at <= ?+0
		AND (lease_owner = '' OR lease_until <= ?+0 OR (? <> '' AND substr(lease_owner, 1, ?) = ? AND lease_owner <> ?))
		ORDER BY seq LIMIT ?+0`,
		set: "lease_owner = ?, lease_until = ?, epoch = epoch + 1",
	}
}

// Find implements bot.Operations.
func (r operations) Find(ctx context.Context, f bot.OperationFilter) ([]*bot.Operation, error) {
	scopes := []scope{order("seq DESC"), limit(orDefault(f.Limit))}
	if f.ProjectID != "" {
		scopes = append(scopes, where("project_id = ?", f.ProjectID))
	}
	if f.Environment != "" {
		scopes = append(scopes, where("environment = ?", f.Environment))
	}
	if f.Kind != "" {
		scopes = append(scopes, where("kind = ?", f.Kind))
	}
	if len(f.Without) > 0 {
		scopes = append(scopes, where("kind NOT IN (?)", bun.List(f.Without)))
	}
	if f.Open {
		scopes = append(scopes, where("state NOT IN ('succeeded', 'undone')"))
	}
	return list(ctx, r.work, operationRow.noun, scopes...)
}

// orDefault is the length of a list when the filter does not say.
func orDefault(n int) int {
	if n <= 0 {
		return 50
	}
	return n
}
