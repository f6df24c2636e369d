package blueprints

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestFindingText(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]Finding{
		"a/b: m":     {File: "a/b", Message: "m"},
		"a/b:3: m":   {File: "a/b", Line: 3, Message: "m"},
		"a/b:3:7: m": {File: "a/b", Line: 3, Column: 7, Message: "m"},
		"a: m":       {File: "a", Column: 7, Message: "m"},
	} {
		if got := f.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTemplateFinding(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		file, text string
		want       Finding
	}{
		{"f", `template: f:3: unclosed action`, Finding{"f", 3, 0, "unclosed action"}},
		{"f", `template: f:3:7: executing "f" at <.x>: map has no entry for key "x"`, Finding{"f", 3, 8, `<.x>: parameter "x" is not declared`}},
		{"a:1", `template: a:1:2: oops`, Finding{"a:1", 2, 0, "oops"}},
		{"f", `template: other:3: oops`, Finding{"f", 0, 0, "other:3: oops"}},
		{"f", `template: f:x: oops`, Finding{"f", 0, 0, "x: oops"}},
		{"f", `disk full`, Finding{"f", 0, 0, "disk full"}},
		{"f", "template: f:1: two\nlines", Finding{"f", 1, 0, "two\nlines"}},
		{"f", `template: f:99999999999999999999: far`, Finding{"f", 0, 0, "far"}},
	} {
		if got := *templateFinding(tc.file, errors.New(tc.text)); got != tc.want {
			t.Errorf("%s: got %+v", tc.text, got)
		}
	}
}

func TestFindingsOfAnError(t *testing.T) {
	t.Parallel()
	a, b := findingf("a", 9, "x"), &Finding{File: "b", Line: 1, Column: 99}
	err := errors.Join(a, errors.Join(errors.New("other"), fmt.Errorf("wrapped: %w", b)))
	if got := findings(err); !slices.Equal(got, []*Finding{a, b}) {
		t.Errorf("got %v", got)
	}
	if !errors.Is(inside(err, []byte("one\r\ntwo")), a) || a.Line != 2 || b.Column != 4 {
		t.Errorf("moved to %+v, %+v", a, b)
	}
}

func TestInsideQuotes(t *testing.T) {
	t.Parallel()
	for before, want := range map[string]bool{
		"": false, "x ": false, "'": true, `"`: true, "'a' ": false, "'a' '": true, `"it's" `: false, `"it's `: true,
		`\' `: false, `"\" `: true, "'\n": false, "'''": true, "a: ": false,
	} {
		b := load(t, "", map[string]string{"files/a.sh": before + "{{ .name | shellquote }}", "fixtures/x.yaml": fixture})
		use := templateUse{file: "a.sh", source: string(b.files[0].data), quoting: quoteShell, params: b.parameterNames(), used: map[string]bool{}}
		use.walkAll(b.files[0].template)
		if got := len(use.findings) > 0; got != want {
			t.Errorf("after %q: %v", before, use.findings)
		}
	}
}

func TestCompareGolden(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ want, got, message string }{
		{"a\nb\n", "a\nb\n", ""},
		{"a\nb\n", "a\nc\n", `g:2: golden line is "b", rendered line is "c"`},
		{"a\n", "a\nb\n", `g:2: golden line is "", rendered line is "b"`},
		{"a\nb", "a", `g:2: golden line is "b", rendered line is the end`},
		{"", "a", `g:1: golden line is "", rendered line is "a"`},
	} {
		err := compareGolden("g", []byte(tc.want), []byte(tc.got))
		if tc.message == "" && err == nil {
			continue
		}
		if err == nil || err.Error() != tc.message {
			t.Errorf("%q, %q: %v", tc.want, tc.got, err)
		}
	}
	wantError(t, compareGolden("g", nil, nil), "g: is missing")
}
