package webhook_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/webhook"
)

const secret = "a secret that only the source knows"

// signedSource verifies GitHub's way.
type signedSource struct {
	scope bot.Scope
	slips bool
}

var _ bot.WebhookParser = signedSource{}

func (s signedSource) Verify(d bot.Delivery) (string, bot.Scope, error) {
	if s.slips {
		first(nil)
	}
	got, _ := hex.DecodeString(strings.TrimPrefix(d.Header.Get("X-Hub-Signature-256"), "sha256="))
	if !hmac.Equal(got, mac(d.Body)) {
		return "", bot.Scope{}, bot.Errorf(bot.CodeUnauthenticated, "signature does not match")
	}
	return d.Header.Get("X-GitHub-Delivery"), s.scope, nil
}

// first is the sort of slip that must not end the process.
func first(list []int) int { return list[0] }

func (signedSource) Parse(context.Context, bot.Delivery) ([]bot.Event, error) { return nil, nil }

func mac(body []byte) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write(body)
	return h.Sum(nil)
}

type instances map[string]any

func (i instances) Get(name string) any { return i[name] }
func (i instances) Names() []string     { return nil }

// shelf is a store that can be full, slow or broken.
type shelf struct {
	mu     sync.Mutex
	rows   []bot.InboxRow
	err    error
	before func() // called before rows are kept
}

func (s *shelf) Accept(_ context.Context, rows ...bot.InboxRow) (int, error) {
	if s.before != nil {
		s.before()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	added := 0
	for _, r := range rows {
		if !s.has(r) {
			s.rows = append(s.rows, r)
			added++
		}
	}
	return added, nil
}

func (s *shelf) has(r bot.InboxRow) bool {
	for _, old := range s.rows {
		if old.Instance == r.Instance && old.Key == r.Key {
			return true
		}
	}
	return false
}

func (s *shelf) stored() []bot.InboxRow {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]bot.InboxRow(nil), s.rows...)
}

type fixedClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *fixedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fixedClock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *fixedClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// counts is an Observer.
type counts struct {
	mu  sync.Mutex
	got map[webhook.Outcome]int
}

func (c *counts) Delivered(_ string, o webhook.Outcome, _ int, _ time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got[o]++
}

type rig struct {
	shelf   *shelf
	clock   *fixedClock
	log     *bytes.Buffer
	counts  *counts
	edge    *webhook.Edge
	options webhook.Options
}

// setup makes an edge for the instances "git" and, without signatures to match,
// "broken", which panics. change may alter the options.
func setup(t *testing.T, change ...func(*webhook.Options)) *rig {
	t.Helper()
	r := &rig{
		shelf: &shelf{}, log: &bytes.Buffer{}, counts: &counts{got: map[webhook.Outcome]int{}},
		clock: &fixedClock{now: time.Date(2026, 3, 4, 13, 52, 0, 0, time.UTC)},
	}
	r.options = webhook.Options{
		Integrations: instances{"git": signedSource{scope: bot.Scope{ProjectID: "p1"}}, "broken": signedSource{slips: true}, "mute": "no parser"},
		Accepter:     r.shelf, Clock: r.clock, Log: slog.New(slog.NewTextHandler(r.log, nil)), Observer: r.counts,
	}
	for _, c := range change {
		c(&r.options)
	}
	r.edge = webhook.New(r.options)
	return r
}

// request is a genuine delivery.
func request(id, body string) *http.Request {
	req := httptest.NewRequest(http.MethodPost, "/hooks/git", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-GitHub-Event", "push")
	req.Header.Set("X-GitHub-Delivery", id)
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac([]byte(body))))
	return req
}

func (r *rig) send(req *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r.edge.Handler().ServeHTTP(w, req)
	return w
}

func text(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
