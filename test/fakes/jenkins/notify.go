package jenkins

import (
	"encoding/json"
	"slices"
	"strings"
)

// Notification is what the notification plugin would have sent.
type Notification struct {
	Job    string // full name of the branch's job
	Number int
	Phase  string // QUEUED, STARTED, COMPLETED, FINALIZED
	Body   []byte
}

// Notifications lists what the notification plugin would have sent so far.
func (s *Server) Notifications() []Notification {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	return slices.Clone(s.notes)
}

func (s *Server) notify(b *build, phase string) {
	short := strings.TrimPrefix(b.job.path(), "/")
	at, duration := b.started, int64(0)
	inner := object{
		"full_url": s.URL + b.path(), "number": b.number, "queue_id": b.item.id, "phase": phase, "url": strings.TrimPrefix(b.path(), "/"),
		"scm": object{"changes": []any{}, "culprits": []any{}}, "log": "Started by user\n", "artifacts": object{},
	}
	if !b.running() {
		at, duration = b.ended, b.ended.Sub(b.started).Milliseconds()
		inner["status"] = b.result
		if t := b.program.Tests; t != nil {
			inner["test_summary"] = object{"total": len(t.Passed) + len(t.Failed) + len(t.Skipped), "failed": len(t.Failed), "passed": len(t.Passed), "skipped": len(t.Skipped), "failed_tests": []any{}}
		}
	}
	inner["timestamp"], inner["duration"] = millis(at), duration
	body, err := json.Marshal(object{"name": b.job.name, "display_name": b.job.display, "url": short, "build": inner})
	if err != nil {
		return // own maps always marshal
	}
	s.notes = append(s.notes, Notification{Job: b.job.fullName(), Number: b.number, Phase: phase, Body: body})
}
