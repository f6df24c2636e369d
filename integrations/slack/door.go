package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"opsbot/bot"
	"opsbot/bot/sign"
	"opsbot/integrations/slack/socket"
	"opsbot/integrations/slack/wire"
)

// maxBody bounds what is read of a request before its signature is checked; Slack's
// own are below it.
const maxBody = 1 << 20

// handleTime bounds what is done with a request; Slack waits three seconds.
const handleTime = 10 * time.Second

// doors are the ways in.
type doors struct {
	c    *Chat
	pool *socket.Pool // nil without an app token
}

func newDoors(c *Chat) *doors {
	d := &doors{c: c}
	if c.cfg.AppToken.IsZero() {
		return d
	}
	api, err := url.Parse(c.cfg.APIURL)
	d.pool = socket.New(socket.Options{
		Open: c.web.Connect, Handle: d.envelope, InOrder: inOrder, Clock: c.env.Clock, Log: c.env.Log,
		Count: c.cfg.Connections, Plain: err == nil && loopback(api),
	})
	return d
}

// inOrder: what people say must not overtake itself. People who wait for a form must
// not wait for others' messages.
func inOrder(e socket.Envelope) bool {
	return e.Type == "events_api" && !strings.Contains(string(e.Payload), `"app_home_opened"`)
}

// envelope deals with what came over a connection.
func (d *doors) envelope(ctx context.Context, e socket.Envelope) (any, error) {
	switch e.Type {
	case "events_api":
		o, err := wire.DecodeEvent(e.Payload)
		if err != nil {
			return nil, d.unreadable(err)
		}
		if e.Attempt > 0 {
			d.c.env.Log.Info("slack sends an event again", "event", o.EventID, "attempt", e.Attempt, "reason", e.Why)
		}
		return nil, d.c.event(ctx, o, e.Attempt > 0)
	case "slash_commands":
		cmd, err := wire.DecodeCommand(e.Payload)
		if err != nil {
			return nil, d.unreadable(err)
		}
		return d.c.command(ctx, cmd)
	case "interactive":
		i, err := wire.DecodeInteraction(e.Payload)
		if err != nil {
			return nil, d.unreadable(err)
		}
		return d.c.interaction(ctx, i)
	}
	return nil, nil
}

// unreadable logs what can't be read; it is acknowledged, as it would be no better the
// next time.
func (d *doors) unreadable(err error) error {
	d.c.env.Log.Error("slack sent something that OpsBot can't read", "error", err)
	return nil
}

// Prefix implements bot.Routes.
func (c *Chat) Prefix() string { return "/" + c.env.Name + "/" }

// Listener implements bot.Routes: Slack calls from outside.
func (c *Chat) Listener() bot.Listener { return bot.ListenPublic }

// Handler implements bot.Routes: the Events API's door. Without a signing secret it is
// not there.
func (c *Chat) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, answer := range map[string]func(ctx context.Context, body []byte) (any, error){
		"events": c.doors.event, "commands": c.doors.command, "interactions": c.doors.interaction,
	} {
		mux.Handle("POST "+c.Prefix()+path, c.doors.signed(answer))
	}
	return mux
}

// signed lets only requests through that Slack has signed, a short while ago.
func (d *doors) signed(answer func(ctx context.Context, body []byte) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := d.verified(w, r)
		if err == nil {
			n := r.Header.Get("X-Slack-Retry-Num")
			if n != "" {
				d.c.env.Log.Info("slack sends something again", "path", r.URL.Path, "attempt", n, "reason", r.Header.Get("X-Slack-Retry-Reason"))
			}
			ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), againKey{}, n != ""), handleTime)
			defer cancel()
			var out any
			if out, err = answer(ctx, body); err == nil {
				d.answer(w, out)
				return
			}
		}
		d.refuse(w, r, err)
	})
}

type againKey struct{}

// again reports whether a request is one that Slack has made before.
func again(ctx context.Context) bool {
	is, _ := ctx.Value(againKey{}).(bool)
	return is
}

func (d *doors) verified(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if d.c.cfg.SigningSecret.IsZero() {
		return nil, bot.Errorf(bot.CodeNotFound, "There is nothing here.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, bot.Errorf(bot.CodeTooLarge, "That is more than %d bytes.", maxBody)
	}
	if err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "The request broke off.").Because(err)
	}
	secret, err := d.c.cfg.SigningSecret.Resolve(r.Context())
	if err != nil {
		return nil, bot.Errorf(bot.CodeUnavailable, "OpsBot has no signing secret.").Because(err)
	}
	scheme, err := sign.NewSlack(d.c.env.Clock, secret)
	if err != nil {
		return nil, err
	}
	return body, scheme.Verify(r.Header, body)
}

// answer writes what Slack is to be told: nothing, a text, or JSON.
func (d *doors) answer(w http.ResponseWriter, out any) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	switch out := out.(type) {
	case nil:
		w.WriteHeader(http.StatusOK)
	case challenge:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte(out))
	default:
		body, err := json.Marshal(out)
		if err != nil {
			d.c.env.Log.Error("an answer for slack can't be encoded", "error", err)
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write(body)
	}
}

// refuse answers with a status that makes Slack try again where that helps.
func (d *doors) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := map[bot.Code]int{
		bot.CodeUnauthenticated: http.StatusUnauthorized, bot.CodeTooLarge: http.StatusRequestEntityTooLarge, bot.CodeInvalid: http.StatusBadRequest,
		bot.CodeNotFound: http.StatusNotFound, bot.CodeUnavailable: http.StatusServiceUnavailable, bot.CodeStorageFull: http.StatusServiceUnavailable,
	}[bot.CodeOf(err)]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	d.c.env.Log.Warn("a request of slack was not taken", "path", r.URL.Path, "status", status, "error", err)
	http.Error(w, http.StatusText(status), status)
}

// challenge is what proves to Slack that the address is ours.
type challenge string

func (d *doors) event(ctx context.Context, body []byte) (any, error) {
	o, err := wire.DecodeEvent(body)
	if err != nil {
		return nil, d.unreadable(err)
	}
	if o.Type == "url_verification" {
		return challenge(o.Challenge), nil
	}
	return nil, d.received(d.c.event(ctx, o, again(ctx)))
}

// received makes a failure of ours one that Slack tries again, whatever its code is.
func (d *doors) received(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("not received: %w", unavailable{err})
}

// unavailable hides the code of what failed: no refusal of somebody else's is one of
// Slack's request.
type unavailable struct{ err error }

func (u unavailable) Error() string { return u.err.Error() }

func (d *doors) command(ctx context.Context, body []byte) (any, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, d.unreadable(err)
	}
	if form.Get("ssl_check") == "1" { // Slack looks at our certificate
		return nil, nil
	}
	cmd, err := wire.FormCommand(form)
	if err != nil {
		return nil, d.unreadable(err)
	}
	out, err := d.c.command(ctx, cmd)
	return out, d.received(err)
}

func (d *doors) interaction(ctx context.Context, body []byte) (any, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, d.unreadable(err)
	}
	i, err := wire.DecodeInteraction([]byte(form.Get("payload")))
	if err != nil {
		return nil, d.unreadable(err)
	}
	out, err := d.c.interaction(ctx, i)
	return out, d.received(err)
}
