package slack_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"opsbot/test/fakes/slack"
)

// request is what the app got at one of its addresses.
type request struct {
	path   string
	header http.Header
	body   []byte
}

// payload is the JSON of an event, or of an interaction inside its form.
func (r request) payload(t *testing.T) map[string]any {
	t.Helper()
	body := r.body
	if r.path == "/interactions" {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Fatal(err)
		}
		body = []byte(form.Get("payload"))
	}
	return object(t, body)
}

func object(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatalf("%v in %.200s", err, body)
	}
	return out
}

// app is an app behind request URLs; each request is answered by what answer gives.
type app struct {
	*httptest.Server
	mu       sync.Mutex
	got      []request
	answer   func(n int, r request) (status int, header map[string]string, body string)
	received chan request
}

// newApp starts an app and tells the workspace where it is.
func newApp(t *testing.T, s *slack.Server) *app {
	t.Helper()
	a := &app{received: make(chan request, 1000)}
	a.answer = func(int, request) (int, map[string]string, string) { return 200, nil, "" }
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		in := request{path: r.URL.Path, header: r.Header, body: body}
		a.mu.Lock()
		a.got = append(a.got, in)
		answer, n := a.answer, len(a.got)
		a.mu.Unlock()
		a.received <- in
		status, header, text := answer(n, in)
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(a.Close)
	s.SetRequestURLs(slack.RequestURLs{Events: a.URL + "/events", Commands: a.URL + "/commands", Interactions: a.URL + "/interactions"})
	return a
}

func (a *app) answers(f func(n int, r request) (int, map[string]string, string)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = f
}

func (a *app) says(body string) {
	a.answers(func(int, request) (int, map[string]string, string) { return 200, nil, body })
}

func (a *app) next(t *testing.T) request {
	t.Helper()
	select {
	case r := <-a.received:
		return r
	case <-within(t).Done():
		t.Fatal("the app got nothing")
		return request{}
	}
}

// event gives the next inner event of a type and subtype, others skipped.
func (a *app) event(t *testing.T, kind, subtype string) map[string]any {
	t.Helper()
	for {
		r := a.next(t)
		if r.path != "/events" {
			continue
		}
		e := r.payload(t)["event"].(map[string]any)
		if got, _ := e["subtype"].(string); e["type"] == kind && got == subtype {
			return e
		}
	}
}

// interaction gives the next interaction, events skipped.
func (a *app) interaction(t *testing.T) map[string]any {
	t.Helper()
	for {
		if r := a.next(t); r.path == "/interactions" {
			return r.payload(t)
		}
	}
}

// overHTTP is a rig whose app has request URLs.
func overHTTP(t *testing.T, opts ...slack.Option) (*rig, *app) {
	t.Helper()
	r := setup(t, append([]slack.Option{slack.Via(slack.HTTP)}, opts...)...)
	return r, newApp(t, r.Server)
}

// got is an answer over HTTP.
type got struct {
	status int // -1 if the connection broke
	header http.Header
	body   []byte
}

// fetch posts a body as it is.
func fetch(t *testing.T, address, contentType, body, bearer string) got {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return got{status: -1}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got{status: resp.StatusCode, header: resp.Header, body: text}
}

const formType = "application/x-www-form-urlencoded"

// call calls a method with a form.
func (r *rig) call(t *testing.T, method string, args ...string) got {
	t.Helper()
	form := url.Values{"token": {r.BotToken}}
	for i := 0; i+1 < len(args); i += 2 {
		form.Set(args[i], args[i+1])
	}
	return fetch(t, r.URL+"/api/"+method, formType, form.Encode(), "")
}

// ask calls a method with a form and gives the answer's object.
func (r *rig) ask(t *testing.T, method string, args ...string) map[string]any {
	t.Helper()
	return object(t, r.call(t, method, args...).body)
}

// refused calls a method and wants a certain refusal.
func (r *rig) refused(t *testing.T, code, method string, args ...string) map[string]any {
	t.Helper()
	got := r.ask(t, method, args...)
	if got["ok"] != false || got["error"] != code {
		t.Errorf("%s %v: %v, want %s", method, args, got, code)
	}
	return got
}

// accepted calls a method and wants no refusal.
func (r *rig) accepted(t *testing.T, method string, args ...string) map[string]any {
	t.Helper()
	got := r.ask(t, method, args...)
	if got["ok"] != true {
		t.Fatalf("%s %v: %v", method, args, got)
	}
	return got
}

// quiet lets a rig be asked what no client should ask.
func quiet() slack.Option { return slack.OnUnexpected(func(string) {}) }

// complained wants the server to have found something unexpected.
func (r *rig) complained(t *testing.T, about string) {
	t.Helper()
	for _, u := range r.Unexpected() {
		if strings.Contains(u, about) {
			return
		}
	}
	t.Errorf("nothing unexpected about %q: %q", about, r.Unexpected())
}

// dial opens a connection without any client library, and gives its greeting.
func (r *rig) dial(t *testing.T) (*websocket.Conn, map[string]any) {
	t.Helper()
	open := r.ask(t, "apps.connections.open", "token", r.AppToken)
	ws, _, err := websocket.DefaultDialer.DialContext(within(t), open["url"].(string), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	return ws, frame(t, ws)
}

func frame(t *testing.T, ws *websocket.Conn) map[string]any {
	t.Helper()
	_, body, err := ws.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	return object(t, body)
}

func acknowledge(t *testing.T, ws *websocket.Conn, frame map[string]any) {
	t.Helper()
	if err := ws.WriteJSON(map[string]any{"envelope_id": frame["envelope_id"]}); err != nil {
		t.Fatal(err)
	}
}

func formOf(t *testing.T, r request) url.Values {
	t.Helper()
	form, err := url.ParseQuery(string(r.body))
	if err != nil {
		t.Fatal(err)
	}
	return form
}
