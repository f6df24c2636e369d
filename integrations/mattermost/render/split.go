package render

import (
	"strings"
	"unicode/utf8"
)

// Split cuts Markdown into pieces of at most limit runes: between lines where that
// is possible. A block of code that is cut is closed and opened again with its own
// fence and info string, the rest of a table gets the table's head again. Nothing is
// left out; the result is never empty.
func Split(text string, limit int) []string {
	if utf8.RuneCountInString(text) <= limit {
		return []string{text}
	}
	s := splitter{limit: limit}
	for line := range strings.SplitSeq(text, "\n") {
		s.add(line)
	}
	s.end()
	return s.out
}

// splitter gathers lines into pieces.
type splitter struct {
	limit int
	out   []string
	held  []string
	runes int // of held, with the line ends between
	fresh int // how many of held were put there to go on with what was cut

	fence  string   // the line that opened the block of code that we are in
	opened bool     // by the line before
	head   []string // the first lines of the table that we are in
}

// closing is the line that ends the open block of code, "" outside.
func (s *splitter) closing() string { return fenceOf(s.fence) }

// fenceOf is the run of signs that a fence begins with, "" for any other line.
func fenceOf(line string) string {
	trimmed := strings.TrimLeft(line, " ")
	for _, sign := range []string{"`", "~"} {
		if run := trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, sign))]; len(run) >= 3 {
			if sign == "`" && strings.Contains(trimmed[len(run):], "`") {
				return "" // code within a line
			}
			return run
		}
	}
	return ""
}

// room is how many runes the piece can still take, the line end before included.
func (s *splitter) room() int {
	left := s.limit - s.runes
	if len(s.held) > 0 {
		left--
	}
	if s.fence != "" {
		left -= 1 + len(s.closing())
	}
	return left
}

func (s *splitter) put(line string) {
	if len(s.held) > 0 {
		s.runes++
	}
	s.held = append(s.held, line)
	s.runes += utf8.RuneCountInString(line)
}

func (s *splitter) add(line string) {
	closes := s.fence != "" && strings.TrimSpace(line) == s.closing()
	opens := s.fence == "" && fenceOf(line) != ""
	need := utf8.RuneCountInString(line)
	if opens { // not at the end of a piece, with nothing behind it
		need += 2 + len(fenceOf(line)) + 1
	}
	if closes {
		s.fence = "" // the room kept for it is its own
		s.put(line)
		return
	}
	if need > s.room() && len(s.held) > s.fresh && !s.opened {
		s.cut(line)
	}
	s.opened = opens
	for utf8.RuneCountInString(line) > s.room() && s.room() > 0 {
		n := breakAt(line, s.room(), s.fence != "")
		s.put(line[:n])
		line = line[n:]
		s.cut("")
	}
	s.put(line)
	if opens {
		s.fence = line
	}
	s.note(line)
}

// note remembers the head of the table that a line belongs to.
func (s *splitter) note(line string) {
	switch {
	case s.fence != "" || !strings.HasPrefix(line, "|"):
		s.head = nil
	case len(s.head) < 2:
		s.head = append(s.head, line)
	}
}

// cut ends the piece, and begins the next with what opens again what was cut before
// the line next.
func (s *splitter) cut(next string) {
	if s.fence != "" {
		s.held = append(s.held, s.closing())
	}
	s.end()
	switch {
	case s.fence != "" && utf8.RuneCountInString(s.fence)+len(s.closing())+3 < s.limit*3/4:
		s.put(s.fence)
	case s.fence != "":
		s.put(s.closing()) // an info string that is no use as one
	case strings.HasPrefix(next, "|") && len(s.head) == 2 && utf8.RuneCountInString(s.head[0]+s.head[1])+3 < s.limit*3/4:
		s.put(s.head[0])
		s.put(s.head[1])
	}
	s.fresh = len(s.held)
}

func (s *splitter) end() {
	piece := strings.Join(s.held, "\n")
	if strings.TrimSpace(piece) != "" || len(s.out) == 0 {
		s.out = append(s.out, piece)
	}
	s.held, s.runes, s.fresh = nil, 0, 0
}

// breakAt is where to break a line that is longer than n runes, in bytes: behind a
// space if there is one near, else not within an escape or an entity.
func breakAt(line string, n int, isCode bool) int {
	end := 0
	for i := range line {
		if n == 0 {
			end = i
			break
		}
		n--
	}
	if isCode || end == 0 {
		return max(end, 1)
	}
	if at := strings.LastIndexByte(line[:end], ' '); at > end/2 {
		return at + 1
	}
	if at := strings.LastIndexAny(line[:end], `\&`); at > 0 && end-at <= len("&#124;") {
		return at
	}
	return end
}
