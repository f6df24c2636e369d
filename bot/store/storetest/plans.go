package storetest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"opsbot/bot"
)

func planRules() []rule {
	return []rule{
		{"actions/used once", actionOnce},
		{"plans/come back whole and change", planWhole},
		{"plans/the newest open one of a thread", planInThread},
		{"plans/answered below their own post", planBelowPost},
		{"plans/open ones of a user", planOpen},
		{"plans/of people who were found to be one", planJoined},
	}
}

func actionOnce(t *testing.T, e *env) {
	once := bot.Action{
		ID: "once", Verb: "deploy", Args: json.RawMessage(`{"a":1}`), PlanID: "p", UserID: "u", Room: room("r"),
		ExpiresAt: e.now().Add(time.Hour), Once: true, Form: true, Secret: []string{"value"},
	}
	often := bot.Action{ID: "often", Verb: "log", Room: room("r")}
	use := func(id string) func(ctx context.Context, tx *bot.Tx) error {
		return func(ctx context.Context, tx *bot.Tx) error { return tx.Actions.Use(ctx, id, e.now()) }
	}
	for _, a := range []bot.Action{once, often} {
		e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Actions.Put(ctx, a) })
		same(t, get(e, func(ctx context.Context, tx *bot.Tx) (bot.Action, error) { return tx.Actions.Get(ctx, a.ID) }), a)
		e.write(use(a.ID))
	}
	e.refused(bot.CodeConflict, use("once"))
	e.write(use("often"))
	e.refused(bot.CodeNotFound, use("none"))
	got := get(e, func(ctx context.Context, tx *bot.Tx) (bot.Action, error) { return tx.Actions.Get(ctx, "once") })
	if !got.UsedAt.Equal(e.now()) {
		t.Errorf("used at %v", got.UsedAt)
	}
}

func plan(e *env, id, user, r, message, thread string) *bot.Plan {
	return &bot.Plan{
		ID: id, Verb: "deploy", UserID: user, State: "open", Hash: "h", CreatedAt: e.now(),
		Message: bot.Message{ID: message, Room: room(r), Thread: thread},
	}
}

func (e *env) putPlan(p *bot.Plan) *bot.Plan {
	e.t.Helper()
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Plans.Put(ctx, p) })
	return p
}

func planWhole(t *testing.T, e *env) {
	p := plan(e, "abc123", "u", "r", "m", "t")
	p.Args = bot.Args{Values: map[string]string{"NAME": "x"}, Pairs: []bot.Pair{{Key: "b", Value: "1"}, {Key: "a", Value: "2"}}}
	p.Lines, p.Warnings, p.Typed, p.Content = []bot.Text{"l"}, []bot.Text{"w"}, "x", json.RawMessage(`{"v":"1"}`)
	p.Approvals, p.Approved, p.ExpiresAt, p.Cause = 1, []string{"v"}, e.now().Add(time.Hour), bot.Cause{Root: "r"}
	read := func(ctx context.Context, tx *bot.Tx) (*bot.Plan, error) { return tx.Plans.Get(ctx, "abc123") }
	e.putPlan(p)
	same(t, get(e, read), p)
	p.State = "confirmed"
	e.putPlan(p)
	same(t, get(e, read), p)
	e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Plans.Get(ctx, "none")
		return err
	})
}

func planInThread(t *testing.T, e *env) {
	e.putPlan(plan(e, "old", "u", "r", "m1", "t"))
	newest := e.putPlan(plan(e, "new", "u", "r", "m2", "t"))
	top := e.putPlan(plan(e, "top", "u", "r", "m3", ""))
	e.putPlan(plan(e, "elsewhere", "u", "s", "m4", "t"))
	closed := plan(e, "closed", "u", "r", "m5", "t")
	closed.State = "cancelled"
	e.putPlan(closed)
	in := func(thread string) func(ctx context.Context, tx *bot.Tx) (*bot.Plan, error) {
		return func(ctx context.Context, tx *bot.Tx) (*bot.Plan, error) {
			return tx.Plans.InThread(ctx, room("r"), thread)
		}
	}
	same(t, get(e, in("t")), newest)
	same(t, get(e, in("m3")), top) // the thread below the request
	same(t, get(e, in("")), top)
	e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error {
		_, err := in("other")(ctx, tx)
		return err
	})
}

func planOpen(t *testing.T, e *env) {
	a := e.putPlan(plan(e, "a", "u", "r", "1", ""))
	b := e.putPlan(plan(e, "b", "v", "r", "2", ""))
	c := plan(e, "c", "u", "r", "3", "")
	c.State = "expired"
	e.putPlan(c)
	d := e.putPlan(plan(e, "d", "u", "s", "4", ""))
	open := func(user string) []*bot.Plan {
		return get(e, func(ctx context.Context, tx *bot.Tx) ([]*bot.Plan, error) { return tx.Plans.Open(ctx, user) })
	}
	same(t, open("u"), []*bot.Plan{d, a})
	same(t, open(""), []*bot.Plan{d, b, a})
	same(t, open("w"), nil)
}

// planBelowPost: where a request leaves no message to answer under, the plan's own post
// is what people answer.
func planBelowPost(t *testing.T, e *env) {
	p := e.putPlan(plan(e, "abc123", "u", "r", "m1", ""))
	older := e.putPlan(plan(e, "def456", "u", "r", "m2", ""))
	for _, shown := range [][2]string{{"r", "plan:abc123"}, {"s", "plan:def456"}, {"r", "plan:none"}, {"r", "note:abc123"}} {
		e.put(post(shown[0], shown[1], "t"))
		e.delivered(e.post(shown[0], shown[1]))
	}
	in := func(thread string) func(ctx context.Context, tx *bot.Tx) (*bot.Plan, error) {
		return func(ctx context.Context, tx *bot.Tx) (*bot.Plan, error) {
			return tx.Plans.InThread(ctx, room("r"), thread)
		}
	}
	same(t, get(e, in("m-plan:abc123")), p)
	same(t, get(e, in("m2")), older)
	for _, elsewhere := range []string{"m-plan:def456", "m-plan:none", "m-note:abc123"} {
		e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error { return second(in(elsewhere)(ctx, tx)) })
	}
	p.State = "confirmed"
	e.putPlan(p)
	e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error { return second(in("m-plan:abc123")(ctx, tx)) })
}

// planJoined: whoever is one person can't agree with himself.
func planJoined(t *testing.T, e *env) {
	p := e.people("alice", "bob", "carol", "dave")
	alice, bob, carol, dave := p[0].ID, p[1].ID, p[2].ID, p[3].ID
	asked := plan(e, "abc123", bob, "r", "m1", "t")
	asked.Approvals, asked.Approved = 2, []string{alice, carol, dave}
	e.putPlan(asked)
	e.write(join(bob, alice))  // who asked, and one who approved
	e.write(join(dave, carol)) // two who approved
	want := plan(e, "abc123", alice, "r", "m1", "t")
	want.Approvals, want.Approved = 2, []string{carol}
	read := map[string]func(ctx context.Context, tx *bot.Tx) (*bot.Plan, error){
		"by id": func(ctx context.Context, tx *bot.Tx) (*bot.Plan, error) { return tx.Plans.Get(ctx, "abc123") },
		"by thread": func(ctx context.Context, tx *bot.Tx) (*bot.Plan, error) {
			return tx.Plans.InThread(ctx, room("r"), "t")
		},
		"open": func(ctx context.Context, tx *bot.Tx) (*bot.Plan, error) {
			open, err := tx.Plans.Open(ctx, alice)
			if err != nil || len(open) != 1 {
				t.Errorf("alice has %d open plans, %v", len(open), err)
				return nil, err
			}
			return open[0], nil
		},
	}
	for how, fn := range read {
		t.Log(how)
		same(t, get(e, fn), want)
	}
	e.putPlan(want) // as who changes it writes it
	same(t, get(e, read["open"]), want)
	for _, id := range []string{bob, carol, dave} {
		if open := get(e, func(ctx context.Context, tx *bot.Tx) ([]*bot.Plan, error) { return tx.Plans.Open(ctx, id) }); open != nil {
			t.Errorf("%s has open plans: %s", id, show(open))
		}
	}
}
