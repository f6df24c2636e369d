package slack

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// delivery is an event on its way to the app.
type delivery struct {
	key  string // deliveries with the same key keep their order
	id   string // event id, the same in every attempt
	kind string
	body []byte
	// repeated: an earlier delivery was acknowledged, but Slack does not know.
	repeated bool
}

// lines are the queues of deliveries, one per key.
type lines struct {
	work   map[string][]*delivery
	busy   map[string]bool // keys that somebody works on
	open   int             // deliveries that are neither acknowledged nor given up
	halted bool
	lost   []string
	acked  []string
	sent   []*delivery // all, in the order of their causes
}

// enqueue queues a delivery. The lock is held.
func (s *Server) enqueue(d *delivery) {
	if s.closed {
		return
	}
	s.lines.open++
	s.lines.sent = append(s.lines.sent, d)
	s.lines.work[d.key] = append(s.lines.work[d.key], d)
	s.work(d.key)
}

// work sees to it that somebody works on a key, unless all is held. The lock is held.
func (s *Server) work(key string) {
	if !s.lines.halted && !s.lines.busy[key] {
		s.lines.busy[key] = true
		s.wg.Go(func() { s.drain(key) })
	}
}

// drain makes the first attempt of all deliveries of a key, one after the other.
func (s *Server) drain(key string) {
	for {
		s.mu.Lock()
		queue := s.lines.work[key]
		if len(queue) == 0 || s.closed || s.lines.halted {
			delete(s.lines.busy, key)
			s.mu.Unlock()
			return
		}
		d := queue[0]
		s.lines.work[key] = queue[1:]
		s.mu.Unlock()
		s.first(d)
	}
}

// Repeat sends the last n events once more, as Slack does when an acknowledgement
// got lost: with the same event ids.
func (s *Server) Repeat(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := s.lines.sent
	for _, d := range sent[max(len(sent)-n, 0):] {
		again := *d
		again.repeated = true
		s.enqueue(&again)
	}
}

// Hold keeps events back until Release: to let several be under way at once, or to
// say something while the app is away.
func (s *Server) Hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines.halted = true
}

// Release sends what was held back.
func (s *Server) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines.halted = false
	for key := range s.lines.work {
		s.work(key)
	}
}

// first makes the first attempt over each door; it returns when the next event of
// the same key may follow.
func (s *Server) first(d *delivery) {
	doors := s.doors()
	if len(doors) > 1 {
		s.mu.Lock()
		s.lines.open += len(doors) - 1
		s.mu.Unlock()
	}
	for _, door := range doors {
		sent := make(chan struct{})
		s.wg.Go(func() { s.deliver(d, door, sent) })
		select {
		case <-sent:
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *Server) doors() []Door {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.door == Both {
		return []Door{SocketMode, HTTP}
	}
	return []Door{s.cfg.door}
}

// SetDoor changes the door for what comes from now on.
func (s *Server) SetDoor(d Door) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.door = d
}

// attempt is one try to deliver an event.
type attempt struct {
	*delivery
	number int
	reason string // why the one before failed
	sent   func() // to be called when it has left
}

// deliver tries until the app acknowledges, or no retry is left.
func (s *Server) deliver(d *delivery, door Door, sent chan struct{}) {
	try := s.overSocket
	if door == HTTP {
		try = s.overHTTP
	}
	once := false
	leave := func() {
		if !once {
			once = true
			close(sent)
		}
	}
	defer leave()
	reason := ""
	for n := 0; ; n++ {
		a := attempt{delivery: d, number: n, reason: reason, sent: leave}
		if d.repeated {
			a.number, a.reason = n+1, cmp.Or(reason, lostAnswer(door))
		}
		var final bool
		reason, final = try(a)
		leave()
		if reason == "" {
			s.settle(&s.lines.acked, d, "")
			return
		}
		if final || n >= len(s.cfg.backoff) {
			s.settle(&s.lines.lost, d, ": "+reason)
			return
		}
		select {
		case <-s.clock.After(s.cfg.backoff[n]):
		case <-s.ctx.Done():
			return
		}
	}
}

// lostAnswer is why an event that was answered comes again.
func lostAnswer(door Door) string {
	if door == HTTP {
		return "http_timeout"
	}
	return "timeout"
}

func (s *Server) settle(to *[]string, d *delivery, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*to = append(*to, d.kind+" "+d.id+why)
	s.lines.open--
	s.touch()
}

// Settle waits until the app has acknowledged all events, or they were given up.
func (s *Server) Settle(ctx context.Context) error {
	return s.Await(ctx, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.lines.open == 0
	})
}

// Lost lists the events that the app never acknowledged, with the last reason.
func (s *Server) Lost() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines.lost)
}

// Acknowledged lists the events that the app has acknowledged, as "type event-id";
// over both doors each is there twice.
func (s *Server) Acknowledged() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines.acked)
}

// Answer is what the app said to a command or an interaction, within 3 s or never.
type Answer struct {
	Acked   bool
	Failure string        // why not: operation_timeout, dispatch_failed, "status 500", ...
	Body    []byte        // JSON or text; empty for a bare acknowledgement
	Took    time.Duration // by the server's clock
}

// object reads the body as a JSON object; nil if it is none.
func (a Answer) object() map[string]any {
	var out map[string]any
	if json.Unmarshal(a.Body, &out) != nil {
		return nil
	}
	return out
}

// hardBound ends waiting for an answer even if a test's clock stands still.
const hardBound = 30 * time.Second

// ask sends a command or an interaction over the door, or both, and gives the answer.
// Slack does not send these twice.
func (s *Server) ask(kind string, payload object, accepts bool) Answer {
	answers := make(chan Answer, 2)
	doors := s.doors()
	began := s.clock.Now()
	for _, door := range doors {
		s.wg.Go(func() {
			if door == HTTP {
				answers <- s.askHTTP(kind, payload)
				return
			}
			answers <- s.askSocket(kind, payload, accepts)
		})
	}
	var out Answer
	for range doors {
		select {
		case a := <-answers:
			if !out.Acked || len(a.Body) > 0 {
				out = a
			}
		case <-s.ctx.Done():
			return Answer{Failure: "closed"}
		case <-time.After(hardBound):
			return Answer{Failure: fmt.Sprintf("no answer within %s of the machine's clock", hardBound)}
		}
	}
	if !accepts && len(out.Body) > 0 {
		s.unexpected("answer to a %s that takes none: %.200s", text(payload["type"]), out.Body)
	}
	out.Took = s.clock.Now().Sub(began)
	return out
}
