package leave

import (
	"context"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

func put(r *commandtest.Rig, instance, id, name string) {
	r.Write(func(ctx context.Context, tx *bot.Tx) error {
		return tx.Rooms.Put(ctx, bot.Room{Ref: bot.RoomRef{Instance: instance, ID: id}, Name: name})
	})
}

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	r.Serve(c)
	r.Chat.AddRoom("deployments", "r1")
	ref := bot.RoomRef{Instance: "chat", ID: "r1"}
	if err := r.Chat.JoinRoom(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	put(r, "chat", "r1", "deployments")
	if reply, err := r.Call(c, "room=chat:Deployments"); err != nil || reply != nil {
		t.Fatalf("%v %v", reply, err)
	}
	if op := r.Ended("leave"); op.State != bot.OperationSucceeded || r.Chat.Inside("r1") {
		t.Errorf("%s %s", op.State, op.Error)
	}
	r.Read(func(ctx context.Context, tx *bot.Tx) error {
		room, err := tx.Rooms.Get(ctx, ref)
		if room.State != "left" || room.Name != "deployments" {
			t.Errorf("kept as %+v", room)
		}
		return err
	})
}

func TestRefused(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	put(r, "chat", "r1", "deployments")
	put(r, "git", "x", "odd")
	r.Refused(c, bot.CodeNotFound, `I know no room "deploymets" in chat; there is: deployments.`, "room=chat:deploymets")
	r.Refused(c, bot.CodeUnsupported, "rooms to leave", "room=git:odd")
	req := r.Request(c, "room=chat:r1")
	req.Message.Room = bot.RoomRef{Instance: "chat", ID: "r1"}
	if _, err := r.Do(c, req); bot.CodeOf(err) != bot.CodeInvalid {
		t.Errorf("from where it answers: %v", err)
	}
}
