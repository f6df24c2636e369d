package mattermost_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/test/fakes/mattermost"
)

// Ids of the recorded server that everything refers to.
const (
	recTeam   = "36ceyrbxbbyybxpmhjsg63fuyo"
	recAdmin  = "4zp4xfhix7bufduroe3fd8wdkw"
	recBot    = "7bberjwu6p8nij9nhzjzw5n1be"
	recAlice  = "x1nj9o6b83rixd5fyf3mo79zxr"
	recBob    = "uq6ai85yafb1ug6b8ow84n3a7c"
	recCarol  = "cdyeedbue3gcigos7hhya138oc"
	recOps    = "dc4mnyn913r77pht9pzoyihnbh"
	recLobby  = "7orgywoettnfjcdadhxgiaw96y"
	recSecret = "57afjxfynff13fppdfc765bsha"
	recDM     = "bgp9kprbn3f8peouwmghhsmntc"
	recGroup  = "ui7rkr4jyiryb8qasud3ay1cbr"
)

// replay drives a server into recorded situations.
type replay struct {
	*mattermost.Server
	dict       *dictionary
	tokens     map[string]string
	bot        mattermost.User
	alice, bob mattermost.User
	carol      mattermost.User
	ops, lobby mattermost.Channel
	secret, dm mattermost.Channel
	listener   *listener
	sockets    map[string]*socket // of alice and the bot, when events are compared
	clock      *clock
	hang       bool // the integration doesn't answer in time
	keepEvents bool // what the hook caused is part of the recording

	mu  sync.Mutex
	odd []string
}

// clock is a stub; it runs on a little with every look.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newReplay(t *testing.T, opts ...mattermost.Option) *replay {
	t.Helper()
	r := &replay{dict: newDictionary(), clock: &clock{now: time.UnixMilli(1795219496000)}, sockets: map[string]*socket{}}
	// Recorded are also requests that a strict server reports; they are kept apart.
	odd := mattermost.OnUnexpected(func(what string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.odd = append(r.odd, what)
	})
	r.Server = mattermost.New(t, append([]mattermost.Option{odd, mattermost.Clock(r.clock.Now)}, opts...)...)
	r.bot = r.AddBot("opsbot", func(u *mattermost.User) { u.FirstName, u.Description = "Ops Bot", "ChatOps rig bot" })
	r.alice, r.bob = r.AddUser("alice"), r.AddUser("bob")
	r.carol = r.AddUser("carol", func(u *mattermost.User) { u.FirstName = "" })
	r.listener = newListener(t)
	for recorded, ours := range map[string]string{
		recTeam: r.Team.ID, recAdmin: r.Admin.ID, recBot: r.bot.ID, recAlice: r.alice.ID, recBob: r.bob.ID, recCarol: r.carol.ID,
		"http://127.0.0.1:18065": r.URL, "http://127.0.0.1:18066": r.listener.url, "http://127.0.0.1:18067": r.listener.url,
	} {
		r.dict.learn(recorded, ours)
	}
	r.tokens = map[string]string{
		"<BOT_TOKEN>": r.bot.Token, "<BOT_TOKEN_2>": r.bot.Token, "<ADMIN_SESSION_TOKEN>": r.Admin.Token,
		"<ALICE_SESSION_TOKEN>": r.alice.Token, "<BOB_SESSION_TOKEN>": r.bob.Token, "<CAROL_TOKEN>": r.carol.Token,
	}
	return r
}

// withChannels makes the channels that the recordings from 200 on are about.
func (r *replay) withChannels() *replay {
	r.ops = r.AddChannel("ops", r.bot.ID, r.alice.ID)
	r.lobby, r.secret = r.AddChannel("lobby"), r.AddPrivateChannel("secret")
	r.dm = r.DM(r.bot.ID, r.alice.ID)
	group := r.GroupDM(r.bot.ID, r.alice.ID, r.bob.ID)
	for recorded, ours := range map[string]string{recOps: r.ops.ID, recLobby: r.lobby.ID, recSecret: r.secret.ID, recDM: r.dm.ID, recGroup: group.ID} {
		r.dict.learn(recorded, ours)
	}
	return r
}

// listener is the integration; it answers as the recorded one did.
type listener struct {
	url string

	mu     sync.Mutex
	answer http.HandlerFunc
	got    []heard
}

type heard struct {
	line   string
	header http.Header
	body   string
}

func newListener(t *testing.T) *listener {
	t.Helper()
	l := &listener{}
	l.url = listen(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		l.mu.Lock()
		l.got = append(l.got, heard{line: fmt.Sprintf("%s %s %s", r.Method, r.URL.RequestURI(), r.Proto), header: r.Header, body: string(body)})
		answer := l.answer
		l.mu.Unlock()
		if answer != nil && !strings.HasPrefix(r.URL.Path, "/elsewhere") && !strings.HasPrefix(r.URL.Path, "/other") {
			answer(w, r)
		}
	})
	return l
}

func (l *listener) expect(answer http.HandlerFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer, l.got = answer, nil
}

func (l *listener) heard() []heard {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.got)
}

// step plays one recording and compares all that it tells.
func (r *replay) step(t *testing.T, rec recording) {
	t.Helper()
	if r.hang {
		r.listener.expect(func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
	} else if in := rec.Integration; in != nil && in.Answered != nil {
		r.listener.expect(func(w http.ResponseWriter, _ *http.Request) {
			for key, value := range in.Answered.Headers {
				w.Header().Set(key, r.dict.translate(value))
			}
			if w.Header().Get("Content-Type") == "" {
				w.Header()["Content-Type"] = nil
			}
			w.WriteHeader(in.Answered.Status)
			text := `{"response_type":"in_channel","text":"` + strings.Repeat("y", 17000) + `","update":{"message":"` + strings.Repeat("z", 17000) + `"}}`
			if in.Answered.Body != nil {
				text = r.dict.translate(*in.Answered.Body)
			}
			io.WriteString(w, text)
		})
	} else {
		r.listener.expect(nil)
	}
	got := send(t, r.request(t, rec))
	if got.status != rec.Status {
		t.Errorf("status %d, want %d: %s", got.status, rec.Status, got.body)
		return
	}
	for _, diff := range r.compareBodies(rec, got) {
		t.Error(diff)
	}
	r.compareHeaders(t, rec, got)
	r.compareIntegration(t, rec)
	r.compareEvents(t, rec)
	if now, ok := rec.PostNow.(map[string]any); ok {
		id, _ := now["id"].(string)
		kept := send(t, r.request(t, recording{Method: "GET", Path: "/api/v4/posts/" + id, Headers: map[string]string{"Authorization": "Bearer <BOT_TOKEN>"}}))
		for _, diff := range r.compareBodies(recording{Body: rec.PostNow}, kept) {
			t.Error("afterwards: " + diff)
		}
	}
}

func (r *replay) request(t *testing.T, rec recording) *http.Request {
	t.Helper()
	body := string(rec.Request)
	if rec.Raw != nil {
		body = *rec.Raw
	}
	target := r.dict.translate(rec.Path)
	for name, token := range r.tokens {
		target = strings.ReplaceAll(target, name, token)
	}
	req, err := http.NewRequestWithContext(t.Context(), rec.Method, r.URL+target, strings.NewReader(r.dict.translate(body)))
	if err != nil {
		t.Fatal(err)
	}
	if rec.Request != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for key, value := range rec.Headers {
		for name, token := range r.tokens {
			value = strings.ReplaceAll(value, name, token)
		}
		req.Header.Set(key, r.dict.translate(value))
	}
	return req
}

func (r *replay) compareBodies(rec recording, got answer) []string {
	var ours any
	if len(got.body) > 0 && json.Unmarshal(got.body, &ours) != nil {
		ours = string(got.body)
	}
	if text, ok := rec.Body.(string); ok && strings.HasPrefix(text, "<") {
		return nil // binary
	}
	if text, ok := ours.(string); ok {
		ours = strings.TrimRight(text, "\n")
	}
	return r.dict.compare("body", rec.Body, ours)
}

func (r *replay) compareHeaders(t *testing.T, rec recording, got answer) {
	t.Helper()
	if api := got.header.Get("X-Request-Id") != ""; api != (rec.Answer["Api"] == "yes") {
		t.Errorf("headers of the API: %t, recorded %s", api, rec.Answer["Api"])
	}
	kept := []string{
		"Expires", "Set-Cookie", "Retry-After", "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", "Etag", "Location",
		"Cache-Control", "Content-Disposition", "First-Inaccessible-Post-Time", "Database_status", "Filestore_status", "Status",
	}
	for _, key := range kept {
		want, ours := rec.Answer[key], got.header.Get(key)
		if (want == "") != (ours == "") {
			t.Errorf("header %s is %q, recorded %q", key, ours, want)
			continue
		}
		for _, diff := range r.dict.compareTexts("header "+key, want, ours) {
			t.Error(diff)
		}
	}
}

func (r *replay) compareIntegration(t *testing.T, rec recording) {
	t.Helper()
	got := r.listener.heard()
	if rec.Integration == nil {
		if len(got) > 0 {
			t.Errorf("the integration was called: %+v", got)
		}
		return
	}
	if rec.Integration.Headers == nil {
		return // the request itself wasn't kept
	}
	if len(got) == 0 {
		t.Error("the integration was not called")
		return
	}
	wantLine, gotLine := rec.Integration.Line, got[0].line
	wantBody, gotBody := rec.Integration.Body, any(got[0].body)
	if strings.HasPrefix(wantLine, "GET") {
		_, query, _ := strings.Cut(wantLine, "?")
		wantBody = strings.TrimSuffix(query, " HTTP/1.1")
		_, query, _ = strings.Cut(gotLine, "?")
		gotBody = strings.TrimSuffix(query, " HTTP/1.1")
	} else if wantLine != gotLine {
		t.Errorf("the integration got %q, want %q", gotLine, wantLine)
	}
	for key, want := range rec.Integration.Headers {
		if ours := got[0].header.Get(key); ours != want && !strings.HasPrefix(want, "Token <") {
			t.Errorf("the integration got the header %s: %q, want %q", key, ours, want)
		}
	}
	if got[0].header.Get("Authorization") != "" && rec.Integration.Headers["Authorization"] == "" {
		t.Error("the integration got a token, recorded was none")
	}
	var decoded any
	if json.Unmarshal([]byte(got[0].body), &decoded) == nil {
		gotBody = decoded
	}
	if form, ok := wantBody.(string); ok {
		wantBody, gotBody = values(form), values(fmt.Sprint(gotBody))
	}
	r.learnFrom(wantBody, gotBody)
	for _, diff := range r.dict.compare("integration", wantBody, gotBody) {
		t.Error(diff)
	}
}

// learnFrom takes what later requests refer to: the response_url and the trigger.
func (r *replay) learnFrom(want, got any) {
	w, _ := want.(map[string]any)
	g, _ := got.(map[string]any)
	for _, key := range []string{"response_url", "trigger_id"} {
		recorded, _ := w[key].(string)
		ours, _ := g[key].(string)
		if recorded != "" && ours != "" {
			r.dict.learn(path.Base(recorded), path.Base(ours))
		}
	}
}

// values are a form's, as JSON would give them.
func values(form string) any {
	parsed, _ := url.ParseQuery(form)
	out := map[string]any{}
	for key, list := range parsed {
		out[key] = list[0]
		if len(list) > 1 {
			out[key] = strings.Join(list, " ")
		}
	}
	return out
}

// compareEvents compares what the sockets of alice and the bot got.
func (r *replay) compareEvents(t *testing.T, rec recording) {
	t.Helper()
	for who, socket := range r.sockets {
		want, recorded := rec.Events[who]
		got := socket.untilNow(t)
		if !recorded {
			continue
		}
		for _, diff := range r.dict.compareFrames(who, objects(want), got) {
			t.Error(diff)
		}
	}
}

func objects(list []any) []map[string]any {
	out := make([]map[string]any, 0, len(list))
	for _, v := range list {
		out = append(out, v.(map[string]any))
	}
	return out
}

// compareFrames compares events one by one.
func (d *dictionary) compareFrames(who string, want, got []map[string]any) []string {
	var out []string
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(got):
			out = append(out, fmt.Sprintf("%s: event %d is missing: %s", who, i, short(want[i])))
		case i >= len(want):
			out = append(out, fmt.Sprintf("%s: event %d was not recorded: %s", who, i, short(got[i])))
		default:
			out = append(out, d.compare(fmt.Sprintf("%s[%d]", who, i), want[i], got[i])...)
		}
	}
	return out
}

// untilNow are the events that came so far: a ping's reply comes after them.
func (s *socket) untilNow(t *testing.T) []map[string]any {
	t.Helper()
	s.pings++
	if err := s.WriteJSON(object{"seq": 1000 + s.pings, "action": "ping", "data": object{}}); err != nil {
		t.Fatal(err)
	}
	var out []map[string]any
	for {
		f := s.frame()
		if f["seq_reply"] == float64(1000+s.pings) {
			return out
		}
		out = append(out, f)
	}
}

// play runs all recordings of a file from first to last as one story. Before a
// recording its hook, if any, prepares the situation; skipped ones carry the reason.
func (r *replay) play(t *testing.T, file string, hooks map[string]func(t *testing.T), skip map[string]string) int {
	t.Helper()
	n := 0
	for _, rec := range readLines[recording](t, file) {
		if hook := hooks[rec.Name]; hook != nil {
			hook(t)
		}
		if reason := skip[rec.Name]; reason != "" {
			t.Logf("not replayed: %s: %s", rec.Name, reason)
			continue
		}
		for _, socket := range r.sockets {
			if !r.keepEvents {
				socket.untilNow(t)
			}
		}
		t.Run(rec.Name, func(t *testing.T) { r.step(t, rec) })
		r.keepEvents, r.hang = false, false
		n++
	}
	t.Logf("%s: replayed %d recordings", file, n)
	return n
}
