package jenkinsfile

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// Pos is a place in the source as Groovy counts: lines from 1, columns from 1 in
// UTF-16 units, a tab being one. The zero Pos is unknown.
type Pos struct {
	Line   int
	Column int
}

// String is "line:column".
func (p Pos) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }

// before reports whether p stands before q.
func (p Pos) before(q Pos) bool {
	return p.Line < q.Line || p.Line == q.Line && p.Column < q.Column
}

// Error is one reason why a file is refused.
type Error struct {
	Pos
	// Message is for people and may stand in a chat; it can quote the source.
	Message string
	// Unsupported says that Jenkins would run the file and OpsBot does not.
	Unsupported bool
}

// Error is the message with its place.
func (e *Error) Error() string {
	return fmt.Sprintf("%s @ line %d, column %d", e.Message, e.Line, e.Column)
}

// quotedColumns is how much of a long source line Format shows, quotedBefore how
// much of that stands before the caret.
const (
	quotedColumns = 40
	quotedBefore  = 30
)

// Format lists the errors as Jenkins' console does: each with its source line and
// a caret below the column. name is the file's name.
func Format(name string, src []byte, errs []*Error) string {
	lines := splitLines(string(src))
	var b strings.Builder
	for _, e := range errs {
		fmt.Fprintf(&b, "%s: %d: %s @ line %d, column %d.\n", name, e.Line, e.Message, e.Line, e.Column)
		if e.Line >= 1 && e.Line <= len(lines) && lines[e.Line-1] != "" {
			writeCaret(&b, lines[e.Line-1], e.Column)
		}
		b.WriteString("\n")
	}
	noun := "errors"
	if len(errs) == 1 {
		noun = "error"
	}
	fmt.Fprintf(&b, "%d %s\n", len(errs), noun)
	return b.String()
}

// writeCaret quotes the line, or the window of a long one that holds the column.
func writeCaret(b *strings.Builder, line string, column int) {
	units := utf16.Encode([]rune(line))
	from, to := 0, len(units)
	if column > quotedColumns {
		from = min(column-quotedBefore-1, len(units))
		to = min(len(units), from+quotedColumns)
	}
	fmt.Fprintf(b, "   %s\n   %s^\n", string(utf16.Decode(units[from:to])), strings.Repeat(" ", max(0, column-1-from)))
}

func splitLines(src string) []string {
	src = strings.ReplaceAll(src, "\r\n", "\n")
	return strings.Split(strings.ReplaceAll(src, "\r", "\n"), "\n")
}
