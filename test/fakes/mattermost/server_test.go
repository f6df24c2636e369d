package mattermost_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"opsbot/test/fakes/mattermost"
)

// world is a server with a bot and two people in a channel.
type world struct {
	*mattermost.Server
	bot, alice, bob mattermost.User
	ops             mattermost.Channel
}

func setup(t *testing.T, opts ...mattermost.Option) *world {
	t.Helper()
	w := &world{Server: mattermost.New(t, opts...)}
	w.bot = w.AddBot("opsbot")
	w.alice, w.bob = w.AddUser("alice"), w.AddUser("bob")
	w.ops = w.AddChannel("ops", w.bot.ID, w.alice.ID)
	return w
}

// answer is what the API said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) decode(t *testing.T) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(a.body, &out); err != nil {
		t.Fatalf("the answer is no JSON object: %v: %s", err, a.body)
	}
	return out
}

func (a answer) errorID(t *testing.T) string {
	t.Helper()
	id, _ := a.decode(t)["id"].(string)
	return id
}

func (w *world) do(t *testing.T, token, method, path string, body any) answer {
	t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		in = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, w.URL+path, in)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return send(t, req)
}

func send(t *testing.T, req *http.Request) answer {
	t.Helper()
	client := &http.Client{
		Timeout:       20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: data}
}

type object = map[string]any

func (w *world) post(t *testing.T, body object) answer {
	t.Helper()
	return w.do(t, w.bot.Token, "POST", "/api/v4/posts", body)
}

// socket is a client's end of the WebSocket.
type socket struct {
	*websocket.Conn
	t     *testing.T
	pings int
}

func (w *world) dial(t *testing.T, token, query string) *socket {
	t.Helper()
	return dial(t, w.Server, token, query)
}

func dial(t *testing.T, s *mattermost.Server, token, query string) *socket {
	t.Helper()
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	ws, resp, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http")+"/api/v4/websocket"+query, header)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	resp.Body.Close()
	t.Cleanup(func() { ws.Close() })
	return &socket{Conn: ws, t: t}
}

// frame reads one frame.
func (s *socket) frame() object {
	s.t.Helper()
	if err := s.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	_, data, err := s.ReadMessage()
	if err != nil {
		s.t.Fatalf("read a frame: %v", err)
	}
	var out object
	if err := json.Unmarshal(data, &out); err != nil {
		s.t.Fatalf("frame %q: %v", data, err)
	}
	return out
}

// event reads until an event of this name comes.
func (s *socket) event(name string) object {
	s.t.Helper()
	for {
		if f := s.frame(); f["event"] == name {
			return f
		}
	}
}

// ends reads until the socket ends, and gives the error.
func (s *socket) ends() error {
	s.t.Helper()
	if err := s.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	for {
		if _, _, err := s.ReadMessage(); err != nil {
			return err
		}
	}
}

func postOf(t *testing.T, event object) object {
	t.Helper()
	text, _ := event["data"].(object)["post"].(string)
	var out object
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("data.post %q: %v", text, err)
	}
	return out
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestAConversation(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ws := w.dial(t, w.bot.Token, "")
	hello := ws.event("hello")
	if hello["seq"] != 0.0 || hello["data"].(object)["connection_id"] == "" {
		t.Errorf("hello is %v", hello)
	}
	said := w.Say(w.alice.ID, w.ops.ID, "@opsbot version", "")
	heard := ws.event("posted")
	if got := heard["data"].(object)["mentions"]; got != `["`+w.bot.ID+`"]` {
		t.Errorf("mentions are %v", got)
	}
	if got := postOf(t, heard)["id"]; got != said.ID {
		t.Errorf("heard post %v, want %v", got, said.ID)
	}
	made := w.post(t, object{"channel_id": w.ops.ID, "message": "1.0", "root_id": said.ID})
	if made.status != http.StatusCreated {
		t.Fatalf("post: %d %s", made.status, made.body)
	}
	seen, err := w.WaitPost(within(t), w.ops.ID, func(p mattermost.Post) bool { return p.UserID == w.bot.ID })
	if err != nil || seen.Message != "1.0" || seen.RootID != said.ID {
		t.Errorf("people see %+v, %v", seen, err)
	}
	if own := postOf(t, ws.event("posted")); own["user_id"] != w.bot.ID || own["reply_count"] != 1.0 {
		t.Errorf("the own post comes back as %v", own)
	}
	if n := w.Count("POST", "/posts"); n != 1 {
		t.Errorf("%d posts were counted", n)
	}
}

func TestAClickReachesTheIntegration(t *testing.T) {
	t.Parallel()
	w := setup(t)
	got := make(chan object, 2)
	bot := listen(t, func(rw http.ResponseWriter, r *http.Request) {
		var in object
		_ = json.NewDecoder(r.Body).Decode(&in)
		if r.Header.Get("Authorization") != "" {
			t.Error("a click carries no token")
		}
		got <- in
		io.WriteString(rw, `{"update":{"message":"approved"},"ephemeral_text":"thanks"}`)
	})
	made := w.post(t, object{"channel_id": w.ops.ID, "message": "Deploy?", "props": object{"attachments": []object{{
		"text": "x", "actions": []object{{"id": "approve", "type": "button", "name": "Approve", "integration": object{"url": bot + "/action", "context": object{"a": 1}}}},
	}}}}).decode(t)
	if strings.Contains(string(mustJSON(t, made)), "integration") {
		t.Error("the integration is readable")
	}
	id := made["id"].(string)
	if res := w.Click(w.alice.ID, id, "approve"); res.Status != 200 || res.TriggerID == "" {
		t.Fatalf("click: %+v", res)
	}
	in := <-got
	if in["user_id"] != w.alice.ID || in["post_id"] != id || in["context"].(object)["a"] != 1.0 {
		t.Errorf("the integration got %v", in)
	}
	seen, _ := w.Post(id)
	if seen.Message != "approved" || len(seen.Attachments) != 1 || len(seen.Attachments[0].Actions) != 1 {
		t.Errorf("after the update people see %+v", seen)
	}
	whispers := w.Whispers(w.alice.ID)
	if len(whispers) != 1 || whispers[0].Message != "thanks" || whispers[0].RootID != id {
		t.Errorf("alice alone sees %+v", whispers)
	}
	if res := w.Click(w.bob.ID, id, "approve"); res.Status != 403 {
		t.Errorf("who isn't in the channel: %+v", res)
	}
}
