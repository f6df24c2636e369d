package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"opsbot/bot"
)

// maxSecret bounds a secret's file; a key chain fits many times.
const maxSecret = 64 << 10

// Secret is a reference to a secret: "env:NAME" or "file:PATH" (relative to the
// configuration file). The value itself is read only by Resolve and kept nowhere
// here; whatever prints a Secret prints the reference. The zero Secret names none.
type Secret struct {
	ref  string
	from *vault
}

var (
	_ fmt.Stringer   = Secret{}
	_ fmt.GoStringer = Secret{}
	_ json.Marshaler = Secret{}
	_ slog.LogValuer = Secret{}
)

// vault is where references of one configuration are resolved.
type vault struct {
	environ func(string) (string, bool)
	dir     string

	mu   sync.Mutex
	seen []func(value string)
}

func (v *vault) observe(f func(string)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen = append(v.seen, f)
}

func (v *vault) tell(value string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, f := range v.seen {
		f(value)
	}
}

// NewSecret makes a Secret for code that builds its configuration itself; environ
// may be nil when ref is a file. CodeInvalid for anything but a reference; the
// error does not repeat it, as it may be the secret.
func NewSecret(ref string, environ func(string) (string, bool)) (Secret, error) {
	return newSecret(ref, &vault{environ: environ})
}

func newSecret(ref string, from *vault) (Secret, error) {
	scheme, name, ok := strings.Cut(ref, ":")
	switch {
	case !ok || scheme != "env" && scheme != "file":
		return Secret{}, errors.New("a secret is not written here but referred to: env:NAME or file:PATH")
	case name == "" || strings.ContainsAny(name, "\x00\n"):
		return Secret{}, fmt.Errorf("%s: needs a name behind it", scheme)
	case scheme == "env" && strings.ContainsAny(name, "= \t"):
		return Secret{}, errors.New("env: wants the name of an environment variable")
	}
	return Secret{ref: ref, from: from}, nil
}

// IsZero reports whether no secret is configured.
func (s Secret) IsZero() bool { return s.ref == "" }

// String gives the reference.
func (s Secret) String() string { return s.ref }

// GoString gives the reference.
func (s Secret) GoString() string { return fmt.Sprintf("config.Secret(%q)", s.ref) }

// MarshalJSON gives the reference.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.ref) }

// LogValue gives the reference.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.ref) }

// Resolve reads the secret now; a secret that was changed outside is seen at the
// next call. One newline at the end of a file is left out. CodeInvalid, naming the
// reference, when there is no value or an empty one.
func (s Secret) Resolve(ctx context.Context) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("resolve secret %s: %w", s.ref, err)
	}
	if s.IsZero() {
		return "", bot.Errorf(bot.CodeInvalid, "a secret is needed and none is configured")
	}
	scheme, name, _ := strings.Cut(s.ref, ":")
	value, err := s.fromEnv(name)
	if scheme == "file" {
		value, err = s.fromFile(name)
	}
	if err != nil {
		return "", bot.Errorf(bot.CodeInvalid, "the secret %s cannot be read", s.ref).Because(err)
	}
	if value == "" {
		return "", bot.Errorf(bot.CodeInvalid, "the secret %s is empty", s.ref)
	}
	s.from.tell(value)
	return value, nil
}

func (s Secret) fromEnv(name string) (string, error) {
	if s.from.environ == nil {
		return "", errors.New("there is no environment")
	}
	value, ok := s.from.environ(name)
	if !ok {
		return "", errors.New("the environment variable is not set")
	}
	return value, nil
}

func (s Secret) fromFile(path string) (string, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.from.dir, path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxSecret {
		return "", fmt.Errorf("longer than %d bytes", maxSecret)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), nil
}
