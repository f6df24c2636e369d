package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	r := setup(t)
	cookie := r.login("alice")
	_, port, _ := strings.Cut(r.host, ":")
	say := url.Values{"text": {"hello"}}
	hx := map[string]string{"HX-Request": "true"}
	for name, c := range map[string]struct {
		call
		want int
		key  string // a header of the answer
		is   string // its value
	}{
		"own host":                     {call{path: "/board", cookie: cookie}, 200, "Content-Type", "text/html; charset=utf-8"},
		"localhost":                    {call{path: "/board", cookie: cookie, host: "localhost:" + port}, 200, "", ""},
		"LOCALHOST":                    {call{path: "/board", cookie: cookie, host: "LOCALHOST:" + port}, 200, "", ""},
		"IPv6 loopback":                {call{path: "/board", cookie: cookie, host: "[::1]:" + port}, 200, "", ""},
		"rebound name":                 {call{path: "/board", cookie: cookie, host: "evil.example.com:" + port}, 421, "", ""},
		"rebound name, open path":      {call{path: "/login", host: "evil.example.com:" + port}, 421, "", ""},
		"other port":                   {call{path: "/board", cookie: cookie, host: "localhost:1"}, 421, "", ""},
		"app's name":                   {call{path: "/board", cookie: cookie, host: "hello.staging.localhost:" + port}, 421, "", ""},
		"no session":                   {call{path: "/board"}, 303, "Location", "/login"},
		"no session, htmx":             {call{path: "/board", header: hx}, 401, "HX-Redirect", "/login"},
		"no session, stream":           {call{path: "/rooms/general/events?after=0"}, 401, "", ""},
		"no session, say":              {call{method: "POST", path: "/rooms/general/say", form: say}, 303, "Location", "/login"},
		"forged cookie":                {call{path: "/board", cookie: "x"}, 303, "Location", "/login"},
		"login is open":                {call{path: "/login"}, 200, "", ""},
		"static is open":               {call{path: "/static/app.css"}, 200, "Cache-Control", "public, max-age=300"},
		"static has no listing":        {call{path: "/staticx"}, 303, "Location", "/login"},
		"say, own page":                {call{method: "POST", path: "/rooms/general/say", cookie: cookie, form: say, header: hx}, 204, "", ""},
		"say, own page without script": {call{method: "POST", path: "/rooms/general/say", cookie: cookie, form: say}, 303, "Location", "/rooms/general"},
		"say, other site":              {call{method: "POST", path: "/rooms/general/say", cookie: cookie, form: say, site: "cross-site"}, 403, "", ""},
		"say, app on another port":     {call{method: "POST", path: "/rooms/general/say", cookie: cookie, form: say, site: "same-site"}, 403, "", ""},
		"say, typed address":           {call{method: "POST", path: "/rooms/general/say", cookie: cookie, form: say, header: map[string]string{"Sec-Fetch-Site": "none"}}, 403, "", ""},
		"say, nothing known":           {call{method: "POST", path: "/rooms/general/say", cookie: cookie, form: say, site: "none"}, 403, "", ""},
		"say, own origin":              {call{method: "POST", path: "/rooms/general/say", cookie: cookie, form: say, site: "none", header: map[string]string{"Origin": "http://" + r.host, "HX-Request": "1"}}, 204, "", ""},
		"say, other origin":            {call{method: "POST", path: "/rooms/general/say", cookie: cookie, form: say, site: "none", header: map[string]string{"Origin": "http://evil.example.com"}}, 403, "", ""},
		"say, origin null":             {call{method: "POST", path: "/rooms/general/say", cookie: cookie, form: say, site: "none", header: map[string]string{"Origin": "null"}}, 403, "", ""},
		"login from elsewhere":         {call{method: "POST", path: "/login", form: url.Values{"token": {"x"}}, site: "cross-site"}, 403, "", ""},
		"unknown page":                 {call{path: "/nothing", cookie: cookie}, 404, "", ""},
		"unknown room":                 {call{path: "/rooms/nowhere", cookie: cookie}, 404, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := r.do(c.call)
			if got.status != c.want {
				t.Fatalf("status %d, want %d: %s", got.status, c.want, got.body)
			}
			if c.key != "" && got.header.Get(c.key) != c.is {
				t.Errorf("%s: %q, want %q", c.key, got.header.Get(c.key), c.is)
			}
			csp := got.header.Get("Content-Security-Policy")
			if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || got.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers: %v", got.header)
			}
		})
	}
}

func TestLoginLinkWorksOnce(t *testing.T) {
	t.Parallel()
	r := setup(t)
	secret := r.link("alice", 15*time.Minute)
	for range 3 { // a preview, a prefetch, the person
		a := r.do(call{path: "/login?token=" + secret})
		if a.status != http.StatusOK || a.cookie != "" || !strings.Contains(a.body, secret) {
			t.Fatalf("opening the link: %d, cookie %q", a.status, a.cookie)
		}
	}
	form := url.Values{"token": {secret}}
	a := r.do(call{method: "POST", path: "/login", form: form})
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/" || a.cookie == "" || a.cookie == secret {
		t.Fatalf("redeem: %d %v", a.status, a.header)
	}
	set := a.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(set, want) {
			t.Errorf("cookie %q lacks %s", set, want)
		}
	}
	if got := r.do(call{path: "/rooms/general", cookie: a.cookie}); got.status != http.StatusOK || !strings.Contains(got.body, ">alice</a>") {
		t.Errorf("logged in: %d", got.status)
	}
	again := r.do(call{method: "POST", path: "/login", form: form})
	if again.cookie != "" || again.header.Get("Location") != "/login?used=1" {
		t.Errorf("the link worked twice: %v", again.header)
	}
	if page := r.do(call{path: "/login?used=1"}); !strings.Contains(page.body, "used up or too old") {
		t.Error("nobody says that the link is used up")
	}
}

func TestLoginLinkExpires(t *testing.T) {
	t.Parallel()
	r := setup(t)
	secret := r.link("alice", 15*time.Minute)
	r.clock.advance(15*time.Minute + time.Second)
	if a := r.do(call{method: "POST", path: "/login", form: url.Values{"token": {secret}}}); a.cookie != "" {
		t.Error("an old link logged in")
	}
}

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	r := setup(t)
	first, second := r.login("alice"), r.login("alice")
	a := r.do(call{method: "POST", path: "/logout", cookie: first})
	if a.status != http.StatusSeeOther || !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("logout: %d %v", a.status, a.header)
	}
	if got := r.do(call{path: "/board", cookie: first}); got.status != http.StatusSeeOther {
		t.Errorf("a cookie that was logged out opens the page: %d", got.status)
	}
	if got := r.do(call{path: "/board", cookie: second}); got.status != http.StatusOK {
		t.Errorf("another browser was logged out, too: %d", got.status)
	}
	r.clock.advance(sessionLife + time.Minute)
	if got := r.do(call{path: "/board", cookie: second}); got.status != http.StatusSeeOther {
		t.Errorf("a session lives for ever: %d", got.status)
	}
}

// TestSayByToken: a token opens POST /say without cookie and origin, and nothing else.
func TestSayByToken(t *testing.T) {
	t.Parallel()
	r := setup(t)
	cookie := r.login("alice")
	r.inbox.then = func(m bot.Message) { r.post(bot.Post{Key: "k", Text: []bot.Text{"hello " + bot.Text(m.Author.ID)}}) }
	for _, s := range []bot.Session{
		{Hash: hash("good"), Kind: TokenKind},
		{Hash: hash("forgit"), Kind: "git"},
		{Hash: hash("old"), Kind: TokenKind, ExpiresAt: r.clock.Now()},
	} {
		r.session("alice", s)
	}
	bearer := func(secret string) map[string]string { return map[string]string{"Authorization": "Bearer " + secret} }
	for name, c := range map[string]struct {
		call
		want int
		body string
	}{
		"good":        {call{path: "/say", method: "POST", site: "none", header: bearer("good"), body: `{"text":"hi"}`}, 200, "hello alice"},
		"as another":  {call{path: "/say", method: "POST", site: "none", header: bearer("good"), body: `{"text":"hi","as":"owner"}`}, 200, "Speaking as somebody else"},
		"no text":     {call{path: "/say", method: "POST", site: "none", header: bearer("good"), body: `{}`}, 200, "nothing to say"},
		"room":        {call{path: "/say", method: "POST", site: "none", header: bearer("good"), body: `{"text":"hi","room":"nowhere"}`}, 200, "no room"},
		"no JSON":     {call{path: "/say", method: "POST", site: "none", header: bearer("good"), body: `hi`}, 400, "no JSON"},
		"rebound":     {call{path: "/say", method: "POST", site: "none", header: bearer("good"), host: "evil.example.com"}, 421, ""},
		"wrong":       {call{path: "/say", method: "POST", site: "none", header: bearer("bad"), body: `{"text":"hi"}`}, 401, "token"},
		"for git":     {call{path: "/say", method: "POST", site: "none", header: bearer("forgit"), body: `{"text":"hi"}`}, 401, "token"},
		"expired":     {call{path: "/say", method: "POST", site: "none", header: bearer("old"), body: `{"text":"hi"}`}, 401, "token"},
		"cookie only": {call{path: "/say", method: "POST", cookie: cookie, body: `{"text":"hi"}`}, 401, "token"},
		"no page":     {call{path: "/board", header: bearer("good")}, 303, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := r.do(c.call)
			if got.status != c.want || !strings.Contains(got.body, c.body) {
				t.Errorf("%d %q, want %d %q", got.status, got.body, c.want, c.body)
			}
		})
	}
}
