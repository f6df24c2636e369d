package blueprints

import (
	"reflect"
	"strings"
	"testing"
)

const everything = `name: demo-2
version: 1.2.3-rc.1+build.5
description: "All: of it # and more"
owner: team a
delimiters: ["<%", "%>"]
parameters:
  zebra: {type: integer, title: Z, minimum: -5, maximum: 1000000, default: 7}
  apple:
    type: string
    title: An apple
    description: Which one.
    hint: a kind
    enum: [none, "yes", gala]
    default: "yes"
  ratio: {type: number, title: R, enum: [0.5, 2], default: 2}
  flag: {type: boolean, title: F, default: false}
  path: {type: string, title: P, derive: "<% .owner %>/x", pattern: '^\w+/x$', minLength: 3, maxLength: 20}
  token: {type: string, title: T, generate: {alphabet: hex, length: 12}}
files:
  - match: cmd/app/**
    when: and .flag (eq .apple "gala")
    rename: cmd/<% .name %>
  - {match: "*.png", raw: true}
  - {match: bin/run, executable: true}
`

func TestParseManifest(t *testing.T) {
	t.Parallel()
	m, err := ParseManifest("blueprint.yaml", []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, p := range m.Parameters {
		order = append(order, p.Name)
	}
	if got := strings.Join(order, " "); got != "zebra apple ratio flag path token" {
		t.Errorf("parameters are in the order %s", got)
	}
	if m.Delimiters != [2]string{"<%", "%>"} || m.Parameters[0].Default != int64(7) || m.Parameters[2].Default != 2.0 {
		t.Errorf("read %+v", m)
	}
	if m.Parameters[1].Enum[1] != "yes" || m.Parameters[3].Default != false {
		t.Errorf("values are not typed: %+v", m.Parameters)
	}
	again, err := ParseManifest("blueprint.yaml", []byte(m.String()))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, m)
	}
	if !reflect.DeepEqual(m, again) {
		t.Errorf("printed and read again:\n%+v\nfirst:\n%+v", again, m)
	}
}

func TestManifestFaults(t *testing.T) {
	t.Parallel()
	param := func(s string) string { return minimal + "parameters:\n  p: {" + s + "}\n" }
	rule := func(s string) string { return minimal + "files:\n  - {" + s + "}\n" }
	for name, tc := range map[string]struct{ source, want string }{
		"unknown key":         {minimal + "colour: red\n", `blueprint.yaml:5:1: unknown key "colour"`},
		"unknown inner key":   {minimal + "parameters:\n  p:\n    type: string\n    tittle: x\n", `blueprint.yaml:8:5: unknown key "tittle"`},
		"unknown rule key":    {rule("match: a, mode: 755"), `unknown key "mode"`},
		"duplicate key":       {minimal + "name: x\n", "blueprint.yaml:5:1: mapping key \"name\" already defined"},
		"empty":               {"", "blueprint.yaml:1: is empty"},
		"two documents":       {minimal + "---\n" + minimal, "exactly one document"},
		"list":                {"- a\n", "must be a mapping"},
		"no mapping":          {"hello", "must be a mapping"},
		"alias":               {"name: &n demo\nversion: *n\n", "blueprint.yaml:1:7: anchor is not allowed"},
		"merge":               {minimal + "<<: {name: x}\n", "is not allowed"},
		"tag":                 {"name: !!str demo\n", "tag is not allowed"},
		"too large":           {minimal + "#" + strings.Repeat("x", maxManifest), "larger than"},
		"upper-case name":     {strings.Replace(minimal, "demo", "Demo", 1), `blueprint.yaml:1:7: name "Demo"`},
		"version":             {strings.Replace(minimal, "1.0.0", "1.0", 1), `blueprint.yaml:2:10: version "1"`},
		"no description":      {strings.Replace(minimal, "A demo.", `" "`, 1), "blueprint.yaml:3:14: description"},
		"one delimiter":       {minimal + "delimiters: [\"[[\"]\n", "blueprint.yaml:5:13: delimiters are two texts"},
		"same delimiters":     {minimal + "delimiters: [\"%%\", \"%%\"]\n", "must differ"},
		"letters":             {minimal + "delimiters: [\"ab\", \"cd\"]\n", "brackets or signs"},
		"no type":             {param("title: P"), "type must be"},
		"odd type":            {param("title: P, type: list"), "blueprint.yaml:6:23: parameter p: type must be"},
		"no title":            {param("type: string"), "title is required"},
		"parameter name":      {minimal + "parameters:\n  Bad-Name: {type: string, title: x}\n", "blueprint.yaml:6:"},
		"built-in":            {minimal + "parameters:\n  owner: {type: string, title: x}\n", "is built in"},
		"default's type":      {param("type: integer, title: P, default: many"), "parameter p: many is no integer"},
		"text for a boolean":  {param("type: boolean, title: P, default: 'true'"), "is no boolean"},
		"enum's type":         {param("type: string, title: P, enum: [a, 5]"), "parameter p: 5 is no string"},
		"two defaults":        {param("type: string, title: P, default: a, derive: b"), "more than one of"},
		"pattern of a number": {param("type: integer, title: P, pattern: x"), "are for strings"},
		"minimum of a text":   {param("type: string, title: P, minimum: 1"), "are for integers"},
		"broken pattern":      {param("type: string, title: P, pattern: '('"), "parameter p: pattern:"},
		"bounds":              {param("type: integer, title: P, minimum: 2, maximum: 1"), "minimum is out of order"},
		"infinite bound":      {param("type: number, title: P, minimum: .inf"), "minimum is out of order"},
		"lengths":             {param("type: string, title: P, minLength: 9, maxLength: 1"), "minLength is out of order"},
		"generate":            {param("type: string, title: P, generate: {alphabet: emoji, length: 3}"), "needs an alphabet"},
		"no match":            {rule("raw: true"), "needs match"},
		"absolute match":      {rule("match: /etc/passwd"), "clean relative path"},
		"two stars":           {rule("match: '**/a/**'"), "more than one **"},
		"star in a segment":   {rule("match: 'a**b'"), "must stand alone"},
		"open bracket":        {rule("match: 'a[b'"), "syntax error in pattern"},
		"rename of wildcards": {rule("match: '*.go', rename: x"), "blueprint.yaml:6:29: rename needs"},
		"when":                {rule("match: a, when: 'eq .x ('"), "blueprint.yaml:6:22: when:"},
		"when that prints":    {rule("match: a, when: 'true}}{{.name}}{{if true'"), "when:"},
		"when that returns":   {rule("match: a, when: 'true)}}x{{else if (false'"), "when:"},
		"unknown function":    {rule("match: a, when: 'env `HOME`'"), `function "env" not defined`},
	} {
		_, err := ParseManifest("blueprint.yaml", []byte(tc.source))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error is %v, want %q", name, err, tc.want)
		}
	}
}

// TestManifestFaultsTogether makes sure that an author sees all faults at once.
func TestManifestFaultsTogether(t *testing.T) {
	t.Parallel()
	_, err := ParseManifest("blueprint.yaml", []byte("name: X\nversion: y\ndescription: d\nowner: ''\n"))
	for _, want := range []string{"name", "version", "owner"} {
		wantError(t, err, ": "+want)
	}
}
