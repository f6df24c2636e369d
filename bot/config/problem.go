package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"opsbot/bot"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	File  string // as given to Load; "" for the built-in configuration
	Line  int    // from 1; 0 when no line says it (something is missing)
	Field string // "integrations.github.owners[0]"; "" = the file as a whole
	Text  string
}

// String gives "file:line: field: text".
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(cmp.Or(p.File, "built-in configuration"))
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Field != "" {
		b.WriteString(": " + p.Field)
	}
	b.WriteString(": " + p.Text)
	return b.String()
}

// Problems are all that was found at once, in the order of the file; one a line.
type Problems []Problem

// Error gives one problem a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// err makes the error of the package: CodeInvalid, with the Problems as cause.
func (p Problems) err() error {
	if len(p) == 0 {
		return nil
	}
	slices.SortStableFunc(p, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	message := "The configuration has a problem"
	if len(p) > 1 {
		message = fmt.Sprintf("The configuration has %d problems", len(p))
	}
	return bot.Errorf(bot.CodeInvalid, "%s", message).Because(p)
}

// FieldError is what a Validate method returns when one of its fields is wrong.
type FieldError struct {
	Field string // its key in YAML, below the struct: "owners", "tls.ca"
	Text  string
}

// Error gives "field: text".
func (e *FieldError) Error() string { return e.Field + ": " + e.Text }

// Fieldf makes a FieldError.
func Fieldf(field, format string, args ...any) error {
	return &FieldError{Field: field, Text: fmt.Sprintf(format, args...)}
}

// validator is a struct that checks itself after its fields and defaults are
// filled in. It may return FieldErrors, several with errors.Join.
type validator interface{ Validate() error }

// eachError calls f for every error joined in err.
func eachError(err error, f func(error)) {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		for _, e := range joined.Unwrap() {
			eachError(e, f)
		}
		return
	}
	f(err)
}

// nearest returns the known name that looks most like name; "" if none is near.
func nearest(name string, known []string) string {
	best, least := "", max(2, len(name)/3)+1
	for _, k := range known {
		if d := distance(strings.ToLower(name), k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts the letters to insert, remove, replace or swap (optimal string
// alignment) between two short names.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
