package unlink

import (
	"context"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

func account(id string) bot.Account { return bot.Account{Instance: "chat", ID: id, Name: "name-" + id} }

// enlist makes a person and, if into is set, joins them to that one.
func enlist(r *commandtest.Rig, id, into string) (user bot.User) {
	r.Write(func(ctx context.Context, tx *bot.Tx) (err error) {
		if user, err = tx.Users.ByAccount(ctx, account(id), r.Clock.Now()); err != nil || into == "" {
			return err
		}
		return tx.Logins.Join(ctx, user.ID, into)
	})
	return user
}

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	enlist(r, "U1", r.Alice.ID)
	r.Want(r.Said(c, "account=chat:u1"), "chat:U1 is a person of its own")
	r.Read(func(ctx context.Context, tx *bot.Tx) error {
		user, err := tx.Users.Known(ctx, account("U1"))
		if user.ID == r.Alice.ID {
			t.Error("still alice's")
		}
		return err
	})
}

func TestRefused(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	if _, err := r.Call(c); bot.CodeOf(err) != bot.CodeConflict { // the only one there is
		t.Errorf("the last account: %v", err)
	}
	r.Refused(c, bot.CodeNotFound, `no account "chat:nobody"`, "account=chat:nobody")
	bob := enlist(r, "U2", "")
	enlist(r, "U3", bob.ID)
	r.Hide("leave") // what operators may
	r.Refused(c, bot.CodeForbidden, "is not yours", "account=chat:U3")
}
