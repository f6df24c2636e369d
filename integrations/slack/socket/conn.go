package socket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// conn is one open connection.
type conn struct {
	p        *Pool
	ws       *websocket.Conn
	expiring chan struct{} // closed when Slack is about to end it
	once     sync.Once
	write    sync.Mutex

	mu      sync.Mutex
	stopped bool // nothing more is read
}

const (
	backlog  = 256 // envelopes in order that wait; more are left for Slack to send again
	parallel = 16  // others under way at a time
	// handleTime bounds what is done with an envelope; Slack sends it again after 3 s,
	// but what is stored by then need not be stored anew.
	handleTime = 10 * time.Second
	// farewell is how long a connection is heard after Slack said that it will end it.
	farewell = 30 * time.Second
)

// greeted waits for the first frame: before it a connection brings nothing.
func (c *conn) greeted(ctx context.Context) error {
	deadline, ok := ctx.Deadline()
	if !ok {
		return errors.New("no deadline to wait for a greeting")
	}
	_ = c.ws.SetReadDeadline(deadline) // a connection that is closed says so when read
	e, err := c.next()
	switch {
	case err != nil:
		return fmt.Errorf("wait for slack's greeting: %w", err)
	case e.Type == "disconnect":
		return endedError{e.Reason}
	case e.Type != "hello":
		return fmt.Errorf("slack greets with %q", e.Type)
	}
	return nil
}

// next reads a frame that holds an envelope.
func (c *conn) next() (Envelope, error) {
	for {
		var e Envelope
		kind, body, err := c.ws.ReadMessage()
		if err != nil {
			return e, err
		}
		if kind == websocket.TextMessage && json.Unmarshal(body, &e) == nil && e.Type != "" {
			return e, nil
		}
		c.p.o.Log.Warn("slack sent a frame that is no envelope", "bytes", len(body))
	}
}

// endedError is a connection that Slack ended instead of greeting.
type endedError struct{ reason string }

func (e endedError) Error() string { return "slack ended the connection at once: " + e.reason }

// serve hears the connection until it ends, and says why. It returns when all that
// came is dealt with and acknowledged.
func (c *conn) serve(ctx context.Context) string {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(ctx, c.stop)
	var work sync.WaitGroup
	queue := make(chan Envelope, backlog)
	work.Go(func() {
		for e := range queue {
			if ctx.Err() == nil { // what is left is sent again
				c.handle(ctx, e)
			}
		}
	})
	work.Go(func() { c.ping(ctx) })
	reason := c.hear(ctx, queue, &work)
	cancel()
	close(queue)
	work.Wait()
	_ = c.ws.Close() // ended anyway
	return reason
}

// stop ends reading; what came is still acknowledged.
func (c *conn) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	_ = c.ws.SetReadDeadline(time.Now()) // a connection that is closed says so when read
}

// hear reads envelopes and hands them on; it never waits for what is done with them,
// since pings are answered while it reads.
func (c *conn) hear(ctx context.Context, queue chan<- Envelope, work *sync.WaitGroup) string {
	slots := make(chan struct{}, parallel)
	c.ws.SetPingHandler(func(data string) error {
		c.alive()
		return c.ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeTime))
	})
	c.ws.SetPongHandler(func(string) error { c.alive(); return nil })
	for {
		c.alive()
		e, err := c.next()
		switch {
		case err != nil && ctx.Err() != nil:
			return "stopped"
		case err != nil:
			return withoutAddress(err)
		case e.Type == "hello":
			continue
		case e.Type == "disconnect":
			if reason, ends := c.leaving(ctx, e.Reason, work); ends {
				return reason
			}
			continue
		}
		if c.p.o.InOrder(e) {
			select {
			case queue <- e:
			default:
				c.p.o.Log.Warn("too much at once from slack; it will send some of it again")
			}
			continue
		}
		select {
		case slots <- struct{}{}:
			work.Go(func() {
				defer func() { <-slots }()
				c.handle(ctx, e)
			})
		default:
			c.p.o.Log.Warn("too much at once from slack; an interaction is left unanswered")
		}
	}
}

// leaving deals with a notice that the connection will end; ends is true when it is
// of no use any more.
func (c *conn) leaving(ctx context.Context, reason string, work *sync.WaitGroup) (why string, ends bool) {
	switch reason {
	case "too_many_websockets", "link_disabled":
		return reason, true
	}
	// warning, refresh_requested, and what may come: Slack closes it soon.
	c.once.Do(func() {
		close(c.expiring)
		work.Go(func() {
			select {
			case <-c.p.o.Clock.After(farewell):
				c.stop() // Slack forgot to
			case <-ctx.Done():
			}
		})
	})
	return "", false
}

// alive puts the moment off at which silence means that the connection is dead. The
// network's deadlines go by the machine's clock.
func (c *conn) alive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped {
		_ = c.ws.SetReadDeadline(time.Now().Add(c.p.o.Quiet)) // a connection that is closed says so when read
	}
}

// ping asks for a sign of life: a peer that is gone would else only be noticed when
// Slack's own pings are missed.
func (c *conn) ping(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(c.p.o.Quiet / 3):
		}
		if err := c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTime)); err != nil {
			return // the reader finds out
		}
	}
}

// guarded is Handle with a panic turned into an error: one envelope must not end all.
func (c *conn) guarded(ctx context.Context, e Envelope) (answer any, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return c.p.o.Handle(ctx, e)
}

// handle deals with an envelope and acknowledges it if that went well.
func (c *conn) handle(ctx context.Context, e Envelope) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handleTime)
	defer cancel()
	answer, err := c.guarded(ctx, e)
	if err != nil {
		c.p.o.Log.Warn("an envelope from slack is not acknowledged", "type", e.Type, "error", err)
		return
	}
	ack := struct {
		ID      string `json:"envelope_id"`
		Payload any    `json:"payload,omitempty"`
	}{ID: e.ID}
	if e.Accepts {
		ack.Payload = answer
	}
	body, err := json.Marshal(ack)
	if err != nil {
		c.p.o.Log.Error("an answer for slack can't be encoded", "error", err)
		return
	}
	c.write.Lock()
	defer c.write.Unlock()
	_ = c.ws.SetWriteDeadline(time.Now().Add(writeTime))
	if err := c.ws.WriteMessage(websocket.TextMessage, body); err != nil {
		c.p.o.Log.Info("an acknowledgement did not reach slack; it will ask again", "error", withoutAddress(err))
	}
}
