package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"opsbot/bot"
)

// Request is one call. The zero Method is GET.
type Request struct {
	Method string
	// Path is appended to the client's Base, escaped by the caller (url.PathEscape
	// for each foreign segment). It may be an absolute URL: with a Base, one of the
	// same origin, as found in a Location header.
	Path   string
	Query  url.Values
	Header http.Header
	Body   []byte
	// JSON, if not nil, is encoded as the body.
	JSON any
	// Into, if not nil, points to what the answer's JSON is decoded into; it is left
	// alone when the answer has no body.
	Into any
	// Safe marks a request of a method that is not idempotent by definition as
	// harmless to repeat, for instance because it carries an idempotency key.
	Safe bool
	// Attempts above 1 let the client repeat a request that is idempotent or Safe
	// when the fault is a passing one. 0 and 1: the caller decides.
	Attempts int
	// Timeout of one attempt, if it differs from the client's.
	Timeout time.Duration
	// Unbounded lifts the bound on the body; for Open only.
	Unbounded bool
}

func (r *Request) method() string {
	if r.Method == "" {
		return http.MethodGet
	}
	return r.Method
}

// safe reports whether repeating the request does no harm (RFC 9110, 9.2.2).
func (r *Request) safe() bool {
	idempotent := []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete}
	return r.Safe || slices.Contains(idempotent, r.method())
}

// Response is a whole answer with a status of 2xx.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

func (r *Response) decode(into any) error { return json.Unmarshal(r.Body, into) }

// Stream is the beginning of an answer with a status of 2xx.
type Stream struct {
	Status int
	Header http.Header
	Body   io.ReadCloser
}

type unboundedKey struct{}

// request builds the http.Request.
func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	u, err := c.resolve(r.Path)
	if err != nil {
		return nil, err
	}
	if len(r.Query) > 0 {
		q := u.Query()
		for k, v := range r.Query {
			q[k] = v
		}
		u.RawQuery = q.Encode()
	}
	if r.JSON != nil {
		if r.Body, err = json.Marshal(r.JSON); err != nil {
			return nil, bot.Errorf(bot.CodeInternal, "%s: encode the request", c.opts.Service).Because(err)
		}
	}
	var body io.Reader
	if r.Body != nil {
		body = bytes.NewReader(r.Body)
	}
	if r.Unbounded {
		ctx = context.WithValue(ctx, unboundedKey{}, true)
	}
	req, err := http.NewRequestWithContext(ctx, r.method(), u.String(), body)
	if err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "%s: the request is malformed", c.opts.Service).Because(c.opts.Mask.Error(err))
	}
	setHeader(req, r)
	return req, nil
}

func setHeader(req *http.Request, r Request) {
	for name, values := range r.Header {
		req.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	setDefault := func(name, value string) {
		if req.Header.Get(name) == "" {
			req.Header.Set(name, value)
		}
	}
	if r.JSON != nil {
		setDefault("Content-Type", "application/json")
	}
	if r.Into != nil {
		setDefault("Accept", "application/json")
	}
}

// resolve makes the absolute URL of a path and refuses to leave the base's origin.
func (c *Client) resolve(path string) (*url.URL, error) {
	absolute := strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://")
	text := path
	if !absolute {
		if c.base == nil {
			return nil, bot.Errorf(bot.CodeInternal, "%s: a relative path needs a base URL", c.opts.Service)
		}
		text = strings.TrimRight(c.base.String(), "/") + "/" + strings.TrimLeft(path, "/")
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "%s: the path of the request is malformed", c.opts.Service).Because(c.opts.Mask.Error(err))
	}
	if c.base != nil && !sameOrigin(u, c.base) {
		return nil, bot.Errorf(bot.CodeInvalid, "%s: %s is another server than %s", c.opts.Service, place(u), place(c.base))
	}
	if hasDots(u.Path) {
		return nil, bot.Errorf(bot.CodeInvalid, "%s: the path of the request has a . or .. segment", c.opts.Service)
	}
	return u, nil
}

// hasDots finds segments that a server would fold: a name of ".." must not turn
// the call for one object into a call for its parent.
func hasDots(path string) bool {
	return slices.ContainsFunc(strings.Split(path, "/"), func(s string) bool { return s == "." || s == ".." })
}

// sameOrigin compares scheme, host and port.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}

// place is a URL that may be shown: no user, query or fragment.
func place(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// wire observes whether anything of a request got out.
type wire struct{ observed, wrote atomic.Bool }

// sent errs on the side of yes: a transport that does not report (a fake, a
// wrapper) may have sent all of it.
func (w *wire) sent() bool { return w.wrote.Load() || !w.observed.Load() }

func observe(req *http.Request) (*wire, *http.Request) {
	w := &wire{}
	trace := &httptrace.ClientTrace{
		GetConn:      func(string) { w.observed.Store(true) },
		WroteHeaders: func() { w.wrote.Store(true) },
	}
	return w, req.WithContext(httptrace.WithClientTrace(req.Context(), trace))
}

// backoff doubles from 200 ms up to maxPause, a random half of it off, so that
// many callers do not come back at one moment.
func backoff(attempt int) time.Duration {
	d := min(200*time.Millisecond<<min(attempt-1, 10), maxPause)
	return d/2 + time.Duration(rand.Int64N(int64(d/2)+1)) //nolint:gosec // spreads load, guards nothing
}
