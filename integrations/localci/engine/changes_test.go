package engine_test

import (
	"slices"
	"strings"
	"testing"

	"opsbot/integrations/localci/engine"
)

func TestWhenChanged(t *testing.T) {
	t.Parallel()
	changes := []engine.Change{
		{Message: "Fix the page\n\nAs asked.\n[URGENT] by all means\n", Paths: []string{"web/js/Page.js"}},
		{Message: "Write more\n", Paths: []string{"docs/a.md", "docs/b.md"}},
	}
	for condition, want := range map[string]bool{
		"changeset 'docs/**'":    true,
		"changeset '**/*.JS'":    true,
		`changeset 'docs\\*.md'`: true,
		"changeset 'src/**'":     false,
		"changeset '*.js'":       false,
		"changeset pattern: '**/page.js', caseSensitive: true": false,
		"changeset pattern: '**/Page.js', caseSensitive: true": true,
		"changeset pattern: '.*\\\\.md', comparator: 'REGEXP'": true,
		"changeset pattern: 'docs', comparator: 'REGEXP'":      false,
		"changeset pattern: 'docs/a.md', comparator: 'EQUALS'": true,
		"changelog 'Write.*'":                                           true,
		"changelog 'Fix'":                                               false,
		"changelog '.*^\\\\[URGENT\\\\] .+$'":                           true,
		"changelog '.*nothing.*'":                                       false,
		"not { changelog 'x' }":                                         true,
		"allOf { changeset 'web/**'; changelog '.*page' }":              true,
		"anyOf { changeset 'src/**'; changelog '.*asked\\\\.\\\\n.*' }": true,
	} {
		t.Run(condition, func(t *testing.T) {
			t.Parallel()
			h, build := &fakeHost{}, someBuild()
			build.Changes = changes
			src := pipeline("stage('S') { when { " + condition + " }\nsteps { echo 'runs' } }")
			out := engine.Run(t.Context(), parse(t, src), build, h, &stubClock{never: true})
			if got := slices.Contains(h.lines, "runs"); got != want || out.Result != engine.Success {
				t.Errorf("runs %v, want %v; %s %+v", got, want, out.Result, out.Failure)
			}
		})
	}
}

// Without changes nothing is met, and the log says why that may be.
func TestWhenNothingChanged(t *testing.T) {
	t.Parallel()
	for number, why := range map[int]string{1: "Probably because this is the first build.", 2: "Have you run checkout?"} {
		h, build := &fakeHost{}, someBuild()
		build.Number = number
		src := pipeline("stage('S') { when { changeset '**' }\nsteps { echo 'runs' } }")
		engine.Run(t.Context(), parse(t, src), build, h, &stubClock{never: true})
		wantLines(t, h.lines, "Warning, empty changelog. "+why, `Stage "S" skipped due to when conditional`, "Finished: SUCCESS")
	}
	h, build := &fakeHost{}, someBuild()
	build.Changes = []engine.Change{{Message: "m", Paths: []string{"p"}}}
	src := pipeline("stage('S') { when { changelog '(' }\nsteps { echo 'runs' } }")
	if out := engine.Run(t.Context(), parse(t, src), build, h, &stubClock{never: true}); out.Failure == nil || !strings.HasSuffix(out.Failure.Class, "PatternSyntaxException") {
		t.Errorf("a broken pattern: %+v", out.Failure)
	}
}
