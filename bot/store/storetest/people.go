package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"opsbot/bot"
)

func peopleRules() []rule {
	return []rule{
		{"users/an account is one user for ever", accountIsOneUser},
		{"users/known without a write", accountKnown},
		{"users/by name without regard to case", userByName},
		{"users/a name of two people is a conflict", userNameConflict},
		{"users/nobody gets the system's name", systemNameReserved},
		{"users/list", userList},
		{"sessions/kept as put", sessionKept},
		{"sessions/an expired one is not found", sessionExpires},
		{"sessions/take is once", sessionTakenOnce},
		{"sessions/revoked", sessionRevoked},
	}
}

func (e *env) user(a bot.Account) bot.User {
	e.t.Helper()
	return get(e, func(ctx context.Context, tx *bot.Tx) (bot.User, error) { return tx.Users.ByAccount(ctx, a, e.now()) })
}

func accountIsOneUser(t *testing.T, e *env) {
	made := e.user(account("1", "alice"))
	if made.ID == "" || made.Name != "alice" || made.Account != account("1", "alice") {
		t.Errorf("made %+v", made)
	}
	renamed := e.user(account("1", "alicia"))
	if renamed.ID != made.ID || renamed.Name != "alicia" {
		t.Errorf("after the rename: %+v, was %s", renamed, made.ID)
	}
	other := account("1", "alice")
	other.Workspace = "elsewhere"
	if e.user(other).ID == made.ID {
		t.Error("another workspace's account is the same user")
	}
	same(t, get(e, func(ctx context.Context, tx *bot.Tx) (bot.User, error) { return tx.Users.ByID(ctx, made.ID) }), renamed)
	e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Users.ByID(ctx, "nobody")
		return err
	})
	e.refused(bot.CodeInvalid, func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Users.ByAccount(ctx, bot.Account{Instance: "console"}, e.now())
		return err
	})
}

func accountKnown(t *testing.T, e *env) {
	known := func(a bot.Account) (user bot.User, err error) {
		err = e.Read(t.Context(), func(ctx context.Context, tx *bot.Tx) (err error) {
			user, err = tx.Users.Known(ctx, a)
			return err
		})
		return user, err
	}
	if _, err := known(account("1", "alice")); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("before the first word: %v, want %s", err, bot.CodeNotFound)
	}
	made := e.user(account("1", "alice"))
	got, err := known(account("1", "alice"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, made)
	if got, err := known(account("1", "")); err != nil || got.ID != made.ID {
		t.Errorf("without a name: %+v %v", got, err)
	}
	if _, err := known(account("1", "alicia")); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("with a new name, which is to be stored: %v, want %s", err, bot.CodeNotFound)
	}
}

func byName(instance, name string) func(ctx context.Context, tx *bot.Tx) (bot.User, error) {
	return func(ctx context.Context, tx *bot.Tx) (bot.User, error) { return tx.Users.ByName(ctx, instance, name) }
}

func userByName(t *testing.T, e *env) {
	made := e.user(account("1", "Zoë"))
	same(t, get(e, byName("console", "ZOË")), made)
	for _, miss := range [][2]string{{"slack", "zoë"}, {"console", "zo"}, {"console", ""}} {
		e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error {
			_, err := byName(miss[0], miss[1])(ctx, tx)
			return err
		})
	}
}

func userNameConflict(_ *testing.T, e *env) {
	e.user(account("1", "bob"))
	elsewhere := account("2", "Bob")
	elsewhere.Workspace = "elsewhere"
	e.user(elsewhere)
	e.refused(bot.CodeConflict, func(ctx context.Context, tx *bot.Tx) error {
		_, err := byName("console", "bob")(ctx, tx)
		return err
	})
}

func systemNameReserved(t *testing.T, e *env) {
	for i, name := range []string{"opsbot", "OpsBot", "system"} {
		u := e.user(account(string(rune('a'+i)), name))
		if u.ID == bot.SystemUser().ID || u.Name == name {
			t.Errorf("account %q is the user %+v", name, u)
		}
	}
}

func userList(t *testing.T, e *env) {
	b, a := e.user(account("2", "b")), e.user(account("1", "a"))
	same(t, get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.User, error) { return tx.Users.List(ctx) }), []bot.User{a, b})
}

func session(e *env, hash string, lasts time.Duration) bot.Session {
	s := bot.Session{Hash: hash, Kind: "git", UserID: "u", Name: "laptop", CreatedAt: e.now(), UsedAt: e.now()}
	if lasts > 0 {
		s.ExpiresAt = e.now().Add(lasts)
	}
	return s
}

func (e *env) putSession(s bot.Session) {
	e.t.Helper()
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Sessions.Put(ctx, s) })
}

func getSession(e *env, kind, hash string) func(ctx context.Context, tx *bot.Tx) (bot.Session, error) {
	return func(ctx context.Context, tx *bot.Tx) (bot.Session, error) {
		return tx.Sessions.Get(ctx, kind, hash, e.now())
	}
}

func noSession(e *env, kind, hash string) {
	e.t.Helper()
	e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error {
		_, err := getSession(e, kind, hash)(ctx, tx)
		return err
	})
}

func sessionKept(t *testing.T, e *env) {
	s := session(e, "h", 0)
	e.putSession(s)
	same(t, get(e, getSession(e, "git", "h")), s)
	s.UsedAt = e.now().Add(time.Minute)
	e.putSession(s)
	same(t, get(e, getSession(e, "git", "h")), s)
	noSession(e, "cookie", "h")
	noSession(e, "git", "other")
}

func sessionExpires(t *testing.T, e *env) {
	s := session(e, "h", time.Hour)
	e.putSession(s)
	e.clock.Advance(time.Hour - time.Microsecond)
	same(t, get(e, getSession(e, "git", "h")), s)
	e.clock.Advance(time.Microsecond)
	noSession(e, "git", "h")
	e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Sessions.Take(ctx, "git", "h", e.now())
		return err
	})
	endless := session(e, "endless", 0)
	e.putSession(endless)
	e.clock.Advance(100 * 365 * 24 * time.Hour)
	same(t, get(e, getSession(e, "git", "endless")), endless)
}

func sessionTakenOnce(t *testing.T, e *env) {
	s := session(e, "h", time.Hour)
	e.putSession(s)
	const callers = 8
	results := make(chan error, callers)
	for range callers {
		go func() {
			results <- e.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
				got, err := tx.Sessions.Take(ctx, "git", "h", e.now())
				if err == nil && got.UserID != "u" {
					return errors.New("not the session that was put")
				}
				return err
			})
		}()
	}
	won := 0
	for range callers {
		switch err := <-results; bot.CodeOf(err) {
		case "":
			won++
		case bot.CodeNotFound:
		default:
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("a one-time link was good for %d", won)
	}
}

func sessionRevoked(t *testing.T, e *env) {
	a, b := session(e, "a", 0), session(e, "b", 0)
	e.putSession(a)
	e.putSession(b)
	mine := func(ctx context.Context, tx *bot.Tx) ([]bot.Session, error) { return tx.Sessions.List(ctx, "git", "u") }
	same(t, get(e, mine), []bot.Session{a, b})
	for range 2 { // absent is success
		e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Sessions.Revoke(ctx, "git", "a") })
	}
	same(t, get(e, mine), []bot.Session{b})
}
