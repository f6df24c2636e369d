package mattermost

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"opsbot/bot"
	fake "opsbot/test/fakes/mattermost"
)

func (r *rig) seen(id string) fake.Post {
	r.t.Helper()
	p, ok := r.srv.Post(id)
	if !ok {
		r.t.Fatalf("there is no post %s", id)
	}
	return p
}

// TestAButtonWorksAfterAnEdit: what the server gives of a post lacks where its buttons
// go, and an edit replaces all.
func TestAButtonWorksAfterAnEdit(t *testing.T) {
	t.Parallel()
	r := setup(t)
	p := r.post("plan:1", "Plan: 0.9.4 -> 1.0.0")
	p.Buttons = []bot.Button{{Label: "Confirm", Action: bot.NewToken(), Style: "primary"}, {Label: "Log", URL: "https://ci.example.com/1"}}
	id := r.send(p)
	p.Text = append(p.Text, "still waiting")
	if err := r.Edit(r.ctx, id, p); err != nil {
		t.Fatal(err)
	}
	r.Chat = r.another() // a later life edits what it does not remember
	p.Text = append(p.Text, "and waiting")
	if err := r.Edit(r.ctx, id, p); err != nil {
		t.Fatal(err)
	}
	seen := r.seen(id)
	button := seen.Attachments[0].Actions[0]
	if strings.Contains(fmt.Sprint(seen), p.Buttons[0].Action) {
		t.Error("people can see the action behind the button")
	}
	if res := r.srv.Click(r.alice.ID, id, button.ID); res.Status != 200 {
		t.Fatalf("the click: %+v", res)
	}
	got := r.inbox.all()
	if len(got) != 1 || got[0].Action != p.Buttons[0].Action || got[0].Thread != id || got[0].Author.ID != r.alice.ID || got[0].Room != r.room() {
		t.Errorf("came in: %+v", got)
	}
}

func TestALostAnswerIsNoSecondPost(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.srv.Fail(fake.Fault{Method: "POST", Path: "/posts", Status: 502, Body: "bad gateway", After: true})
	if _, err := r.Send(r.ctx, r.post("a", "hello")); err == nil {
		t.Fatal("a lost answer is no error")
	}
	r.send(r.post("a", "hello")) // the server knows the repetition
	r.Chat = r.another()         // and a later life finds it
	again := r.post("a", "hello")
	again.Again = true
	r.send(again)
	if got := r.texts(); !slices.Equal(got, []string{"hello"}) {
		t.Errorf("the room shows %q", got)
	}
}

func TestAgainInAThread(t *testing.T) {
	t.Parallel()
	r := setup(t)
	root := r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot status", "")
	p := r.post("re:1", "all is well")
	p.Thread = root.ID
	id := r.send(p)
	r.srv.SayWith(r.alice.ID, r.ops.ID, "forged", root.ID, map[string]any{propKey: "re:2"})
	r.Chat = r.another()
	p.Again = true
	if got := r.send(p); got != id {
		t.Errorf("found %s, want %s", got, id)
	}
	p.Key = "re:2"
	if got := r.send(p); r.seen(got).UserID != r.bot.ID {
		t.Error("a forged key counts")
	}
}

func TestLongPostsAreParts(t *testing.T) {
	t.Parallel()
	r := setup(t)
	p := r.post("long")
	for i := range 3000 {
		p.Text = append(p.Text, bot.Text(fmt.Sprintf("line %d of many", i)))
	}
	p.Code = strings.Repeat("code\n", 4000)
	id := r.send(p)
	parts := r.srv.Channel(r.ops.ID).Thread(id)
	if len(parts) != 5 {
		t.Fatalf("%d parts", len(parts))
	}
	joined := ""
	for i, part := range parts {
		if i > 0 && (part.RootID != id || part.Props[propKey] != fmt.Sprintf("long#%d", i+1)) {
			t.Errorf("part %d: %+v", i, part.Props)
		}
		if strings.Count(part.Message, "```")%2 != 0 {
			t.Errorf("part %d has half a block of code", i)
		}
		joined += part.Message + "\n"
	}
	if strings.Count(joined, "line ") != 3000 || strings.Count(joined, "code\n") != 4000 {
		t.Error("something got lost")
	}
	r.Chat = r.another() // it does not remember the parts
	p.Code = ""
	if err := r.Edit(r.ctx, id, p); err != nil {
		t.Fatal(err)
	}
	if got := len(r.srv.Channel(r.ops.ID).Thread(id)); got != 4 {
		t.Errorf("after a shorter edit %d parts", got)
	}
	p.Text = p.Text[:1]
	if err := r.Edit(r.ctx, id, p); err != nil {
		t.Fatal(err)
	}
	if got := r.srv.Channel(r.ops.ID).Thread(id); len(got) != 1 || got[0].Message != "line 0 of many" {
		t.Errorf("after the last edit: %d parts", len(got))
	}
}

func TestThePartsOfAThreadAreInIt(t *testing.T) {
	t.Parallel()
	r := setup(t)
	root := r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot log", "")
	p := r.post("long", bot.Text(strings.Repeat("word ", 5000)))
	p.Thread = root.ID
	r.send(p)
	if got := r.srv.Channel(r.ops.ID).Thread(root.ID); len(got) != 3 {
		t.Errorf("the thread has %d posts", len(got))
	}
}

// TestAThreadThatWasRemoved: what was asked gets its answer all the same.
func TestAThreadThatWasRemoved(t *testing.T) {
	t.Parallel()
	r := setup(t)
	root := r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot status", "")
	r.srv.DeletePost(root.ID)
	p := r.post("re:1", "all is well")
	p.Thread = root.ID
	if seen := r.seen(r.send(p)); seen.RootID != "" || seen.Message != "all is well" {
		t.Errorf("got %+v", seen)
	}
}

func TestFilesGoOnce(t *testing.T) {
	t.Parallel()
	r := setup(t)
	blob, size, err := r.store.Blobs().Put(r.ctx, strings.NewReader("the log"))
	if err != nil {
		t.Fatal(err)
	}
	p := r.post("log", "Build #1 failed")
	p.File = &bot.File{Name: "../build.log", Type: "text/plain", Blob: blob, Bytes: size}
	id := r.send(p)
	p.Text = []bot.Text{"Build #1 failed again"}
	if err := r.Edit(r.ctx, id, p); err != nil {
		t.Fatal(err)
	}
	r.Chat = r.another()
	if err := r.Edit(r.ctx, id, p); err != nil {
		t.Fatal(err)
	}
	seen := r.seen(id)
	if len(seen.Files) != 1 || seen.Files[0].Name != "build.log" || string(seen.Files[0].Content) != "the log" {
		t.Errorf("files: %+v", seen.Files)
	}
	if n := r.srv.Count("POST", "/files"); n != 1 {
		t.Errorf("%d uploads", n)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.send(r.post("first", "hello")) // so that it knows its name
	private := r.srv.AddPrivateChannel("secret", r.alice.ID)
	p := r.post("a", "hello")
	p.Room = r.ref(private.ID)
	_, err := r.Send(r.ctx, p)
	if class, _ := bot.RetryOf(err); bot.CodeOf(err) != bot.CodeForbidden || class != bot.RetryNever || !strings.Contains(bot.MessageOf(err), "/invite @") {
		t.Errorf("not in the room: %v", err)
	}
	r.srv.ArchiveChannel(r.ops.ID)
	if _, err := r.Send(r.ctx, r.post("b", "hello")); bot.CodeOf(err) != bot.CodeForbidden || !strings.Contains(bot.MessageOf(err), "archived") {
		t.Errorf("archived: %v", err)
	}
}

func TestFaultsAreTriedAgainLater(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.srv.Storm(1, "POST", "/posts", 3)
	_, err := r.Send(r.ctx, r.post("a", "hello"))
	if class, after := bot.RetryOf(err); class != bot.RetryAfter || after.Seconds() != 3 {
		t.Errorf("429: %v", err)
	}
	r.Chat = r.another()
	r.srv.Fail(fake.Fault{Method: "POST", Path: "/posts", Status: 500})
	if class, _ := bot.RetryOf(second(r.Send(r.ctx, r.post("a", "hello")))); class != bot.RetryBackoff {
		t.Error("500 is not tried again")
	}
	r.srv.Fail(fake.Fault{Method: "POST", Path: "/posts", Drop: true})
	if class, _ := bot.RetryOf(second(r.Send(r.ctx, r.post("a", "hello")))); class != bot.RetryBackoff {
		t.Error("a dropped connection is not tried again")
	}
	r.send(r.post("a", "hello"))
	if got := r.texts(); !slices.Equal(got, []string{"hello"}) {
		t.Errorf("the room shows %q", got)
	}
}

func second(_ string, err error) error { return err }

// TestKeepsWithinTheLimit: a server that lets two requests a second through is not
// provoked.
func TestKeepsWithinTheLimit(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.srv.RateLimit(20, 10)
	for i := range 40 {
		r.send(r.post(fmt.Sprint("k", i), "hello"))
	}
	refused := 0
	for _, c := range r.srv.Calls() {
		if c.Status == 429 {
			refused++
		}
	}
	if refused > 0 {
		t.Errorf("%d requests were refused", refused)
	}
}
