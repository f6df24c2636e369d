package gitlab

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"opsbot/bot"
	"opsbot/test/fakes/githttp"
)

// Delivery is one attempt to deliver a webhook.
type Delivery struct {
	ID         int64
	Event      string // "Push Hook"
	URL        string
	Header     http.Header
	Body       []byte
	StatusCode int // what was answered; 0: no answer
}

// tell sends the push event. The lock is held.
func (s *Server) tell(p *project, branch, before, after string) {
	web := s.URL + "/" + p.full()
	payload := object{
		"object_kind": "push", "event_name": "push", "ref": "refs/heads/" + branch, "ref_protected": p.guarded(branch),
		"before": or(before, githttp.Zeros), "after": or(after, githttp.Zeros), "checkout_sha": orNull(after), "message": nil,
		"user_id": s.space(s.Login).id, "user_name": s.Login, "user_username": s.Login, "user_email": "", "user_avatar": nil,
		"project_id": p.id, "project": object{
			"id": p.id, "name": p.name, "description": p.description, "web_url": web, "avatar_url": nil, "namespace": p.space.path,
			"git_ssh_url": "git@localhost:" + p.full() + ".git", "git_http_url": web + ".git", "visibility_level": 0, "homepage": web,
			"path_with_namespace": p.full(), "default_branch": s.defaultBranch(p), "ci_config_path": "",
		},
		"commits": []any{}, "total_commits_count": 0, "push_options": object{},
		"repository": object{"name": p.name, "url": web, "description": p.description, "homepage": web, "git_http_url": web + ".git"},
	}
	if after != "" {
		span := after
		if before != "" {
			span = before + ".." + after
		}
		log := p.Log(span)
		var list []any
		for _, l := range slices.Backward(log[:min(len(log), 20)]) {
			list = append(list, object{
				"id": l.ID, "message": l.Message, "title": firstLine(l.Message), "timestamp": l.Committer.At.Format(time.RFC3339),
				"url": web + "/-/commit/" + l.ID, "author": object{"name": l.Author.Name, "email": "[REDACTED]"},
				"added": []any{}, "modified": []any{}, "removed": []any{},
			})
		}
		payload["commits"], payload["total_commits_count"] = list, len(log)
	}
	event := bot.NewID(s.clock.Now())
	for _, h := range p.hooks {
		if h.fields["push_events"] != false {
			s.send(h, "Push Hook", event, payload)
		}
	}
}

// send delivers an event to a hook. The lock is held.
func (s *Server) send(h *hook, kind, event string, payload object) {
	now := s.clock.Now()
	body, err := json.Marshal(payload)
	if err != nil || h.alert(now) != "executable" {
		return
	}
	url, _ := h.fields["url"].(string)
	d := Delivery{Event: kind, URL: url, Body: body, Header: http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"GitLab/18.6.1"}, "X-Gitlab-Event": {kind}, "X-Gitlab-Instance": {s.URL},
		"X-Gitlab-Event-Uuid": {event}, "X-Gitlab-Webhook-Uuid": {bot.NewID(now)}, "Idempotency-Key": {bot.NewID(now)},
	}}
	if token, is := h.fields["token"].(string); is && token != "" {
		d.Header.Set("X-Gitlab-Token", token)
	}
	s.attempt(h, d)
}

// attempt delivers and remembers what came of it. The lock is held.
func (s *Server) attempt(h *hook, d Delivery) {
	d.ID = s.newID()
	h.deliveries = append(h.deliveries, d)
	if s.cfg.deliver == nil {
		h.result(d.ID, s.cfg.receive(d), s.clock.Now())
		return
	}
	s.wg.Go(func() {
		status := s.post(d)
		s.mu.Lock()
		defer s.mu.Unlock()
		h.result(d.ID, status, s.clock.Now())
	})
}

func (h *hook) result(id int64, status int, now time.Time) {
	for i := range h.deliveries {
		if h.deliveries[i].ID == id {
			h.deliveries[i].StatusCode = status
		}
	}
	if status >= 200 && status < 400 {
		h.failures, h.until = 0, time.Time{}
		return
	}
	if h.failures++; h.failures >= pauseAfter {
		h.until = now.Add(time.Minute << min(h.failures-pauseAfter, 10))
	}
}

func (s *Server) post(d Delivery) int {
	ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second) // GitLab waits as long
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

// listEvents tells of the deliveries, newest first, twenty at most at a time.
func (s *Server) listEvents(c *call, p *project) reply {
	h := hookOf(c, p)
	if h == nil {
		return problem(http.StatusNotFound, "404 Not found")
	}
	if n, err := strconv.Atoi(or(c.query.Get("per_page"), "20")); err != nil || n > 20 {
		return reply{status: http.StatusBadRequest, body: object{"error": "per_page does not have a valid value"}}
	}
	var all []any
	for _, d := range slices.Backward(h.deliveries) {
		status := strconv.Itoa(d.StatusCode)
		if d.StatusCode == 0 {
			status = "internal error"
		}
		headers := object{}
		for _, name := range []string{"Idempotency-Key", "X-Gitlab-Event", "X-Gitlab-Event-UUID", "X-Gitlab-Webhook-UUID"} {
			headers[name] = d.Header.Get(name)
		}
		all = append(all, object{
			"id": d.ID, "url": d.URL, "trigger": "push_hooks", "request_headers": headers, "request_data": json.RawMessage(d.Body),
			"response_headers": object{}, "response_body": "", "execution_duration": 0.1, "response_status": status,
		})
	}
	return paged(c, all)
}

// resend repeats a delivery at once, with the same key.
func (s *Server) resend(c *call, p *project) reply {
	h := hookOf(c, p)
	if h == nil {
		return problem(http.StatusNotFound, "404 Not found")
	}
	i := slices.IndexFunc(h.deliveries, func(d Delivery) bool { return number(d.ID) == c.params["event_id"] })
	switch {
	case i < 0:
		return problem(http.StatusNotFound, "404 Not found")
	case h.alert(c.now) != "executable":
		return problem(http.StatusUnprocessableEntity, "Hook disabled")
	}
	again := h.deliveries[i]
	again.Header = again.Header.Clone()
	again.Header.Set("X-Gitlab-Event-UUID", bot.NewID(c.now))
	again.Header.Set("X-Gitlab-Webhook-UUID", bot.NewID(c.now))
	s.attempt(h, again)
	return created(object{"response_status": h.deliveries[len(h.deliveries)-1].StatusCode})
}
