package blueprints

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Finding is a fault in a blueprint and where it is. As an error it reads
// "FILE:LINE:COLUMN: MESSAGE".
type Finding struct {
	File    string // relative to the blueprint's folder, with slashes
	Line    int    // from 1; 0 = the file as a whole
	Column  int    // from 1; 0 = the line as a whole
	Message string // lower case, names the thing at fault
}

// Error gives place and message.
func (f *Finding) Error() string {
	var b strings.Builder
	b.WriteString(f.File)
	for _, n := range []int{f.Line, f.Column} {
		if n <= 0 {
			break
		}
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(n))
	}
	b.WriteString(": ")
	b.WriteString(f.Message)
	return b.String()
}

func findingf(file string, line int, format string, args ...any) *Finding {
	return &Finding{File: file, Line: line, Message: fmt.Sprintf(format, args...)}
}

// position reads a line or column; what is no number is no position.
func position(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// inside moves the findings that err holds to where data ends if they lie
// behind that: the YAML reader counts on when a value is missing at the end.
func inside(err error, data []byte) error {
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data)), "\n")
	for _, f := range findings(err) {
		f.Line = min(f.Line, len(lines))
		if f.Line > 0 {
			f.Column = min(f.Column, len(lines[f.Line-1])+1)
		}
	}
	return err
}

// findings are the findings that err holds.
func findings(err error) []*Finding {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var out []*Finding
		for _, e := range several.Unwrap() {
			out = append(out, findings(e)...)
		}
		return out
	}
	var f *Finding
	if errors.As(err, &f) {
		return []*Finding{f}
	}
	return nil
}

// templateFinding turns an error of text/template about file, whose template
// bears the file's name, into a Finding with its position.
func templateFinding(file string, err error) *Finding {
	text := strings.TrimPrefix(err.Error(), "template: ")
	rest, ok := strings.CutPrefix(text, file+":")
	if !ok {
		return &Finding{File: file, Message: text}
	}
	m := regexp.MustCompile(`^(\d+)(?::(\d+))?: (?s:(.*))$`).FindStringSubmatch(rest)
	if m == nil {
		return &Finding{File: file, Message: rest}
	}
	f := &Finding{File: file, Message: m[3]}
	f.Line = position(m[1])
	if m[2] != "" {
		f.Column = position(m[2]) + 1 // text/template counts bytes from 0
	}
	f.Message = regexp.MustCompile(`^executing "(?:[^"\\]|\\.)*" at `).ReplaceAllString(f.Message, "")
	f.Message = regexp.MustCompile(`map has no entry for key ("(?:[^"\\]|\\.)*")`).
		ReplaceAllString(f.Message, "parameter $1 is not declared")
	return f
}
