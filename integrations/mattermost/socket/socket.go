// Package socket is one WebSocket connection to a Mattermost server: authenticated by
// header, kept alive by pings of its own, read with deadlines and bounds.
//
// The model package's client authenticates inside the socket, and such a connection
// can't be resumed: the server must know the session when it upgrades.
package socket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"opsbot/bot"
)

const (
	handshake = 10 * time.Second
	writeTime = 10 * time.Second
	// mostFrame bounds one event; a post with all its props stays below.
	mostFrame = 8 << 20
	// held is how many events wait while earlier ones are worked on. When it is full
	// nothing is read, and the server gives the connection up; then it is resumed, or
	// caught up with.
	held = 1024
)

// Errors that say how to go on.
var (
	// ErrRevoked: the server does not know the session any more. The socket would stay
	// open, silent for ever.
	ErrRevoked = errors.New("mattermost: the socket's token is not accepted any more")
	// ErrTooLarge: an event is larger than what is read. It would come again.
	ErrTooLarge = errors.New("mattermost: an event is too large")
)

// Options of a connection. All fields but ConnectionID and Sequence are needed.
type Options struct {
	URL   string // of the server, http or https
	Token string
	Clock bot.Clock
	// Every is the time between two pings; a peer that is silent for twice as long is
	// dead.
	Every time.Duration
	// ConnectionID and Sequence resume a connection with the event of that number. The
	// server begins a new one, with hello, when it has given up the old one.
	ConnectionID string
	Sequence     int64
}

// Frame is an event, or the answer to a ping (Event empty).
type Frame struct {
	Event     string                     `json:"event"`
	Data      map[string]json.RawMessage `json:"data"`
	Broadcast Broadcast                  `json:"broadcast"`
	Seq       int64                      `json:"seq"`
	Status    string                     `json:"status"`
	Error     *struct {
		ID     string `json:"id"`
		Status int    `json:"status_code"`
	} `json:"error"`
}

// Broadcast is whom an event was sent to.
type Broadcast struct {
	UserID    string `json:"user_id"`
	ChannelID string `json:"channel_id"`
	TeamID    string `json:"team_id"`
}

// Text is an entry of the event's data, if that is a text.
func (f Frame) Text(key string) string {
	var s string
	_ = json.Unmarshal(f.Data[key], &s) // anything else is no text
	return s
}

// Inner decodes JSON that an entry holds as a text, or as it is.
func (f Frame) Inner(key string, into any) error {
	raw := []byte(f.Data[key])
	if text := f.Text(key); text != "" {
		raw = []byte(text)
	}
	if len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("decode %s of %s: %w", key, f.Event, err)
	}
	return nil
}

// Conn is a connection. Next is for one goroutine.
type Conn struct {
	o      Options
	ws     *websocket.Conn
	frames chan Frame
	stop   chan struct{}
	once   sync.Once
	work   sync.WaitGroup

	mu  sync.Mutex
	err error
}

// Dial connects and begins to read. The first frame tells what became of the
// connection: hello begins a new one, anything else means that the old one goes on.
func Dial(ctx context.Context, o Options) (*Conn, error) {
	address, err := endpoint(o)
	if err != nil {
		return nil, err
	}
	dialer := websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: handshake}
	ws, resp, err := dialer.DialContext(ctx, address, http.Header{"Authorization": {"Bearer " + o.Token}})
	if err != nil {
		return nil, refused(resp, err)
	}
	c := &Conn{o: o, ws: ws, frames: make(chan Frame, held), stop: make(chan struct{})}
	ws.SetReadLimit(mostFrame)
	ws.SetPingHandler(c.pong)
	c.alive()
	c.work.Go(c.read)
	c.work.Go(c.ping)
	return c, nil
}

func endpoint(o Options) (string, error) {
	u, err := url.Parse(strings.TrimRight(o.URL, "/") + "/api/v4/websocket")
	if err != nil {
		return "", fmt.Errorf("mattermost: the address of the socket: %w", err)
	}
	u.Scheme = map[string]string{"https": "wss", "http": "ws"}[u.Scheme]
	if o.ConnectionID != "" {
		u.RawQuery = url.Values{"connection_id": {o.ConnectionID}, "sequence_number": {strconv.FormatInt(o.Sequence, 10)}}.Encode()
	}
	return u.String(), nil
}

// WaitError is an upgrade that the server put off.
type WaitError struct{ After time.Duration }

// Error says how long.
func (e *WaitError) Error() string {
	return fmt.Sprintf("mattermost: the server asks to wait %s before connecting", bot.Span(e.After))
}

func refused(resp *http.Response, err error) error {
	if resp == nil {
		return fmt.Errorf("mattermost: connect the socket: %w", err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		return ErrRevoked
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		after, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return &WaitError{After: time.Duration(min(max(after, 1), 600)) * time.Second}
	}
	return fmt.Errorf("mattermost: connect the socket: the server answers %d: %w", resp.StatusCode, err)
}

// Next gives the next frame. When there is none any more, the error says why.
func (c *Conn) Next(ctx context.Context) (Frame, error) {
	select {
	case f, ok := <-c.frames:
		if !ok {
			c.mu.Lock()
			defer c.mu.Unlock()
			return Frame{}, c.err
		}
		return f, nil
	case <-ctx.Done():
		return Frame{}, context.Cause(ctx)
	}
}

// Close ends the connection and what belongs to it.
func (c *Conn) Close() {
	c.end(errors.New("mattermost: the connection was closed"))
	c.work.Wait()
}

// end keeps the first reason.
func (c *Conn) end(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	c.mu.Unlock()
	c.once.Do(func() {
		close(c.stop)
		_ = c.ws.Close() // the reason is kept already
	})
}

// alive puts the moment off at which the peer counts as dead.
func (c *Conn) alive() { _ = c.ws.SetReadDeadline(time.Now().Add(2*c.o.Every + time.Second)) }

// pong answers the server's pings.
func (c *Conn) pong(data string) error {
	c.alive()
	err := c.ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeTime))
	if errors.Is(err, websocket.ErrCloseSent) {
		return nil
	}
	return err
}

// read hands on frames until the connection ends.
func (c *Conn) read() {
	defer close(c.frames)
	for {
		_, r, err := c.ws.NextReader()
		if err != nil {
			c.end(reason(err))
			return
		}
		var f Frame
		if err := json.NewDecoder(r).Decode(&f); err != nil {
			c.end(reason(err))
			return
		}
		c.alive()
		if f.Error != nil && f.Error.Status == http.StatusUnauthorized {
			c.end(ErrRevoked)
			return
		}
		select {
		case c.frames <- f:
		case <-c.stop:
			return
		}
	}
}

func reason(err error) error {
	switch {
	case errors.Is(err, websocket.ErrReadLimit):
		return ErrTooLarge
	case errors.Is(err, io.EOF), websocket.IsUnexpectedCloseError(err):
		return fmt.Errorf("mattermost: the server ended the socket: %w", err)
	default:
		return fmt.Errorf("mattermost: read from the socket: %w", err)
	}
}

// ping asks at once, so that a resumed connection that is silent is heard of, and
// then at every interval: only an answer tells that the session still counts.
func (c *Conn) ping() {
	for seq := int64(1); ; seq++ {
		_ = c.ws.SetWriteDeadline(time.Now().Add(writeTime)) // fails with the write
		if err := c.ws.WriteJSON(map[string]any{"seq": seq, "action": "ping"}); err != nil {
			c.end(fmt.Errorf("mattermost: ping the server: %w", err))
			return
		}
		select {
		case <-c.stop:
			return
		case <-c.o.Clock.After(c.o.Every):
		}
	}
}
