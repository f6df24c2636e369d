package sign_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/sign"
)

// stopped is a clock that stands still.
type stopped struct {
	bot.SystemClock
	now time.Time
}

func (s stopped) Now() time.Time { return s.now }

func at(t time.Time) bot.Clock { return stopped{now: t} }

const (
	key      = "a key"
	otherKey = "the key after the change"
	token    = "tG9vK2mXq4ZcR7sWb1NnYd"
	token2   = "Hp5Lr8Jf0AeUo3TiVy6QwE"
)

func wantRefusal(t *testing.T, err error, part string) {
	t.Helper()
	if bot.CodeOf(err) != bot.CodeUnauthenticated {
		t.Fatalf("got %v (code %q), want a refusal", err, bot.CodeOf(err))
	}
	if !strings.Contains(err.Error(), part) {
		t.Errorf("refusal %q does not say %q", err, part)
	}
	if retry, _ := bot.RetryOf(err); retry != bot.RetryNever {
		t.Errorf("a refusal must never be retried, got %v", retry)
	}
}

// scheme is one row of the table that every scheme must pass.
type scheme struct {
	name   string
	make   func(secrets ...string) (sign.Scheme, error)
	keys   [2]string
	header string // where the proof is
	body   bool   // the proof covers the body
}

func lift[T sign.Scheme](f func(...string) (T, error)) func(...string) (sign.Scheme, error) {
	return func(s ...string) (sign.Scheme, error) { return f(s...) }
}

func schemes() []scheme {
	keys, tokens := [2]string{key, otherKey}, [2]string{token, token2}
	generic := func(s ...string) (*sign.HMAC, error) { return sign.Generic("X-Signature", s...) }
	slack := func(s ...string) (*sign.Slack, error) { return sign.NewSlack(at(time.Unix(1e9, 0)), s...) }
	plain := func(s ...string) (*sign.Token, error) { return sign.HeaderToken("X-Token", s...) }
	return []scheme{
		{"github", lift(sign.GitHub), keys, "X-Hub-Signature-256", true},
		{"gitea", lift(sign.Gitea), keys, "X-Gitea-Signature", true},
		{"forgejo", lift(sign.Forgejo), keys, "X-Forgejo-Signature", true},
		{"sonarqube", lift(sign.SonarQube), keys, "X-Sonar-Webhook-HMAC-SHA256", true},
		{"nexus", lift(sign.Nexus), keys, "X-Nexus-Webhook-Signature", true},
		{"terraform", lift(sign.Terraform), keys, "X-TFE-Notification-Signature", true},
		{"flux", lift(sign.Flux), keys, "X-Signature", true},
		{"generic", lift(generic), keys, "X-Signature", true},
		{"slack", lift(slack), keys, "X-Slack-Signature", true},
		{"gitlab", lift(sign.GitLab), tokens, "X-Gitlab-Token", false},
		{"bearer", lift(sign.Bearer), tokens, "Authorization", false},
		{"header", lift(plain), tokens, "X-Token", false},
	}
}

func TestEverySchemeKeepsItsPromise(t *testing.T) {
	t.Parallel()
	for _, s := range schemes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			testScheme(t, s)
		})
	}
}

func testScheme(t *testing.T, s scheme) {
	t.Helper()
	must := func(keys ...string) sign.Scheme {
		made, err := s.make(keys...)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	body := []byte("{\"a\": \"b\x00\xff\"}\n")
	h := http.Header{}
	must(s.keys[0]).Sign(h, body)

	if err := must(s.keys[0]).Verify(h, body); err != nil {
		t.Errorf("own signature: %v", err)
	}
	if err := must(s.keys[1], s.keys[0]).Verify(h, body); err != nil {
		t.Errorf("the old key beside the new one: %v", err)
	}
	wantRefusal(t, must(s.keys[1]).Verify(h, body), "does not match")
	wantRefusal(t, must(s.keys[0]).Verify(http.Header{}, body), "no "+firstHeader(s))
	if s.body {
		wantRefusal(t, must(s.keys[0]).Verify(h, body[:len(body)-1]), "does not match")
		wantRefusal(t, must(s.keys[0]).Verify(h, nil), "does not match")
	}
	twice := h.Clone()
	twice.Add(s.header, h.Get(s.header))
	wantRefusal(t, must(s.keys[0]).Verify(twice, body), "given 2 times")
	for _, broken := range []string{"x", h.Get(s.header) + "0", h.Get(s.header)[:len(h.Get(s.header))-1], strings.Repeat("é", 64)} {
		bad := h.Clone()
		bad.Set(s.header, broken)
		wantRefusal(t, must(s.keys[0]).Verify(bad, body), "refused")
	}
	for _, keys := range [][]string{nil, {""}, {s.keys[0], ""}} {
		if _, err := s.make(keys...); bot.CodeOf(err) != bot.CodeInvalid {
			t.Errorf("keys %q: got %v, want them refused", keys, err)
		}
	}
}

func firstHeader(s scheme) string {
	if s.name == "slack" {
		return "X-Slack-Request-Timestamp"
	}
	return s.header
}

func TestPrefixOfTheAlgorithm(t *testing.T) {
	t.Parallel()
	const digits = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	secret, body := "It's a Secret to Everybody", []byte("Hello, World!")
	generic := func(s ...string) (*sign.HMAC, error) { return sign.Generic("X-Sig", s...) }
	for _, c := range []struct {
		name   string
		make   func(...string) (sign.Scheme, error)
		header string
		value  string
		ok     bool
	}{
		{"github with", lift(sign.GitHub), "X-Hub-Signature-256", "sha256=" + digits, true},
		{"github without", lift(sign.GitHub), "X-Hub-Signature-256", digits, false},
		{"github sha1", lift(sign.GitHub), "X-Hub-Signature-256", "sha1=" + digits[:40], false},
		{"generic with", lift(generic), "X-Sig", "sha256=" + digits, true},
		{"generic without", lift(generic), "X-Sig", digits, true},
		{"generic upper case", lift(generic), "X-Sig", strings.ToUpper(digits), true},
		{"generic md5", lift(generic), "X-Sig", "md5=" + digits[:32], false},
		{"gitea without", lift(sign.Gitea), "X-Gitea-Signature", digits, true},
		{"flux with", lift(sign.Flux), "X-Signature", "sha256=" + digits, true},
		{"flux without", lift(sign.Flux), "X-Signature", digits, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := c.make(secret)
			if err != nil {
				t.Fatal(err)
			}
			h := http.Header{}
			h.Set(c.header, c.value)
			if err := s.Verify(h, body); (err == nil) != c.ok {
				t.Errorf("got %v, want ok=%v", err, c.ok)
			}
		})
	}
}

func TestSlackWindow(t *testing.T) {
	t.Parallel()
	sent := time.Unix(1_700_000_000, 0)
	signer, err := sign.NewSlack(at(sent), key)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	signer.Sign(h, nil)
	for _, c := range []struct {
		off time.Duration
		ok  bool
	}{{0, true}, {5 * time.Minute, true}, {-5 * time.Minute, true}, {5*time.Minute + time.Second, false}, {-5*time.Minute - time.Second, false}, {24 * time.Hour, false}} {
		s, err := sign.NewSlack(at(sent.Add(c.off)), key)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(h, nil); (err == nil) != c.ok {
			t.Errorf("%s later: got %v, want ok=%v", c.off, err, c.ok)
		}
	}
	// The timestamp is part of what is signed: a fresh one on an old request fails.
	h.Set("X-Slack-Request-Timestamp", strconv.FormatInt(sent.Unix()+1, 10))
	wantRefusal(t, signer.Verify(h, nil), "does not match")
}

func TestTokensMustBeStrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		token string
		ok    bool
	}{
		{"", false},
		{"secret", false},
		{"correct-horse", false},
		{strings.Repeat("a", 200), false},
		{"0123456789abcdef0123456789abcde", false}, // 31 hexadecimal digits: 124 bits
		{"8f14e45fceea167a5a36dedd4bea2543", true}, // 32: 128 bits
		{"31415926535897932384626433832795028841", false},
		{"314159265358979323846264338327950288419", true}, // 39 decimal digits: 129 bits
		{token, true},
		{token[:21], false},
		{bot.NewToken(), true},
	} {
		if _, err := sign.NewTokens(c.token); (err == nil) != c.ok {
			t.Errorf("%q (%d bits): got %v, want ok=%v", c.token, sign.Strength(c.token), err, c.ok)
		} else if err != nil && c.token != "" && strings.Contains(err.Error(), c.token) {
			t.Errorf("the refusal shows the token: %v", err)
		}
	}
}

func TestPathToken(t *testing.T) {
	t.Parallel()
	tokens, err := sign.NewTokens(token, token2)
	if err != nil {
		t.Fatal(err)
	}
	for path, ok := range map[string]bool{
		"/" + token: true, "/" + token2: true,
		"": false, "/": false, token: false, "/" + token + "/": false, "/x/" + token: false, "/" + strings.ToLower(token): false,
	} {
		if err := tokens.PathToken(path); (err == nil) != ok {
			t.Errorf("%q: got %v, want ok=%v", path, err, ok)
		}
	}
}

func TestBearerSchemeNameInAnyCase(t *testing.T) {
	t.Parallel()
	s, err := sign.Bearer(token)
	if err != nil {
		t.Fatal(err)
	}
	for value, ok := range map[string]bool{"Bearer " + token: true, "bearer " + token: true, token: false, "Basic " + token: false, "Bearer  " + token: false} {
		if err := s.Verify(http.Header{"Authorization": {value}}, nil); (err == nil) != ok {
			t.Errorf("%q: got %v, want ok=%v", value, err, ok)
		}
	}
}

// FuzzVerify: whatever a stranger sends, nothing verifies that does not carry the
// very signature we would make ourselves.
func FuzzVerify(f *testing.F) {
	f.Add("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17", []byte("Hello, World!"))
	f.Add("v0=00", []byte{})
	f.Add("", []byte("x"))
	f.Fuzz(func(t *testing.T, value string, body []byte) {
		for _, s := range schemes() {
			made, err := s.make(s.keys[0])
			if err != nil {
				t.Fatal(err)
			}
			own := http.Header{}
			made.Sign(own, body)
			h := own.Clone()
			h[http.CanonicalHeaderKey(s.header)] = []string{value}
			genuine := strings.EqualFold(strings.TrimPrefix(value, "sha256="), strings.TrimPrefix(own.Get(s.header), "sha256="))
			if err := made.Verify(h, body); err == nil && !genuine && s.name != "flux" {
				t.Errorf("%s: %q verifies, ours is %q", s.name, value, own.Get(s.header))
			}
		}
	})
}
