package webhook_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/webhook"
)

func TestSlowBodyIsCut(t *testing.T) {
	t.Parallel()
	r := setup(t, func(o *webhook.Options) { o.BodyTimeout, o.Clock = 50*time.Millisecond, bot.SystemClock{} })
	conn := serve(t, r)
	fmt.Fprint(conn, "POST /hooks/git HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusRequestTimeout || len(r.shelf.stored()) != 0 {
		t.Errorf("answer %d, %d rows", resp.StatusCode, len(r.shelf.stored()))
	}
}

func TestSlowCommitOutlivesTheBodyTimeout(t *testing.T) {
	t.Parallel()
	r := setup(t, func(o *webhook.Options) { o.BodyTimeout, o.Clock = 50*time.Millisecond, bot.SystemClock{} })
	r.shelf.before = func() { <-time.After(120 * time.Millisecond) } // the deadline is the machine's own
	conn := serve(t, r)
	if err := request("d-1", `{"a":1}`).Write(conn); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusAccepted {
		t.Errorf("answer %d", resp.StatusCode)
	}
}

// serve runs the edge on a real listener and returns a connection to it.
func serve(t *testing.T, r *rig) net.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := webhook.NewServer(r.edge.Handler(), r.options.Log)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	if s.ReadHeaderTimeout == 0 || s.IdleTimeout == 0 || s.MaxHeaderBytes == 0 {
		t.Error("the server has no bounds")
	}
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

func TestManySendersAtOnce(t *testing.T) {
	t.Parallel()
	r := setup(t)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for j := range 20 {
				if w := r.send(request(fmt.Sprintf("%d", (i*20+j)/2), `{}`)); w.Code != 202 && w.Code != 200 {
					t.Errorf("code %d", w.Code)
				}
			}
		})
	}
	wg.Wait()
	if n := len(r.shelf.stored()); n != 320 {
		t.Errorf("%d rows, want 320", n)
	}
}

func TestRoundTripperServesInProcess(t *testing.T) {
	t.Parallel()
	r := setup(t)
	client := http.Client{Transport: webhook.RoundTripper(r.edge.Handler())}
	post := func(ctx context.Context, id string) (*http.Response, error) {
		req := request(id, `{"a":1}`).Clone(ctx)
		req.RequestURI, req.URL.Scheme, req.URL.Host = "", "https", "no-such-host.invalid"
		req.Header.Set(webhook.RootHeader, "root-1")
		return client.Do(req)
	}
	resp, err := post(t.Context(), "d-1")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != 202 || text(t, resp.Body) != "accepted\n" || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("answer %d %v", resp.StatusCode, resp.Header)
	}
	if row := r.shelf.stored()[0]; row.Cause.Root != "root-1" {
		t.Errorf("cause = %+v", row.Cause)
	}
	if _, err := post(bot.WithTransaction(t.Context()), "d-2"); err == nil {
		t.Error("a call inside a transaction went through")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := post(ended, "d-3"); err == nil {
		t.Error("a cancelled call went through")
	}
}

func TestRootIsNotTakenFromTheNetwork(t *testing.T) {
	t.Parallel()
	r := setup(t)
	req := request("d-1", `{}`)
	req.Header.Set(webhook.RootHeader, "somebody-elses")
	r.send(req)
	if row := r.shelf.stored()[0]; row.Cause.Root != "" {
		t.Errorf("root = %q", row.Cause.Root)
	}
}

func TestRoundTripperContainsPanics(t *testing.T) {
	t.Parallel()
	boom := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { first(nil) })
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://edge/", io.NopCloser(strings.NewReader("x")))
	resp, err := webhook.RoundTripper(boom).RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
		t.Fatal("no error")
	}
	if !strings.Contains(err.Error(), "panicked") {
		t.Error(err)
	}
}
