package console

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
)

func TestThreads(t *testing.T) {
	t.Parallel()
	r := setup(t)
	at := func(second int) time.Time { return time.Unix(int64(second), 0).UTC() }
	bob := bot.Account{ID: "bob", Name: "bob"}
	list := []bot.RoomEntry{ // in the order of their numbers: edits are last
		{Seq: 2, ID: "b", SentAt: at(2), Author: bob, Text: "second"},
		{Seq: 3, ID: "old-1", Thread: "old", SentAt: at(3), Author: bob, Text: "reply to what is not shown"},
		{Seq: 4, ID: "a-1", Thread: "a", SentAt: at(4), Author: bob, Text: "first reply"},
		{Seq: 5, ID: "secret", SentAt: at(5), To: "alice", Author: bob},
		{Seq: 6, ID: "a-2", Thread: "a", SentAt: at(6), To: "alice", Author: bob},
		{Seq: 7, ID: "a-3", Thread: "a", SentAt: at(7), To: "bob", Author: bob},
		{Seq: 8, ID: "old-2", Thread: "old", SentAt: at(8), Author: bob},
		{Seq: 9, ID: "c", Thread: "c", SentAt: at(9), Author: bob},
		{Seq: 10, ID: "a", SentAt: at(1), EditedAt: at(10), Author: bob, Text: "first, edited"},
	}
	var got []string
	for _, v := range r.c.threads(list, bob) {
		line := v.ID + ":"
		for _, reply := range v.Replies {
			line += " " + reply.ID
		}
		got = append(got, line)
	}
	if want := []string{"a: a-1 a-3", "b:", "old: old-1 old-2", "c:"}; !slices.Equal(got, want) {
		t.Errorf("threads %q, want %q", got, want)
	}
}

// TestPrivateEntries: page, stream and file show a private entry to its one account.
func TestPrivateEntries(t *testing.T) {
	t.Parallel()
	r := setup(t)
	alice, bob := r.login("alice"), r.login("bob")
	digest, size, err := r.store.Blobs().Put(t.Context(), strings.NewReader("<script>the secret log</script>"))
	if err != nil {
		t.Fatal(err)
	}
	r.post(bot.Post{Key: "public", Text: []bot.Text{"for all"}})
	id := r.post(bot.Post{
		Key: "private", To: &bot.Account{Instance: "console", ID: "alice"}, Text: []bot.Text{"for alice"},
		File: &bot.File{Name: "../log\r\n \"x\".txt", Blob: digest, Bytes: size},
	})
	link := "/rooms/general/files/" + id + "?at=2"
	for _, c := range []struct {
		name, cookie string
		sees         bool
	}{{"alice", alice, true}, {"bob", bob, false}} {
		page := r.do(call{path: "/rooms/general", cookie: c.cookie})
		if strings.Contains(page.body, "for alice") != c.sees || !strings.Contains(page.body, "for all") {
			t.Errorf("the page of %s is wrong about the private entry", c.name)
		}
		if c.sees && !strings.Contains(page.body, `href="`+link+`"`) {
			t.Errorf("no link %s in %s", link, page.body)
		}
		w := read(t, r, r.c, 0, bot.Account{ID: c.name}, -1)
		if strings.Contains(w.String(), "for alice") != c.sees || !strings.Contains(w.String(), "for all") {
			t.Errorf("the stream of %s is wrong about the private entry", c.name)
		}
		file := r.do(call{path: link, cookie: c.cookie})
		if strings.Contains(file.body, "the secret log") != c.sees || file.status != map[bool]int{true: 200, false: 404}[c.sees] {
			t.Errorf("the file for %s: %d %s", c.name, file.status, file.body)
		}
	}
}

func TestFileIsData(t *testing.T) {
	t.Parallel()
	r := setup(t)
	cookie := r.login("alice")
	const content = "<html><script>alert(1)</script>"
	digest, size, err := r.store.Blobs().Put(t.Context(), strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	p := bot.Post{Key: "log", File: &bot.File{Name: "../a\r\nb/c.html", Type: "text/html", Blob: digest, Bytes: size}}
	id := r.post(p)
	p.Room = r.c.Room("general")
	if err := r.c.Edit(t.Context(), id, p); err != nil { // its number is another now
		t.Fatal(err)
	}
	a := r.do(call{path: "/rooms/general/files/" + id + "?at=1", cookie: cookie})
	if a.status != 200 || a.body != content {
		t.Errorf("%d %q", a.status, a.body)
	}
	for key, want := range map[string]string{
		"Content-Type": "text/plain; charset=utf-8", "Content-Security-Policy": "sandbox; default-src 'none'",
		"X-Content-Type-Options": "nosniff", "Content-Disposition": "inline; filename=..abc.html",
	} {
		if got := a.header.Get(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	for _, path := range []string{"/rooms/general/files/" + digest, "/rooms/deployments/files/" + id, "/rooms/nowhere/files/" + id, "/files/" + digest} {
		if a := r.do(call{path: path, cookie: cookie}); a.status != 404 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

func TestSay(t *testing.T) {
	t.Parallel()
	r := setup(t)
	alice, bob := r.login("alice"), r.login("bob")
	hx := map[string]string{"HX-Request": "true"}
	send := func(cookie, path string, form url.Values) answer {
		t.Helper()
		return r.do(call{method: "POST", path: path, cookie: cookie, form: form, header: hx})
	}
	const id = "0d9c1f1e-0000-4000-8000-000000000001"
	for name, c := range map[string]struct {
		path string
		form url.Values
		want int
	}{
		"empty":           {"/rooms/general/say", url.Values{"text": {" \n"}}, 400},
		"nothing":         {"/rooms/general/say", url.Values{}, 400},
		"too long":        {"/rooms/general/say", url.Values{"text": {strings.Repeat("x", maxText+1)}}, 400},
		"far too long":    {"/rooms/general/say", url.Values{"text": {strings.Repeat("x", 70<<10)}}, 400},
		"strange id":      {"/rooms/general/say", url.Values{"text": {"x"}, "id": {"bob:" + id}}, 400},
		"short id":        {"/rooms/general/say", url.Values{"text": {"x"}, "id": {"x"}}, 400},
		"long thread":     {"/rooms/general/say", url.Values{"text": {"x"}, "thread": {strings.Repeat("x", 300)}}, 400},
		"unknown room":    {"/rooms/nowhere/say", url.Values{"text": {"x"}}, 404},
		"press nothing":   {"/rooms/general/press", url.Values{"text": {"x"}}, 400},
		"press, no room":  {"/rooms/nowhere/press", url.Values{"action": {"x"}}, 404},
		"say as a button": {"/rooms/general/say", url.Values{"action": {"x"}}, 400},
	} {
		if a := send(alice, c.path, c.form); a.status != c.want || strings.Contains(a.body, "<") || a.body == "" {
			t.Errorf("%s: %d %q, want %d and a sentence", name, a.status, a.body, c.want)
		}
	}
	if got := r.inbox.messages(); len(got) > 0 || len(r.entries()) > 0 {
		t.Fatalf("what was refused arrived: %+v", got)
	}
	form := url.Values{"text": {"hello"}, "id": {id}}
	send(alice, "/rooms/general/say", form)
	send(alice, "/rooms/general/say", form)                                    // a double click
	send(bob, "/rooms/general/say", form)                                      // the same id of somebody else is another message
	send(alice, "/rooms/general/say", url.Values{"text": {"bye"}, "id": {id}}) // words don't change after they were said
	press := url.Values{"action": {"abc"}, "id": {id}, "thread": {"t1"}}
	send(alice, "/rooms/general/press", press)
	send(alice, "/rooms/general/press", press)
	var got []string
	for _, m := range r.inbox.messages() {
		got = append(got, m.Author.ID+" "+m.Text+m.Action+m.Thread)
		if m.Owner || m.Author.Instance != "console" {
			t.Errorf("%+v", m)
		}
	}
	if want := []string{"alice hello", "bob hello", "alice bye", "alice abct1"}; !slices.Equal(got, want) {
		t.Errorf("messages %q, want %q", got, want)
	}
	var shown []string
	for _, e := range bySent(r.entries()) {
		shown = append(shown, e.Author.ID+" "+e.Text)
	}
	if want := []string{"alice hello", "bob hello", "alice bye"}; !slices.Equal(shown, want) {
		t.Errorf("the room shows %q, want %q", shown, want)
	}
}

func TestOwnerOfThePage(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.do(call{method: "POST", path: "/rooms/general/say", cookie: r.login(ownerID), form: url.Values{"text": {"hello"}}})
	if got := r.inbox.messages(); len(got) != 1 || !got[0].Owner {
		t.Errorf("%+v", got)
	}
}

// TestTokens: one's own git tokens, shown once, revoked by oneself alone.
func TestTokens(t *testing.T) {
	t.Parallel()
	r := setup(t)
	alice, bob := r.login("alice"), r.login("bob")
	r.session("alice", bot.Session{Hash: hash("alices"), Kind: "git", Name: "alices-laptop"})
	r.session("bob", bot.Session{Hash: hash("bobs"), Kind: "git", Name: "<b>bobs"})
	page := r.do(call{path: "/account", cookie: bob})
	if strings.Contains(page.body, "alices") || !strings.Contains(page.body, "&lt;b&gt;bobs") || strings.Contains(page.body, "shown this once") {
		t.Errorf("bob's account: %s", page.body)
	}
	if a := r.do(call{method: "POST", path: "/account/tokens/revoke", cookie: bob, form: url.Values{"hash": {hash("alices")}}}); a.status != 404 {
		t.Errorf("bob revokes alice's token: %d", a.status)
	}
	for _, name := range []string{"", " ", strings.Repeat("x", 61)} {
		if a := r.do(call{method: "POST", path: "/account/tokens", cookie: bob, form: url.Values{"name": {name}}}); a.status != 400 {
			t.Errorf("a token named %q: %d", name, a.status)
		}
	}
	made := r.do(call{method: "POST", path: "/account/tokens", cookie: alice, form: url.Values{"name": {"desk"}}})
	_, rest, _ := strings.Cut(made.body, "shown this once:</p>")
	_, rest, _ = strings.Cut(rest, "<code>")
	secret, _, _ := strings.Cut(rest, "</code>")
	if !r.known("git", secret) {
		t.Fatalf("the shown token %q is none", secret)
	}
	if again := r.do(call{path: "/account", cookie: alice}); strings.Contains(again.body, secret) || !strings.Contains(again.body, "desk") {
		t.Error("the token is shown twice, or not listed")
	}
	if a := r.do(call{method: "POST", path: "/account/tokens/revoke", cookie: alice, form: url.Values{"hash": {hash(secret)}}}); a.status != 303 || r.known("git", secret) {
		t.Errorf("revoke one's own: %d", a.status)
	}
	if !r.known("git", "alices") || !r.known("git", "bobs") {
		t.Error("another token went as well")
	}
}

func (r *rig) known(kind, secret string) bool {
	err := r.store.Read(r.t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Sessions.Get(ctx, kind, hash(secret), r.clock.Now())
		return err
	})
	return err == nil
}

func TestBoard(t *testing.T) {
	t.Parallel()
	r := setup(t)
	cookie := r.login("alice")
	if a := r.do(call{path: "/board", cookie: cookie}); !strings.Contains(a.body, "No project yet") {
		t.Error("an empty board says nothing")
	}
	now := r.clock.Now()
	p := bot.Project{ID: bot.NewID(now), Slug: "hello-world", State: bot.ProjectActive, DefaultBranch: "main", CreatedAt: now}
	gone := bot.Project{ID: bot.NewID(now), Slug: "gone-away", State: bot.ProjectArchived, CreatedAt: now}
	v := bot.Version{ID: bot.NewID(now), ProjectID: p.ID, BuildID: "b1", Label: "0.1.0-1-g3f2c1ab", CreatedAt: now}
	err := r.store.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		for _, one := range []bot.Project{p, gone} {
			if err := tx.Projects.Put(ctx, one); err != nil {
				return err
			}
		}
		if err := tx.Resources.Put(ctx, bot.Resource{ID: bot.NewID(now), ProjectID: p.ID, Kind: bot.ResourceRepository, Instance: "localgit", ExternalID: "1", URL: "http://git.example.com/hello", State: "active"}); err != nil {
			return err
		}
		if err := tx.Versions.Insert(ctx, v); err != nil {
			return err
		}
		return tx.Environments.Put(ctx, bot.EnvironmentState{ProjectID: p.ID, Environment: "staging", DesiredID: v.ID, ObservedID: v.ID, Health: "healthy", URL: "http://hello.staging.example.com"})
	})
	if err != nil {
		t.Fatal(err)
	}
	whole := r.do(call{path: "/board", cookie: cookie})
	part := r.do(call{path: "/board", cookie: cookie, header: map[string]string{"HX-Request": "true"}})
	for _, want := range []string{"hello-world", "0.1.0-1-g3f2c1ab", "http://hello.staging.example.com", "http://git.example.com/hello", "nothing deployed", "production"} {
		if !strings.Contains(whole.body, want) || !strings.Contains(part.body, want) {
			t.Errorf("the board lacks %q", want)
		}
	}
	if strings.Contains(whole.body, "gone-away") || strings.Contains(part.body, "<html") || !strings.Contains(whole.body, "<html") {
		t.Error("archived projects are on the board, or the part is a whole page")
	}
}
