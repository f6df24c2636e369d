package main

import (
	"slices"
	"strings"
	"testing"
)

func TestBlueprintFor(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		configured   string
		programs     []string
		want, lacked string // "" = nothing
	}{
		{"", []string{"go"}, "go-service", ""},
		{"", []string{"javac", "gradle"}, "static-site", "Go"},
		{"static-site", nil, "static-site", ""},
		{"java-service", []string{"javac", "gradle"}, "java-service", ""},
		{"java-service", []string{"gradle"}, "java-service", "JDK"},
		{"java-service", []string{"javac"}, "java-service", "Gradle"},
	} {
		name, note := blueprintFor(tc.configured, func(p string) bool { return slices.Contains(tc.programs, p) })
		said, _, _ := strings.Cut(strings.TrimPrefix(note, "No "), " was found")
		if name != tc.want || said != tc.lacked {
			t.Errorf("%q with %v: %s, %q", tc.configured, tc.programs, name, note)
		}
	}
}
