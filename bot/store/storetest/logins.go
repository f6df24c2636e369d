package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"opsbot/bot"
)

func loginRules() []rule {
	return []rule{
		{"logins/a person's accounts, oldest first", loginsOf},
		{"logins/a deactivated account is kept as such", loginDisabled},
		{"logins/join makes one person of two", loginsJoined},
		{"logins/join follows who was joined before", loginsJoinedAgain},
		{"logins/join takes what stands for the person along", joinTakesAlong},
		{"logins/two at once join one person once", joinConcurrent},
		{"logins/part makes a person of one account", loginsParted},
		{"logins/part leaves no one with another's name", partNames},
		{"users/a name that is given again is somebody else's", nameReused},
		{"users/a second account's name is not the person's", secondName},
	}
}

func (e *env) logins(userID string) []bot.Login {
	e.t.Helper()
	return get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.Login, error) { return tx.Logins.Of(ctx, userID) })
}

func (e *env) byID(id string) bot.User {
	e.t.Helper()
	return get(e, func(ctx context.Context, tx *bot.Tx) (bot.User, error) { return tx.Users.ByID(ctx, id) })
}

func join(from, into string) func(ctx context.Context, tx *bot.Tx) error {
	return func(ctx context.Context, tx *bot.Tx) error { return tx.Logins.Join(ctx, from, into) }
}

func part(e *env, a bot.Account) func(ctx context.Context, tx *bot.Tx) (bot.User, error) {
	return func(ctx context.Context, tx *bot.Tx) (bot.User, error) { return tx.Logins.Part(ctx, a, e.now()) }
}

// people enlists a person for each name, a moment after one another; the name is the
// account's id, too.
func (e *env) people(names ...string) []bot.User {
	e.t.Helper()
	out := make([]bot.User, len(names))
	for i, name := range names {
		out[i] = e.user(account(name, name))
		e.clock.Advance(time.Second)
	}
	return out
}

func loginsOf(t *testing.T, e *env) {
	p := e.people("alice", "bob", "carol")
	e.write(join(p[2].ID, p[0].ID))
	e.write(join(p[1].ID, p[0].ID))
	same(t, e.logins(p[0].ID), []bot.Login{{Account: p[0].Account}, {Account: p[1].Account}, {Account: p[2].Account}})
	same(t, e.logins(p[1].ID), nil)
	same(t, e.logins("nobody"), nil)
}

func loginDisabled(t *testing.T, e *env) {
	made := e.user(account("1", "alice"))
	disable := func(a bot.Account, to bool) {
		t.Helper()
		e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Logins.Disable(ctx, a, to) })
	}
	elsewhere := account("1", "alice")
	elsewhere.Workspace = "elsewhere"
	disable(elsewhere, true) // is not known, and not made by this
	same(t, e.logins(made.ID), []bot.Login{{Account: made.Account}})
	disable(account("1", "another name"), true)
	same(t, e.logins(made.ID), []bot.Login{{Account: made.Account, Disabled: true}})
	if again := e.user(account("1", "renamed")); again.ID != made.ID || !e.logins(made.ID)[0].Disabled {
		t.Errorf("a new name makes the account active: %+v", e.logins(made.ID))
	}
	disable(made.Account, false)
	if e.logins(made.ID)[0].Disabled {
		t.Error("it stays deactivated for ever")
	}
	e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Users.Known(ctx, elsewhere)
		return err
	})
}

func loginsJoined(t *testing.T, e *env) {
	p := e.people("alice", "bob")
	alice, bob := p[0], p[1]
	e.write(join(bob.ID, alice.ID))
	if got := e.byID(bob.ID); got.ID != alice.ID || got.Name != "alice" || got.Account != alice.Account {
		t.Errorf("bob's id stands for %+v", got)
	}
	for _, a := range []bot.Account{alice.Account, bob.Account} {
		want := bot.User{ID: alice.ID, Name: "alice", Account: a}
		same(t, e.user(a), want)
		same(t, get(e, func(ctx context.Context, tx *bot.Tx) (bot.User, error) { return tx.Users.Known(ctx, a) }), want)
		same(t, get(e, byName("console", a.Name)), want)
	}
	same(t, get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.User, error) { return tx.Users.List(ctx) }), []bot.User{alice})
	e.refused(bot.CodeConflict, join(bob.ID, alice.ID))
	e.refused(bot.CodeConflict, join(alice.ID, bob.ID))
	e.refused(bot.CodeConflict, join(alice.ID, alice.ID))
	e.refused(bot.CodeNotFound, join("nobody", alice.ID))
	e.refused(bot.CodeNotFound, join(alice.ID, "nobody"))
	same(t, e.logins(alice.ID), []bot.Login{{Account: alice.Account}, {Account: bob.Account}})
}

// loginsJoinedAgain: whoever is meant by an old id goes along, and nobody is left
// between two people.
func loginsJoinedAgain(t *testing.T, e *env) {
	p := e.people("a", "b", "c", "d")
	e.write(join(p[0].ID, p[1].ID)) // a is b
	e.write(join(p[1].ID, p[2].ID)) // b is c
	for _, old := range p[:3] {
		if got := e.byID(old.ID); got.ID != p[2].ID {
			t.Errorf("%s is %s, want c", old.Name, got.Name)
		}
	}
	e.write(join(p[0].ID, p[3].ID)) // a, who is c by now, is d
	for _, old := range p {
		if got := e.byID(old.ID); got.ID != p[3].ID {
			t.Errorf("%s is %s, want d", old.Name, got.Name)
		}
	}
	if n := len(e.logins(p[3].ID)); n != 4 {
		t.Errorf("d has %d accounts", n)
	}
	next := e.people("e")[0]
	e.write(join(next.ID, p[1].ID)) // into whom b became
	if got := e.byID(next.ID); got.ID != p[3].ID {
		t.Errorf("e is %s, want d", got.Name)
	}
}

func joinTakesAlong(t *testing.T, e *env) {
	p := e.people("alice", "bob", "carol")
	alice, bob, carol := p[0], p[1], p[2]
	for hash, user := range map[string]string{"a": alice.ID, "b": bob.ID, "c": carol.ID} {
		s := session(e, hash, 0)
		s.UserID = user
		e.putSession(s)
	}
	lock := bot.EnvironmentState{ProjectID: "p", Environment: "staging", LockedBy: bob.ID, LockReason: "why"}
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Environments.Put(ctx, lock) })
	e.write(join(bob.ID, alice.ID))
	for hash, user := range map[string]string{"a": alice.ID, "b": alice.ID, "c": carol.ID} {
		if got := get(e, getSession(e, "git", hash)); got.UserID != user || got.Name != "laptop" {
			t.Errorf("session %s stands for %+v", hash, got)
		}
	}
	mine := get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.Session, error) {
		return tx.Sessions.List(ctx, "git", alice.ID)
	})
	if len(mine) != 2 {
		t.Errorf("alice has %d sessions", len(mine))
	}
	state := get(e, func(ctx context.Context, tx *bot.Tx) (bot.EnvironmentState, error) {
		return tx.Environments.Get(ctx, "p", "staging")
	})
	if state.LockedBy != alice.ID || state.LockReason != "why" {
		t.Errorf("locked by %+v", state)
	}
	button := bot.Action{ID: "x", Verb: "v", UserID: bob.ID, Room: room("r")} // as one who read before the join writes it
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Actions.Put(ctx, button) })
	got := get(e, func(ctx context.Context, tx *bot.Tx) (bot.Action, error) { return tx.Actions.Get(ctx, "x") })
	button.UserID = alice.ID
	same(t, got, button)
}

func joinConcurrent(t *testing.T, e *env) {
	p := e.people("alice", "bob")
	results := make(chan error, 8)
	for i := range 8 {
		go func() { results <- e.Write(t.Context(), join(p[i%2].ID, p[1-i%2].ID)) }()
	}
	won := 0
	for range 8 {
		switch err := <-results; bot.CodeOf(err) {
		case "":
			won++
		case bot.CodeConflict:
		default:
			t.Error(err)
		}
	}
	a, b := e.byID(p[0].ID), e.byID(p[1].ID)
	if won != 1 || a.ID != b.ID || len(e.logins(a.ID)) != 2 {
		t.Errorf("%d joined them: %+v, %+v", won, a, b)
	}
}

func loginsParted(t *testing.T, e *env) {
	p := e.people("alice", "bob")
	alice, bob := p[0], p[1]
	e.refused(bot.CodeConflict, func(ctx context.Context, tx *bot.Tx) error { return second(part(e, alice.Account)(ctx, tx)) })
	e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error { return second(part(e, account("9", ""))(ctx, tx)) })
	e.write(join(bob.ID, alice.ID))
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Logins.Disable(ctx, bob.Account, true) })
	own := get(e, part(e, account("bob", "any name")))
	if own.ID == alice.ID || own.ID == bob.ID || own.Name != "bob" || own.Account != bob.Account {
		t.Errorf("parted: %+v", own)
	}
	same(t, e.byID(own.ID), own)
	same(t, e.user(bob.Account), own)
	same(t, e.logins(own.ID), []bot.Login{{Account: bob.Account, Disabled: true}})
	same(t, e.logins(alice.ID), []bot.Login{{Account: alice.Account}})
	if e.byID(bob.ID).ID != alice.ID {
		t.Error("what bob did as alice is not alice's any more")
	}
	e.refused(bot.CodeConflict, func(ctx context.Context, tx *bot.Tx) error { return second(part(e, bob.Account)(ctx, tx)) })
	e.write(join(own.ID, alice.ID)) // and back
	if n := len(e.logins(alice.ID)); n != 2 {
		t.Errorf("alice has %d accounts", n)
	}
}

func partNames(t *testing.T, e *env) {
	p := e.people("alice", "bob")
	e.write(join(p[1].ID, p[0].ID))
	own := get(e, part(e, p[0].Account)) // after whom the person is called
	rest := e.byID(p[0].ID)
	if own.Name != "alice" || rest.Name != "bob" || rest.Account != p[1].Account || rest.ID == own.ID {
		t.Errorf("parted %+v, left %+v", own, rest)
	}
}

func nameReused(t *testing.T, e *env) {
	first := e.user(account("1", "alice"))
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Logins.Disable(ctx, first.Account, true) })
	next := e.user(account("2", "alice"))
	if next.ID == first.ID || e.logins(next.ID)[0].Disabled {
		t.Errorf("the new alice is the old one: %+v", next)
	}
	e.refused(bot.CodeConflict, func(ctx context.Context, tx *bot.Tx) error { return second(byName("console", "alice")(ctx, tx)) })
	e.user(account("1", "alice-old"))
	same(t, get(e, byName("console", "alice")), next)
	if got := e.byID(first.ID); got.Name != "alice-old" {
		t.Errorf("the old alice is %+v", got)
	}
}

func secondName(t *testing.T, e *env) {
	p := e.people("alice", "asmith")
	e.write(join(p[1].ID, p[0].ID))
	if got := e.user(account("asmith", "a.smith")); got.ID != p[0].ID || got.Name != "alice" {
		t.Errorf("renamed in the second chat: %+v", got)
	}
	if got := e.user(account("alice", "alicia")); got.Name != "alicia" {
		t.Errorf("renamed in the first chat: %+v", got)
	}
	same(t, get(e, byName("console", "a.smith")).ID, p[0].ID)
	if err := e.Read(t.Context(), func(ctx context.Context, tx *bot.Tx) error { return join(p[0].ID, p[1].ID)(ctx, tx) }); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("joined in a Read: %v", err)
	}
}
