package blueprints

import (
	"strings"
	"testing"
	"testing/fstest"
)

const fixture = "name: shop\nowner: acme\n"

func TestLint(t *testing.T) {
	t.Parallel()
	const lang = "parameters:\n  lang: {type: string, title: L, default: de}\n"
	for name, tc := range map[string]struct {
		extra string
		files map[string]string
		want  []string // findings in their order; none means clean
	}{
		"clean": {lang + "files: [{match: a.sh, executable: true}]\n", map[string]string{
			"files/Jenkinsfile": "sh {{ printf `make %s` (shellquote .lang) | groovyquote }}\n",
			"files/a.sh":        "x={{ .lang | shellquote }}; y='it'; z={{ shellquote .name }}\n",
			"files/a.yaml":      "{{ if .lang }}a: {{ toYaml .lang }}{{ end }}\nb: {{ 5 }}\n",
			"files/a.html":      `<a title="{{ .lang | html }}">`,
			"files/README.md":   "{{ .lang }}",
		}, nil},
		"bare values": {"", map[string]string{
			"files/Jenkinsfile.tmpl": "\necho '{{ .name }}'\n",
			"files/ci/deploy.sh":     "#\n\necho {{ .name | quote }}\n",
			"files/a.yml":            "a: {{ .name }}\n",
			"files/check":            "#!/bin/sh\necho {{ .name }}\n",
			"files/a.html":           "{{ .name }}",
			"files/b.yaml":           "{{ range tuple 1 2 }}\n- {{ . }}{{ end }}{{ define `x` }}{{ .name }}{{ end }}{{ with .name }}\n{{ else }}{{ .owner }}{{ end }}",
		}, []string{
			"files/Jenkinsfile.tmpl:2: the value of .name needs groovyquote",
			"files/a.html:1: the value of .name needs html",
			"files/a.yml:1: the value of .name needs toYaml",
			"files/b.yaml:2: the value of . needs toYaml",
			"files/b.yaml:2: the value of .name needs toYaml",
			"files/b.yaml:3: the value of .owner needs toYaml",
			"files/check:2: the value of .name needs shellquote",
			"files/ci/deploy.sh:3: the value of .name | quote needs shellquote",
		}},
		"quoted twice": {"", map[string]string{
			"files/Jenkinsfile": "sh 'make {{ .name | groovyquote }}'\n",
			"files/a.sh":        "echo \"it's {{ .name | shellquote }}\"\n",
		}, []string{
			"files/Jenkinsfile:1: groovyquote inside quotes: it brings its own",
			"files/a.sh:1: shellquote inside quotes: it brings its own",
		}},
		"wrong function": {"", map[string]string{"files/a.sh": "{{ .name | groovyquote }}"}, []string{
			"files/a.sh:1: the value of .name | groovyquote needs shellquote",
		}},
		"undeclared and unused": {lang, map[string]string{
			"files/a": "\n{{ .nmae }}{{ if $.colour }}{{ end }}{{ range .list }}{{ .fine }}{{ end }}{{ print (len (.deep)) }}",
		}, []string{
			"blueprint.yaml: parameter lang is used by no file",
			`files/a:2:4: <.nmae>: parameter "nmae" is not declared`, // by rendering the fixture
			`files/a:2: parameter "colour" is not declared`,
			`files/a:2: parameter "deep" is not declared`,
			`files/a:2: parameter "list" is not declared`,
			`files/a:2: parameter "nmae" is not declared`,
		}},
		"used by the manifest alone": {
			lang +
				"  other: {type: string, title: O, derive: '{{ .lang }}'}\nfiles: [{match: a, when: 'ne .other \"\"'}]\n",
			map[string]string{"files/a": ""},
			nil,
		},
		"derived from a later one": {
			"parameters:\n  a: {type: string, title: A, derive: '{{ .b }}'}\n  b: {type: string, title: B, default: x}\n",
			map[string]string{"files/a": "{{ .a }}"},
			[]string{
				`blueprint.yaml: parameter "b" is not declared`,
				"fixtures/default.yaml: Blueprint demo: a: derive:",
			},
		},
		"idle rule": {"files: [{match: 'b/**', raw: true}]\n", map[string]string{"files/a": ""}, []string{
			`blueprint.yaml: rule 1: "b/**" matches no file`,
		}},
		"unknown function": {"", map[string]string{"files/a": "\n{{ env `X` }}", "files/b": "{{ now }}"}, []string{
			`files/a:2: function "env" not defined`, `files/b:1: function "now" not defined`,
		}},
		"binary": {"", map[string]string{"files/a": "\xff\xfe"}, []string{"files/a: is not text; mark it raw"}},
		"bad fixture": {"", map[string]string{"fixtures/bad.yaml": "name: X\nowner: a\n", "fixtures/odd.yaml": "- a\n"}, []string{
			"fixtures/bad.yaml: Blueprint demo: name:", "fixtures/odd.yaml:1:1: must be a mapping",
		}},
		"random fixture": {
			"parameters:\n  s: {type: string, title: S, generate: {alphabet: hex, length: 3}}\n",
			map[string]string{"files/a": "{{ .s }}"},
			[]string{"a generated parameter needs its value in the fixture"},
		},
		"golden without fixture": {"", map[string]string{"golden/x.txtar": ""}, []string{"golden/x.txtar: there is no fixture fixtures/x.yaml"}},
		"broken manifest":        {"colour: red\nname: x\n", nil, []string{"blueprint.yaml:6:1:"}},
	} {
		fsys := folder(tc.extra, tc.files)
		fsys["fixtures/default.yaml"] = &fstest.MapFile{Data: []byte(fixture)}
		got := Lint(t.Context(), fsys, "demo")
		for i := range max(len(got), len(tc.want)) {
			switch {
			case i >= len(got):
				t.Errorf("%s: lacks %q", name, tc.want[i])
			case i >= len(tc.want):
				t.Errorf("%s: finds also %q", name, got[i].Error())
			case !strings.Contains(got[i].Error(), tc.want[i]):
				t.Errorf("%s: finds %q, want %q", name, got[i].Error(), tc.want[i])
			}
		}
	}
}

func TestLintWantsAFixture(t *testing.T) {
	t.Parallel()
	got := Lint(t.Context(), folder("", map[string]string{"files/a": ""}), "demo")
	if len(got) != 1 || !strings.Contains(got[0].Message, "there is no fixture") {
		t.Errorf("finds %v", got)
	}
}
