package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/store"
)

// Opener opens an empty store for one test: Open or OpenPostgres.
type Opener func(t testing.TB, with ...func(*store.Options)) *store.Store

// Run checks a store against every contract of bot.UnitOfWork, bot.Tx and
// bot.Waker.
func Run(t *testing.T, open Opener) {
	t.Helper()
	for _, group := range [][]rule{
		transactionRules(), wakeRules(), peopleRules(), loginRules(), roomRules(), bindingRules(), inboxRules(),
		messageRules(), postRules(), threadRules(), planRules(), projectRules(), operationRules(), buildRules(), versionRules(),
		deploymentRules(), recordRules(), causeRules(), secretRules(), claimProperties(),
	} {
		for _, r := range group {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				clock := NewClock()
				s := open(t, func(o *store.Options) { o.Clock = clock })
				r.check(t, &env{t: t, Store: s, clock: clock})
			})
		}
	}
}

// rule is one promise of a contract.
type rule struct {
	name  string
	check func(t *testing.T, e *env)
}

// env is a store with the shorthands of the tests.
type env struct {
	*store.Store
	t     *testing.T
	clock *Clock
}

func (e *env) now() time.Time { return e.clock.Now() }

// write runs fn in a transaction that must succeed.
func (e *env) write(fn func(ctx context.Context, tx *bot.Tx) error) {
	e.t.Helper()
	if err := e.Write(e.t.Context(), fn); err != nil {
		e.t.Fatalf("write: %v", err)
	}
}

// code runs fn in a transaction and returns the code of its error.
func (e *env) code(fn func(ctx context.Context, tx *bot.Tx) error) bot.Code {
	e.t.Helper()
	return bot.CodeOf(e.Write(e.t.Context(), fn))
}

// refused checks that fn fails with the code.
func (e *env) refused(want bot.Code, fn func(ctx context.Context, tx *bot.Tx) error) {
	e.t.Helper()
	if got := e.code(fn); got != want {
		e.t.Errorf("got code %q, want %q", got, want)
	}
}

// get runs fn in a transaction and returns its value.
func get[T any](e *env, fn func(ctx context.Context, tx *bot.Tx) (T, error)) T {
	e.t.Helper()
	var out T
	e.write(func(ctx context.Context, tx *bot.Tx) (err error) {
		out, err = fn(ctx, tx)
		return err
	})
	return out
}

// same compares two values of any type.
func same[T any](t *testing.T, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %s\nwant %s", show(got), show(want))
	}
}

func show(v any) string {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Sprintf("%#v", v)
	}
	return string(b)
}

// room and other things that the tests talk about.
func room(id string) bot.RoomRef { return bot.RoomRef{Instance: "console", Workspace: "w", ID: id} }

func account(id, name string) bot.Account {
	return bot.Account{Instance: "console", Workspace: "w", ID: id, Name: name}
}

// second is the error of a call that gives a value, too.
func second[T any](_ T, err error) error { return err }
