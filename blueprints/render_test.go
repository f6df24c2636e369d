package blueprints

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

const rules = `parameters:
  web: {type: boolean, title: Web, default: true}
files:
  - {match: web/**, when: .web}
  - {match: cmd/app/**, rename: "cmd/{{ .name }}"}
  - {match: NOTES, rename: "docs/{{ .owner }}.md"}
  - {match: "*.sh", executable: true}
  - {match: "**/*.bin", raw: true}
`

func TestRender(t *testing.T) {
	t.Parallel()
	b := load(t, rules, map[string]string{
		"files/go.mod.tmpl":          "module {{ .host }}/{{ .name }}\n",
		"files/x.tmpl.tmpl":          "kept",
		"files/web/index.html":       "{{ .name | html }}",
		"files/cmd/app/main.go.tmpl": "package main // {{ upper .name }}\n",
		"files/cmd/app/sub/x.go":     "",
		"files/NOTES":                "n",
		"files/run.sh":               "#!/bin/sh\n",
		"files/img/a.bin":            "{{ not a template \xff\x00",
		"files/.gitignore":           "/dist/\n",
	})
	tree, err := render(t.Context(), t, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"go.mod": "module example.com/shop\n", "x.tmpl": "kept", "web/index.html": "shop",
		"cmd/shop/main.go": "package main // SHOP\n", "cmd/shop/sub/x.go": "", "docs/acme.md": "n",
		"run.sh": "#!/bin/sh\n", "img/a.bin": "{{ not a template \xff\x00", ".gitignore": "/dist/\n",
	}
	if got := contents(tree); !maps.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for i, f := range tree.Files {
		if f.Executable != (f.Path == "run.sh") {
			t.Errorf("%s: executable is %v", f.Path, f.Executable)
		}
		if i > 0 && tree.Files[i-1].Path >= f.Path {
			t.Errorf("%s is out of order", f.Path)
		}
	}
	tree, err = render(t.Context(), t, b, map[string]any{"web": "no"})
	if _, ok := contents(tree)["web/index.html"]; ok || err != nil {
		t.Errorf("left in: %v", err)
	}
}

func TestRenderIsRepeatable(t *testing.T) {
	t.Parallel()
	b := load(t, "parameters:\n  secret: {type: string, title: S, generate: {alphabet: hex, length: 32}}\n", map[string]string{
		"files/a": `{{ $d := dict "z" 1 "y" 2 "x" 3 }}{{ range keys $d }}{{ . }}{{ end }}{{ values $d }}{{ .secret }}`,
		// What one file sets must not be seen by another.
		"files/b": `{{ $_ := set . "name" "changed" }}{{ .name }}`,
		"files/c": `{{ .name }}`,
	})
	b.random = &counting{next: 7}
	answers, err := b.Resolve(map[string]any{"name": "shop", "owner": "acme"})
	if err != nil {
		t.Fatal(err)
	}
	first, err := b.Render(t.Context(), answers)
	if err != nil {
		t.Fatal(err)
	}
	if got := contents(first); got["c"] != "shop" || !strings.HasPrefix(got["a"], "xyz[3 2 1]") || answers["name"] != "shop" {
		t.Errorf("got %q", got)
	}
	for range 20 {
		again, err := b.Render(t.Context(), answers)
		if err != nil || !bytes.Equal(encodeTree(first), encodeTree(again)) {
			t.Fatalf("another tree: %v", err)
		}
	}
	delete(answers, "secret")
	_, err = b.Render(t.Context(), answers)
	wantError(t, err, "not complete")
}

func TestRenderFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		extra string
		files map[string]string
		want  string
	}{
		"missing key":        {"", map[string]string{"files/d/a.txt": "1\n2 {{ .nmae }}\n"}, `files/d/a.txt:2:6: <.nmae>: parameter "nmae" is not declared`},
		"missing index":      {"", map[string]string{"files/a": `{{ index . "nmae" }}`}, `no entry for key "nmae"`},
		"fail":               {"", map[string]string{"files/a": "\n\n{{ fail `no` }}"}, "files/a:3:"},
		"climbing rename":    {"files: [{match: a, rename: '../{{ .name }}'}]\n", map[string]string{"files/a": ""}, `files/a: path "../shop"`},
		"absolute rename":    {"files: [{match: a, rename: '/etc/passwd'}]\n", map[string]string{"files/a": ""}, "must be relative and clean"},
		"rename into .git":   {"files: [{match: a, rename: '.GIT/hooks/x'}]\n", map[string]string{"files/a": ""}, "git's own folder"},
		"backslash":          {"files: [{match: a, rename: 'a\\b'}]\n", map[string]string{"files/a": ""}, "is not allowed"},
		"empty rename":       {"files: [{match: a, rename: '{{ if false }}x{{ end }}'}]\n", map[string]string{"files/a": ""}, ""},
		"long rename":        {"files: [{match: a, rename: '{{ repeat 2000 .name }}'}]\n", map[string]string{"files/a": ""}, "output is too large"},
		"two renames":        {"files: [{match: a, rename: b}, {match: a, rename: c}]\n", map[string]string{"files/a": ""}, "renamed by two rules"},
		"case":               {"files: [{match: a, rename: README}]\n", map[string]string{"files/a": "", "files/readme": ""}, `there is "README" already`},
		"file and folder":    {"files: [{match: a, rename: b}]\n", map[string]string{"files/a": "", "files/b/c": ""}, `"b" is a file`},
		"the record":         {"", map[string]string{"files/.opsbot/blueprint.yaml": "x"}, "there is"},
		"when":               {"files: [{match: a, when: '.nmae'}]\n", map[string]string{"files/a": ""}, `parameter "nmae" is not declared`},
		"endless loop":       {"", map[string]string{"files/a": "{{ range 2000000000 }}{{ end }}"}, "more than 50000 steps"},
		"recursion":          {"", map[string]string{"files/a": `{{ define "x" }}{{ template "x" }}{{ template "x" }}{{ end }}{{ template "x" }}`}, "files/a:"},
		"nested empty loops": {"", map[string]string{"files/a": "{{ range 20000 }}{{ range 20000 }}{{ end }}{{ end }}"}, "more than 50000 steps"},
		"much output":        {"", map[string]string{"files/a": "{{ range 40000 }}0123456789{{ end }}"}, "the output is too large"},
		"doubled text":       {"", map[string]string{"files/a": `{{ $x := "0123456789" }}{{ range 60 }}{{ $x = print $x $x }}{{ end }}`}, "print: the result is too large"},
		"repeat":             {"", map[string]string{"files/a": "{{ repeat 2000000000 .name }}"}, "repeat: 2000000000 times is too much"},
		"until":              {"", map[string]string{"files/a": "{{ until 2000000000 }}"}, "more than 10000 numbers"},
		"untilStep of 0":     {"", map[string]string{"files/a": "{{ range untilStep 0 5 0 }}x{{ end }}"}, ""},
		"indent":             {"", map[string]string{"files/a": "{{ indent 2000000000 .name }}"}, "indent: 2000000000 spaces"},
	} {
		b := load(t, tc.extra, tc.files)
		b.limits.Steps, b.limits.FileBytes = 50_000, 100_000
		start := time.Now()
		_, err := render(t.Context(), t, b, nil)
		if tc.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error is %v", name, err)
		}
		var f *Finding
		if !errors.As(err, &f) {
			t.Errorf("%s: %T is no Finding", name, err)
		}
		// Not a measurement: without a bound these run for minutes or for ever.
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func TestRenderLimits(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for i := range 5 {
		files["files/"+strconv.Itoa(i)] = strings.Repeat("x", 100)
	}
	for want, change := range map[string]func(*Limits){
		"more than 4 files":   func(l *Limits) { l.Files = 4 },
		"more than 450 bytes": func(l *Limits) { l.Bytes = 450 },
		"output is too large": func(l *Limits) { l.FileBytes = 99 },
	} {
		b := load(t, "", files)
		change(&b.limits)
		_, err := render(t.Context(), t, b, nil)
		wantError(t, err, want)
	}
}

// TestRenderStops shows that a loop that prints nothing ends with its context.
func TestRenderStops(t *testing.T) {
	t.Parallel()
	b := load(t, "", map[string]string{"files/a": "{{ range 2000000000 }}{{ end }}"})
	b.limits.Steps = 1 << 60
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := render(ctx, t, b, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
	b.limits.Time = 10 * time.Millisecond
	if _, err := render(t.Context(), t, b, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
}

func TestLoadFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fsys fstest.MapFS
		want string
	}{
		"no manifest":      {fstest.MapFS{"files/a": {}}, "blueprint.yaml: is missing"},
		"other name":       {fstest.MapFS{"blueprint.yaml": {Data: []byte(strings.Replace(minimal, "demo", "other", 1))}}, "must be the folder's name"},
		"symbolic link":    {fstest.MapFS{"blueprint.yaml": {Data: []byte(minimal)}, "files/a": {Mode: fs.ModeSymlink, Data: []byte("/etc/passwd")}}, "files/a: is no regular file"},
		"device":           {fstest.MapFS{"blueprint.yaml": {Data: []byte(minimal)}, "files/a": {Mode: fs.ModeDevice}}, "is no regular file"},
		"stray file":       {folder("", map[string]string{"file/a": ""}), "file/a: is no part of a blueprint"},
		"template syntax":  {folder("", map[string]string{"files/a": "1\n{{ if }}"}), "files/a:2:"},
		"unknown function": {folder("", map[string]string{"files/a": "\n\n{{ env `HOME` }}"}), `files/a:3: function "env" not defined`},
		"random function":  {folder("", map[string]string{"files/a": "{{ randAlphaNum 5 }}"}), "not defined"},
		"clock":            {folder("", map[string]string{"files/a": "{{ now }}"}), "not defined"},
		"broken rename":    {folder("files: [{match: a, rename: '{{ if }}'}]\n", map[string]string{"files/a": ""}), "rule 1 (a)"},
		"large file":       {folder("", map[string]string{"files/a": strings.Repeat("x", maxSourceFile+1)}), "files/a: is larger than"},
	} {
		_, err := Load(tc.fsys, "demo", zeroRandom{}, DefaultLimits())
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func TestDigestFollowsContent(t *testing.T) {
	t.Parallel()
	base := load(t, "", map[string]string{"files/a": "1", "files/b": ""})
	same := load(t, "", map[string]string{"files/a": "1", "files/b": "", "README.md": "x", "fixtures/x.yaml": "name: a"})
	if base.Digest() != same.Digest() || !strings.HasPrefix(base.Digest(), "sha256:") {
		t.Errorf("%s, %s", base.Digest(), same.Digest())
	}
	for _, files := range []map[string]string{{"files/a": "", "files/b": "1"}, {"files/a": "1"}, {"files/a": "2", "files/b": ""}} {
		if load(t, "", files).Digest() == base.Digest() {
			t.Errorf("%v has the same digest", files)
		}
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	b := load(t, params, map[string]string{"files/a": ""})
	tree, err := render(t.Context(), t, b, map[string]any{"note": "no", "ratio": 1e21, "tls": true})
	if err != nil {
		t.Fatal(err)
	}
	var data []byte
	for _, f := range tree.Files {
		if f.Path == RecordPath {
			data = f.Data
		}
	}
	r, err := ParseRecord(data)
	if err != nil || r.Blueprint != "demo" || r.Version != "1.0.0" {
		t.Fatalf("%+v, %v", r, err)
	}
	answers, err := b.Resolve(r.Answers)
	if err != nil || answers["note"] != "no" || answers["ratio"] != 1e21 || answers["tls"] != true || answers["port"] != int64(8080) {
		t.Errorf("%v, %v from\n%s", answers, err, data)
	}
	for source, want := range map[string]string{
		"blueprint: a\nversion: 1.0.0\nwho: me\n": `.opsbot/blueprint.yaml:3:1: unknown key "who"`,
		"version: 1.0.0\n":                        "blueprint and version are required",
		"":                                        "is empty",
	} {
		_, err := ParseRecord([]byte(source))
		wantError(t, err, want)
	}
}

func TestTreeIsTheCallers(t *testing.T) {
	t.Parallel()
	b := load(t, "files: [{match: a, raw: true}]\n", map[string]string{"files/a": "raw"})
	tree, err := render(t.Context(), t, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range tree.Files {
		clear(f.Data)
	}
	again, err := render(t.Context(), t, b, nil)
	if err != nil || contents(again)["a"] != "raw" {
		t.Errorf("a caller changed the blueprint: %q, %v", contents(again), err)
	}
}
