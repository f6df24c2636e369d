package engine

import (
	"testing"
	"time"
)

func TestFolder(t *testing.T) {
	t.Parallel()
	for branch, want := range map[string]string{
		"main":                                   "shop_main",
		"feature/login":                          "shop_feature_login",
		"a//b":                                   "shop_a_b",
		"größe":                                  "shop_gr_e",
		"feature/a-rather-long-name-of-a-branch": "e_a-rather-long-name-of-a-branch",
	} {
		if got := Folder("shop", branch); got != want || len(got) > maxFolder {
			t.Errorf("%s: %q (%d), want %q", branch, got, len(got), want)
		}
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	for branch, want := range map[string]string{
		"main": "main", "a/b": "a%2Fb", "a b": "a b", "100%": "100%25", "x#1": "x%231", "v1.0": "v1.0", "..": "%2E%2E",
		"größe": "größe", "a:b;c": "a%3Ab%3Bc", "$x@y": "%24x%40y",
	} {
		if got := Encode(branch); got != want {
			t.Errorf("%q: %q, want %q", branch, got, want)
		}
	}
}

func TestPathEscape(t *testing.T) {
	t.Parallel()
	for segment, want := range map[string]string{
		"a%2Fb": "a%252Fb", "a b": "a%20b", "ü+x": "%C3%BC+x", "(a)~": "(a)%7E", "a:b": "a%3Ab",
	} {
		if got := pathEscape(segment); got != want {
			t.Errorf("%q: %q, want %q", segment, got, want)
		}
	}
}

func TestTimeSpan(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		5 * time.Millisecond: "5 ms", 120 * time.Millisecond: "0.12 sec", 200 * time.Millisecond: "0.2 sec",
		time.Second: "1 sec", 1500 * time.Millisecond: "1.5 sec", 12*time.Second + 300*time.Millisecond: "12 sec",
		time.Minute: "1 min 0 sec", 90 * time.Second: "1 min 30 sec", 10 * time.Minute: "10 min",
		90 * time.Minute: "1 hr 30 min", 12 * time.Hour: "12 hr", day: "1 day 0 hr", 2*day + 3*time.Hour: "2 days 3 hr",
		12 * day: "12 days", 45 * day: "1 mo 15 days", 400 * day: "1 yr 1 mo",
	} {
		if got := timeSpan(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	b := Build{Labels: []string{"linux", "amd64"}}
	for expression, want := range map[string]bool{
		"": true, "linux": true, "windows": false, "linux && amd64": true, "linux && arm": false, "windows || amd64": true,
		"!windows": true, "!linux": false, "linux && !arm": true, "arm || windows": false,
	} {
		if got := b.hasLabel(expression); got != want {
			t.Errorf("%q: %v", expression, got)
		}
	}
	if !(Build{}).hasLabel("built-in") {
		t.Error("a node without labels is not built-in")
	}
}

func TestGlob(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, value string
		want           bool
	}{
		{"main", "main", true},
		{"main", "MAIN", true},
		{"main", "main2", false},
		{"*", "main", true},
		{"*", "a/b", false},
		{"**", "a/b/c", true},
		{"release/*", "release/1", true},
		{"release/*", "release/1/2", false},
		{"release/**", "release/1/2", true},
		{"release/**", "release", true},
		{"release/", "release/1", true},
		{"**/fix", "a/b/fix", true},
		{"**/fix", "fix", true},
		{"**/fix", "afix", false},
		{"a/**/b", "a/b", true},
		{"a/**/b", "a/x/y/b", true},
		{"a/**/b", "a/xb", false},
		{"v?.?", "v1.2", true},
		{"v?.?", "v12", false},
		{"a.b", "axb", false},
		{"(x)", "(x)", true},
	} {
		if got := matchGlob(c.pattern, c.value, false); got != c.want {
			t.Errorf("%s against %s: %v", c.pattern, c.value, got)
		}
	}
}

func TestResultsGetWorse(t *testing.T) {
	t.Parallel()
	order := []Result{Success, Unstable, Failed, NotBuilt, Aborted}
	for i, better := range order {
		for j, other := range order {
			if better.Worse(other) != (i > j) {
				t.Errorf("%s worse than %s: %v", better, other, better.Worse(other))
			}
		}
	}
	if worst("", "") != Success || worst(Unstable, Failed) != Failed || worst(Aborted, Failed) != Aborted {
		t.Error("worst is not the worst")
	}
}

func TestLineWriter(t *testing.T) {
	t.Parallel()
	var lines []string
	w := &lineWriter{console: &console{sink: func(line string) { lines = append(lines, line) }}}
	for _, part := range []string{"a", "b\nc\r\n", "\n", "last"} {
		if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
	}
	w.finish()
	w.finish()
	if len(lines) != 4 || lines[0] != "ab" || lines[1] != "c" || lines[2] != "" || lines[3] != "last" {
		t.Errorf("lines %q", lines)
	}
}
