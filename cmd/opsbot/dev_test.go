//go:build !dev

package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestFakesAreElsewhere: a binary without the stand-ins says how to get them.
func TestFakesAreElsewhere(t *testing.T) {
	t.Parallel()
	var out, problems bytes.Buffer
	code := run([]string{"dev", "fakes"}, func(string) (string, bool) { return "", false }, streams{strings.NewReader(""), &out, &problems, false})
	if code != 1 || !strings.Contains(problems.String(), "go run -tags dev ./cmd/opsbot dev fakes") || out.Len() > 0 {
		t.Errorf("exit %d: %s%s", code, out.String(), problems.String())
	}
}
