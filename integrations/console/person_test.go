package console

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
)

// link makes one person of two accounts; the second one's is the name.
func (r *rig) linked(from, into bot.Account) {
	r.t.Helper()
	err := r.store.Write(r.t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		a, err := tx.Users.ByAccount(ctx, from, r.clock.Now())
		if err != nil {
			return err
		}
		b, err := tx.Users.ByAccount(ctx, into, r.clock.Now())
		if err != nil {
			return err
		}
		return tx.Logins.Join(ctx, a.ID, b.ID)
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func bearer(secret string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + secret}
}

// TestSessionEndsWithItsPerson: a cookie or a token of somebody who was deactivated, in
// whatever chat, opens nothing from then on.
func TestSessionEndsWithItsPerson(t *testing.T) {
	t.Parallel()
	r := setup(t)
	alice, bob := r.login("alice"), r.login("bob")
	r.session("alice", bot.Session{Hash: hash("hers"), Kind: TokenKind})
	r.session("bob", bot.Session{Hash: hash("his"), Kind: TokenKind})
	say := func(secret string) answer {
		return r.do(call{path: "/say", method: "POST", site: "none", header: bearer(secret), body: `{"text":"hi"}`})
	}
	for _, x := range []struct {
		err    error
		status int
		body   string
	}{
		{nil, 200, ""},
		{bot.Errorf(bot.CodeForbidden, "The account slack:U1 is deactivated."), 403, "The account slack:U1 is deactivated."},
		{bot.Errorf(bot.CodeUnavailable, "down").Backoff(), 503, "try again"},
		{nil, 200, ""},
	} {
		r.people.refused("alice", x.err)
		for _, path := range []string{"/board", "/rooms/general", "/account", "/rooms/general/files/x"} {
			got := r.do(call{path: path, cookie: alice})
			if status := got.status; status != x.status && !(path == "/rooms/general/files/x" && x.status == 200 && status == 404) || !strings.Contains(got.body, x.body) {
				t.Errorf("%v: %s: %d %s", x.err, path, got.status, got.body)
			}
		}
		before := len(r.inbox.messages())
		if got := say("hers"); got.status != x.status || !strings.Contains(got.body, x.body) {
			t.Errorf("%v: by token: %d %s", x.err, got.status, got.body)
		}
		if said := len(r.inbox.messages()) - before; said != map[bool]int{true: 1}[x.status == 200] {
			t.Errorf("%v: %d messages were taken", x.err, said)
		}
		if got := r.do(call{path: "/board", cookie: bob}); got.status != 200 {
			t.Errorf("%v: bob: %d", x.err, got.status)
		}
		if got := say("his"); got.status != 200 {
			t.Errorf("%v: bob's token: %d", x.err, got.status)
		}
	}
	if a := r.people.asked[0]; a != (bot.Account{Instance: "console", ID: "alice", Name: "alice"}) {
		t.Errorf("asked about %+v", a)
	}
}

// TestStreamEndsWithItsPerson: who is shut out sees nothing of what is said later.
func TestStreamEndsWithItsPerson(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.post(bot.Post{Key: "before", Text: []bot.Text{"before"}})
	r.clock.onWait = func(time.Duration) { // the stream waits for more
		r.people.refused("alice", bot.Errorf(bot.CodeForbidden, "The account is deactivated."))
		r.post(bot.Post{Key: "after", Text: []bot.Text{"the secret"}})
	}
	ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), accountKey{}, bot.Account{Instance: "console", ID: "alice"}), 20*time.Second)
	defer cancel()
	b := &browser{head: http.Header{}, most: -1}
	r.c.Handler().ServeHTTP(b, httptest.NewRequestWithContext(ctx, http.MethodGet, "/rooms/general/events?after=0", nil))
	if ctx.Err() != nil {
		t.Error("the stream went on")
	}
	if got := b.String(); !strings.Contains(got, "before") || strings.Contains(got, "the secret") {
		t.Errorf("streamed %q", got)
	}
}

// TestLinkedAccountKeepsItsName: whoever is called otherwise in another chat is who they
// were on the page, and their tokens go on.
func TestLinkedAccountKeepsItsName(t *testing.T) {
	t.Parallel()
	r := setup(t)
	cookie := r.login("alice")
	r.login("asmith") // somebody else, who is called so here
	r.session("alice", bot.Session{Hash: hash("hers"), Kind: TokenKind})
	local, slack := bot.Account{Instance: "console", ID: "alice", Name: "alice"}, bot.Account{Instance: "slack", Workspace: "T1", ID: "U1", Name: "asmith"}
	r.linked(local, slack)
	if got := r.do(call{path: "/rooms/general", cookie: cookie}); got.status != 200 || !strings.Contains(got.body, ">alice</a>") {
		t.Errorf("on the page: %d", got.status)
	}
	if got := r.do(call{path: "/say", method: "POST", site: "none", header: bearer("hers"), body: `{"text":"hi"}`}); got.status != 200 {
		t.Errorf("by token: %d %s", got.status, got.body)
	}
	for _, m := range r.inbox.messages() {
		if m.Author != local {
			t.Errorf("said by %+v", m.Author)
		}
	}
	// Parted again, the token is of who has no account here any more.
	err := r.store.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Logins.Part(ctx, local, r.clock.Now())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.do(call{path: "/say", method: "POST", site: "none", header: bearer("hers"), body: `{"text":"hi"}`}); got.status != 401 {
		t.Errorf("by token, parted: %d %s", got.status, got.body)
	}
	if got := r.do(call{path: "/rooms/general", cookie: cookie}); got.status != 200 || !strings.Contains(got.body, ">alice</a>") {
		t.Errorf("on the page, parted: %d", got.status)
	}
}
