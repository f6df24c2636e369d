package config

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"opsbot/bot"
)

func kinds() []bot.IntegrationKind {
	return []bot.IntegrationKind{
		{Type: "jenkins", Summary: "Builds on Jenkins.", Config: &jenkins{}},
		{Type: "console", Summary: "The web page.", Config: &struct{}{}},
	}
}

// compiled is the schema of the configuration with the kinds of this test.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := Schema(kinds())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The schema and the decoder must agree on what is a configuration.
func TestSchemaAgreesWithTheDecoder(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	const ci = "integrations:\n  ci: { type: jenkins, url: https://j, token: env:T"
	for text, ok := range map[string]bool{
		"listen: 127.0.0.1:1\n":                    true,
		"listen: 7\n":                              false,
		"lisden: 127.0.0.1:1\n":                    false,
		"log: { level: loud }\n":                   false,
		"store: { password: geheim }\n":            false,
		"environments: [{ name: a }]\n":            false,
		"environments: [{ name: A, deployer: b }]": false,
		ci + " }\n":                                true,
		ci + ", every: 5m, most: 5MB, folders: [x], labels: { a: b }, tls: { ca: x }, ratio: 2.5 }\n": true,
		ci + ", tokens: x }\n":                     false,
		ci + ", every: soon }\n":                   false,
		ci + ", most: much }\n":                    false,
		ci + ", tls: {} }\n":                       false,
		ci + ", port: -1 }\n":                      false,
		"integrations: { ci: { url: x } }\n":       false,
		"integrations: { A: { type: console } }\n": false,
		"integrations: { a: { type: console } }\n": true,
	} {
		var doc any
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(jsonValue(t, doc)); (err == nil) != ok {
			t.Errorf("schema: %q: %v, want ok=%v", text, err, ok)
		}
		if err := decodeAll(t, text); (err == nil) != ok {
			t.Errorf("decoder: %q: %v, want ok=%v", text, err, ok)
		}
	}
}

// decodeAll loads text and lets each section's owner decode it.
func decodeAll(t *testing.T, text string) error {
	t.Helper()
	c, err := Load(write(t, text), noEnv)
	if err != nil {
		return err
	}
	for _, s := range c.Integrations {
		var into any = &struct{}{}
		if s.Type == "jenkins" {
			into = &jenkins{}
		}
		if err := s.Decode(into); err != nil {
			return err
		}
	}
	return nil
}

func jsonValue(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSchemaIsStableAndDescribesEverything(t *testing.T) {
	t.Parallel()
	a, err := Schema(kinds())
	if err != nil {
		t.Fatal(err)
	}
	b, _ := Schema(kinds())
	if !bytes.Equal(a, b) {
		t.Error("the schema differs from one time to the next")
	}
	for _, part := range []string{`"default": "127.0.0.1:8080"`, `"default": "30s"`, `"description": "Where Jenkins answers."`, `"const": "console"`, `"default": 0.5`} {
		if !strings.Contains(string(a), part) {
			t.Errorf("the schema lacks %s", part)
		}
	}
	if _, err := Schema([]bot.IntegrationKind{{Type: "x"}}); bot.CodeOf(err) != bot.CodeInternal {
		t.Errorf("a kind without a struct: %v", err)
	}
}

func TestExampleLoads(t *testing.T) {
	t.Parallel()
	text := Example(kinds())
	if _, err := Load(write(t, text), noEnv); err != nil {
		t.Errorf("the example as it is: %v\n%s", err, text)
	}
	for _, key := range []string{"listen", "public_url", "unsafe_local", "level", "forge", "after", "style", "every", "ca", "labels"} {
		if !regexp.MustCompile(`(?m)^#.*\b` + key + `: `).MatchString(text) {
			t.Errorf("the example lacks %s:\n%s", key, text)
		}
	}
}

// Uncommented, nothing is left to complain of but names of things that are not
// there: the values have the right types, and no key is unknown.
func TestExampleUncommentedLoads(t *testing.T) {
	t.Parallel()
	text := regexp.MustCompile(`(?m)^# ( *(- )?[a-z_]+:( |$))`).ReplaceAllString(Example(kinds()), "$1")
	path := write(t, text)
	c, err := Load(path, noEnv)
	for _, p := range problemTexts(t, err, path) {
		if !strings.Contains(p, "there is no integration") && !strings.Contains(p, "there is no environment") {
			t.Errorf("%s\n%s", p, text)
		}
	}
	if c == nil {
		names := strings.NewReplacer("github", "jenkins", "[sonarqube]", "[jenkins]", "prod\n", "jenkins\n", "prod #", "jenkins #", "slack:", "console:", "after: staging", "after: \"\"")
		if c, err = Load(write(t, names.Replace(text)), noEnv); err != nil {
			t.Fatalf("with names that are there: %v\n%s", err, names.Replace(text))
		}
	}
	if err := c.Integrations.Get("jenkins").Decode(&jenkins{}); err != nil {
		t.Errorf("the section of an integration: %v\n%s", err, text)
	}
}
