package router

import (
	"context"
	"testing"
	"time"

	"opsbot/bot"
)

// newThread gives a router with every real verb, none of which does anything, and
// a thread that is about the project hello: it has built main and topic, was made
// by the operation op, and there is an open plan of alice in the thread p1.
func newThread(t *testing.T) (r *rig, op *bot.Operation) {
	t.Helper()
	r = newRig(t)
	hello := r.project("hello")
	r.opt.Commands = nil
	for _, spec := range allSpecs(t) {
		r.opt.Commands = append(r.opt.Commands, &fake{spec, func(_ context.Context, req *bot.Request) (*bot.Outcome, error) {
			r.ran = append(r.ran, req.Spec.Format(req.Args))
			return &bot.Outcome{}, nil
		}})
	}
	r.opt.Names = map[bot.ParamType][]string{bot.ParamEnvironment: {"staging", "production"}, bot.ParamBlueprint: {"tiny"}}
	r.reopen()
	change := bot.Change{ProjectID: hello.ID, Branch: "main", Commit: "c1"}
	op = &bot.Operation{ID: bot.NewID(r.clock.Now()), Kind: "k", ProjectID: hello.ID, State: bot.OperationFailed, CreatedAt: r.clock.Now()}
	r.write(func(ctx context.Context, tx *bot.Tx) (err error) {
		if change, err = tx.Changes.Ensure(ctx, change); err != nil {
			return err
		}
		if err := tx.Operations.Insert(ctx, op); err != nil {
			return err
		}
		_, err = tx.Builds.Put(ctx, bot.Build{
			ProjectID: hello.ID, Instance: "ci", Ref: bot.BuildRef{Job: "hello", Branch: "topic", Number: 1}, State: bot.BuildFinished, Commit: "c1", Sequence: 1,
		})
		return err
	})
	r.card("change", change.ID, "card")
	r.shown(bot.Post{Key: "other", Text: []bot.Text{"about nothing"}}, "bare", "")
	for _, p := range []struct{ id, typed string }{{"k3f9aa", ""}, {"k3f9bb", "hello"}} {
		r.shown(bot.Post{Key: "plan:" + p.id, Text: []bot.Text{"a plan"}}, "post-"+p.id, "p-"+p.id)
		alice := r.say("alice", "!whoami").m
		plan := &bot.Plan{ID: p.id, Verb: "deploy", Typed: p.typed, State: "open", ExpiresAt: r.clock.Now().Add(time.Hour), Message: bot.Message{Room: room(), ID: "p-" + p.id}}
		r.write(func(ctx context.Context, tx *bot.Tx) error {
			u, err := tx.Users.ByAccount(ctx, alice.Author, r.clock.Now())
			plan.UserID = u.ID
			if err != nil {
				return err
			}
			return tx.Plans.Put(ctx, plan)
		})
	}
	r.ran = nil
	return r, op
}

// TestThreadRunsWholeCalls: in a thread that the bot is in nobody has to address
// it, as long as nothing else can be meant.
func TestThreadRunsWholeCalls(t *testing.T) {
	t.Parallel()
	r, op := newThread(t)
	for _, c := range []struct{ thread, line, ran string }{
		{"bare", "status", "status"},
		{"bare", "STATUS hello", "status hello"},
		{"bare", "status staging", "status staging"},
		{"bare", "help deploy", "help deploy"},
		{"bare", "blueprints tiny", "blueprints tiny"},
		{"bare", "show hello", "project hello"},
		{"bare", "history hello production", "history hello production"},
		{"bare", "rollback hello in production to 0.1.0-1", "rollback hello in production to 0.1.0-1"},
		{"bare", "lock hello in staging because no, that's wrong", `lock hello in staging because "no, that's wrong"`},
		{"bare", "buildNow hello topic x=1", "buildNow hello topic x=1"},
		{"bare", "retry " + op.ID, "retry " + op.ID},
		{"bare", "skip " + op.ID + " webhook", "skip " + op.ID + " webhook"},
		// What the thread is about may be left out.
		{"card", "log", "log hello"},
		{"card", "log #3", "log hello #3"},
		{"card", "stop #3", "abort hello #3"},
		{"card", "deploy to production", "deploy hello to production"},
		// A plan is answered where it stands.
		{"p-k3f9aa", "confirm", "confirm"},
		{"p-k3f9aa", "yes", "confirm"},
		{"p-k3f9aa", "no", "cancel"},
		{"p-k3f9aa", "cancel k3f9aa", "cancel k3f9aa"},
		{"bare", "yes k3f9aa", "confirm k3f9aa"},
		{"bare", "confirm", "confirm"}, // is told that no plan waits
		{"p-k3f9bb", "confirm hello", "confirm hello"},
		{"p-k3f9bb", "confirm helo", "confirm helo"}, // is told what to type
	} {
		r.ran = nil
		r.say("alice", c.line, inThread(c.thread))
		if len(r.ran) != 1 || r.ran[0] != c.ran {
			t.Errorf("in %s %q ran %q, want %q", c.thread, c.line, r.ran, c.ran)
		}
	}
}

// TestThreadLeavesPeopleAlone: sentences that only start with a verb are theirs.
func TestThreadLeavesPeopleAlone(t *testing.T) {
	t.Parallel()
	r, _ := newThread(t)
	for _, line := range []string{
		"no, that's wrong", "no", "yes", "yes please", "no idea", "yes!", "stop", "stop it", "stop that build", "list", "list of things", "show me", "show me the log",
		"show", "?", "??", "commands", "ops", "build", "build failed", "builds fail", "revert", "revert it", "logs", "log please", "logs are empty",
		"status is fine", "status please", "status?", "project deadline", "projects are late", "history repeats", "help me", "deploy",
		"deploy it", "deploy it to customers", "deploy hello", "deploy hello to customers", "deploy to the moon", "restart in anger", "lock it", "promote hello", "rollback",
		"confirm please", "confirm that", "cancel the meeting", "cancel it", "diff", "undo that", "retry later", "skip it", "skip hello webhook",
		"new-project failed", "new-project hello", "audit tomorrow", "buildNow hello nobranch", "blueprints please", "abort mission",
		`deploy "hello`, `"status"`, "", "status --please", "help a b",
	} {
		r.ran = nil
		got := r.say("alice", line, inThread("bare"))
		if len(r.ran) != 0 || got.post != nil || len(got.audit) != 0 {
			t.Errorf("%q ran %q, is answered %q, audited %+v", line, r.ran, got.text(), got.audit)
		}
	}
	// In a card's thread, too, and in that of a plan of somebody else.
	for _, c := range []struct{ from, thread, line string }{
		{"alice", "card", "stop"},
		{"alice", "card", "show"},
		{"alice", "card", "build"},
		{"alice", "card", "deploy it"},
		{"alice", "card", "log it"},
		{"bob", "p-k3f9aa", "yes"},
		{"bob", "p-k3f9aa", "no"},
		{"alice", "p-k3f9aa", "yes, but later"},
		{"alice", "p-k3f9aa", "confirm it"},
		{"alice", "p-k3f9bb", "confirm anyone?"},
		{"alice", "elsewhere", "status"},
	} {
		r.ran = nil
		if got := r.say(c.from, c.line, inThread(c.thread)); len(r.ran) != 0 || got.post != nil {
			t.Errorf("in %s %q ran %q, is answered %q", c.thread, c.line, r.ran, got.text())
		}
	}
}
