package config

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"opsbot/bot"
)

func TestSecretIsReadLate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	environ := map[string]string{"TOKEN": "one", "EMPTY": ""}
	from := &vault{dir: dir, environ: func(name string) (string, bool) { v, ok := environ[name]; return v, ok }}
	var told []string
	from.observe(func(v string) { told = append(told, v) })
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("key", "line 1\nline 2\n")
	put("empty", "\n")
	put("huge", strings.Repeat("x", maxSecret+1))
	for ref, want := range map[string]string{
		"env:TOKEN": "one", "file:key": "line 1\nline 2", "file:" + filepath.Join(dir, "key"): "line 1\nline 2",
		"env:EMPTY": "error: is empty", "env:GONE": "error: not set", "file:gone": "error: no such file", "file:empty": "error: is empty",
		"file:huge": "error: longer than", "file:.": "error: not a regular file",
	} {
		s, err := newSecret(ref, from)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Resolve(t.Context())
		if part, isError := strings.CutPrefix(want, "error: "); isError {
			if bot.CodeOf(err) != bot.CodeInvalid || !strings.Contains(err.Error(), part) || !strings.Contains(err.Error(), ref) || got != "" {
				t.Errorf("%s: got %q, %v; want an error with %q", ref, got, err, part)
			}
		} else if err != nil || got != want {
			t.Errorf("%s: got %q, %v", ref, got, err)
		}
	}
	if len(told) != 3 {
		t.Errorf("the observer heard of %d secrets, want the 3 that were read", len(told))
	}

	s, _ := newSecret("env:TOKEN", from)
	environ["TOKEN"] = "two"
	if got, err := s.Resolve(t.Context()); got != "two" || err != nil {
		t.Errorf("a changed secret gives %q, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Resolve(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: %v", err)
	}
}

func TestSecretMustBeAReference(t *testing.T) {
	t.Parallel()
	for _, ref := range []string{"xoxb-123-geheim", "", "env:", "file:", "env:A B-geheim", "env:A=geheim", "vault:geheim", "ENV:geheim", "file:a\nb-geheim"} {
		if s, err := NewSecret(ref, noEnv); err == nil || !s.IsZero() || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%q: %v, %v", ref, s, err)
		}
	}
	if _, err := (Secret{}).Resolve(t.Context()); bot.CodeOf(err) != bot.CodeInvalid {
		t.Errorf("the zero secret: %v", err)
	}
	s, err := NewSecret("env:X", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Resolve(t.Context()); bot.CodeOf(err) != bot.CodeInvalid {
		t.Errorf("without an environment: %v", err)
	}
}

func TestSecretPrintsItsReferenceOnly(t *testing.T) {
	t.Parallel()
	s, err := NewSecret("env:TOKEN", func(string) (string, bool) { return "geheim", true })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Resolve(t.Context()); err != nil {
		t.Fatal(err)
	}
	type holder struct{ Token Secret }
	encoded, err := json.Marshal(holder{s})
	if err != nil || string(encoded) != `{"Token":"env:TOKEN"}` {
		t.Errorf("JSON %s, %v", encoded, err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", s, "holder", holder{s})
	for name, text := range map[string]string{
		"%v": fmt.Sprintf("%v", s), "%+v": fmt.Sprintf("%+v", holder{s}), "%#v": fmt.Sprintf("%#v", holder{s}),
		"%s": (&s).String(), "log": log.String(),
	} {
		if strings.Contains(text, "geheim") || !strings.Contains(text, "env:TOKEN") {
			t.Errorf("%s prints %s", name, text)
		}
	}
}

func TestConfigTellsItsSecrets(t *testing.T) {
	t.Parallel()
	path := write(t, "integrations:\n  ci: { type: jenkins, url: https://j, token: file:token }\nstore: { url: postgres://u@h/d, password: env:DB }\n")
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "token"), []byte("from-file"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, func(string) (string, bool) { return "from-env", true })
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	c.OnSecret(func(v string) { told = append(told, v) })
	var j jenkins
	if err := c.Integrations.Get("ci").Decode(&j); err != nil {
		t.Fatal(err)
	}
	token, err := j.Token.Resolve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Store.Password.Resolve(t.Context()); err != nil {
		t.Fatal(err)
	}
	if token != "from-file" || strings.Join(told, " ") != "from-file from-env" {
		t.Errorf("token %q, told %q", token, told)
	}
}
