package engine

import (
	"strings"
	"sync"
	"time"
)

// console is the log of a run: it makes lines and hands them on one at a time,
// without the secrets that were hidden before.
type console struct {
	mu     sync.Mutex
	sink   func(line string)
	now    func() time.Time
	hidden masker
	stamps int // blocks that want the time before each line
}

// stampFormat is the time as the Timestamper writes it, in UTC.
const stampFormat = "[2006-01-02T15:04:05.000Z] "

// say logs a text, which may be several lines.
func (c *console) say(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stamp := ""
	if c.stamps > 0 {
		stamp = c.now().UTC().Format(stampFormat)
	}
	for line := range strings.SplitSeq(text, "\n") {
		c.sink(stamp + c.hidden.mask(line))
	}
}

// stamp puts the time before each line until the end of a block, which change -1 tells.
func (c *console) stamp(change int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stamps += change
}

// hide masks a secret in all that comes.
func (c *console) hide(secret string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hidden.hide(secret)
}

// mask is a text, line by line, as the log would show it.
func (c *console) mask(text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.hidden.known) == 0 {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = c.hidden.mask(line)
	}
	return strings.Join(lines, "\n")
}

// holds reports whether a secret stands in the text.
func (c *console) holds(text string) bool { return c.mask(text) != text }

// cut is where a line may be cut whose end is still to come.
func (c *console) cut(line string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hidden.cut(line)
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
		if !found {
			w.split()
			return len(p), nil
		}
		w.console.say(strings.TrimSuffix(w.part.String(), "\r"))
		w.part.Reset()
		rest = after
	}
}

// split logs most of a line that is too long already; what may be the beginning of a
// secret waits for the rest of it.
func (w *lineWriter) split() {
	if w.part.Len() < maxLine {
		return
	}
	text := w.part.String()
	at := w.console.cut(text)
	if len(text) >= 2*maxLine {
		at = len(text) // nothing but secrets
	}
	if at == 0 {
		return
	}
	w.console.say(text[:at])
	w.part.Reset()
	w.part.WriteString(text[at:])
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
