package gitea

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
	"time"

	"opsbot/bot"
	"opsbot/test/fakes/githttp"
)

// Delivery is one delivery of a webhook.
type Delivery struct {
	Event  string
	URL    string
	Header http.Header
	Body   []byte
}

// commitPayload is a commit as webhooks and branches show it.
func (s *Server) commitPayload(r *repo, c githttp.Commit) object {
	who := func(p githttp.Person) object { return object{"name": p.Name, "email": p.Mail, "username": ""} }
	return object{
		"id": c.ID, "message": c.Message + "\n", "url": s.URL + "/" + r.full() + "/commit/" + c.ID, "author": who(c.Author),
		"committer": who(c.Committer), "verification": nil, "timestamp": stamp(c.Committer.At), "added": []any{}, "removed": []any{}, "modified": []any{},
	}
}

func (s *Server) pushPayload(r *repo, branch, before, after string) object {
	span := after
	if before != "" && before != after {
		span = before + ".." + after
	}
	commits := []any{}
	for _, c := range r.git.Log("-n", "30", span) { // newest first
		commits = append(commits, s.commitPayload(r, c))
	}
	payload := object{
		"ref": "refs/heads/" + branch, "before": or(before, githttp.Zeros), "after": after, "compare_url": s.URL + "/" + r.full() + "/compare",
		"commits": commits, "total_commits": len(commits), "head_commit": nil, "repository": s.view(r), "pusher": s.account(s.owner(s.Login)),
		"sender": s.account(s.owner(s.Login)),
	}
	if len(commits) > 0 {
		payload["head_commit"] = commits[0]
	}
	return payload
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// tell sends what became of the branches: "create" and "push", or "delete". The lock
// is held.
func (s *Server) tell(r *repo, before map[string]string) {
	after := r.git.Heads()
	if len(after) > 0 && r.empty {
		r.empty = false
		if _, there := after[r.defaultBranch]; !there && len(after) == 1 {
			for name := range after {
				r.defaultBranch = name
			}
		}
	}
	r.updated = s.clock.Now()
	if len(r.hooks) == 0 {
		return
	}
	for name, id := range after {
		if before[name] == id {
			continue
		}
		if before[name] == "" {
			s.sendAll(r, "create", object{
				"sha": id, "ref": name, "ref_type": "branch", "repository": s.view(r), "sender": s.account(s.owner(s.Login)),
			})
		}
		s.sendAll(r, "push", s.pushPayload(r, name, before[name], id))
	}
	for name := range before {
		if after[name] == "" {
			s.sendAll(r, "delete", object{
				"ref": name, "ref_type": "branch", "pusher_type": "user", "repository": s.view(r), "sender": s.account(s.owner(s.Login)),
			})
		}
	}
}

func (s *Server) sendAll(r *repo, event string, payload object) {
	for _, h := range r.hooks {
		if h.active && slices.Contains(h.events, event) {
			s.send(r, h, event, payload)
		}
	}
}

// send delivers an event to a hook. The lock is held.
func (s *Server) send(_ *repo, h *hook, event string, payload object) {
	body, err := json.MarshalIndent(payload, "", "  ")
	if err != nil {
		return // maps of texts and numbers
	}
	d := Delivery{Event: event, URL: h.config["url"], Body: body, Header: http.Header{"Content-Type": {"application/json"}}}
	id, signature := bot.NewID(s.clock.Now()), ""
	if secret := h.config["secret"]; secret != "" {
		m := hmac.New(sha256.New, []byte(secret))
		m.Write(body)
		signature = hex.EncodeToString(m.Sum(nil))
	}
	names := []string{"X-Gitea-", "X-Gogs-"}
	if s.forgejo() {
		names = append(names, "X-Forgejo-")
	}
	for _, name := range names {
		d.Header.Set(name+"Delivery", id)
		d.Header.Set(name+"Event", event)
		d.Header.Set(name+"Event-Type", event)
		d.Header.Set(name+"Signature", signature)
	}
	d.Header.Set("X-GitHub-Delivery", id)
	d.Header.Set("X-GitHub-Event", event)
	d.Header.Set("X-Hub-Signature-256", "sha256="+signature)
	if s.cfg.deliver == nil {
		s.cfg.receive(d)
		return
	}
	s.wg.Go(func() { s.post(d) })
}

func (s *Server) post(d Delivery) {
	ctx, cancel := context.WithTimeout(s.ctx, 5*time.Second) // Gitea waits as long
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(d.Body))
	if err != nil {
		return
	}
	req.Header = d.Header.Clone()
	resp, err := s.cfg.deliver.RoundTrip(req)
	if err != nil {
		return
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
}
