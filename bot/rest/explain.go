package rest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"opsbot/bot"
)

// errTimeout is the cause of a context that ran out of our own time.
type errTimeout struct{ after time.Duration }

func (e errTimeout) Error() string { return fmt.Sprintf("no complete answer within %s", e.after) }

// errTooLarge is an answer over the bound.
type errTooLarge struct{ limit int64 }

func (e errTooLarge) Error() string {
	return fmt.Sprintf("the answer is longer than %d bytes", e.limit)
}

// Explain turns an error of the client that HTTPClient returned, as a vendor's
// library hands it on, into the *bot.Error that Do would have given. safe: see
// Classify. Errors that are not about transport are only masked.
func (c *Client) Explain(ctx context.Context, err error, safe bool) error {
	var mine *bot.Error
	var wire *url.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &mine) || !errors.As(err, &wire) && !cutShort(err):
		return c.opts.Mask.Error(err)
	default:
		// Whether it was sent cannot be seen from here: the careful answer.
		return c.explain(ctx, err, safe, !isDial(err))
	}
}

// explain classes an error of transport. sent: the request may have reached the
// server, so that a request that is not safe leaves its effect unknown.
func (c *Client) explain(ctx context.Context, err error, safe, sent bool) error {
	var mine *bot.Error
	if errors.As(err, &mine) {
		return mine.Because(c.clean(mine.Err))
	}
	if cause := context.Cause(ctx); cause != nil {
		err = fmt.Errorf("%w (%w)", err, cause)
	}
	e := c.transportClass(err)
	if sent && !safe && (e.Retry != bot.RetryNever || e.Code == bot.CodeTooLarge) {
		e = bot.Errorf(bot.CodeUnknown, "%s did not confirm the request: whether it was done is not known.", c.opts.Service).Backoff()
	}
	return e.Because(c.clean(err))
}

func (c *Client) transportClass(err error) *bot.Error {
	name := c.opts.Service
	var timeout errTimeout
	var large errTooLarge
	var redirect errRedirect
	switch {
	case errors.Is(err, errLoginPage):
		return bot.Errorf(bot.CodeUnauthenticated, "%s answered with a login page: the operator must check the token.", name)
	case errors.Is(err, errHTML):
		return bot.Errorf(bot.CodeUnavailable, "%s answered with an HTML page instead of JSON: is its URL right, or is a proxy in between?", name)
	case errors.As(err, &large):
		return bot.Errorf(bot.CodeTooLarge, "%s sent more than the %d bytes that OpsBot reads.", name, large.limit)
	case errors.As(err, &redirect):
		return bot.Errorf(bot.CodeUnavailable, "%s redirects to where OpsBot does not follow: is its URL right?", name)
	case isCertificate(err):
		return bot.Errorf(bot.CodeUnavailable, "%s shows a certificate that is not trusted: the operator must check it.", name)
	case errors.Is(err, context.Canceled) && !errors.As(err, &timeout):
		return bot.Errorf(bot.CodeUnavailable, "The call of %s was interrupted.", name).Backoff()
	case errors.As(err, &timeout) || errors.Is(err, context.DeadlineExceeded):
		return bot.Errorf(bot.CodeUnavailable, "%s did not answer in time.", name).Backoff()
	case cutShort(err):
		return bot.Errorf(bot.CodeUnavailable, "%s broke off its answer.", name).Backoff()
	default:
		return bot.Errorf(bot.CodeUnavailable, "%s cannot be reached.", name).Backoff()
	}
}

func cutShort(err error) bool {
	var large errTooLarge
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &large)
}

// isDial: no connection came about, so that nothing was sent.
func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func isCertificate(err error) bool {
	var verify *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	return errors.As(err, &verify) || errors.As(err, &unknown)
}

// clean takes the query out of URLs and the known secrets out of the text.
func (c *Client) clean(err error) error {
	var wire *url.Error
	if !errors.As(err, &wire) {
		return c.opts.Mask.Error(err)
	}
	where := "(unreadable URL)"
	if u, parseErr := url.Parse(wire.URL); parseErr == nil {
		where = place(u)
	}
	bare := fmt.Sprintf("%s %s: %v", wire.Op, where, wire.Err)
	return &maskedError{text: c.opts.Mask.String(strings.ReplaceAll(err.Error(), wire.Error(), bare)), cause: err}
}

func (c *Client) statusError(resp *http.Response) *StatusError {
	begin, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // a hint only
	return &StatusError{
		Method: resp.Request.Method, URL: c.opts.Mask.String(place(resp.Request.URL)), Status: resp.StatusCode,
		Header: resp.Header, Body: c.opts.Mask.String(string(begin)),
	}
}

// streamBody is the body of Open: errors are explained, and closing it ends the
// request.
type streamBody struct {
	io.ReadCloser
	ctx    context.Context //nolint:containedctx // it is the body's life that ctx ends
	cancel context.CancelCauseFunc
	client *Client
	safe   bool
}

// Read implements io.Reader; errors other than io.EOF are *bot.Error.
func (b *streamBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = b.client.explain(b.ctx, err, b.safe, true)
	}
	return n, err
}

// Close ends the request.
func (b *streamBody) Close() error {
	b.cancel(nil)
	return b.ReadCloser.Close()
}
