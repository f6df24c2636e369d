package localrun

import (
	"context"
	"net/http"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/deploytest"
)

// TestConformance runs real apps, in the sandbox.
func TestConformance(t *testing.T) {
	t.Parallel()
	deploytest.Run(t, func(t *testing.T) deploytest.Rig {
		t.Helper()
		b := setup(t)
		modes := map[deploytest.App]string{deploytest.Good: "good", deploytest.Bad: "dies", deploytest.Slow: "never"}
		return deploytest.Rig{
			Deployer: b.Service, Answers: b.whoAnswers,
			Version: func(label string, does deploytest.App) bot.Version { return b.request(label, modes[does]).Version },
		}
	})
}

// whoAnswers asks an app for its version, and for the moment its instance was born.
func (b *bench) whoAnswers(ctx context.Context, p bot.Project, environment string) (label, instance string) {
	b.t.Helper()
	var said [2]string
	for i, path := range []string{"/", "/born"} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.front.URL+path, nil)
		if err != nil {
			b.t.Fatal(err)
		}
		req.Host = b.host(p.Slug, environment)
		code, text := b.ask(req)
		if code != http.StatusOK {
			return "", ""
		}
		said[i] = text
	}
	return said[0], said[1]
}
