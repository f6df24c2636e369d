// Package web calls Slack's Web API: with the tokens as they are at that moment, no
// faster than each method allows, and with errors that say what to do.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/rest"
)

// Service is what messages call Slack.
const Service = "Slack"

// maxAnswer bounds an answer; a page of a busy channel's history takes a few hundred
// kilobytes.
const maxAnswer = 8 << 20

// Options configure a Client. BotToken, URL, Clock and Log are required.
type Options struct {
	URL      string // of the Web API, with a slash at its end
	BotToken config.Secret
	AppToken config.Secret // for connections; may be zero
	Clock    bot.Clock
	Log      *slog.Logger
	BotName  string        // whom people invite
	Timeout  time.Duration // of one call; 0 = 10 s
}

// Client calls one workspace's Web API. Safe for concurrent use.
type Client struct {
	o    Options
	rest *rest.Client
	raw  *rest.Client // for addresses that Slack gives, which need no token
	gate *gate
	mask *rest.Mask

	mu      sync.Mutex
	refused *bot.Error // the bot token is of no use at the moment; nil: it is
	again   time.Time  // when that is looked at again
	pause   time.Duration
}

// New checks the options; it does no I/O.
func New(o Options) (*Client, error) {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if !strings.HasSuffix(o.URL, "/") {
		o.URL += "/"
	}
	c := &Client{o: o, gate: newGate(o.Clock), mask: &rest.Mask{}}
	common := rest.Options{Service: Service, Clock: o.Clock, Mask: c.mask, Timeout: o.Timeout, MaxBody: maxAnswer}
	var err error
	if c.raw, err = rest.New(common); err != nil {
		return nil, err
	}
	common.Base = o.URL
	// The vendor's client puts the token into the body. Having credentials, if by a func
	// that adds nothing, keeps redirects from carrying it to another server.
	common.Authorize = func(*http.Request) error { return nil }
	c.rest, err = rest.New(common)
	return c, err
}

// Close drops idle connections.
func (c *Client) Close() {
	c.rest.Close()
	c.raw.Close()
}

// api makes the vendor's client with the tokens that are valid now.
func (c *Client) api(ctx context.Context) (*slack.Client, error) {
	var tokens [2]string
	for i, s := range []config.Secret{c.o.BotToken, c.o.AppToken} {
		if s.IsZero() {
			continue
		}
		value, err := s.Resolve(ctx)
		if err != nil {
			return nil, err
		}
		c.mask.Add(value)
		tokens[i] = value
	}
	return slack.New(tokens[0], slack.OptionAppLevelToken(tokens[1]), slack.OptionAPIURL(c.o.URL), slack.OptionHTTPClient(c.rest.HTTPClient())), nil
}

// Call is one method of the Web API.
type Call struct {
	Method string // "chat.postMessage"
	// Safe: calling it again does no harm.
	Safe bool
	// App: it is the app token's.
	App bool
}

// Do makes one call of the Web API, when its method's limit allows: it waits for a
// moment, and answers with a retry after what is longer. Errors are *bot.Error.
func Do[T any](ctx context.Context, c *Client, call Call, fn func(api *slack.Client) (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, c.explain(ctx, call, err)
	}
	if !call.App && call.Method != authTest {
		if err := c.usable(ctx); err != nil {
			return none, err
		}
	}
	return do(ctx, c, call, fn)
}

func do[T any](ctx context.Context, c *Client, call Call, fn func(api *slack.Client) (T, error)) (T, error) {
	var none T
	if err := c.gate.wait(ctx, call.Method); err != nil {
		return none, err
	}
	api, err := c.api(ctx)
	if err != nil {
		return none, c.unusable(bot.Errorf(bot.CodeUnauthenticated, "OpsBot has no token for Slack: the operator finds in the log why.").Backoff().Because(err), call)
	}
	out, err := fn(api)
	if err != nil {
		return none, c.explain(ctx, call, err)
	}
	if !call.App {
		c.works()
	}
	return out, nil
}

// Put sends bytes to an address that Slack gave for them.
func (c *Client) Put(ctx context.Context, address string, content []byte) error {
	r := rest.Request{Method: "POST", Path: address, Body: content, Safe: true}
	r.Header = map[string][]string{"Content-Type": {"application/octet-stream"}}
	_, err := c.raw.Do(ctx, r)
	return err
}

const authTest = "auth.test"

// Identity is who the bot is, and where.
type Identity struct {
	Team, TeamID, Enterprise string
	User, UserID, BotID      string
	URL                      string // of the workspace
}

// Auth is what Slack says of the bot token.
type Auth struct {
	Identity
	Scopes []string
	Date   time.Time // by Slack's clock
}

// Auth asks whose the bot token is, and what it may.
func (c *Client) Auth(ctx context.Context) (Auth, error) {
	return do(ctx, c, Call{Method: authTest, Safe: true}, func(api *slack.Client) (Auth, error) {
		r, err := api.AuthTestContext(ctx)
		if err != nil {
			return Auth{}, err
		}
		a := Auth{Identity: Identity{Team: r.Team, TeamID: r.TeamID, Enterprise: r.EnterpriseID, User: r.User, UserID: r.UserID, BotID: r.BotID, URL: r.URL}}
		for s := range strings.SplitSeq(r.Header.Get("X-OAuth-Scopes"), ",") {
			if s = strings.TrimSpace(s); s != "" {
				a.Scopes = append(a.Scopes, s)
			}
		}
		a.Date, _ = time.Parse(time.RFC1123, r.Header.Get("Date")) // zero when it is missing
		return a, nil
	})
}

// Connect asks for the address of a new connection in Socket Mode.
func (c *Client) Connect(ctx context.Context) (string, error) {
	return Do(ctx, c, Call{Method: "apps.connections.open", Safe: true, App: true}, func(api *slack.Client) (string, error) {
		_, address, err := api.StartSocketModeContext(ctx)
		return address, err
	})
}

// How long the token rests after a refusal.
const (
	firstRest = 30 * time.Second
	lastRest  = 5 * time.Minute
)

// usable refuses calls while the bot token is of no use: they would only be refused
// once more. Whoever comes when it is time asks again.
func (c *Client) usable(ctx context.Context) error {
	c.mu.Lock()
	refused, wait := c.refused, c.again.Sub(c.o.Clock.Now())
	c.mu.Unlock()
	if refused == nil {
		return nil
	}
	if wait <= 0 {
		if _, err := c.Auth(ctx); err == nil {
			return nil
		}
		_, wait = c.Refused()
	}
	return refused.Wait(max(wait, time.Second))
}

// Refused tells why the bot token is of no use at the moment, and when that is looked
// at again; nil when it works as far as is known.
func (c *Client) Refused() (why *bot.Error, in time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused, c.again.Sub(c.o.Clock.Now())
}

// unusable notes that Slack does not accept the bot token; it is said once.
func (c *Client) unusable(e *bot.Error, call Call) *bot.Error {
	if call.App {
		return e
	}
	c.mu.Lock()
	fresh := c.refused == nil
	if fresh {
		c.pause = firstRest
	} else if call.Method == authTest {
		c.pause = min(2*c.pause, lastRest)
	}
	c.refused, c.again = e, c.o.Clock.Now().Add(c.pause)
	c.mu.Unlock()
	if fresh {
		c.o.Log.Error("slack does not accept the bot token; nothing is sent or looked up until it does", "error", e)
	}
	return e
}

func (c *Client) works() {
	c.mu.Lock()
	was := c.refused
	c.refused = nil
	c.mu.Unlock()
	if was != nil {
		c.o.Log.Info("slack accepts the bot token again")
	}
}

// CodeOf gives Slack's own word for what went wrong, "" if it said none.
func CodeOf(err error) string {
	var refused slack.SlackErrorResponse
	if errors.As(err, &refused) {
		return refused.Err
	}
	return ""
}
