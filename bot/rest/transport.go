package rest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"

	"opsbot/bot"
)

// transport is what every request goes through, of Do, Open and of vendors'
// libraries alike.
type transport struct {
	client *Client
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	c := t.client
	if bot.InTransaction(req.Context()) {
		closeBody(req)
		return nil, bot.Errorf(bot.CodeInternal, "%s was called inside a transaction of the store", c.opts.Service)
	}
	req = req.Clone(req.Context())
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", c.opts.UserAgent)
	}
	if c.opts.Authorize != nil && sameOrigin(req.URL, c.base) {
		if err := c.opts.Authorize(req); err != nil {
			closeBody(req)
			return nil, bot.Errorf(bot.CodeUnauthenticated, "%s: OpsBot has no usable credentials.", c.opts.Service).Because(err)
		}
	}
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	t.bound(req, resp)
	if err := t.refuseHTML(req, resp); err != nil {
		_ = resp.Body.Close() // the error that matters is the page
		return nil, err
	}
	return resp, nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // RoundTrip must close it, whatever happens
	}
}

func (t *transport) bound(req *http.Request, resp *http.Response) {
	if resp.StatusCode == http.StatusSwitchingProtocols || req.Context().Value(unboundedKey{}) != nil {
		return
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: t.client.opts.MaxBody, err: errTooLarge{limit: t.client.opts.MaxBody}}
}

// refuseHTML finds a page where JSON was asked for: a login form, a proxy's
// notice, the wrong URL. What it would give otherwise is "invalid character '<'".
func (t *transport) refuseHTML(req *http.Request, resp *http.Response) error {
	if !strings.Contains(req.Header.Get("Accept"), "json") || resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil
	}
	kind := strings.ToLower(resp.Header.Get("Content-Type"))
	if strings.Contains(kind, "json") {
		return nil // what claims to be JSON may be a stream, whose first byte is not waited for
	}
	r := bufio.NewReaderSize(resp.Body, 512)
	_, _ = r.Peek(1) // a read error comes again
	begin, _ := r.Peek(r.Buffered())
	resp.Body = struct {
		io.Reader
		io.Closer
	}{r, resp.Body}
	if !looksHTML(resp.Header, begin) {
		return nil
	}
	page, _ := io.ReadAll(io.LimitReader(r, 64<<10)) // only to tell which page it is
	if looksLogin(req.URL.Path, page) {
		return errLoginPage
	}
	return errHTML
}

// The two pages that are no answer.
var (
	errLoginPage = errors.New("the server answered with a login page")
	errHTML      = errors.New("the server answered with an HTML page instead of JSON")
)

func looksHTML(header http.Header, begin []byte) bool {
	kind := strings.ToLower(header.Get("Content-Type"))
	if strings.HasPrefix(kind, "text/html") || strings.HasPrefix(kind, "application/xhtml") {
		return true
	}
	begin = bytes.ToLower(bytes.TrimLeft(begin, " \t\r\n\ufeff"))
	return bytes.HasPrefix(begin, []byte("<!doctype html")) || bytes.HasPrefix(begin, []byte("<html"))
}

func looksLogin(path string, page []byte) bool {
	for segment := range strings.SplitSeq(strings.ToLower(path), "/") {
		for _, word := range []string{"login", "signin", "sign_in", "sso", "oauth", "securityrealm"} {
			if strings.HasPrefix(segment, word) {
				return true
			}
		}
	}
	text := bytes.ToLower(page)
	return bytes.Contains(text, []byte(`type="password"`)) || bytes.Contains(text, []byte(`type='password'`)) ||
		bytes.Contains(text, []byte("sign in")) || bytes.Contains(text, []byte("log in"))
}

// boundedBody gives err once more than left bytes have come.
type boundedBody struct {
	io.ReadCloser
	left int64
	err  error
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, b.err
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one more than allowed tells a full body from a longer one
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, b.err
	}
	return n, err
}

// checkRedirect keeps credentials with the server they are for, methods as they
// are, and encryption on.
func (c *Client) checkRedirect(req *http.Request, via []*http.Request) error {
	from := via[len(via)-1]
	switch {
	case len(via) > 5:
		return errRedirect{"after 5 redirects the server still redirects"}
	case req.Method != from.Method:
		return errRedirect{"the server redirects a " + from.Method + " to " + place(req.URL) + ", which would turn it into a " + req.Method}
	case from.URL.Scheme == "https" && req.URL.Scheme != "https":
		return errRedirect{"the server redirects to " + place(req.URL) + ", which is not encrypted"}
	case !sameOrigin(req.URL, from.URL) && c.holdsCredentials(via[0]):
		return errRedirect{"the server redirects to " + place(req.URL) + ", another server, which must not see the credentials"}
	}
	return nil
}

// holdsCredentials: a client with an Authorize, or a request that carries more
// than harmless headers; vendors put tokens under names of their own.
func (c *Client) holdsCredentials(req *http.Request) bool {
	if c.opts.Authorize != nil || req.URL.User != nil {
		return true
	}
	for name := range req.Header {
		switch name {
		case "Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "User-Agent", "Range", "If-None-Match", "If-Modified-Since":
		default:
			return true
		}
	}
	return false
}

// errRedirect is a redirect that was not followed.
type errRedirect struct{ text string }

func (e errRedirect) Error() string { return e.text }
