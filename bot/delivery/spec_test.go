package delivery

import (
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"opsbot/bot"
)

func TestParseSpec(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bot.RunSpec{
		goodSpec: {Artifact: "dist/app.tar.gz", Run: []string{"./app"}, PortEnv: "PORT", Health: "/"},
		"version: 1\nartifact: site.zip\nstatic: public\nhealth: /ok?x=1\n":           {Artifact: "site.zip", Static: "public", PortEnv: "PORT", Health: "/ok?x=1"},
		"version: 1\nartifact: a\nrun: [sh, -c, \"exec ./x\"]\nport_env: HTTP_PORT\n": {Artifact: "a", Run: []string{"sh", "-c", "exec ./x"}, PortEnv: "HTTP_PORT", Health: "/"},
		"# with a comment\nversion: 1\nartifact: a\nstatic: .\n":                      {Artifact: "a", Static: ".", PortEnv: "PORT", Health: "/"},
	} {
		if got, err := ParseSpec([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

func TestParseSpecRefuses(t *testing.T) {
	t.Parallel()
	const head = "version: 1\nartifact: a\n"
	for text, part := range map[string]string{
		"":                                   "is empty",
		"# nothing\n":                        "is empty",
		"version: 2\n":                       "version is 2",
		"artifact: a\nrun: [x]\n":            "version is 0",
		"version: 1\nrun: [x]\n":             "artifact is missing",
		head:                                 "run or static is missing",
		head + "run: []\n":                   "run or static is missing",
		head + "run: [x]\nstatic: y\n":       "exclude each other",
		head + "run: ['']\n":                 "can't be started",
		head + "run: [\"a\\0b\"]\n":          "can't be started",
		head + "run: [x]\nnonsense: 1\n":     "nonsense",
		head + "run: x\n":                    ".opsbot/project.yaml: [3:",
		head + "run: [x]\nport_env: 1A\n":    "port_env",
		head + "run: [x]\nhealth: ok\n":      "health",
		head + "run: [x]\nhealth: '/a b'\n":  "health",
		head + "static: ../x\n":              "static",
		head + "static: /etc\n":              "static",
		head + "static: 'a\\b'\n":            "static",
		head + "run: [x]\n---\nversion: 9\n": "behind its end",
		"version: 1\nartifact: ../../etc/passwd\nrun: [x]\n": "artifact",
		"version: 1\nartifact: a\nartifact: b\nrun: [x]\n":   "artifact",
		"just text":                    ".opsbot/project.yaml",
		"[1, 2":                        ".opsbot/project.yaml",
		strings.Repeat("[", 2000):      ".opsbot/project.yaml",
		"run: !000000 ":                "is no YAML that can be read",
		"a: &a [*a]":                   ".opsbot/project.yaml",
		strings.Repeat("#", maxSpec+1): "larger than 8 KiB",
	} {
		_, err := ParseSpec([]byte(text))
		if err == nil || !strings.Contains(bot.MessageOf(err), part) {
			t.Errorf("%.80q: %v, want %q", text, err, part)
		}
		if code := bot.CodeOf(err); code != bot.CodeInvalid && code != bot.CodeTooLarge {
			t.Errorf("%.80q: %s", text, code)
		}
	}
}

// FuzzParseSpec: what is accepted keeps inside its folders and, written again, is
// read as the same; what is refused says so in one line.
func FuzzParseSpec(f *testing.F) {
	for _, s := range []string{goodSpec, "version: 1\nartifact: a\nstatic: .\nhealth: /x\nport_env: P\n", "version: 1\n---\n", "a: &a [*a]", "? [", "version: 1e3", "\xff", "artifact: !!binary x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, err := ParseSpec(data)
		if err != nil {
			if text := bot.MessageOf(err); strings.ContainsAny(text, "\n\r") || !strings.HasPrefix(text, SpecPath) {
				t.Fatalf("said %q", text)
			}
			return
		}
		if !inside(spec.Artifact) || spec.Static != "" && !inside(spec.Static) || spec.Health[0] != '/' || (len(spec.Run) == 0) == (spec.Static == "") {
			t.Fatalf("accepted: %+v", spec)
		}
		again, err := yaml.Marshal(specFile{Version: 1, Artifact: spec.Artifact, Run: spec.Run, Static: spec.Static, PortEnv: spec.PortEnv, Health: spec.Health})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseSpec(again); err != nil || !reflect.DeepEqual(got, spec) {
			t.Fatalf("written again:\n%s\n%+v, %v\nwas %+v", again, got, err, spec)
		}
	})
}
