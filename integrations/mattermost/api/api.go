// Package api calls a Mattermost server's REST interface: within its rate limit, with
// bounds on time and size, and with errors that say what a person can do.
package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"opsbot/bot"
	"opsbot/bot/rest"
)

const (
	timeout = 10 * time.Second
	// mostBody bounds an answer. 200 posts of the greatest length are 13 MB.
	mostBody = 32 << 20
)

// Options describe one server. All fields but Mask are needed.
type Options struct {
	Service string // how messages call it
	URL     string
	// Token gives the bot's token, for every request anew: it may have been changed.
	Token func(ctx context.Context) (string, error)
	Clock bot.Clock
	Mask  *rest.Mask
}

// Client calls one server. Safe for concurrent use.
type Client struct {
	o    Options
	rest *rest.Client
	http *http.Client
	v4   *model.Client4
	pace *pace
	skew atomic.Int64 // server's time less ours at the last answer, in nanoseconds
}

// New checks the options; it does no I/O.
func New(o Options) (*Client, error) {
	c := &Client{o: o, pace: newPace(o.Clock)}
	o.URL = strings.TrimRight(o.URL, "/")
	made, err := rest.New(rest.Options{
		Service: o.Service, Base: o.URL, Authorize: c.authorize, Timeout: timeout, MaxBody: mostBody, Mask: o.Mask, Clock: o.Clock,
	})
	if err != nil {
		return nil, err
	}
	c.rest, c.http = made, made.HTTPClient()
	c.v4 = model.NewAPIv4Client(o.URL)
	c.v4.HTTPClient = c.http
	// The language of messages is the server's choice; errors are told apart by their ids.
	c.v4.HTTPHeader = map[string]string{"Accept": "application/json"}
	return c, nil
}

func (c *Client) authorize(r *http.Request) error {
	token, err := c.o.Token(r.Context())
	if err != nil {
		return err
	}
	c.o.Mask.Add(token)
	r.Header.Set("Authorization", "Bearer "+token)
	return nil
}

// Close drops idle connections.
func (c *Client) Close() { c.rest.Close() }

// Skew is the server's clock less ours, at its last answer; to the second.
func (c *Client) Skew() time.Duration { return time.Duration(c.skew.Load()) }

// ServerNow is the time by the server's clock, to the second.
func (c *Client) ServerNow() time.Time { return c.o.Clock.Now().Add(c.Skew()) }

// call makes one call within the server's rate limit. safe: repeating it does no
// harm.
func (c *Client) call(ctx context.Context, what string, safe bool, f func(v4 *model.Client4) (*model.Response, error)) error {
	if err := c.pace.enter(ctx, c.o.Service); err != nil {
		return err
	}
	resp, err := f(c.v4)
	status, header := 0, http.Header(nil)
	if resp != nil {
		status, header = resp.StatusCode, resp.Header
	}
	c.pace.leave(status, header)
	c.note(header)
	return c.explain(ctx, what, safe, status, header, err)
}

// note reads off an answer what holds beyond it.
func (c *Client) note(header http.Header) {
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		// Half a second on the average was cut off.
		c.skew.Store(int64(date.Add(time.Second / 2).Sub(c.o.Clock.Now())))
	}
}

// Refusal is the cause of an error that the server gave, by the id that it has in
// every language.
type Refusal struct {
	*rest.StatusError
	ID string
}

// Error gives the id besides method, path and status.
func (r *Refusal) Error() string {
	return fmt.Sprintf("%s %s: %d %s", r.Method, r.URL, r.Status, r.ID)
}

// Unwrap gives the answer that it was.
func (r *Refusal) Unwrap() error { return r.StatusError }

// IDOf is the server's own id of an error, "" for any other.
func IDOf(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return r.ID
	}
	return ""
}

// explain turns what went wrong into a *bot.Error.
func (c *Client) explain(ctx context.Context, what string, safe bool, status int, header http.Header, err error) error {
	if err == nil {
		return nil
	}
	if status < 300 { // no answer, or one that can't be read
		return c.rest.Explain(ctx, err, safe)
	}
	cause := &Refusal{StatusError: &rest.StatusError{Method: "mattermost", URL: what, Status: status, Header: header}}
	var app *model.AppError
	if errors.As(err, &app) {
		cause.ID = app.Id
	}
	if status == http.StatusUnauthorized {
		return bot.Errorf(bot.CodeUnauthenticated, "%s does not accept OpsBot's token any more: the operator must give it a new one.", c.o.Service).
			Because(cause).Backoff()
	}
	if cause.ID == pending {
		return bot.Errorf(bot.CodeUnavailable, "%s is still busy with the same message.", c.o.Service).Because(cause).Wait(time.Second)
	}
	return rest.Classify(c.o.Service, cause.StatusError, safe, c.o.Clock.Now()).Because(cause)
}

// pending answers a post while an earlier request with its pending_post_id is under
// way; a fault of the caller's patience, not of the server.
const pending = "api.post.deduplicate_create_post.pending"
