package sign

import (
	"crypto/sha256"
	"crypto/subtle"
	"math"
	"net/http"
	"strings"

	"opsbot/bot"
)

// tokenBits is the least that a token must hold where nothing else protects the
// door: it cannot be guessed, whatever the rate.
const tokenBits = 128

// Tokens is a set of secrets of which any one opens. Safe for concurrent use.
type Tokens struct{ sums [][sha256.Size]byte }

// NewTokens makes a set of tokens of at least 128 bits each (see Strength).
func NewTokens(tokens ...string) (*Tokens, error) {
	if len(tokens) == 0 {
		return nil, bot.Errorf(bot.CodeInvalid, "webhook token: a token is required")
	}
	t := &Tokens{}
	for _, token := range tokens {
		if bits := Strength(token); bits < tokenBits {
			return nil, bot.Errorf(bot.CodeInvalid,
				"webhook token: at most %d bits strong, %d are needed: use 22 or more random letters and digits", bits, tokenBits)
		}
		t.sums = append(t.sums, sha256.Sum256([]byte(token)))
	}
	return t, nil
}

// Check returns nil if candidate is one of the tokens, otherwise a *bot.Error with
// CodeUnauthenticated. The time it takes tells neither content nor length.
func (t *Tokens) Check(candidate string) error {
	sum := sha256.Sum256([]byte(candidate))
	match := 0
	for i := range t.sums {
		match |= subtle.ConstantTimeCompare(sum[:], t.sums[i][:])
	}
	if match != 1 {
		return refuse("the token does not match")
	}
	return nil
}

// PathToken checks a token in the last segment of a delivery's path
// ("/TOKEN"), for sources that can set no header.
func (t *Tokens) PathToken(path string) error {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok || rest == "" || strings.Contains(rest, "/") {
		return refuse("the path has no token")
	}
	return t.Check(rest)
}

// Strength estimates from above how many bits a token can hold: its length times
// the bits of the smallest alphabet that it fits in. A token of few different
// characters counts as one drawn from those alone.
func Strength(token string) int {
	var hexa, letter, other bool
	seen := map[byte]bool{}
	for _, c := range []byte(token) {
		seen[c] = true
		switch {
		case '0' <= c && c <= '9':
			// in every alphabet
		case 'a' <= c && c <= 'f':
			hexa = true
		case 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z':
			letter = true
		default:
			other = true
		}
	}
	size := 10.0
	switch {
	case other:
		size = 94
	case letter:
		size = 62
	case hexa:
		size = 16
	}
	if len(seen) <= 8 {
		size = float64(len(seen))
	}
	if size <= 1 {
		return 0
	}
	return int(float64(len(token)) * math.Log2(size))
}

// Token is a bare secret in a header field: it proves who sent a delivery and
// nothing about its body.
type Token struct {
	header string
	prefix string
	first  string
	tokens *Tokens
}

var _ Scheme = (*Token)(nil)

// GitLab verifies X-Gitlab-Token.
func GitLab(tokens ...string) (*Token, error) { return HeaderToken("X-Gitlab-Token", tokens...) }

// Bearer verifies Authorization: Bearer TOKEN.
func Bearer(tokens ...string) (*Token, error) {
	return newToken("Authorization", "Bearer ", tokens)
}

// HeaderToken verifies a token that is the whole value of a header field.
func HeaderToken(header string, tokens ...string) (*Token, error) {
	return newToken(header, "", tokens)
}

func newToken(header, prefix string, tokens []string) (*Token, error) {
	set, err := NewTokens(tokens...)
	if err != nil {
		return nil, err
	}
	return &Token{header: header, prefix: prefix, first: tokens[0], tokens: set}, nil
}

// Verify implements Scheme; body does not matter.
func (t *Token) Verify(header http.Header, _ []byte) error {
	value, err := single(header, t.header)
	if err != nil {
		return err
	}
	// The name of an authorization scheme is written in any case (RFC 9110, 11.1).
	if n := len(t.prefix); n > 0 {
		if len(value) < n || !strings.EqualFold(value[:n], t.prefix) {
			return refuse("%s is not of the form %sTOKEN", t.header, t.prefix)
		}
		value = value[n:]
	}
	return t.tokens.Check(value)
}

// Sign implements Scheme; body does not matter.
func (t *Token) Sign(header http.Header, _ []byte) { header.Set(t.header, t.prefix+t.first) }
