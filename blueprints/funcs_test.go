package blueprints

import (
	"strings"
	"testing"
	"text/template"
)

// run renders a template over a few values, as a blueprint's file is.
func run(t *testing.T, source string) (string, error) {
	t.Helper()
	tmpl, err := template.New("f").Option("missingkey=error").Funcs(functions()).Parse(source)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = tmpl.Execute(&out, map[string]any{
		"name": "shop", "list": []any{"a", "b"}, "dict": map[string]any{"k": "v", "n": nil}, "port": int64(8080),
	})
	return out.String(), err
}

func TestFunctions(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		// ours
		`{{ toYaml .dict }} {{ toYaml .list }} {{ .port | toYaml }}`: `{"k":"v","n":null} ["a","b"] 8080`,
		`{{ shellquote "a b" }} {{ groovyquote 5 }}`:                 `'a b' '5'`,
		// ours in the place of others, which must look the same
		`{{ until 3 }} {{ until -2 }} {{ untilStep 0 7 3 }} {{ untilStep 3 0 -2 }}`: `[0 1 2] [0 -1] [0 3 6] [3 1]`,
		`{{ keys .dict }} {{ values .dict }} {{ keys (dict "b" 1) (dict "a" 2) }}`:  `[k n] [v <nil>] [b a]`,
		`{{ repeat 3 "ab" }}|{{ repeat 0 "ab" }}|{{ "x" | repeat 2 }}`:              `ababab||xx`,
		"{{ indent 2 `a\nb` }}{{ nindent 1 `c` }}":                                  "  a\n  b\n c",
		`{{ index .list 1 }} {{ index .dict "k" }} {{ index . "dict" "k" }}`:        `b v v`,
		`{{ print "a" 1 }} {{ printf "%05d" 7 }} {{ println "x" }}`:                 "a1 00007 x\n",
		// sprig's and the language's
		`{{ .name | upper | quote }} {{ join "," .list }} {{ default "x" "" }}`:         `"SHOP" a,b x`,
		`{{ ternary "y" "n" (eq .port 8080) }} {{ semver "1.2.3" | toString }}`:         `y 1.2.3`,
		`{{ html "<a>" }} {{ hasKey .dict "z" }} {{ first .list }} {{ len .list }}`:     `&lt;a&gt; false a 2`,
		`{{ list 1 2 | toJson }} {{ splitList "/" "a/b" }} {{ regexMatch "^s" .name }}`: `[1,2] [a b] true`,
	} {
		if got, err := run(t, source); got != want || err != nil {
			t.Errorf("%s: %q, %v", source, got, err)
		}
	}
}

func TestFunctionFaults(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`{{ index .list 2 }}`:                     "2 is outside of the list",
		`{{ index .list -1 }}`:                    "-1 is outside of the list",
		`{{ index .list "x" }}`:                   `cannot look up "x" in a slice`,
		`{{ index .dict "x" }}`:                   `no entry for key "x"`,
		`{{ index .dict 5 }}`:                     `cannot look up "5" in a map`,
		`{{ index .port 0 }}`:                     "cannot look up",
		`{{ index .dict "n" "x" }}`:               "cannot look up",
		`{{ repeat -1 "x" }}`:                     "repeat: -1 times",
		`{{ indent -1 "x" }}`:                     "indent: -1 spaces",
		`{{ nindent 201 "x" }}`:                   "indent: 201 spaces",
		`{{ printf "%999999d" 1 | repeat 9 }}`:    "repeat: 9 times is too much",
		`{{ fail "no luck" }}`:                    "no luck",
		`{{ mustFromJson "{" }}`:                  "unexpected end of JSON",
		`{{ semver "x" }}`:                        "error calling semver",
		`{{ first 5 }}`:                           "", // a panic inside sprig is an error
		`{{ .list | join "," | repeat 5000000 }}`: "is too much",
		`{{ concat (until 9999) (until 9999) }}`:  "concat: the result is too large",
	} {
		_, err := run(t, source)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v", source, err)
		}
	}
}

// TestNoFunctionDependsOnItsSurroundings names what must not come back.
func TestNoFunctionDependsOnItsSurroundings(t *testing.T) {
	t.Parallel()
	funcs := functions()
	for _, name := range []string{
		"env", "expandenv", "getHostByName", "now", "date", "ago", "toDate", "htmlDate", "dateModify", "mustDateModify",
		"randAlpha", "randAlphaNum", "randAscii", "randNumeric", "randBytes", "randInt", "shuffle", "uuidv4",
		"bcrypt", "htpasswd", "derivePassword", "genPrivateKey", "genCA", "genSelfSignedCert", "genSignedCert", "encryptAES",
	} {
		if _, ok := funcs[name]; ok {
			t.Errorf("%s is there", name)
		}
	}
}

func TestConvert(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		typ  Type
		in   any
		want any // nil = refused
	}{
		{TypeInteger, "12", int64(12)},
		{TypeInteger, "-3", int64(-3)},
		{TypeInteger, 5, int64(5)},
		{TypeInteger, uint64(6), int64(6)},
		{TypeInteger, 7.0, int64(7)},
		{TypeInteger, "7.0", nil},
		{TypeInteger, "0x10", nil},
		{TypeInteger, " 1", nil},
		{TypeInteger, "1_000", nil},
		{TypeInteger, uint64(1) << 63, nil},
		{TypeInteger, 1e300, nil},
		{TypeInteger, 0.5, nil},
		{TypeInteger, nil, nil},
		{TypeInteger, "99999999999999999999", nil},
		{TypeNumber, "0.5", 0.5},
		{TypeNumber, "1e3", 1000.0},
		{TypeNumber, 3, 3.0},
		{TypeNumber, "inf", nil},
		{TypeNumber, "", nil},
		{TypeNumber, true, nil},
		{TypeBoolean, "TRUE", true},
		{TypeBoolean, "no", false},
		{TypeBoolean, true, true},
		{TypeBoolean, "1", nil},
		{TypeBoolean, 1, nil},
		{TypeBoolean, "", nil},
		{TypeString, "x", "x"},
		{TypeString, "", ""},
		{TypeString, 5, nil},
		{TypeString, nil, nil},
	} {
		got, ok := (&Parameter{Type: tc.typ}).convert(tc.in)
		if ok != (tc.want != nil) || ok && got != tc.want {
			t.Errorf("%s from %#v: %#v, %v", tc.typ, tc.in, got, ok)
		}
	}
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]Parameter{
		"true or false":            {Type: TypeBoolean},
		"a whole number":           {Type: TypeInteger},
		"a number of at least 0.5": {Type: TypeNumber, Minimum: new(0.5)},
		"a number of at most 2":    {Type: TypeNumber, Maximum: new(2.0)},
		"one of a, 5":              {Type: TypeString, Enum: []any{"a", int64(5)}, Hint: "never shown"},
		"something nice":           {Type: TypeString, Hint: "something nice", Pattern: "x"},
		"one line of text from 2 to 4 characters matching ^a": {Type: TypeString, MinLength: new(2), MaxLength: new(4), Pattern: "^a"},
		"one line of text of at most 1000 characters":         {Type: TypeString},
	} {
		if got := p.Allowed(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	delims := [2]string{"[[", "]]"}
	for _, expr := range []string{"", "true", ".a", `eq .a "x"`, "and .a (not .b)", `.a | default "x" | eq "y"`} {
		if _, err := parseCondition("when", expr, delims, functions()); err != nil {
			t.Errorf("%q: %v", expr, err)
		}
	}
	for _, expr := range []string{
		`(`, `)`, `true]]`, `true) ]]x[[ end ]][[ if (true`, `true) ]][[ else if (true`, `true)]][[define "x"]][[end]][[if (true`,
		`true)]][[else]][[end]][[if (true`, `nosuch .a`, "true\n) ]]", `.a)]]true[[end]][[if (.b`,
	} {
		if _, err := parseCondition("when", expr, delims, functions()); err == nil {
			t.Errorf("%q is taken", expr)
		}
	}
}
