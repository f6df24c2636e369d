package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"opsbot/bot"
	"opsbot/bot/sign"
	"opsbot/bot/webhook"
)

const (
	connections = 32
	bodyBytes   = 7700
	webhookKey  = "a secret of sufficient length for a webhook"
)

// source verifies deliveries as GitHub signs them.
type source struct{ scheme sign.Scheme }

var _ bot.WebhookParser = source{}

// Verify implements bot.WebhookParser.
func (s source) Verify(d bot.Delivery) (string, bot.Scope, error) {
	if err := s.scheme.Verify(d.Header, d.Body); err != nil {
		return "", bot.Scope{}, err
	}
	return d.Header.Get("X-GitHub-Delivery"), bot.Scope{}, nil
}

// Parse implements bot.WebhookParser; what a delivery means is not measured here.
func (source) Parse(context.Context, bot.Delivery) ([]bot.Event, error) { return nil, nil }

// ingest compares the edge with the least that an acknowledgement which survives a
// power cut can cost. The relay does not run: both sides only receive.
func ingest(ctx context.Context, s settings) (rows []row, err error) {
	scheme, err := sign.GitHub(webhookKey)
	if err != nil {
		return nil, err
	}
	h, err := openHost(ctx, s, "ingest")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	edge := webhook.New(webhook.Options{Integrations: registry{"github": source{scheme}}, Clock: bot.SystemClock{}, Log: h.log, Accepter: h})
	ours, err := serve(ctx, edge.Handler())
	if err != nil {
		return nil, err
	}
	defer ours.Close()
	log, err := openSyncedLog(filepath.Join(s.dir, "ingest.log"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, log.close()) }()
	bare, err := serve(ctx, bareHandler(scheme, log))
	if err != nil {
		return nil, err
	}
	defer bare.Close()

	n, round := s.scaled(3000), 0
	load := func(server *running) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) {
			round++
			began := time.Now()
			if err := sendAll(ctx, server.url, scheme, fmt.Sprint("r", round), n); err != nil {
				return 0, err
			}
			return float64(n) / time.Since(began).Seconds(), nil
		}
	}
	for _, warm := range []*running{ours, bare} { // connections, caches and the log's first pages
		if _, err := load(warm)(ctx); err != nil {
			return nil, err
		}
	}
	a, b, err := alternate(ctx, s.runs, load(ours), load(bare))
	if err != nil {
		return nil, err
	}
	if err := allThere(ctx, h, n); err != nil {
		return nil, err
	}
	perSecond := func(v float64) string { return fmt.Sprintf("%.0f/s", v) }
	ratio := a.median() / b.median()
	return []row{{
		what: "webhooks taken: verified, deduplicated and on disk before the answer; 7.7 KB pushes, 32 connections, beside a bare gin handler with HMAC and group-committed fsync",
		ours: a.text(perSecond), base: b.text(perSecond), ratio: fmt.Sprintf("%.0f %%", 100*ratio), bar: "≥ 50 %", missed: ratio < 0.5,
	}}, nil
}

// allThere makes sure that what was acknowledged in the first round is stored.
func allThere(ctx context.Context, h *host, n int) error {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("r1-%d", i+1)
	}
	return h.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		known, err := tx.Inbox.Known(ctx, "github", keys)
		if err == nil && len(known) != n {
			err = fmt.Errorf("%d deliveries were acknowledged, but %d are stored", n, len(known))
		}
		return err
	})
}

// running is a server on a port of its own.
type running struct {
	*http.Server
	url string
}

func serve(ctx context.Context, h http.Handler) (*running, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	r := &running{Server: &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}, url: "http://" + l.Addr().String()}
	go func() { _ = r.Serve(l) }() // ends with Close; a client notices when it ends before
	return r, nil
}

// sendAll sends n genuine pushes over all connections; all must be accepted.
func sendAll(ctx context.Context, url string, scheme sign.Scheme, prefix string, n int) error {
	transport := &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	var next atomic.Int64
	var wg sync.WaitGroup
	failed := make(chan error, connections)
	for range connections {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if err := send(ctx, client, url, scheme, fmt.Sprintf("%s-%d", prefix, i)); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func send(ctx context.Context, client *http.Client, url string, scheme sign.Scheme, id string) error {
	body := push(id)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/hooks/github", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-GitHub-Event", "push")
	req.Header.Set("X-GitHub-Delivery", id)
	scheme.Sign(req.Header, body)
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("send delivery %s: %w", id, err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return fmt.Errorf("read the answer to %s: %w", id, err)
	}
	if res.StatusCode != http.StatusAccepted {
		return fmt.Errorf("delivery %s: the answer was %s", id, res.Status)
	}
	return nil
}

// push is a push payload of the usual size.
func push(id string) []byte {
	const head = `{"ref":"refs/heads/main","before":"9e8d7c6b5a4f3e2d1c0b9a8f7e6d5c4b3a2f1e0d","after":"3f2c1ab7d2c1a0e9f8b7a6c5d4e3f2a1b0c9d8e7","delivery":"`
	body := head + id + `","message":"`
	return []byte(body + strings.Repeat("a line of text ", bodyBytes/15)[:bodyBytes-len(body)-2] + `"}`)
}

// bareHandler is the baseline: read, check the HMAC, wait for the disk.
func bareHandler(scheme sign.Scheme, log *syncedLog) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.POST("/hooks/:instance", func(c *gin.Context) {
		body, err := io.ReadAll(c.Request.Body)
		if err != nil || scheme.Verify(c.Request.Header, body) != nil {
			c.Status(http.StatusUnauthorized)
			return
		}
		if err := log.write(body); err != nil {
			c.Status(http.StatusServiceUnavailable)
			return
		}
		c.String(http.StatusAccepted, "accepted\n")
	})
	return engine
}

// syncedLog appends to one file; callers that wait at the same time share an fsync.
type syncedLog struct {
	mu    sync.Mutex
	file  *os.File
	wait  []chan error
	wake  chan struct{}
	ended chan struct{}
}

func openSyncedLog(path string) (*syncedLog, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("open the baseline's log: %w", err)
	}
	l := &syncedLog{file: file, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		for range l.wake {
			l.sync()
		}
	}()
	return l, nil
}

func (l *syncedLog) close() error {
	close(l.wake)
	<-l.ended
	return l.file.Close()
}

func (l *syncedLog) write(body []byte) error {
	done := make(chan error, 1)
	l.mu.Lock()
	_, err := l.file.Write(body)
	l.wait = append(l.wait, done)
	l.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return <-done
}

func (l *syncedLog) sync() {
	l.mu.Lock()
	waiting := l.wait
	l.wait = nil
	l.mu.Unlock()
	err := l.file.Sync()
	for _, done := range waiting {
		done <- err
	}
}
