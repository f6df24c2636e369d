package blueprints

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"opsbot/bot"
)

const params = `parameters:
  port: {type: integer, title: Port, default: 8080, minimum: 1, maximum: 65535}
  ratio: {type: number, title: Ratio, default: 0.5}
  tls: {type: boolean, title: TLS, default: false}
  size: {type: string, title: Size, enum: [small, large], default: small}
  code: {type: string, title: Code, pattern: '^[a-z]{2}$', hint: two letters, default: en}
  note: {type: string, title: Note, maxLength: 5, default: ""}
  path: {type: string, title: Path, derive: "{{ .owner }}/{{ .name }}:{{ .port }}"}
  token: {type: string, title: Token, generate: {alphabet: hex, length: 8}}
`

func TestResolve(t *testing.T) {
	t.Parallel()
	b := load(t, params, nil)
	got, err := b.Resolve(map[string]any{
		"name": "shop", "owner": "acme", "port": "9000", "ratio": "2", "tls": "yes", "size": "large", "code": "de",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Answers{
		"name": "shop", "owner": "acme", "host": "example.com", "port": int64(9000), "ratio": 2.0, "tls": true,
		"size": "large", "code": "de", "note": "", "path": "acme/shop:9000", "token": "00000000",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if again, err := b.Resolve(got); err != nil || !maps.Equal(again, want) {
		t.Errorf("resolved again: %v, %v", again, err)
	}

	// An operation's journal is JSON.
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if again, err := b.Resolve(back); err != nil || !maps.Equal(again, want) {
		t.Errorf("resolved from JSON: %v, %v", again, err)
	}
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	b := load(t, params, nil)
	for _, tc := range []struct {
		key   string
		value any
		want  string
	}{
		{"port", "many", `port: "many" is not allowed, use a whole number from 1 to 65535`},
		{"port", "0", `port: "0" is not allowed, use a whole number from 1 to 65535`},
		{"port", 80.5, `port: "80.5" is not allowed`},
		{"port", "", `port: "" is not allowed`},
		{"port", true, `port: "true" is not allowed`},
		{"ratio", "NaN", "ratio: \"NaN\" is not allowed, use a number"},
		{"ratio", "1e999", "use a number"},
		{"tls", "maybe", `tls: "maybe" is not allowed, use true or false`},
		{"size", "huge", `size: "huge" is not allowed, use one of small, large`},
		{"code", "xyz", `code: "xyz" is not allowed, use two letters`},
		{"note", "too long", "one line of text of at most 5 characters"},
		{"note", "a\nb", "invisible character U+000A"},
		{"note", "a\u202eb", "invisible character U+202E"},
		{"note", "\xff", "is not valid UTF-8"},
		{"note", 5, `note: "5" is not allowed`},
		{"colour", "red", `"colour": demo has no such parameter, it has name, owner, host, port`},
		{"prot", "8080", `token (did you mean port?).`},
		{"name", "Shop", "name: \"Shop\" is not allowed, use 3 to 40 lower-case letters"},
		{"name", "../x", "is not allowed"},
		{"name", "-shop", "is not allowed"},
		{"name", "shop-", "is not allowed"},
		{"name", "sh op", "is not allowed"},
		{"name", "🦊🦊🦊", "is not allowed"},
		{"name", strings.Repeat("a", 200), "aaa…\" is not allowed"},
		{"name", "", "is not allowed"},
		{"owner", "a/../b", "is not allowed"},
		{"owner", "/a", "is not allowed"},
		{"host", "localhost:8080", "a host name without port"},
	} {
		given := map[string]any{"name": "shop", "owner": "acme", tc.key: tc.value}
		_, err := b.Resolve(given)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s=%v: error is %v", tc.key, tc.value, err)
		}
		if bot.CodeOf(err) != bot.CodeInvalid {
			t.Errorf("%s=%v: code is %s", tc.key, tc.value, bot.CodeOf(err))
		}
	}
	_, err := b.Resolve(map[string]any{"port": "x", "size": "y"})
	for _, want := range []string{"name: is required", "owner: is required", "port:", "size:"} {
		wantError(t, err, want)
	}
	if strings.Contains(err.Error(), "path") {
		t.Errorf("a derivation is blamed for the answers before it: %v", err)
	}
}

func TestOwnersOfEveryForge(t *testing.T) {
	t.Parallel()
	b := load(t, "", nil)
	for _, owner := range []string{"foo-org", "Foo", "a_b", "group/sub.team/x", "ent--erprise", "u2"} {
		if _, err := b.Resolve(map[string]any{"name": "shop", "owner": owner}); err != nil {
			t.Error(err)
		}
	}
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"digits", "hex", "alphanumeric"} {
		g := Generate{Alphabet: name, Length: 40}
		// A source that counts gives bytes on both sides of the limit.
		got, err := g.draw(&counting{next: 230})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 40 || strings.Trim(got, alphabet(name)) != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if _, err := (&Generate{Alphabet: "hex", Length: 1}).draw(noRandom{}); err == nil {
		t.Error("a broken random source gave a value")
	}
	// No letter may be likelier than another: 256 equal bytes in, each letter
	// equally often out.
	counts := map[rune]int{}
	got, err := (&Generate{Alphabet: "alphanumeric", Length: 248}).draw(&counting{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range got {
		counts[r]++
	}
	for r, n := range counts {
		if n != 4 {
			t.Errorf("%c came %d times in 248, want 4", r, n)
		}
	}
}

type counting struct{ next byte }

func (c *counting) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = c.next
		c.next++
	}
	return len(p), nil
}

func TestParametersAndSchema(t *testing.T) {
	t.Parallel()
	b := load(t, params, nil)
	var names []string
	for _, p := range b.Parameters() {
		names = append(names, p.Name)
		if p.Required() != (p.Name == "name" || p.Name == "owner") {
			t.Errorf("%s: required is %v", p.Name, p.Required())
		}
	}
	if got := strings.Join(names, " "); got != "name owner host port ratio tls size code note path token" {
		t.Errorf("order is %s", got)
	}
	var s struct {
		Properties           map[string]map[string]any
		Required             []string
		AdditionalProperties bool
	}
	if err := json.Unmarshal(b.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	if s.Properties["port"]["maximum"] != 65535.0 || s.Properties["size"]["default"] != "small" || len(s.Required) != 2 {
		t.Errorf("schema is %s", b.Schema())
	}
}

func TestDefaultsAreHeldToTheRules(t *testing.T) {
	t.Parallel()
	for _, p := range []string{
		"{type: string, title: X, enum: [a, b], default: c}",
		"{type: string, title: X, pattern: '^a', default: b}",
		"{type: integer, title: X, maximum: 5, default: 6}",
	} {
		_, err := Load(folder("parameters:\n  x: "+p+"\n", nil), "demo", zeroRandom{}, DefaultLimits())
		wantError(t, err, "parameter x: default or enum")
	}
}
