package rest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/rest"
)

func TestCutBody(t *testing.T) {
	t.Parallel()
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"id":`))
	}
	for method, code := range map[string]bot.Code{"GET": bot.CodeUnavailable, "PUT": bot.CodeUnavailable, "POST": bot.CodeUnknown} {
		c, _ := setup(t, cut)
		_, err := c.Do(t.Context(), rest.Request{Method: method, Path: "x"})
		want(t, err, code, bot.RetryBackoff, "Jenkins")
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: the cause is lost: %v", method, err)
		}
	}
}

func TestSlowServer(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	c, _ := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			_, _ = w.Write([]byte("begun"))
			_ = http.NewResponseController(w).Flush()
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(release) })
	for _, path := range []string{"header", "body"} {
		for method, code := range map[string]bot.Code{"GET": bot.CodeUnavailable, "POST": bot.CodeUnknown} {
			_, err := c.Do(t.Context(), rest.Request{Method: method, Path: path, Timeout: 50 * time.Millisecond})
			want(t, err, code, bot.RetryBackoff, "Jenkins")
			if !strings.Contains(err.Error(), "within 50ms") {
				t.Errorf("%s %s: the cause does not name the time: %v", method, path, err)
			}
		}
	}
	_, err := c.Open(t.Context(), rest.Request{Path: "header", Timeout: 50 * time.Millisecond})
	want(t, err, bot.CodeUnavailable, bot.RetryBackoff, "in time")
}

func TestCallerEndsTheCall(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c, clock := setup(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := c.Do(ctx, rest.Request{Path: "x", Attempts: 5})
	want(t, err, bot.CodeUnavailable, bot.RetryBackoff, "interrupted")
	if !errors.Is(err, context.Canceled) || len(clock.asked()) != 0 {
		t.Errorf("want no repeat after a cancel: %v, waits %v", err, clock.asked())
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String()
	_ = l.Close()
	c, _ := client(t, base)
	// Nothing was sent, so that even a POST may be tried again.
	_, err = c.Do(t.Context(), rest.Request{Method: "POST", Path: "x?" + secret})
	want(t, err, bot.CodeUnavailable, bot.RetryBackoff, "cannot be reached")
	if strings.Contains(err.Error(), "?") {
		t.Errorf("the error shows the query: %v", err)
	}
}

func TestUntrustedCertificateIsNotRetried(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	// It would print the handshake that is meant to fail.
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	c, _ := client(t, server.URL)
	_, err := c.Do(t.Context(), rest.Request{Path: "x"})
	want(t, err, bot.CodeUnavailable, bot.RetryNever, "certificate")
}

func TestOversizedBody(t *testing.T) {
	t.Parallel()
	for size, ok := range map[int]bool{999: true, 1000: true, 1001: false, 100_000: false} {
		c, _ := setup(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, size)) },
			func(o *rest.Options) { o.MaxBody = 1000 })
		resp, err := c.Do(t.Context(), rest.Request{Path: "x"})
		if ok && (err != nil || len(resp.Body) != size) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if !ok {
			want(t, err, bot.CodeTooLarge, bot.RetryNever, "1000 bytes")
		}
		_, err = c.Do(t.Context(), rest.Request{Method: "POST", Path: "x"})
		if !ok && bot.CodeOf(err) != bot.CodeUnknown {
			t.Errorf("%d bytes for a POST: %v, want an unknown effect", size, err)
		}
		stream, err := c.Open(t.Context(), rest.Request{Path: "x", Unbounded: true})
		if err != nil {
			t.Fatal(err)
		}
		if all, err := io.ReadAll(stream.Body); err != nil || len(all) != size {
			t.Errorf("unbounded stream of %d bytes gave %d: %v", size, len(all), err)
		}
		_ = stream.Body.Close()
	}
}

func TestOpenStreams(t *testing.T) {
	t.Parallel()
	more := make(chan struct{})
	c, _ := setup(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = http.NewResponseController(w).Flush()
		<-more
		_, _ = w.Write([]byte("late"))
		_ = http.NewResponseController(w).Flush()
		if r.URL.Path == "/cut" {
			panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's own way to cut an answer
		}
	})
	for path, code := range map[string]bot.Code{"whole": "", "cut": bot.CodeUnavailable} {
		s, err := c.Open(t.Context(), rest.Request{Path: path, Header: http.Header{"Accept": {"application/json"}}})
		if err != nil {
			t.Fatal(err)
		}
		more <- struct{}{} // only now: Open must not have waited for the body
		body, err := io.ReadAll(s.Body)
		if string(body) != "late" || bot.CodeOf(err) != code {
			t.Errorf("%s: %q, %v", path, body, err)
		}
		_ = s.Body.Close()
	}
}

func TestHTMLWhereJSONIsExpected(t *testing.T) {
	t.Parallel()
	const login = `<!DOCTYPE html><form action="/j_spring_security_check"><input type="password"></form>`
	for name, c := range map[string]struct {
		kind, body string
		code       bot.Code
		part       string
	}{
		"login page":    {"text/html;charset=utf-8", login, bot.CodeUnauthenticated, "login page"},
		"no type":       {"text/plain", " \n" + login, bot.CodeUnauthenticated, "login page"},
		"proxy":         {"text/html", "<html><body>Blocked by policy</body></html>", bot.CodeUnavailable, "HTML page instead of JSON"},
		"cut JSON":      {"application/json", `{"id": `, bot.CodeUnavailable, "not the expected JSON"},
		"wrong JSON":    {"application/json", `[]`, bot.CodeUnavailable, "not the expected JSON"},
		"untyped JSON":  {"text/plain", `{"id": 1}`, "", ""},
		"empty is fine": {"application/json", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, _ := setup(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				_, _ = io.WriteString(w, c.body)
			})
			var into struct{ ID int }
			_, err := client.Do(t.Context(), rest.Request{Path: "api/json", Into: &into})
			if c.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			want(t, err, c.code, bot.RetryNever, c.part)
		})
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Private-Token") != "" {
			t.Error("the credentials went to another server")
		}
	}))
	t.Cleanup(other.Close)
	handler := func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/near":
			http.Redirect(w, r, "/here", http.StatusFound)
		case "/far":
			http.Redirect(w, r, other.URL+"/x?token="+secret, http.StatusFound)
		case "/keep":
			http.Redirect(w, r, "/here", http.StatusTemporaryRedirect)
		case "/login":
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>Welcome</html>")
		case "/tologin":
			http.Redirect(w, r, "/login?from=%2F", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		default:
			_, _ = fmt.Fprintf(w, "%s %s", r.Method, r.Header.Get("Private-Token"))
		}
	}
	c, _ := setup(t, handler)
	get := func(method, path string, into any) (string, error) {
		resp, err := c.Do(t.Context(), rest.Request{Method: method, Path: path, Into: into})
		if err != nil {
			return "", err
		}
		return string(resp.Body), nil
	}
	if got, err := get("GET", "near", nil); err != nil || got != "GET "+secret {
		t.Errorf("same server: %q, %v", got, err)
	}
	if got, err := get("POST", "keep", nil); err != nil || got != "POST "+secret {
		t.Errorf("307 on the same server: %q, %v", got, err)
	}
	for _, c := range []struct{ method, path, part string }{
		{"GET", "far", "another server"}, {"POST", "near", "would turn it into a GET"}, {"GET", "loop", "still redirects"},
	} {
		_, err := get(c.method, c.path, nil)
		want(t, err, bot.CodeUnavailable, bot.RetryNever, "redirects to where OpsBot does not follow")
		if !strings.Contains(err.Error(), c.part) {
			t.Errorf("%s %s: cause %v does not say %q", c.method, c.path, err, c.part)
		}
	}
	var into map[string]any
	_, err := get("GET", "tologin", &into)
	want(t, err, bot.CodeUnauthenticated, bot.RetryNever, "login page")

	bare, _ := setup(t, handler, func(o *rest.Options) { o.Authorize = nil })
	if _, err := bare.Do(t.Context(), rest.Request{Path: "far"}); err != nil {
		t.Errorf("without credentials a redirect elsewhere is followed: %v", err)
	}
	_, err = bare.Do(t.Context(), rest.Request{Path: "far", Header: http.Header{"X-Vault-Token": {"x"}}})
	want(t, err, bot.CodeUnavailable, bot.RetryNever, "does not follow")
}

func TestVendorLibraryGetsTheSameRules(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Private-Token") != secret {
			t.Error("no credentials")
		}
		_, _ = w.Write(make([]byte, 100))
	}))
	t.Cleanup(server.Close)
	c, _ := client(t, server.URL, func(o *rest.Options) { o.MaxBody = 10 })
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	resp, err := c.HTTPClient().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	want(t, c.Explain(t.Context(), fmt.Errorf("library: %w", err), true), bot.CodeTooLarge, bot.RetryNever, "10 bytes")

	plain := errors.New("library: name taken, token " + secret)
	if got := c.Explain(t.Context(), plain, true); got.Error() != "library: name taken, token "+rest.Masked || !errors.Is(got, plain) {
		t.Errorf("an error of the library itself: %v", got)
	}
	if c.Explain(t.Context(), nil, true) != nil {
		t.Error("nil must stay nil")
	}
}
