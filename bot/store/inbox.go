package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

type inboxRow struct {
	bun.BaseModel `bun:"table:inbox"`
	Seq           int64              `bun:"seq,pk,autoincrement"`
	ID            string             `bun:"id"`
	Instance      string             `bun:"instance"`
	DeliveryKey   string             `bun:"delivery_key"`
	Delivery      doc[*bot.Delivery] `bun:"delivery"` // without its body
	Body          []byte             `bun:"body"`
	Event         doc[*bot.Event]    `bun:"event"`
	ScopeProject  string             `bun:"scope_project"`
	State         string             `bun:"state"`
	Attempts      int                `bun:"attempts"`
	Error         string             `bun:"error"`
	ReceivedAt    micros             `bun:"received_at"`
	NotBefore     micros             `bun:"not_before"`
	LeaseOwner    string             `bun:"lease_owner"`
	LeaseUntil    micros             `bun:"lease_until"`
	cause
}

func (r inboxRow) noun() bot.InboxRow {
	out := bot.InboxRow{
		ID: r.ID, Instance: r.Instance, Key: r.DeliveryKey, Delivery: r.Delivery.V, Event: r.Event.V,
		Scope: bot.Scope{ProjectID: r.ScopeProject}, State: r.State, Attempts: r.Attempts, Error: r.Error,
		Received: r.ReceivedAt.time(), Cause: r.cause.noun(),
	}
	if out.Delivery != nil {
		out.Delivery.Body = r.Body
	}
	return out
}

type inbox struct{ *work }

var _ bot.Inbox = inbox{}

// addDelivery is written by hand: it is the hottest statement, and a body of some
// kilobytes is cheaper as a parameter than as a literal in the text.
const addDelivery = `INSERT INTO inbox (id, instance, delivery_key, delivery, body, event, scope_project, state,
	attempts, error, received_at, not_before, lease_owner, lease_until, cause, root)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, '', 0, $12, $13)
	ON CONFLICT (instance, delivery_key) DO NOTHING`

// Add implements bot.Inbox.
func (r inbox) Add(ctx context.Context, rows ...bot.InboxRow) (int, error) {
	stmt := r.db.Tx.StmtContext(ctx, r.s.addDelivery) // ends with the transaction
	var added int64
	for _, row := range rows {
		args, err := r.args(row)
		if err != nil {
			return 0, r.fail("store a delivery", nil, err)
		}
		res, err := stmt.ExecContext(ctx, args...)
		if err != nil {
			return 0, r.fail("store a delivery", nil, err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return 0, r.fail("store a delivery", nil, err)
		}
		added += n
	}
	if added > 0 {
		r.wake(bot.QueueInbox, r.s.clock.Now())
	}
	return int(added), nil
}

// args fills in what the row lacks.
func (r inbox) args(row bot.InboxRow) ([]any, error) {
	if row.Received.IsZero() {
		row.Received = r.s.clock.Now()
	}
	if row.ID == "" {
		row.ID = bot.NewID(row.Received)
	}
	if row.State == "" {
		row.State = "new"
	}
	if row.Cause.Root == "" {
		row.Cause.Root = row.ID
	}
	var body []byte
	head := row.Delivery
	if head != nil {
		bare := *head
		body, bare.Body = bare.Body, nil
		head = &bare
	}
	delivery, err := docOf(head).Value()
	if err != nil {
		return nil, err
	}
	event, err := docOf(row.Event).Value()
	if err != nil {
		return nil, err
	}
	texts := []*string{&row.ID, &row.Instance, &row.Key, &row.Scope.ProjectID, &row.State, &row.Error, &row.Cause.Cause, &row.Cause.Root}
	for _, t := range texts {
		*t = strings.ToValidUTF8(withoutNUL(*t), "\ufffd")
	}
	return []any{
		row.ID, row.Instance, row.Key, delivery, body, event, row.Scope.ProjectID, row.State,
		row.Attempts, row.Error, int64(us(row.Received)), row.Cause.Cause, row.Cause.Root,
	}, nil
}

// Claim implements bot.Inbox.
func (r inbox) Claim(ctx context.Context, owner string, now time.Time, lease time.Duration, n int) ([]bot.InboxRow, error) {
	rows, err := leased[inboxRow](ctx, r.work, r.claim(), []any{us(now), us(now), n}, []any{owner, us(now.Add(lease))})
	slices.SortFunc(rows, func(a, b inboxRow) int { return int(a.Seq - b.Seq) })
	return convert(rows, inboxRow.noun), err
}

func (inbox) claim() claim {
	return claim{
		table: "inbox", key: "seq", lock: "inbox",
		due: "SELECT seq FROM inbox WHERE state = 'new' AND not_before <= ?+0 AND lease_until <= ?+0 ORDER BY seq LIMIT ?+0",
		set: "lease_owner = ?, lease_until = ?, attempts = attempts + 1",
	}
}

// Done implements bot.Inbox.
func (r inbox) Done(ctx context.Context, id, state, problem string) error {
	if state != "done" && state != "ignored" && state != "failed" {
		return bot.Errorf(bot.CodeInvalid, "A delivery can't end as %q.", state)
	}
	n, err := r.raw(ctx, "end a delivery",
		"UPDATE inbox SET state = ?, error = ?, lease_owner = '', lease_until = 0 WHERE id = ? AND state = 'new'", state, problem, id)
	if err != nil || n > 0 {
		return err
	}
	return r.ended(ctx, id)
}

// ended explains why a row could not be changed.
func (r inbox) ended(ctx context.Context, id string) error {
	row, err := first[inboxRow](ctx, r.work, bot.Errorf(bot.CodeNotFound, "There is no delivery %q.", id), where("id = ?", id))
	if err != nil {
		return err
	}
	return bot.Errorf(bot.CodeStale, "The delivery %q has ended already: %s.", id, row.State)
}

// Postpone implements bot.Inbox.
func (r inbox) Postpone(ctx context.Context, id string, notBefore time.Time, problem string) error {
	n, err := r.raw(ctx, "postpone a delivery",
		"UPDATE inbox SET not_before = ?, error = ?, lease_owner = '', lease_until = 0 WHERE id = ? AND state = 'new'",
		us(notBefore), problem, id)
	if err != nil {
		return err
	}
	if n == 0 {
		return r.ended(ctx, id)
	}
	r.wake(bot.QueueInbox, notBefore)
	return nil
}

// Known implements bot.Inbox.
func (r inbox) Known(ctx context.Context, instance string, keys []string) (map[string]bool, error) {
	known := map[string]bool{}
	for part := range slices.Chunk(keys, 500) {
		var found []string
		err := r.db.NewRaw("SELECT delivery_key FROM inbox WHERE instance = ? AND delivery_key IN (?)",
			instance, bun.List(part)).Scan(ctx, &found)
		if err != nil {
			return nil, r.fail("look for deliveries", nil, err)
		}
		for _, k := range found {
			known[k] = true
		}
	}
	return known, nil
}
