package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
)

// write puts a configuration file into a folder of its own.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "opsbot.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func noEnv(string) (string, bool) { return "", false }

// problemsOf loads text and returns what is wrong, without the file's path.
func problemsOf(t *testing.T, text string) []string {
	t.Helper()
	path := write(t, text)
	_, err := Load(path, noEnv)
	return problemTexts(t, err, path)
}

func problemTexts(t *testing.T, err error, path string) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var all Problems
	if !errors.As(err, &all) || bot.CodeOf(err) != bot.CodeInvalid {
		t.Fatalf("not the package's error: %v", err)
	}
	var out []string
	for _, p := range all {
		out = append(out, strings.TrimPrefix(p.String(), path))
	}
	return out
}

func TestNoFileIsTheEmbeddedStack(t *testing.T) {
	t.Parallel()
	c, err := Load("", noEnv)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range c.Integrations {
		names = append(names, s.Name+"="+s.Type)
	}
	if got := strings.Join(names, " "); got != "console=console localgit=localgit localci=localci localrun=localrun" {
		t.Errorf("integrations %s", got)
	}
	environments := c.BotEnvironments()
	if len(environments) != 2 || environments[0] != (bot.Environment{Name: "staging", Deployer: "localrun", Auto: "main"}) ||
		environments[1] != (bot.Environment{Name: "production", Deployer: "localrun", After: "staging"}) {
		t.Errorf("environments %+v", environments)
	}
	if c.Console != "127.0.0.1:8080" || c.Apps != "127.0.0.1:8081" || c.PublicURL != "http://127.0.0.1:8082" || c.Prefix != "!" ||
		c.Log.Level != "info" || c.Defaults.BotName != "opsbot" || c.Data != "" || c.Policy != "" || c.UnsafeLocal {
		t.Errorf("defaults %+v", c)
	}
}

func TestWholeFile(t *testing.T) {
	t.Parallel()
	path := write(t, `
listen: 0.0.0.0:8443
console: "[::1]:8080"
public_url: https://opsbot.example.com/
store: { url: "postgres://opsbot@db/opsbot", password: env:DB }
integrations:
  slack:   { type: slack, bot_token: env:SLACK_BOT_TOKEN }
  github:  { type: github, owners: [foo-org, "bar"] }
  jenkins: { type: jenkins, owners: solo }
  prod:    { type: nomad }
defaults: { forge: github, pipeline: jenkins, blueprint: go-service, room: "slack:#deployments" }
environments:
  - { name: staging, deployer: prod, auto: main }
  - { name: production, deployer: prod, after: staging, approvals: 2, strategy: canary }
rooms:
  - { room: "slack:#old", style: lines }
policy: policy.cedar
prefix: ""
log: { level: debug }
`)
	c, err := Load(path, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if c.PublicURL != "https://opsbot.example.com" || c.ConsoleURL != "http://[::1]:8080" || c.Prefix != "" || c.Environments[1].Approvals != 2 {
		t.Errorf("got %+v", c)
	}
	if c.Policy != filepath.Join(filepath.Dir(path), "policy.cedar") {
		t.Errorf("policy %s is not beside the file", c.Policy)
	}
	if c.Log.Level != "debug" || c.Log.Format != "auto" || c.Store.Password.String() != "env:DB" || c.Rooms[0].Style != "lines" {
		t.Errorf("got %+v", c)
	}
	if got := c.Integrations.Get("github").Texts("owners"); strings.Join(got, ",") != "foo-org,bar" {
		t.Errorf("owners %q", got)
	}
	if got := c.Integrations.Get("jenkins").Texts("owners"); strings.Join(got, ",") != "solo" {
		t.Errorf("one owner %q", got)
	}
	if c.Integrations.Get("slack").Texts("owners") != nil || c.Integrations.Get("nobody") != nil {
		t.Error("what is not there must be nil")
	}
}

func TestFileWithoutIntegrationsKeepsTheEmbeddedOnes(t *testing.T) {
	t.Parallel()
	c, err := Load(write(t, "console: 127.0.0.1:9000\nenvironments:\n  - { name: test, deployer: localrun }\n"), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Integrations) != 4 || c.Defaults.Forge != "localgit" || len(c.Environments) != 1 || c.Console != "127.0.0.1:9000" {
		t.Errorf("got %+v", c)
	}
	for _, empty := range []string{"", "# nothing\n", "---\n", "listen:\n"} {
		if c, err := Load(write(t, empty), noEnv); err != nil || len(c.Environments) != 2 {
			t.Errorf("%q: %v", empty, err)
		}
	}
}

func TestProblemsNameFieldAndLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"listen: 127.0.0.1:1\nconsol: x\n":                   `:2: unknown key "consol"; did you mean "console"?`,
		"store:\n  ulr: postgres://x\n":                      `:2: store: unknown key "ulr"; did you mean "url"?`,
		"log: { colour: yes }\n":                             `:1: log: unknown key "colour"; known are level, format`,
		"listen: nowhere\n":                                  ":1: listen: must be HOST:PORT, like 127.0.0.1:8080",
		"listen: 127.0.0.1:70000\n":                          ":1: listen: must be HOST:PORT, like 127.0.0.1:8080",
		"listen: [a]\n":                                      ":1: listen: must be a text, not a list",
		"public_url: ftp://x\n":                              ":1: public_url: must be an absolute URL that begins with http:// or https://",
		"public_url: https://me:pw@x\n":                      ":1: public_url: must not hold a user or password",
		"log: debug\n":                                       ":1: log: must be a mapping, not a text",
		"log:\n  level: loud\n":                              `:2: log.level: "loud" is none of debug, info, warn, error`,
		"unsafe_local: \"true\"\n":                           ":1: unsafe_local: must be true or false",
		"unsafe_local: true\nconsole: 0.0.0.0:1\n":           ":1: unsafe_local: not with the console on 0.0.0.0:1: whoever reaches the page could run anything here",
		"apps: 127.0.0.1:8080\n":                             ":1: apps: the same address as console",
		"store: { url: \"postgres://a:geheim@db/x\" }\n":     ":1: store.url: must not hold the password: write it as password: env:NAME or file:PATH",
		"store: { url: mysql://x }\n":                        ":1: store.url: must begin with postgres://",
		"store: { password: env:X }\n":                       ":1: store.password: is of no use without a url",
		"store: { url: postgres://x, password: geheim }\n":   ":1: store.password: a secret is not written here but referred to: env:NAME or file:PATH",
		"environments:\n  - { name: a }\n":                   ":2: environments[0].deployer: is required",
		"environments:\n  - name: A\n    deployer: x\n":      ":2: environments[0].name: must be a name of lower case letters, digits and dashes that begins with a letter, at most 63 long",
		"environments: { name: a }\n":                        ":1: environments: must be a list, not a mapping",
		"defaults:\n  forge: localgti\n":                     `:2: defaults.forge: there is no integration "localgti"; did you mean "localgit"?`,
		"defaults: { room: general }\n":                      ":1: defaults.room: must be INTEGRATION:ROOM",
		"integrations:\n  a: { url: x }\n":                   ":2: integrations.a: needs a type",
		"integrations:\n  A b: { type: x }\n":                ":2: integrations.A b: must be a name of lower case letters, digits and dashes that begins with a letter, at most 63 long",
		"integrations:\n  a: x\n":                            ":2: integrations.a: must be a mapping, not a text",
		"integrations: []\n":                                 ":1: integrations: must be a mapping of names to sections, not a list",
		"teams: [web, web]\n":                                `:1: teams[1]: "web" is there twice`,
		"teams: [We b]\n":                                    `:1: teams[0]: a team's name has at most 40 lower-case letters, digits and dashes, a letter first`,
		"defaults: { provision: [localci, localci] }\n":      `:1: defaults.provision[1]: "localci" is there twice`,
		"rooms:\n  - room: console:a\n  - room: console:a\n": `:3: rooms[1].room: the room "console:a" is there twice`,
		"environments:\n  - { name: a, deployer: localrun, after: b }\n  - { name: b, deployer: localrun }\n": `:2: environments[0].after: there is no environment "b" above this one`,
		"environments:\n  - { name: a, deployer: localrun }\n  - { name: a, deployer: localrun }\n":           `:3: environments[1].name: there are two environments "a"`,
		"environments:\n  - name: a\n    deployer: localrun\n    approvals: -1\n":                             `:4: environments[0].approvals: must not be negative`,
		"environments:\n  - name: a\n    deployer: localrun\n    approvals: two\n":                            `:4: environments[0].approvals: must be a number`,
	} {
		got := problemsOf(t, text)
		if len(got) != 1 || got[0] != want {
			t.Errorf("%q:\n got %q\nwant %q", text, got, want)
		}
		if strings.Contains(strings.Join(got, ""), "geheim") {
			t.Errorf("%q: the message shows the secret", text)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	got := problemsOf(t, "lisden: x\nlog: { level: loud }\nenvironments:\n  - { deployer: 7 }\n")
	if len(got) != 3 || !strings.HasPrefix(got[0], ":1:") || !strings.HasPrefix(got[1], ":2:") || !strings.HasPrefix(got[2], ":4:") {
		t.Errorf("got %q, want three problems in the order of the file", got)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"/nonexistent/opsbot.yaml": "cannot be opened: no such file", t.TempDir(): "is it a file?"} {
		if _, err := Load(path, noEnv); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// jenkins is a section as an integration declares it.
type jenkins struct {
	URL     string            `yaml:"url" required:"true" format:"url" example:"https://jenkins.example.com" doc:"Where Jenkins answers."`
	User    string            `yaml:"user" default:"opsbot" doc:"The account of the token."`
	Token   Secret            `yaml:"token" required:"true" doc:"The account's API token."`
	Every   time.Duration     `yaml:"every" default:"30s" doc:"How often to look."`
	Most    Size              `yaml:"most" default:"20MB" doc:"How much of a log is kept."`
	Folders []string          `yaml:"folders" default:"a,b" doc:"The job folders."`
	Labels  map[string]string `yaml:"labels" doc:"Labels for jobs."`
	TLS     *struct {
		CA string `yaml:"ca" required:"true" example:"ca.pem" doc:"File of the authority."`
	} `yaml:"tls" doc:"How the server is trusted."`
	Ratio float64 `yaml:"ratio" default:"0.5"`
	Port  uint16  `yaml:"port" default:"1"`
	Skip  string  `yaml:"-"`
}

func (j *jenkins) Validate() error {
	if j.User == "root" {
		return errors.Join(Fieldf("user", "must not be root"), errors.New("think again"))
	}
	return nil
}

// section loads a file with one jenkins section made of lines, from line 3 on.
func section(t *testing.T, lines string) (*Section, string) {
	t.Helper()
	path := write(t, "integrations:\n  ci:\n    type: jenkins\n"+lines)
	c, err := Load(path, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	return c.Integrations.Get("ci"), path
}

func TestSectionDecodes(t *testing.T) {
	t.Parallel()
	s, _ := section(t, "    url: https://j\n    token: env:T\n    every: 1m30s\n    labels: { a: 1.10, b: \"x\" }\n    tls: { ca: x.pem }\n    port: 65535\n")
	var j jenkins
	if err := s.Decode(&j); err != nil {
		t.Fatal(err)
	}
	if j.URL != "https://j" || j.User != "opsbot" || j.Every != 90*time.Second || j.Most != 20e6 || strings.Join(j.Folders, "+") != "a+b" ||
		j.Labels["a"] != "1.10" || j.TLS.CA != "x.pem" || j.Ratio != 0.5 || j.Port != 65535 || j.Token.String() != "env:T" {
		t.Errorf("got %+v", j)
	}
	s, _ = section(t, "    url: https://j\n    token: env:T\n")
	j = jenkins{}
	if err := s.Decode(&j); err != nil || j.TLS != nil {
		t.Errorf("an absent optional section must stay nil: %+v, %v", j, err)
	}
}

func TestSectionProblems(t *testing.T) {
	t.Parallel()
	const ok = "    url: https://j\n    token: env:T\n"
	for lines, want := range map[string]string{
		"    token: env:T\n":                        ":2: integrations.ci.url: is required",
		"    url: https://j\n":                      ":2: integrations.ci.token: is required",
		ok + "    tokens: x\n":                      `:6: integrations.ci: unknown key "tokens"; did you mean "token"?`,
		ok + "    Skip: x\n":                        `:6: integrations.ci: unknown key "Skip"; known are url, user, token, every, most, folders, labels, tls, ratio, port`,
		ok + "    every: 5\n":                       ":6: integrations.ci.every: must be a time like 30s, 5m or 1h30m",
		ok + "    most: 5 XB\n":                     ":6: integrations.ci.most: must be a size like 512kB, 20MB or 1GiB",
		ok + "    port: 65536\n":                    ":6: integrations.ci.port: must be a whole number that is not negative and fits",
		ok + "    port: -1\n":                       ":6: integrations.ci.port: must be a whole number that is not negative and fits",
		ok + "    folders: x\n":                     ":6: integrations.ci.folders: must be a list, not a text",
		ok + "    tls: {}\n":                        ":6: integrations.ci.tls.ca: is required",
		ok + "    tls:\n      cb: x\n      ca: y\n": `:7: integrations.ci.tls: unknown key "cb"; did you mean "ca"?`,
		"    url: ''\n    token: env:T\n":           ":4: integrations.ci.url: must not be empty",
		"    url: https://j\n    token: abc\n":      ":5: integrations.ci.token: a secret is not written here but referred to: env:NAME or file:PATH",
		"    url: https://j\n    token: [env:T]\n":  ":5: integrations.ci.token: must be env:NAME or file:PATH, not a list",
	} {
		s, path := section(t, lines)
		got := problemTexts(t, s.Decode(&jenkins{}), path)
		if len(got) != 1 || got[0] != want {
			t.Errorf("%q:\n got %q\nwant %q", lines, got, want)
		}
	}
	s, path := section(t, ok+"    user: root\n")
	got := problemTexts(t, s.Decode(&jenkins{}), path)
	if len(got) != 2 || got[0] != ":2: integrations.ci: think again" || got[1] != ":6: integrations.ci.user: must not be root" {
		t.Errorf("own checks: %q", got)
	}
	for _, into := range []any{nil, jenkins{}, (*jenkins)(nil), new(int)} {
		if err := s.Decode(into); bot.CodeOf(err) != bot.CodeInternal {
			t.Errorf("decode into %T: %v", into, err)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Size{"0": 0, "12": 12, "12B": 12, "1kB": 1000, "1KiB": 1024, "20MB": 20e6, "3 GiB": 3 << 30} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%q gives %d, %v", text, s, err)
		}
		var again Size
		if err := again.UnmarshalText([]byte(want.String())); err != nil || again != want {
			t.Errorf("%d prints as %s, which reads as %d, %v", want, want, again, err)
		}
	}
	for _, text := range []string{"", "MB", "-1", "1.5MB", "1 M B", "1mb", "9223372036854775807GB", "1KB"} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q gives %d", text, s)
		}
	}
}

// TestDefaultsBesideTheEmbeddedStack: a file that only changes the blueprint still
// has the embedded forge and pipeline.
func TestDefaultsBesideTheEmbeddedStack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "opsbot.yaml")
	if err := os.WriteFile(path, []byte("defaults: { blueprint: static-site, room: \"console:dev\" }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	if d := c.Defaults; d.Blueprint != "static-site" || d.Pipeline != "localci" || d.Forge != "localgit" || d.Room != "console:dev" {
		t.Errorf("%+v", d)
	}
}
