package engine

import (
	"strings"
	"sync"
)

// console is the log of a run: it makes lines and hands them on one at a time.
type console struct {
	mu     sync.Mutex
	sink   func(line string)
	hidden []string
}

// say logs a text, which may be several lines.
func (c *console) say(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for line := range strings.SplitSeq(text, "\n") {
		for _, secret := range c.hidden {
			line = strings.ReplaceAll(line, secret, "****")
		}
		c.sink(line)
	}
}

// hide masks a secret, line by line, in all that comes.
func (c *console) hide(secret string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for part := range strings.SplitSeq(secret, "\n") {
		if part = strings.TrimSpace(part); part != "" {
			c.hidden = append(c.hidden, part)
		}
	}
}

// lineWriter takes a process' output. A line without its end is kept until the
// end comes or the step ends.
type lineWriter struct {
	mu      sync.Mutex
	console *console
	part    strings.Builder
}

// maxLine bounds a line that doesn't end; what is longer becomes several.
const maxLine = 256 << 10

// Write logs the whole lines in p.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rest := string(p)
	for {
		line, after, found := strings.Cut(rest, "\n")
		w.part.WriteString(line)
		if !found && w.part.Len() < maxLine {
			return len(p), nil
		}
		w.console.say(strings.TrimSuffix(w.part.String(), "\r"))
		w.part.Reset()
		rest = after
		if !found {
			return len(p), nil
		}
	}
}

// finish completes the last line.
func (w *lineWriter) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.part.Len() > 0 {
		w.console.say(w.part.String())
		w.part.Reset()
	}
}
