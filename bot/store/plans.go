package store

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

type actionRow struct {
	bun.BaseModel `bun:"table:actions"`
	ID            string `bun:"id,pk"`
	Verb          string `bun:"verb"`
	Args          string `bun:"args"`
	PlanID        string `bun:"plan_id"`
	UserID        string `bun:"user_id"`
	roomCols
	ExpiresAt micros        `bun:"expires_at"`
	UsedAt    micros        `bun:"used_at"`
	Once      bool          `bun:"once"`
	Form      bool          `bun:"form"`
	Secret    doc[[]string] `bun:"secret"`
}

func (r actionRow) noun() bot.Action {
	return bot.Action{
		ID: r.ID, Verb: r.Verb, Args: rawJSON(r.Args), PlanID: r.PlanID, UserID: r.UserID, Room: r.ref(),
		ExpiresAt: r.ExpiresAt.time(), UsedAt: r.UsedAt.time(), Once: r.Once, Form: r.Form, Secret: r.Secret.V,
	}
}

// rawJSON gives a stored text as JSON, nil for none.
func rawJSON(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	return json.RawMessage(s)
}

type actions struct{ *work }

var _ bot.Actions = actions{}

// Put implements bot.Actions.
func (r actions) Put(ctx context.Context, a bot.Action) error {
	return upsert(ctx, r.work, &actionRow{
		ID: a.ID, Verb: a.Verb, Args: string(a.Args), PlanID: a.PlanID, UserID: a.UserID,
		roomCols: place(a.Room), ExpiresAt: us(a.ExpiresAt), UsedAt: us(a.UsedAt), Once: a.Once, Form: a.Form, Secret: docOf(a.Secret),
	}, "id")
}

// Get implements bot.Actions.
func (r actions) Get(ctx context.Context, id string) (bot.Action, error) {
	row, err := first[actionRow](ctx, r.work, bot.Errorf(bot.CodeNotFound, "This button is not known any more."), where("id = ?", id))
	if err != nil || row.UserID == "" {
		return row.noun(), err
	}
	now, err := r.became(ctx, []string{row.UserID})
	row.UserID = cmp.Or(now[row.UserID], row.UserID)
	return row.noun(), err
}

// Use implements bot.Actions.
func (r actions) Use(ctx context.Context, id string, now time.Time) error {
	n, err := r.raw(ctx, "use an action",
		"UPDATE actions SET used_at = ? WHERE id = ? AND (once = FALSE OR used_at = 0)", us(now), id)
	if err != nil || n > 0 {
		return err
	}
	if _, err := r.Get(ctx, id); err != nil {
		return err
	}
	return bot.Errorf(bot.CodeConflict, "That button has been used already.")
}

type planRow struct {
	bun.BaseModel `bun:"table:plans"`
	Seq           int64          `bun:"seq,pk,autoincrement"`
	ID            string         `bun:"id"`
	Body          doc[*bot.Plan] `bun:"body"`
	UserID        string         `bun:"user_id"`
	State         string         `bun:"state"`
	roomCols
	Thread    string `bun:"thread"`
	MessageID string `bun:"message_id"`
}

func (r planRow) noun() *bot.Plan { return r.Body.V }

type plans struct{ *work }

var _ bot.Plans = plans{}

// Put implements bot.Plans.
func (r plans) Put(ctx context.Context, p *bot.Plan) error {
	return upsert(ctx, r.work, &planRow{
		ID: p.ID, Body: docOf(p), UserID: p.UserID, State: p.State,
		roomCols: place(p.Message.Room), Thread: p.Message.Thread, MessageID: p.Message.ID,
	}, "id")
}

func noPlan(id string) *bot.Error { return bot.Errorf(bot.CodeNotFound, "There is no plan %q.", id) }

// Get implements bot.Plans.
func (r plans) Get(ctx context.Context, id string) (*bot.Plan, error) {
	return r.first(ctx, noPlan(id), where("id = ?", id))
}

func (r plans) first(ctx context.Context, missing *bot.Error, scopes ...scope) (*bot.Plan, error) {
	row, err := first[planRow](ctx, r.work, missing, scopes...)
	if err != nil {
		return row.noun(), err
	}
	plan := row.noun()
	return plan, r.follow(ctx, plan)
}

// follow names those whom the people of the plans were found to be: whoever asks and
// approves by two accounts is one person all the same.
func (r plans) follow(ctx context.Context, plans ...*bot.Plan) error {
	var ids []string
	for _, p := range plans {
		ids = append(append(ids, p.UserID), p.Approved...)
	}
	now, err := r.became(ctx, ids)
	if err != nil || len(now) == 0 {
		return err
	}
	for _, p := range plans {
		p.UserID = cmp.Or(now[p.UserID], p.UserID)
		var others []string
		for _, id := range p.Approved {
			if id = cmp.Or(now[id], id); id != p.UserID && !slices.Contains(others, id) {
				others = append(others, id)
			}
		}
		p.Approved = others
	}
	return nil
}

// InThread implements bot.Plans. A plan asked for at the top level answers there, in
// the thread below its request, and in the one below the plan itself.
func (r plans) InThread(ctx context.Context, room bot.RoomRef, thread string) (*bot.Plan, error) {
	return r.first(ctx, bot.Errorf(bot.CodeNotFound, "No plan is waiting here."),
		where("state = 'open'"), where(inRoom, room.Instance, room.Workspace, room.ID),
		where("(thread = ? OR message_id = ? OR ? <> '' AND EXISTS ("+planPost+"))", thread, thread, thread, thread), order("seq DESC"))
}

// planPost is the post that shows a plan as the message that starts a thread.
const planPost = `SELECT 1 FROM posts AS p WHERE p.message_id = ? AND p.post_key = 'plan:' || plan_row.id
	AND p.instance = plan_row.instance AND p.workspace = plan_row.workspace AND p.room_id = plan_row.room_id`

// Open implements bot.Plans.
func (r plans) Open(ctx context.Context, userID string) ([]*bot.Plan, error) {
	open, err := list(ctx, r.work, planRow.noun, where("state = 'open'"),
		where("(? = '' OR user_id = ? OR user_id IN (SELECT id FROM users WHERE joined_into = ?))", userID, userID, userID), order("seq DESC"))
	if err != nil {
		return nil, err
	}
	return open, r.follow(ctx, open...)
}
