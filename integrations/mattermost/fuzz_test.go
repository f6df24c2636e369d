package mattermost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/integrations/mattermost/socket"
)

// payloads are the samples of others, which lie beside the repository and are not part
// of it.
func payloads(f *testing.F, kind string) [][]byte {
	f.Helper()
	dir, ok := os.LookupEnv("OPSBOT_PAYLOADS")
	if !ok {
		dir = filepath.Join("..", "..", "..", "shared", "payloads")
	}
	names, err := filepath.Glob(filepath.Join(dir, "mattermost", kind, "*"))
	if _, statErr := os.Stat(dir); errors.Is(statErr, fs.ErrNotExist) && os.Getenv("OPSBOT_REQUIRE_PAYLOADS") != "1" {
		f.Logf("NO PAYLOAD CORPUS: mattermost/%s is missing, so the decoders are fuzzed WITHOUT real samples", kind)
		return nil
	}
	if err != nil || len(names) == 0 {
		f.Fatalf("no samples of mattermost/%s in %s: %v", kind, dir, err)
	}
	var out [][]byte
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		out = append(out, data)
	}
	return out
}

// nothing takes and knows nothing; it fails the test for what must not come in.
type nothing struct{ t *testing.T }

func (n nothing) Wants(context.Context, bot.Message) (bool, error) { return true, nil }

func (n nothing) Receive(_ context.Context, m bot.Message, _ ...func(context.Context, *bot.Tx) error) (string, error) {
	if m.ID == "" || m.Author.ID == "" || m.Room.ID == "" || m.Author.Instance != "mm" {
		n.t.Errorf("came in: %+v", m)
	}
	return "", nil
}

func (nothing) Form(context.Context, bot.Message) (*bot.Form, error) { return nil, nil }

func (nothing) Check(context.Context, bot.Message) (map[string]string, error) { return nil, nil }

func (nothing) Home(context.Context, bot.Account, bot.RoomRef) ([]bot.Post, error) { return nil, nil }

// offline is a chat whose server answers everything with 404.
func offline(t *testing.T, address string) *Chat {
	t.Helper()
	c, err := New(bot.IntegrationEnv{
		Name: "mm", Clock: bot.SystemClock{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Inbound: nothing{t}, Desk: nothing{t}, BotName: "opsbot",
		PublicURL: "http://opsbot.example.com",
		Config: decoder(func(into any) error {
			cfg, _ := into.(*Config)
			cfg.URL, cfg.Token, cfg.CommandToken = address, secret(t, "token"), secret(t, "command")
			return nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.me.set(identity{id: strings.Repeat("b", 26), username: "opsbot"})
	return c
}

func missing(f *testing.F) string {
	f.Helper()
	srv := httptest.NewServer(http.NotFoundHandler())
	f.Cleanup(srv.Close)
	return srv.URL
}

// FuzzRequests: whatever comes in over HTTP, it is answered, and nothing that is no
// click, form or command gets further.
func FuzzRequests(f *testing.F) {
	address := missing(f)
	for _, data := range payloads(f, "docs") {
		for _, path := range []string{"actions", "dialogs", "command"} {
			f.Add(path, data)
		}
	}
	f.Add("command", []byte("token=command&channel_id=aaaaaaaaaaaaaaaaaaaaaaaaaa&user_id=aaaaaaaaaaaaaaaaaaaaaaaaaa&text=x"))
	f.Fuzz(func(t *testing.T, path string, data []byte) {
		if path != "actions" && path != "dialogs" && path != "command" {
			t.Skip("no door of ours")
		}
		c := offline(t, address)
		rec := httptest.NewRecorder()
		c.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, c.Prefix()+path, bytes.NewReader(data)))
		switch rec.Code {
		case http.StatusOK:
			if !json.Valid(rec.Body.Bytes()) {
				t.Errorf("%s %q is answered with %q", path, data, rec.Body)
			}
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestEntityTooLarge:
		default:
			t.Errorf("%s %q is answered with %d", path, data, rec.Code)
		}
	})
}

// FuzzFrames: whatever the socket says, nothing breaks.
func FuzzFrames(f *testing.F) {
	address := missing(f)
	for _, data := range payloads(f, "websocket") {
		f.Add(data)
	}
	f.Add([]byte(`{"event":"posted","data":{"post":"{\"id\":\"x\",\"channel_id\":\"c\",\"user_id\":\"u\",\"message\":\"@opsbot\"}","mentions":"[\"bbbbbbbbbbbbbbbbbbbbbbbbbb\"]"},"seq":1}`))
	f.Add([]byte(`{"event":"reaction_added","data":{"reaction":"{\"user_id\":\"u\",\"post_id\":\"p\"}"},"seq":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var frame socket.Frame
		if json.Unmarshal(data, &frame) != nil {
			return
		}
		switch frame.Event {
		case "hello", "channel_deleted", "user_removed": // these need a store
			return
		}
		c := offline(t, address)
		c.people.users.put("u", person{name: "alice", at: c.env.Clock.Now()})
		c.people.told.Store(true)
		frame.Seq = 1
		_ = c.handle(t.Context(), frame) // an error is the server's that knows nothing
	})
}
