package rest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Masked is what stands in place of a secret.
const Masked = "[masked]"

// shortestSecret is the least length that is masked: replacing every "a" would
// make texts unreadable and tell the secret by what is missing.
const shortestSecret = 6

// Mask knows secrets and takes them out of texts, as they are and as they look in
// a URL, in JSON and in base64. Safe for concurrent use. The zero value and a nil
// Mask know none.
type Mask struct {
	mu       sync.RWMutex
	known    map[string]bool
	replacer *strings.Replacer
}

// Add makes secrets known for ever. Those shorter than 6 bytes are left out. Of
// one with several lines (a key file) every line counts.
func (m *Mask) Add(secrets ...string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[string]bool{}
	}
	before := len(m.known)
	for _, s := range secrets {
		for _, form := range forms(s) {
			if len(form) >= shortestSecret {
				m.known[form] = true
			}
		}
	}
	if len(m.known) != before {
		m.replacer = newReplacer(m.known)
	}
}

// forms lists how a secret may look in a text.
func forms(secret string) []string {
	secret = strings.TrimSpace(secret)
	if len(secret) < shortestSecret {
		return nil
	}
	quoted, _ := json.Marshal(secret) // a string cannot fail
	out := []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawStdEncoding.EncodeToString([]byte(secret)),
		base64.URLEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	}
	for line := range strings.Lines(secret) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") {
			out = append(out, line)
		}
	}
	return out
}

func newReplacer(known map[string]bool) *strings.Replacer {
	all := make([]string, 0, len(known))
	for s := range known {
		all = append(all, s)
	}
	// The longest first: of "abcdef" and "abcdefgh" the whole must go.
	slices.SortFunc(all, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	pairs := make([]string, 0, 2*len(all))
	for _, s := range all {
		pairs = append(pairs, s, Masked)
	}
	return strings.NewReplacer(pairs...)
}

// String returns s without the secrets known so far.
func (m *Mask) String(s string) string {
	if m == nil {
		return s
	}
	m.mu.RLock()
	r := m.replacer
	m.mu.RUnlock()
	if r == nil {
		return s
	}
	return r.Replace(s)
}

// Error returns err with a text that has no known secret. errors.Is and errors.As
// see through it; nil stays nil.
func (m *Mask) Error(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if clean := m.String(text); clean != text {
		return &maskedError{text: clean, cause: err}
	}
	return err
}

// maskedError does not unwrap: whoever walks the chain to print it would print
// the secret.
type maskedError struct {
	text  string
	cause error
}

func (e *maskedError) Error() string        { return e.text }
func (e *maskedError) Is(target error) bool { return errors.Is(e.cause, target) }
func (e *maskedError) As(target any) bool   { return errors.As(e.cause, target) }
