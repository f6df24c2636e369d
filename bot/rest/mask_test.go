package rest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"

	"opsbot/bot/rest"
)

func TestMaskFindsEveryForm(t *testing.T) {
	t.Parallel()
	const pem = "-----BEGIN KEY-----\nMIIBVgIBADANBgkqh\nkiG9w0BAQEFAASCAU\n-----END KEY-----\n"
	m := &rest.Mask{}
	m.Add(secret, "short", "", "  padded-secret \n", pem, "longer", "longer-than-that", `quo"ted&secret`)
	for in, out := range map[string]string{
		"a " + secret + " b":                                         "a [masked] b",
		secret + secret:                                              "[masked][masked]",
		"https://x/?t=" + url.QueryEscape(secret):                    "https://x/?t=[masked]",
		"https://x/" + url.PathEscape(secret) + "/y":                 "https://x/[masked]/y",
		"Basic " + base64.StdEncoding.EncodeToString([]byte(secret)): "Basic [masked]",
		"short stays":                                                "short stays",
		"padded-secret":                                              "[masked]",
		"line MIIBVgIBADANBgkqh !":                                   "line [masked] !",
		"-----BEGIN KEY-----":                                        "-----BEGIN KEY-----",
		"longer-than-that":                                           "[masked]",
		`{"x":"quo\"ted\u0026secret"}`:                               `{"x":"[masked]"}`,
		"":                                                           "",
	} {
		if got := m.String(in); got != out {
			t.Errorf("%q gives %q, want %q", in, got, out)
		}
	}
	var none *rest.Mask
	none.Add(secret)
	if none.String(secret) != secret || (&rest.Mask{}).String(secret) != secret {
		t.Error("a mask that knows nothing changes nothing")
	}
}

func TestMaskedErrorKeepsItsIdentity(t *testing.T) {
	t.Parallel()
	m := &rest.Mask{}
	m.Add(secret)
	err := m.Error(fmt.Errorf("open %s: %w", secret, &fs.PathError{Op: "open", Path: secret, Err: fs.ErrNotExist}))
	var path *fs.PathError
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &path) {
		t.Error("errors.Is and errors.As must see through")
	}
	if strings.Contains(fmt.Sprintf("%v %+v %s", err, err, errors.Join(err)), secret) || errors.Unwrap(err) != nil {
		t.Errorf("the secret is within reach of a print: %v", err)
	}
	plain := errors.New("nothing to hide")
	if m.Error(plain) != plain || m.Error(nil) != nil { //nolint:errorlint // identity is what is tested
		t.Error("an error without a secret must stay itself")
	}
}

func TestMaskIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	m := &rest.Mask{}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			own := fmt.Sprintf("secret-number-%d", i)
			m.Add(own)
			if got := m.String(own); got != rest.Masked {
				t.Errorf("got %q right after Add", got)
			}
		})
	}
	wg.Wait()
}

type valuer struct{ s string }

func (v valuer) LogValue() slog.Value { return slog.GroupValue(slog.String("inner", v.s)) }

func TestLogHandlerMasksEverything(t *testing.T) {
	t.Parallel()
	type config struct {
		Name  string
		Token string `json:"token"`
	}
	for name, make := range map[string]func(*bytes.Buffer) slog.Handler{
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			m := &rest.Mask{}
			m.Add(secret)
			log := slog.New(rest.NewLogHandler(make(&out), m)).With("with", secret).WithGroup("group").With(slog.Group("g", "deep", secret))
			log.ErrorContext(context.Background(), "message "+secret,
				"string", "x"+secret, "error", fmt.Errorf("broke: %w", errors.New(secret)), "bytes", []byte(secret),
				"struct", config{"n", secret}, "pointer", &config{"n", secret}, "map", map[string]string{"k": secret},
				"slice", []string{secret}, "valuer", valuer{secret}, secret, "as a key", "number", 42, "kept", config{Name: "kept", Token: "-"})
			text := out.String()
			if strings.Contains(text, secret) || strings.Contains(text, "s3cr3t") || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(secret))) {
				t.Errorf("the log shows the secret:\n%s", text)
			}
			if strings.Count(text, rest.Masked) < 12 || !strings.Contains(text, "42") || !strings.Contains(text, "kept") {
				t.Errorf("too much or too little is masked:\n%s", text)
			}
		})
	}
}

func TestLogHandlerKeepsTheLevel(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(rest.NewLogHandler(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}), &rest.Mask{}))
	log.InfoContext(context.Background(), "quiet")
	log.WarnContext(context.Background(), "loud")
	if got := out.String(); strings.Contains(got, "quiet") || !strings.Contains(got, "loud") {
		t.Errorf("got %q", got)
	}
}
