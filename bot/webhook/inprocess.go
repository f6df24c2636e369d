package webhook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"opsbot/bot"
)

type inProcessKey struct{}

func inProcess(ctx context.Context) bool { return ctx.Value(inProcessKey{}) != nil }

// RoundTripper serves every request by h in this process, whatever host its URL
// names: the door through which embedded sources use the same edge as all
// others (bot.IntegrationEnv.Edge). It waits for h; the request's context is the
// handler's. Inside a transaction it refuses, as any other transport does:
// the edge waits for a commit of its own.
func RoundTripper(h http.Handler) http.RoundTripper { return edgeTransport{h} }

type edgeTransport struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (t edgeTransport) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	body := req.Body
	if body == nil {
		body = http.NoBody
	}
	defer func() { _ = body.Close() }()
	if bot.InTransaction(req.Context()) {
		return nil, bot.Errorf(bot.CodeInternal, "The webhook edge was called inside a transaction.")
	}
	if err := req.Context().Err(); err != nil {
		return nil, fmt.Errorf("webhook: in-process request: %w", err)
	}
	in := req.Clone(context.WithValue(req.Context(), inProcessKey{}, true))
	in.Body, in.RequestURI, in.RemoteAddr = body, req.URL.RequestURI(), "in-process"
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	if in.Header == nil {
		in.Header = http.Header{}
	}
	w := &recorder{header: http.Header{}}
	defer func() {
		if v := recover(); v != nil {
			resp, err = nil, fmt.Errorf("webhook: in-process handler panicked: %v", v)
		}
	}()
	t.handler.ServeHTTP(w, in)
	return w.response(req), nil
}

// recorder keeps a handler's answer.
type recorder struct {
	header http.Header
	sent   http.Header
	code   int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(code int) {
	if w.code == 0 && code >= http.StatusOK {
		w.code, w.sent = code, w.header.Clone()
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

func (w *recorder) response(req *http.Request) *http.Response {
	w.WriteHeader(http.StatusOK)
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.code, http.StatusText(w.code)), StatusCode: w.code,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.sent, Request: req,
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()),
	}
}

// NewServer makes a server whose timeouts bound slow senders without cutting
// long transfers of the handlers beside the edge (git): those bound their own
// bodies, as the edge does.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
