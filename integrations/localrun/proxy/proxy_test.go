package proxy

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const host = "shop.staging.localhost"

// app is one running instance of an app.
type app struct {
	*Instance
	server *httptest.Server
	number int
	served atomic.Int64
	stuck  chan struct{} // closed when a flood can't go on
}

// startApp starts an instance that answers with its number, echoes uploads' hashes,
// streams what chunks gives and echoes after an upgrade.
func startApp(t *testing.T, number int, chunks <-chan string) *app {
	t.Helper()
	a := &app{number: number, stuck: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.served.Add(1)
		fmt.Fprintf(w, "instance %d %s", number, r.URL.RequestURI())
	})
	mux.HandleFunc("/upload", func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		if _, err := io.Copy(sum, r.Body); err != nil {
			t.Errorf("upload to instance %d: %v", number, err)
		}
		_, _ = io.WriteString(w, hex.EncodeToString(sum.Sum(nil)))
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, _ *http.Request) {
		for c := range chunks {
			_, _ = io.WriteString(w, c)
			_ = http.NewResponseController(w).Flush()
		}
	})
	mux.HandleFunc("/ws", func(w http.ResponseWriter, _ *http.Request) { echo(t, w) })
	mux.HandleFunc("/flood", func(w http.ResponseWriter, _ *http.Request) {
		a.flood(w, http.NewResponseController(w).SetWriteDeadline)
	})
	mux.HandleFunc("/flood-ws", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		a.flood(conn, conn.SetWriteDeadline)
	})
	a.server = httptest.NewServer(mux)
	t.Cleanup(a.server.Close)
	addr := a.server.Listener.Addr().String()
	a.Instance = NewInstance(fmt.Sprint(number), func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	})
	return a
}

// flood writes until nothing is taken for a while, then waits for the end.
func (a *app) flood(w io.Writer, deadline func(time.Time) error) {
	block := make([]byte, 1<<20)
	for {
		_ = deadline(time.Now().Add(500 * time.Millisecond))
		if _, err := w.Write(block); err != nil {
			close(a.stuck)
			return
		}
	}
}

func echo(t *testing.T, w http.ResponseWriter) {
	t.Helper()
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	_, _ = io.Copy(conn, rw)
}

func setup(t *testing.T) (*Proxy, *httptest.Server) {
	t.Helper()
	p := New(Options{CookiePrefix: "opsbot", Log: slog.New(slog.DiscardHandler)})
	front := httptest.NewServer(p)
	t.Cleanup(front.Close)
	return p, front
}

// get asks the front for a path of the app.
func get(ctx context.Context, c *http.Client, front *httptest.Server, method, path string, body io.Reader) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, front.URL+path, body)
	if err != nil {
		return nil, "", err
	}
	req.Host = host
	res, err := c.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	return res, string(got), err
}

// load keeps n keep-alive clients busy until stop is closed and counts what they got.
func load(ctx context.Context, t *testing.T, front *httptest.Server, n int, stop <-chan struct{}) (answers *atomic.Int64, wait func()) {
	t.Helper()
	answers = &atomic.Int64{}
	upload := strings.Repeat("upload ", 20_000)
	sum := sha256.Sum256([]byte(upload))
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			c := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
			defer c.CloseIdleConnections()
			for j := 0; ; j++ {
				select {
				case <-stop:
					return
				default:
				}
				var got, want string
				var res *http.Response
				var err error
				if (i+j)%5 == 0 {
					want = hex.EncodeToString(sum[:])
					res, got, err = get(ctx, c, front, http.MethodPost, "/upload", strings.NewReader(upload))
				} else {
					want = fmt.Sprintf(" /%d/%d", i, j)
					res, got, err = get(ctx, c, front, http.MethodGet, strings.TrimSpace(want), nil)
				}
				if err != nil || res.StatusCode != http.StatusOK || !strings.HasSuffix(got, want) {
					t.Errorf("client %d, request %d: %v, %v, %q", i, j, err, res, got)
					return
				}
				answers.Add(1)
			}
		})
	}
	return answers, all.Wait
}

// TestSwitchesLoseNothing is the promise of blue/green: 200 keep-alive clients, a
// streamed response and a WebSocket live through 20 switches.
func TestSwitchesLoseNothing(t *testing.T) {
	t.Parallel()
	const switches, clients = 20, 200
	pause := 500 * time.Millisecond // the stream lasts 10 s
	if testing.Short() {
		pause = 20 * time.Millisecond
	}
	p, front := setup(t)
	chunks := make(chan string)
	first := startApp(t, 0, chunks)
	p.Switch(host, first.Instance)
	streamed, ws := openStream(t, front), openSocket(t, front)
	stop := make(chan struct{})
	answers, wait := load(t.Context(), t, front, clients, stop)

	var sent strings.Builder
	var drains sync.WaitGroup
	var firstGone atomic.Bool
	current := first
	for n := 1; n <= switches; n++ {
		next := startApp(t, n, nil)
		if old := p.Switch(host, next.Instance); old != current.Instance {
			t.Fatalf("switch %d returned another instance", n)
		}
		old := current
		drains.Go(func() {
			if cut := old.Drain(context.Background()); cut != 0 {
				t.Errorf("instance %d lost %d requests", old.number, cut)
			}
			if old == first {
				firstGone.Store(true)
			}
			old.server.CloseClientConnections() // gone, and gone for good
			old.server.Close()
		})
		current = next
		chunk := fmt.Sprintf("chunk %d %s\n", n, strings.Repeat("x", 10_000))
		chunks <- chunk
		sent.WriteString(chunk)
		ws.roundTrip(t, fmt.Sprintf("message %d\n", n))
		if firstGone.Load() {
			t.Fatal("the first instance is gone while it streams")
		}
		<-time.After(pause)
	}
	close(chunks)
	if got := <-streamed; got != sent.String() {
		t.Errorf("%d of %d streamed bytes arrived", len(got), sent.Len())
	}
	if firstGone.Load() {
		t.Error("the first instance is gone while it has a WebSocket")
	}
	ws.roundTrip(t, "last\n")
	_ = ws.conn.Close()
	close(stop)
	wait()
	drains.Wait()
	if !firstGone.Load() {
		t.Error("the first instance is not gone after its last request")
	}
	if n := answers.Load(); n < clients*switches/20 {
		t.Errorf("only %d answers: the test did not load the proxy", n)
	}
	if current.served.Load() == 0 {
		t.Error("the last instance got no request")
	}
}

// openStream reads the streamed response in the background.
func openStream(t *testing.T, front *httptest.Server) <-chan string {
	t.Helper()
	out := make(chan string, 1)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	// The response's header comes with the first chunk.
	go func() {
		res, err := front.Client().Do(req)
		if err != nil {
			t.Errorf("stream: %v", err)
			out <- ""
			return
		}
		defer res.Body.Close()
		all, err := io.ReadAll(res.Body)
		if err != nil {
			t.Errorf("stream: %v", err)
		}
		out <- string(all)
	}()
	return out
}

type socket struct {
	conn net.Conn
	in   *bufio.Reader
}

func openSocket(t *testing.T, front *httptest.Server) *socket {
	t.Helper()
	conn, err := net.Dial("tcp", front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", host)
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("upgrade: %s", res.Status)
	}
	return &socket{conn, in}
}

func (s *socket) roundTrip(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(s.conn, text); err != nil {
		t.Fatalf("WebSocket: %v", err)
	}
	if got, err := s.in.ReadString('\n'); err != nil || got != text {
		t.Fatalf("WebSocket: %q, %v, want %q", got, err, text)
	}
}

func TestDrainCutsWhatOutlastsItsLimit(t *testing.T) {
	t.Parallel()
	p, front := setup(t)
	a := startApp(t, 1, nil)
	p.Switch(host, a.Instance)
	ws := openSocket(t, front)
	ws.roundTrip(t, "hello\n")
	old := p.Switch(host, startApp(t, 2, nil).Instance)
	if n := old.Requests(); n != 1 {
		t.Errorf("%d requests are open", n)
	}
	limit, cancel := context.WithCancel(t.Context())
	cancel()
	if cut := old.Drain(limit); cut != 1 {
		t.Errorf("cut %d requests, want 1", cut)
	}
	if _, err := ws.in.ReadByte(); err == nil {
		t.Error("the WebSocket is still open")
	}
}

func TestDrainIsNotHeldUpByAClientThatReadsNothing(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/flood", "/flood-ws"} {
		p, front := setup(t)
		a := startApp(t, 1, nil)
		p.Switch(host, a.Instance)
		conn, err := net.Dial("tcp", front.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", path, host)
		<-a.stuck // the app can write no more: every buffer up to the client is full
		old := p.Switch(host, nil)
		limit, cancel := context.WithCancel(t.Context())
		cancel()
		begin := time.Now()
		if cut := old.Drain(limit); cut != 1 {
			t.Errorf("%s: cut %d requests, want 1", path, cut)
		}
		if took := time.Since(begin); path == "/flood" && took > cutTime || took > 2*cutTime {
			t.Errorf("%s: draining took %s", path, took)
		}
	}
}

func TestAnswersWithoutAnApp(t *testing.T) {
	t.Parallel()
	p, front := setup(t)
	check := func(code int, retry bool, said string) {
		t.Helper()
		res, body, err := get(t.Context(), front.Client(), front, http.MethodGet, "/<script>", nil)
		if err != nil || res.StatusCode != code || (res.Header.Get("Retry-After") != "") != retry || !strings.Contains(body, said) {
			t.Errorf("%v, %v, %q; want %d", err, res, body, code)
		}
		if ct := res.Header.Get("Content-Type"); !strings.HasPrefix(ct, "text/plain") {
			t.Errorf("content type is %s", ct)
		}
	}
	check(http.StatusNotFound, false, `There is no app at "shop.staging.localhost"`)
	p.Switch(host, nil)
	check(http.StatusServiceUnavailable, true, "no healthy instance")
	a := startApp(t, 1, nil)
	p.Switch(host, a.Instance)
	a.server.Close()
	check(http.StatusBadGateway, true, "did not answer")
	p.Remove(host)
	check(http.StatusNotFound, false, "There is no app")
}

func TestHostsAreComparedByName(t *testing.T) {
	t.Parallel()
	p, front := setup(t)
	p.Switch("Shop.Staging.localhost:8081", startApp(t, 1, nil).Instance)
	for _, h := range []string{host, host + ".", host + ":99", strings.ToUpper(host)} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, front.URL+"/x", nil)
		req.RequestURI, req.Host = "", h
		res, err := front.Client().Do(req)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("%s: %v, %v", h, res, err)
			continue
		}
		_ = res.Body.Close()
	}
}
