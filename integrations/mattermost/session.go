package mattermost

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"opsbot/bot"
	"opsbot/integrations/mattermost/socket"
)

// status is how the way in stands, for the log and the doctor.
type status struct {
	mu  sync.Mutex
	now standing
}

type standing struct {
	running   bool
	connected bool
	fault     string
}

func (s *status) set(change func(s *standing)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.now)
}

func (s *status) get() standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// line is the connection that goes on from socket to socket.
type line struct {
	id     string // "" = begin a new one
	next   int64  // number of the event that has not been worked off
	behind bool   // a hello came, and what was said before it has not been read yet
}

// errGap: events are missing, the server will not send them any more.
var errGap = errors.New("mattermost: events are missing between two numbers")

// Run listens until ctx ends: it connects again after every fault, later and later,
// and with a token that is refused seldom.
func (c *Chat) Run(ctx context.Context) error {
	c.socket.set(func(s *standing) { s.running = true })
	defer c.api.Close()
	var l line
	said := ""
	for tries := 0; ; tries++ {
		began := c.env.Clock.Now()
		err := c.session(ctx, &l)
		c.people.forget(false)
		c.saveCursor(context.WithoutCancel(ctx))
		if ctx.Err() != nil {
			return nil
		}
		up := c.socket.get().connected
		c.socket.set(func(s *standing) { s.connected, s.fault = false, bot.MessageOf(err) })
		if up || c.env.Clock.Now().Sub(began) > time.Minute {
			tries, said = 0, ""
		}
		said = c.report(err, said)
		select {
		case <-ctx.Done():
			return nil
		case <-c.env.Clock.After(c.pause(err, tries)):
		}
	}
}

// report says in the log why the way in is interrupted: once, not at every attempt.
func (c *Chat) report(err error, said string) string {
	text := c.mask.Error(err).Error()
	switch {
	case revoked(err):
		text = "revoked"
		if said != text {
			c.env.Log.Error("mattermost does not accept the bot's token: nothing is heard or said until it does; give the instance a new token, or enable the bot account again", "error", err)
		}
	case said != text:
		c.env.Log.Warn("mattermost: the connection is interrupted; it is made again", "error", text)
	}
	return text
}

func revoked(err error) bool {
	return errors.Is(err, socket.ErrRevoked) || bot.CodeOf(err) == bot.CodeUnauthenticated
}

// pause is how long to wait before the next attempt, spread so that many bots don't
// come back at one moment.
func (c *Chat) pause(err error, tries int) time.Duration {
	d := min(c.time.again<<min(tries, 10), c.time.longest)
	var wait *socket.WaitError
	class, after := bot.RetryOf(err)
	switch {
	case revoked(err):
		d = c.time.refused
	case errors.As(err, &wait):
		return wait.After
	case class == bot.RetryAfter:
		return after
	}
	return d/2 + time.Duration(rand.Int64N(int64(d/2)+1)) //nolint:gosec // spreads load, guards nothing
}

// session is one socket from its beginning to its end, which is always an error.
func (c *Chat) session(ctx context.Context, l *line) error {
	// A bad token gets a socket, too, that dies in silence: it is tried here first.
	if err := c.identify(ctx); err != nil {
		return err
	}
	token, err := c.cfg.Token.Resolve(ctx)
	if err != nil {
		return err
	}
	c.mask.Add(token)
	conn, err := socket.Dial(ctx, socket.Options{
		URL: c.cfg.URL, Token: token, Clock: c.env.Clock, Every: c.time.ping, ConnectionID: l.id, Sequence: l.next,
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	err = c.listen(ctx, conn, l)
	if errors.Is(err, errGap) || errors.Is(err, socket.ErrTooLarge) || errors.Is(err, socket.ErrRevoked) {
		*l = line{} // it would be the same again
	}
	return err
}

// listen works off what comes, one after the other.
func (c *Chat) listen(ctx context.Context, conn *socket.Conn, l *line) error {
	for {
		f, err := conn.Next(ctx)
		if err != nil {
			return err
		}
		if err := c.frame(ctx, f, l); err != nil {
			return err
		}
		c.keepCursor(ctx)
	}
}

func (c *Chat) frame(ctx context.Context, f socket.Frame, l *line) error {
	switch {
	case f.Event == "hello":
		*l = line{id: f.Text("connection_id"), next: f.Seq + 1, behind: true}
		return c.connected(ctx, l)
	case l.id == "":
		return nil // the hello of the new connection is still to come
	case f.Event == "": // the answer to our ping: the connection lives
		return c.connected(ctx, l)
	case f.Seq < l.next:
		return nil // worked off already
	case f.Seq > l.next:
		c.env.Log.Warn("mattermost: events are missing; what was said is read from the channels", "wanted", l.next, "got", f.Seq)
		return errGap
	}
	if err := c.connected(ctx, l); err != nil {
		return err
	}
	if err := c.handle(ctx, f); err != nil && !c.hopeless(l.id+" "+strconv.FormatInt(f.Seq, 10), err) {
		return err
	}
	l.next++
	return nil
}

// connected makes good for what was missed, once a connection is there.
func (c *Chat) connected(ctx context.Context, l *line) error {
	if l.behind {
		// From here on events tell of changes; what they told of before is asked anew.
		c.people.forget(true)
		rooms, err := c.syncRooms(ctx)
		if err != nil {
			return err
		}
		if err := c.catchUp(ctx, rooms); err != nil {
			return err
		}
		l.behind = false
	}
	if c.socket.get().connected {
		return nil
	}
	c.people.forget(true)
	c.socket.set(func(s *standing) { s.connected, s.fault = true, "" })
	c.env.Log.Info("mattermost: connected", "account", c.me.get().username)
	return nil
}

// probeSocket tries whether a socket comes about, and hears the server's hello.
func (c *Chat) probeSocket(ctx context.Context, token string) error {
	conn, err := socket.Dial(ctx, socket.Options{URL: c.cfg.URL, Token: token, Clock: c.env.Clock, Every: c.time.ping})
	if err != nil {
		return err
	}
	defer conn.Close()
	for {
		f, err := conn.Next(ctx)
		if err != nil || f.Event == "hello" {
			return err
		}
	}
}
