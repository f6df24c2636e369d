package join

import (
	"context"
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	r.Serve(c)
	r.Chat.AddRoom("deployments", "r1")
	if reply, err := r.Call(c, "room=chat:#deployments"); err != nil || reply != nil {
		t.Fatalf("%v %v", reply, err)
	}
	if op := r.Ended("join"); op.State != bot.OperationSucceeded || !r.Chat.Inside("r1") {
		t.Errorf("%s %s", op.State, op.Error)
	}
	r.Read(func(ctx context.Context, tx *bot.Tx) error {
		room, err := tx.Rooms.Get(ctx, bot.RoomRef{Instance: "chat", ID: "r1"})
		if room.Name != "deployments" || room.State != "" {
			t.Errorf("kept as %+v", room)
		}
		return err
	})
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for room, want := range map[string]string{"chat:nowhere": `There is no room "nowhere"`, "chat:secret": "Only somebody inside can invite me"} {
		r := commandtest.New(t)
		c := New(r.Services)
		r.Serve(c)
		r.Chat.AddRoom("secret", "p1")
		if _, err := r.Call(c, "room="+room); err != nil {
			t.Fatal(err)
		}
		if op := r.Ended("join"); op.State != bot.OperationFailed || !strings.Contains(op.Error, want) {
			t.Errorf("%s: %s %q", room, op.State, op.Error)
		}
	}
	r := commandtest.New(t)
	r.Refused(New(r.Services), bot.CodeNotFound, `no integration named "console"`, "room=general")
	r.Refused(New(r.Services), bot.CodeUnsupported, "rooms to enter", "room=git:general")
}
