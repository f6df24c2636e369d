package fileset_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"opsbot/integrations/localci/fileset"
)

func TestPattern(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, path string
		want          bool
	}{
		{"app.txt", "app.txt", true},
		{"app.txt", "sub/app.txt", false},
		{"*.jar", "a.jar", true},
		{"*.jar", "x/a.jar", false},
		{"**/*.jar", "a.jar", true},
		{"**/*.jar", "x/y/a.jar", true},
		{"x/**/y/*.jar", "x/y/a.jar", true},
		{"x/**/y/*.jar", "x/1/y/2/y/a.jar", true},
		{"x/**/y/*.jar", "x/1/y/2/a.jar", false},
		{"out/", "out/a/b.txt", true},
		{"out", "out/a.txt", false},
		{`out\*.txt`, "out/a.txt", true},
		{"/out/*.txt", "out/a.txt", false},
		{"./out/*.txt", "out/a.txt", false},
		{"../*", "a", false},
		{"??.txt", "ab.txt", true},
		{"??.txt", "ö.txt", false},
		{"?ö.txt", "öö.txt", true},
		{"a**b", "axxb", true},
		{"a**b", "a/b", false},
		{"my dir/*", "my dir/x", true},
		{"out//a", "out/a", true},
		{"\xff?", "\xff\xfe", true},
		{"\xff", "\xfe", false},
		{"A.TXT", "a.txt", false},
	}
	for _, tt := range tests {
		if got := fileset.ParsePattern(tt.pattern).Match(tt.path); got != tt.want {
			t.Errorf("ParsePattern(%q).Match(%q) = %v, want %v", tt.pattern, tt.path, got, tt.want)
		}
	}
}

// naive is the pattern as a regular expression, the obvious way.
func naive(pattern string) *regexp.Regexp {
	if strings.HasSuffix(pattern, "/") {
		pattern += "**"
	}
	var re strings.Builder
	re.WriteString("^")
	for _, part := range strings.FieldsFunc(pattern, func(r rune) bool { return r == '/' }) {
		if part == "**" {
			re.WriteString("(?:[^/]+/)*")
			continue
		}
		quoted := regexp.QuoteMeta(part)
		quoted = strings.ReplaceAll(quoted, `\*`, "[^/]*")
		quoted = strings.ReplaceAll(quoted, `\?`, "[^/]")
		re.WriteString(quoted + "/")
	}
	re.WriteString("$")
	return regexp.MustCompile(re.String())
}

// words lists every text of up to n characters of the alphabet.
func words(alphabet string, n int) []string {
	all := []string{""}
	for begin := 0; n > 0; n-- {
		end := len(all)
		for _, w := range all[begin:end] {
			for _, c := range alphabet {
				all = append(all, w+string(c))
			}
		}
		begin = end
	}
	return all
}

// Every pattern of up to six and every path of up to five characters of a
// small alphabet must be judged as the naive translation judges it.
func TestPatternAgreesWithRegexp(t *testing.T) {
	t.Parallel()
	var paths []string
	for _, p := range words("ab/", 5) {
		if p != "" && !strings.HasPrefix(p, "/") && !strings.HasSuffix(p, "/") && !strings.Contains(p, "//") {
			paths = append(paths, p)
		}
	}
	length := 6
	if testing.Short() {
		length = 4
	}
	matches := 0
	for _, text := range words("a*?/", length) {
		if strings.HasPrefix(text, "/") {
			continue
		}
		re, pattern := naive(text), fileset.ParsePattern(text)
		for _, path := range paths {
			want := re.MatchString(path + "/")
			if want {
				matches++
			}
			if got := pattern.Match(path); got != want {
				t.Fatalf("pattern %q, path %q: %v, want %v", text, path, got, want)
			}
		}
	}
	if matches < 1000 {
		t.Fatalf("only %d matches: the test compares nothing", matches)
	}
}

func FuzzPattern(f *testing.F) {
	f.Add("**/*.jar", "x/y/a.jar")
	f.Add("a*b*c/**/?", "abc/x/y")
	f.Add("dir/", "dir/ö")
	f.Fuzz(func(t *testing.T, text, path string) {
		clean := strings.Join(strings.FieldsFunc(path, func(r rune) bool { return r == '/' }), "/")
		if clean == "" || strings.ContainsAny(text+path, "\\\n\ufffd") || !utf8.ValidString(text) || !utf8.ValidString(path) ||
			strings.HasPrefix(text, "/") || len(text) > 200 || len(path) > 200 {
			return
		}
		want := naive(text).MatchString(clean + "/")
		if got := fileset.ParsePattern(text).Match(path); got != want {
			t.Errorf("pattern %q, path %q: %v, want %v", text, path, got, want)
		}
	})
}

func TestParseLists(t *testing.T) {
	t.Parallel()
	tests := []struct {
		includes, excludes, path string
		want                     bool
	}{
		{"*.txt,*.bin", "", "b.bin", true},
		{" *.txt , *.bin ", "", "b.bin", true},
		{"*.txt *.bin", "", "b.bin", false},
		{"", "", "anything/at.all", true},
		{"**", "**/*.tmp", "a/b.tmp", false},
		{"**", "a/", "a/b/c", false},
		{"**", "", "d/.git/config", false},
		{"**", "", "d/.gitignore", false},
		{"**", "", "d/.dot", true},
		{"**", "", "d/a.bak", true},
		{"**", "", "d/a~", false},
		{"**", "", "d/#a#", false},
		{"**", "", ".DS_Store", false},
	}
	for _, tt := range tests {
		if got := fileset.Parse(tt.includes, tt.excludes).Matches(tt.path); got != tt.want {
			t.Errorf("Parse(%q, %q).Matches(%q) = %v, want %v", tt.includes, tt.excludes, tt.path, got, tt.want)
		}
	}
}

func TestFoldCase(t *testing.T) {
	t.Parallel()
	set := fileset.Parse("OUT/GRÖSSE*.TXT", "")
	if set.Matches("out/größe.txt") {
		t.Error("ß must not fold to SS")
	}
	set = fileset.Parse("OUT/GRÖ?E*.TXT", "")
	if set.Matches("out/größe.txt") {
		t.Error("matched with regard to case off")
	}
	set.FoldCase = true
	if !set.Matches("out/größe.txt") {
		t.Error("did not match without regard to case")
	}
}
