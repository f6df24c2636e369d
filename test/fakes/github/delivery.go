package github

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"opsbot/bot"
)

// Delivery is one attempt to deliver a webhook.
type Delivery struct {
	ID         int64
	GUID       string // the same for all attempts
	Event      string
	URL        string
	Header     http.Header
	Body       []byte
	At         time.Time
	Redelivery bool
	Status     string
	StatusCode int // what was answered; 0: no answer
	repository int64
}

// ping tells a new hook that it works. The lock is held.
func (s *Server) ping(r *repo, h *hook, now time.Time) {
	s.send(r, h, "ping", object{
		"zen": "Keep it logically awesome.", "hook_id": h.id, "hook": s.hookView(r, h), "repository": s.view(r), "sender": s.person(r.owner),
	}, now)
}

// send delivers an event to a hook. The lock is held.
func (s *Server) send(r *repo, h *hook, event string, payload object, now time.Time) {
	body, err := json.Marshal(payload)
	if err != nil {
		return // maps of texts and numbers
	}
	d := &Delivery{
		ID: s.newID(), GUID: bot.NewID(now), Event: event, URL: h.url(), Body: body, At: now, repository: r.id,
		Header: http.Header{
			"Content-Type": {"application/json"}, "User-Agent": {"GitHub-Hookshot/fa4e000"}, "X-Github-Event": {event},
			"X-Github-Hook-Id": {strconv.FormatInt(h.id, 10)}, "X-Github-Hook-Installation-Target-Type": {"repository"},
			"X-Github-Hook-Installation-Target-Id": {strconv.FormatInt(r.id, 10)},
		},
	}
	d.Header.Set("X-GitHub-Delivery", d.GUID)
	if secret, is := h.config["secret"].(string); is && secret != "" {
		m := hmac.New(sha256.New, []byte(secret))
		m.Write(body)
		d.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(m.Sum(nil)))
	}
	s.attempt(h, d)
}

// attempt delivers and remembers what came of it. The lock is held.
func (s *Server) attempt(h *hook, d *Delivery) {
	if !h.active {
		return
	}
	h.deliveries = append(h.deliveries, d)
	d.Status = "pending"
	if s.cfg.deliver == nil {
		d.result(s.cfg.receive(*d))
		return
	}
	sent := *d
	s.wg.Go(func() {
		status := s.post(sent)
		s.mu.Lock()
		defer s.mu.Unlock()
		d.result(status)
	})
}

func (d *Delivery) result(status int) {
	d.StatusCode, d.Status = status, "OK"
	switch {
	case status == 0:
		d.Status = "failed to connect to host"
	case status >= 300:
		d.Status = "Invalid HTTP Response: " + strconv.Itoa(status)
	}
}

func (s *Server) post(d Delivery) int {
	ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second) // GitHub waits as long
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(d.Body))
	if err != nil {
		return 0
	}
	req.Header = d.Header.Clone()
	resp, err := s.cfg.deliver.RoundTrip(req)
	if err != nil {
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode
}

// listDeliveries gives those of the last days, newest first, by cursor.
func (s *Server) listDeliveries(c *call, r *repo) reply {
	h := hookOf(c, r)
	if h == nil {
		return notFound()
	}
	size, _ := strconv.Atoi(c.query.Get("per_page"))
	if size <= 0 {
		size = 30
	}
	before, _ := strconv.ParseInt(c.query.Get("cursor"), 10, 64)
	out, more := []any{}, int64(0)
	for _, d := range slices.Backward(h.deliveries) {
		if before > 0 && d.ID >= before || d.At.Before(c.now.Add(-72*time.Hour)) {
			continue
		}
		if len(out) == size {
			more = out[size-1].(object)["id"].(int64)
			break
		}
		out = append(out, object{
			"id": d.ID, "guid": d.GUID, "delivered_at": stamp(d.At), "redelivery": d.Redelivery, "duration": 0.03,
			"status": d.Status, "status_code": d.StatusCode, "event": d.Event, "action": nil, "installation_id": nil,
			"repository_id": d.repository, "throttled_at": nil,
		})
	}
	answer := ok(out)
	if more > 0 {
		q := c.URL.Query()
		q.Set("cursor", strconv.FormatInt(more, 10))
		answer.header = http.Header{"Link": {"<" + s.URL + c.URL.EscapedPath() + "?" + q.Encode() + `>; rel="next"`}}
	}
	return answer
}

func (s *Server) redeliver(c *call, r *repo) reply {
	h := hookOf(c, r)
	if h == nil {
		return notFound()
	}
	i := slices.IndexFunc(h.deliveries, func(d *Delivery) bool { return strconv.FormatInt(d.ID, 10) == c.params["delivery_id"] })
	if i < 0 {
		return notFound()
	}
	again := *h.deliveries[i]
	again.ID, again.Redelivery, again.At, again.Header = s.newID(), true, c.now, again.Header.Clone()
	s.attempt(h, &again)
	return reply{status: http.StatusAccepted, body: object{}}
}
