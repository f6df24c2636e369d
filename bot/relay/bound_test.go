package relay

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/policy"
	"opsbot/bot/router"
	"opsbot/test/conformance/chattest"
)

// bound makes a rig whose project has a second room in its chat and a third one in
// another.
func bound(t *testing.T) (r *rig, other *chattest.Fake, rooms []bot.RoomRef) {
	t.Helper()
	other = &chattest.Fake{}
	r = setup(t, func(r *rig) { r.all["other"] = other })
	rooms = []bot.RoomRef{r.project.Room, {Instance: "chat", ID: "ops"}, {Instance: "other", Workspace: "T1", ID: "dev"}}
	for _, ref := range rooms[1:] {
		r.room(ref, func(room *bot.Room) { room.Name, room.ProjectID = "room "+ref.ID, r.project.ID })
	}
	return r, other, rooms
}

func (r *rig) room(ref bot.RoomRef, change func(room *bot.Room)) {
	r.t.Helper()
	r.write(func(ctx context.Context, tx *bot.Tx) error { return bot.ChangeRoom(ctx, tx, ref, change) })
}

// in lists what a room of either chat shows.
func (r *rig) in(room bot.RoomRef) []chattest.Message {
	return r.all[room.Instance].(*chattest.Fake).Messages(room)
}

// buttons are the actions on the newest message of a room.
func (r *rig) buttons(room bot.RoomRef) (ids []string) {
	r.t.Helper()
	all := r.in(room)
	if len(all) == 0 {
		r.t.Fatalf("%s shows nothing", room)
	}
	for _, b := range all[len(all)-1].Post.Buttons {
		if b.Action != "" {
			ids = append(ids, b.Action)
		}
	}
	return ids
}

func TestBoundRoomsGetTheCard(t *testing.T) {
	t.Parallel()
	r, _, rooms := bound(t)
	r.event(bot.Event{Type: bot.EventBuildFinished, Build: build(bot.BuildFinished, 1)})
	r.turn()
	first := r.in(rooms[0])
	var seen []string
	for _, room := range rooms {
		got := r.in(room)
		if len(got) != 1 || got[0].Post.Title != first[0].Post.Title || len(got[0].Post.Fields) != len(first[0].Post.Fields) || len(r.buttons(room)) == 0 {
			t.Fatalf("%s shows %+v", room, got)
		}
		for _, id := range r.buttons(room) {
			if slices.Contains(seen, id) {
				t.Errorf("the button %s is in two rooms", id)
			}
			seen = append(seen, id)
			r.read(func(ctx context.Context, tx *bot.Tx) error {
				a, err := tx.Actions.Get(ctx, id)
				if a.Room != room {
					t.Errorf("a button in %s is of %s", room, a.Room)
				}
				return err
			})
		}
	}
	// News edit all of them, and leave their buttons.
	again := build(bot.BuildFinished, 2)
	again.Tests = &bot.TestTotals{Total: 3}
	r.event(bot.Event{Type: bot.EventBuildFinished, Build: again})
	r.turn()
	var now []string
	for _, room := range rooms {
		if got := r.in(room); len(got) != 1 || len(got[0].Post.Fields) != len(first[0].Post.Fields)+1 {
			t.Errorf("%s shows %+v", room, got)
		}
		now = append(now, r.buttons(room)...)
	}
	if !slices.Equal(now, seen) {
		t.Errorf("buttons %v, were %v", now, seen)
	}
}

// TestRoomsThatHearNothing: where the bot is not any more, or that are bound no longer.
func TestRoomsThatHearNothing(t *testing.T) {
	t.Parallel()
	r, _, rooms := bound(t)
	r.room(rooms[0], func(room *bot.Room) { room.State = "left" })
	r.room(rooms[1], func(room *bot.Room) { room.State = "archived" })
	r.event(bot.Event{Type: bot.EventBuildStarted, Build: build(bot.BuildRunning, 1)})
	r.turn()
	for i, want := range []int{0, 0, 1} {
		if got := r.in(rooms[i]); len(got) != want {
			t.Errorf("%s shows %+v", rooms[i], got)
		}
	}
	r.room(rooms[0], func(room *bot.Room) { room.State = "" })
	r.room(rooms[2], func(room *bot.Room) { room.ProjectID = "another" })
	calls := len(r.all["other"].(*chattest.Fake).Calls())
	r.event(bot.Event{Type: bot.EventBuildFinished, Build: build(bot.BuildFinished, 2)})
	r.turn()
	if got := r.in(rooms[0]); len(got) != 1 {
		t.Errorf("back in %s: %+v", rooms[0], got)
	}
	if n := len(r.all["other"].(*chattest.Fake).Calls()); n != calls {
		t.Errorf("%d calls for a room that is bound no longer", n-calls)
	}
}

func TestBoundRoomThatReadsLines(t *testing.T) {
	t.Parallel()
	r, _, rooms := bound(t)
	r.room(rooms[1], func(room *bot.Room) { room.Style = StyleLines })
	r.event(bot.Event{Type: bot.EventBuildStarted, Build: build(bot.BuildRunning, 1)})
	r.event(bot.Event{Type: bot.EventIncidentDetected, Commit: commit1, Text: "slow"})
	r.turn()
	card, line := r.in(rooms[0]), r.in(rooms[1])
	if len(card) != 2 || card[1].Thread != r.chat.ThreadOf(card[0].ID) || len(card[0].Post.Fields) == 0 {
		t.Errorf("the card's room: %+v", card)
	}
	if len(line) != 2 || line[1].Thread != "" || len(line[0].Post.Fields) != 0 || bot.Unescape(line[0].Post.Text[0]) == "" {
		t.Errorf("the room of lines: %+v", line)
	}
}

// TestSaidOnce: what a pipeline says in a room by name is said there once, though
// several rooms hear of it.
func TestSaidOnce(t *testing.T) {
	t.Parallel()
	r, _, rooms := bound(t)
	r.room(rooms[0], func(room *bot.Room) { room.Name = "dev" })
	r.event(bot.Event{Type: bot.EventBuildStarted, Build: build(bot.BuildRunning, 1)})
	r.turn()
	for _, name := range []string{"#room ops", "dev"} {
		r.event(bot.Event{ID: name, Type: bot.EventChatMessage, Branch: "main", Commit: commit1, Room: name, Text: "to " + name})
	}
	r.turn()
	for i, want := range [][]string{{"to dev"}, {"to #room ops"}, {"to #room ops", "to dev"}} { // the other chat knows no #room ops
		all := r.in(rooms[i])
		var said []string
		for _, m := range all[1:] {
			if m.Thread != "thread-"+all[0].ID {
				t.Errorf("%s: %q stands in %q", rooms[i], m.Post.Text, m.Thread)
			}
			said = append(said, bot.Unescape(m.Post.Text[0]))
		}
		if !slices.Equal(said, want) {
			t.Errorf("%s says %q, want %q", rooms[i], said, want)
		}
	}
	r.room(rooms[1], func(room *bot.Room) { room.State = "left" })
	r.event(bot.Event{ID: "last", Type: bot.EventChatMessage, Branch: "main", Commit: commit1, Room: "room ops", Text: "last"})
	r.turn()
	if got := r.in(rooms[0]); len(got) != 3 || got[2].Post.Text[0] != "last" {
		t.Errorf("to a room that the bot has left: %+v", got)
	}
}

// rebuild is the command behind a card's button.
type rebuild struct{ ran []string }

func (c *rebuild) Spec() bot.Spec {
	spec := catalogue()[1]
	spec.Role = bot.RoleViewer
	return spec
}

func (c *rebuild) Run(_ context.Context, req *bot.Request) (*bot.Outcome, error) {
	c.ran = append(c.ran, req.Message.Room.String()+" "+req.Project.Slug+" "+req.Value("branch"))
	return &bot.Outcome{Reply: &bot.Post{Text: []bot.Text{"built"}}}, nil
}

// await polls until ok: the router works on its own.
func (r *rig) await(ok func(ctx context.Context, tx *bot.Tx) (bool, error)) {
	r.t.Helper()
	deadline, tick := time.After(60*time.Second), time.NewTicker(2*time.Millisecond)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case <-deadline:
			r.t.Fatal("it did not happen")
		case <-tick.C:
		}
		r.read(func(ctx context.Context, tx *bot.Tx) (err error) {
			done, err = ok(ctx, tx)
			return err
		})
	}
}

// TestButtonsOfABoundRoom are pressed where they stand, and nowhere else.
func TestButtonsOfABoundRoom(t *testing.T) {
	t.Parallel()
	r, _, rooms := bound(t)
	r.event(bot.Event{Type: bot.EventBuildFinished, Build: build(bot.BuildFinished, 1)})
	r.turn()
	command := &rebuild{}
	pol, err := policy.Parse("test.cedar", policy.Default, []bot.Spec{command.Spec()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	people := policy.NewPeople(policy.PeopleOptions{Work: r.store, Clock: r.clock, Log: log, Integrations: r.all, Policy: pol})
	route, err := router.New(router.Options{
		Clock: newHandClock(), Work: r.store, Waker: r.store, Authorizer: pol, Log: log, Owner: "node:1", Commands: []bot.Command{command}, People: people, Outlet: r.pump,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- route.Run(ctx) }()
	for i, from := range rooms {
		for j, at := range rooms {
			id := from.String() + at.String()
			m := bot.Message{ID: id, Room: at, Thread: "t", Author: bot.Account{Instance: at.Instance, ID: "u", Name: "ann"}, Action: r.buttons(from)[0]}
			if _, err := route.Receive(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			r.await(func(ctx context.Context, tx *bot.Tx) (bool, error) {
				rows, err := tx.Audit.Find(ctx, bot.AuditFilter{Limit: 1})
				if err != nil || len(rows) == 0 || rows[0].Cause.Cause != id {
					return false, err
				}
				if want := map[bool]string{true: "allowed", false: "refused"}[i == j]; rows[0].Decision != want {
					t.Errorf("a button of %s pressed in %s: %+v", from, at, rows[0])
				}
				return true, nil
			})
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if want := []string{"chat:dev hello-world main", "chat:ops hello-world main", "other:T1/dev hello-world main"}; !slices.Equal(command.ran, want) {
		t.Errorf("ran %q", command.ran)
	}
}
