package blueprints

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/template"
	"text/template/parse"
	"time"
)

// Limits bound one rendering.
type Limits struct {
	Files     int           // files in the tree
	FileBytes int           // bytes of one file
	Bytes     int           // bytes of the tree
	Steps     int           // turns of loops and calls of templates, in one file
	Time      time.Duration // for the tree
}

// DefaultLimits are far above what a project skeleton needs.
func DefaultLimits() Limits {
	return Limits{Files: 2000, FileBytes: 8 << 20, Bytes: 32 << 20, Steps: 1_000_000, Time: 10 * time.Second}
}

// tickFunction is called at every turn of a loop and every call of a template.
// text/template cannot be interrupted, so without it a loop that prints nothing
// would run for ever.
const tickFunction = "opsbotTick"

func noTick() (string, error) { return "", nil }

// limit puts a call of tickFunction at the start of every loop and template.
func limit(t *template.Template) error {
	probe, err := template.New("tick").Funcs(template.FuncMap{tickFunction: noTick}).Parse("{{" + tickFunction + "}}")
	if err != nil {
		return fmt.Errorf("parse the step counter: %w", err)
	}
	tick := probe.Root.Nodes[0]
	for _, each := range t.Templates() {
		if each.Tree != nil && each.Root != nil {
			addTicks(each.Root, tick)
			prepend(each.Root, tick)
		}
	}
	return nil
}

func addTicks(list *parse.ListNode, tick parse.Node) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.RangeNode:
			addTicks(n.List, tick)
			addTicks(n.ElseList, tick)
			prepend(n.List, tick)
		case *parse.IfNode:
			addTicks(n.List, tick)
			addTicks(n.ElseList, tick)
		case *parse.WithNode:
			addTicks(n.List, tick)
			addTicks(n.ElseList, tick)
		}
	}
}

func prepend(list *parse.ListNode, tick parse.Node) {
	list.Nodes = append([]parse.Node{tick.Copy()}, list.Nodes...)
}

// budget is what one rendering may still use.
type budget struct {
	limits Limits
	bytes  int
}

// execute runs t over data within the budget and gives what it printed. It
// returns ctx's error when ctx ends.
func (g *budget) execute(ctx context.Context, t *template.Template, out io.Writer, data any) error {
	run, err := t.Clone()
	if err != nil {
		return fmt.Errorf("copy a template: %w", err)
	}
	steps := 0
	run.Funcs(template.FuncMap{tickFunction: func() (string, error) {
		if steps++; steps > g.limits.Steps {
			return "", fmt.Errorf("takes more than %d steps", g.limits.Steps)
		}
		return "", ctx.Err()
	}})
	return run.Execute(out, data) //nolint:wrapcheck // callers turn it into a Finding
}

// take accounts for n bytes of the tree.
func (g *budget) take(n int) error {
	if g.bytes += n; g.bytes > g.limits.Bytes {
		return fmt.Errorf("the tree has more than %d bytes", g.limits.Bytes)
	}
	return nil
}

// limitedWriter fails when more than left bytes are written.
type limitedWriter struct {
	w    io.Writer
	left int
}

// Write passes p on if there is room for all of it.
func (l *limitedWriter) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errors.New("the output is too large")
	}
	return l.w.Write(p) //nolint:wrapcheck // an io.Writer hands errors on as they are
}
