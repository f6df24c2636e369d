package chats_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// line is the network between the program and a chat, on which anything can happen.
type line struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
	url   string
}

// newLine lays one to a server's address.
func newLine(t *testing.T, server string) *line {
	t.Helper()
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	p := toxiproxy.NewProxy(api, t.Name(), "127.0.0.1:0", strings.TrimPrefix(server, "http://"))
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return &line{t: t, proxy: p, url: "http://" + p.Listen}
}

// cut ends all connections and lets nobody through until mend.
func (l *line) cut() { l.proxy.Stop() }

func (l *line) mend() {
	l.t.Helper()
	if err := l.proxy.Start(); err != nil {
		l.t.Fatal(err)
	}
}

// slow delays both directions.
func (l *line) slow(by time.Duration) {
	for _, stream := range []string{"upstream", "downstream"} {
		l.toxic(fmt.Sprintf(`{"name":"slow-%s","type":"latency","stream":%q,"attributes":{"latency":%d,"jitter":%d}}`, stream, stream, by.Milliseconds(), by.Milliseconds()/3))
	}
}

// freeze lets connections stand, and nothing through them.
func (l *line) freeze() {
	for _, stream := range []string{"upstream", "downstream"} {
		l.toxic(fmt.Sprintf(`{"name":"frozen-%s","type":"timeout","stream":%q,"attributes":{"timeout":0}}`, stream, stream))
	}
}

func (l *line) toxic(text string) {
	l.t.Helper()
	if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
		l.t.Fatal(err)
	}
}

// heal takes all that slows or freezes away.
func (l *line) heal() { l.proxy.Toxics.ResetToxics(context.Background()) }
