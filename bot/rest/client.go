// Package rest is the one way out over HTTP: every call to an outside service has
// a timeout, a bound on what it reads, a retry class, and no way to leak a secret.
//
// What goes wrong comes back as a *bot.Error whose message names the service for
// the person and whose cause is for the log. A call inside a store transaction is
// refused, credentials go to the configured server only, and an HTML page where
// JSON was asked for is called by its name.
package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"opsbot/bot"
)

const (
	defaultTimeout   = 30 * time.Second
	defaultMaxBody   = 16 << 20
	defaultUserAgent = "opsbot"
	// maxPause bounds the waiting inside one call: what takes longer goes back to
	// the operation engine, which waits without holding a goroutine.
	maxPause = 10 * time.Second
)

// Options describe one outside service. Only Service is required.
type Options struct {
	// Service is how messages call it: "Jenkins", or the instance's name.
	Service string
	// Base is the absolute URL below which the service lives. With it, credentials
	// and headers go to its origin (scheme, host and port) and nowhere else.
	Base string
	// Authorize adds credentials to a request to Base; called for every attempt, so
	// that a token may change. Needs Base.
	Authorize func(r *http.Request) error
	UserAgent string // "" = "opsbot"
	// Timeout bounds one attempt with its body; 0 = 30 s.
	Timeout time.Duration
	// MaxBody bounds an answer's body after decompression, in bytes; 0 = 16 MiB.
	MaxBody int64
	Mask    *Mask             // nil: nothing is masked
	Clock   bot.Clock         // nil: the machine's
	TLS     *tls.Config       // nil: the system's roots
	Via     http.RoundTripper // nil: a transport of its own, with the proxy of the environment
}

// Client calls one outside service. Safe for concurrent use.
type Client struct {
	opts Options
	base *url.URL // nil without Base
	http *http.Client
}

// New checks the options; it does no I/O. CodeInvalid names the field.
func New(o Options) (*Client, error) {
	if o.Service == "" {
		return nil, bot.Errorf(bot.CodeInvalid, "http client: no service is named")
	}
	c := &Client{opts: o}
	if err := c.setBase(o.Base); err != nil {
		return nil, err
	}
	if o.Authorize != nil && c.base == nil {
		return nil, bot.Errorf(bot.CodeInvalid, "%s: credentials need the URL of the server that may see them", o.Service)
	}
	c.fillIn()
	c.http = &http.Client{
		Transport:     &transport{client: c, next: c.opts.Via},
		CheckRedirect: c.checkRedirect,
	}
	return c, nil
}

func (c *Client) setBase(base string) error {
	if base == "" {
		return nil
	}
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return bot.Errorf(bot.CodeInvalid, "%s: the URL must be absolute and begin with http:// or https://", c.opts.Service)
	case u.User != nil:
		return bot.Errorf(bot.CodeInvalid, "%s: the URL must not hold a user or password", c.opts.Service)
	case u.RawQuery != "" || u.Fragment != "":
		return bot.Errorf(bot.CodeInvalid, "%s: the URL must not hold a query or fragment", c.opts.Service)
	}
	c.base = u
	return nil
}

func (c *Client) fillIn() {
	o := &c.opts
	if o.UserAgent == "" {
		o.UserAgent = defaultUserAgent
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxBody <= 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.Clock == nil {
		o.Clock = bot.SystemClock{}
	}
	if o.Via == nil {
		o.Via = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        o.TLS,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    8,
			IdleConnTimeout:        90 * time.Second,
			TLSHandshakeTimeout:    10 * time.Second,
			ExpectContinueTimeout:  time.Second,
			MaxResponseHeaderBytes: 1 << 20,
		}
	}
}

// HTTPClient returns a client for a vendor's library, with the same timeout, body
// bound, redirect rule, credentials, HTML detection and transaction check. Hand
// the library's errors to Explain.
func (c *Client) HTTPClient() *http.Client {
	h := *c.http
	h.Timeout = c.opts.Timeout
	return &h
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Do sends r and reads the whole answer. The error is a *bot.Error:
// CodeUnknown when a request that is not Safe may have been carried out although
// no proper answer came; see Classify for answers outside 2xx, whose status
// StatusOf tells. On an error the Response is nil.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	if r.Attempts > 1 && !r.safe() {
		return nil, bot.Errorf(bot.CodeInternal, "%s: a %s is not repeated unless it is marked safe", c.opts.Service, r.method())
	}
	for attempt := 1; ; attempt++ {
		resp, err := c.once(ctx, r)
		if err == nil {
			return resp, nil
		}
		wait, again := c.pause(err, attempt, r.Attempts)
		if !again {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-c.opts.Clock.After(wait):
		}
	}
}

// once is one attempt, with the body.
func (c *Client) once(ctx context.Context, r Request) (*Response, error) {
	timeout := c.opts.Timeout
	if r.Timeout > 0 {
		timeout = r.Timeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errTimeout{after: timeout})
	defer cancel()
	stream, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	defer stream.Body.Close()
	body, err := io.ReadAll(stream.Body)
	if err != nil {
		return nil, c.explain(ctx, err, r.safe(), true)
	}
	resp := &Response{Status: stream.Status, Header: stream.Header, Body: body}
	if r.Into != nil && len(body) > 0 {
		if err := resp.decode(r.Into); err != nil {
			return nil, c.undecodable(err, r.safe())
		}
	}
	return resp, nil
}

// undecodable: the status said done, so a request that must not be repeated was
// carried out with a result that is lost.
func (c *Client) undecodable(err error, safe bool) error {
	code := bot.CodeUnavailable
	if !safe {
		code = bot.CodeUnknown
	}
	return bot.Errorf(code, "%s answered with something that is not the expected JSON.", c.opts.Service).Because(c.opts.Mask.Error(err))
}

// Open sends r and returns as soon as the answer begins; the body is the caller's
// to read and close. The timeout covers only the time until then; the body ends
// with ctx. A body longer than MaxBody gives CodeTooLarge while reading, unless
// r.Unbounded is set. It is never repeated.
func (c *Client) Open(ctx context.Context, r Request) (*Stream, error) {
	timeout := c.opts.Timeout
	if r.Timeout > 0 {
		timeout = r.Timeout
	}
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(timeout, func() { cancel(errTimeout{after: timeout}) })
	stream, err := c.send(ctx, r)
	timer.Stop()
	if err != nil {
		cancel(nil)
		return nil, err
	}
	stream.Body = &streamBody{ReadCloser: stream.Body, ctx: ctx, cancel: cancel, client: c, safe: r.safe()}
	return stream, nil
}

// send makes the request and turns answers outside 2xx into errors.
func (c *Client) send(ctx context.Context, r Request) (*Stream, error) {
	req, err := c.request(ctx, r)
	if err != nil {
		return nil, err
	}
	wire, req := observe(req)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.explain(ctx, err, r.safe(), wire.sent())
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		defer resp.Body.Close()
		return nil, Classify(c.opts.Service, c.statusError(resp), r.safe(), c.opts.Clock.Now())
	}
	return &Stream{Status: resp.StatusCode, Header: resp.Header, Body: resp.Body}, nil
}

// pause decides whether the client itself tries again, and after how long.
func (c *Client) pause(err error, attempt, attempts int) (time.Duration, bool) {
	if attempt >= attempts || errors.Is(err, context.Canceled) {
		return 0, false
	}
	switch class, after := bot.RetryOf(err); class {
	case bot.RetryBackoff:
		return backoff(attempt), true
	case bot.RetryAfter:
		return after, after <= maxPause
	default:
		return 0, false
	}
}
