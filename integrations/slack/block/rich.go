package block

import (
	"encoding/json"
	"strings"

	"github.com/slack-go/slack"
)

// element turns a span into Slack's own; nil for one that shows nothing.
func (s span) element() slack.RichTextSectionElement {
	var style *slack.RichTextSectionTextStyle
	if s.bold || s.code {
		style = &slack.RichTextSectionTextStyle{Bold: s.bold, Code: s.code}
	}
	switch {
	case s.user != "":
		return slack.NewRichTextSectionUserElement(s.user, nil)
	case s.emoji != "":
		return slack.NewRichTextSectionEmojiElement(s.emoji, 0, nil)
	case s.url != "":
		return slack.NewRichTextSectionLinkElement(s.url, s.text, style)
	case s.text != "":
		return slack.NewRichTextSectionTextElement(s.text, style)
	}
	return nil
}

// length is how many characters a span shows.
func (s span) length() int {
	switch {
	case s.user != "":
		return len(s.user) + 3
	case s.emoji != "":
		return len(s.emoji) + 2
	}
	return size(s.text) + size(s.url)
}

func (l line) length() int {
	n := 1 // the line break
	for _, s := range l {
		n += s.length()
	}
	return n
}

// unit is the least that is put into a message or left out of it: a line, or some
// lines of fixed width.
type unit struct {
	line  line
	fixed bool
	// goes on with the fixed text before it, as one box
	more bool
}

// units splits lines that are too long for a block.
func units(lines []line) []unit {
	var out []unit
	for _, l := range lines {
		for _, part := range l.split(maxText - 100) {
			out = append(out, unit{line: part})
		}
	}
	return out
}

// split cuts a line into parts of at most n characters. Links and mentions stay whole.
func (l line) split(n int) []line {
	var out []line
	var now line
	left := n
	for _, s := range l {
		for s.length() > left && s.isText() {
			part := s
			part.text = head(s.text, left)
			s.text = s.text[len(part.text):]
			out, now, left = append(out, append(now, part)), nil, n
		}
		if s.length() > left {
			out, now, left = append(out, now), nil, n
		}
		now, left = append(now, s), left-s.length()
	}
	return append(out, now)
}

// fixed puts text of fixed width into units, at line borders where it can.
func fixed(lines []string) []unit {
	var out []unit
	var now []string
	left := maxText / 4
	flush := func() {
		if len(now) > 0 {
			out = append(out, unit{line: line{{text: strings.Join(now, "\n")}}, fixed: true, more: len(out) > 0})
			now, left = nil, maxText/4
		}
	}
	for _, l := range lines {
		for _, part := range (line{{text: clean(l)}}).split(maxText / 4) {
			text := ""
			for _, s := range part {
				text += s.text
			}
			if size(text)+1 > left {
				flush()
			}
			now, left = append(now, text), left-size(text)-1
		}
	}
	flush()
	return out
}

// pack puts units into rich_text blocks.
type pack struct {
	blocks []slack.Block
	now    *slack.RichTextBlock
	chars  int
	last   unit
	bytes  int // of all blocks as JSON
}

// blockOverhead is what a block takes in JSON besides its elements.
const blockOverhead = 40

// add appends a unit; it reports whether all of it still fits into max bytes and
// blocks, and leaves everything as it was if not.
func (p *pack) add(u unit, maxBytes, most int) bool {
	n := u.line.length()
	fresh := p.now == nil || p.chars+n > maxText
	cost := u.cost(fresh || !p.joins(u))
	if fresh {
		cost += blockOverhead
		if len(p.blocks) == most {
			return false
		}
	}
	if p.bytes+cost > maxBytes {
		return false
	}
	p.bytes += cost
	if fresh {
		p.now = slack.NewRichTextBlock("")
		p.blocks = append(p.blocks, p.now)
		p.chars = 0
	}
	p.chars += n
	p.put(u, fresh)
	p.last = u
	return true
}

func (p *pack) put(u unit, fresh bool) {
	if fresh || !p.joins(u) {
		elements := u.elements()
		if len(elements) == 0 {
			elements = unit{line: line{lineBreak()}}.elements()
		}
		var part slack.RichTextElement = slack.NewRichTextSection(elements...)
		if u.fixed {
			part = &slack.RichTextPreformatted{Type: slack.RTEPreformatted, Elements: elements}
		}
		p.now.Elements = append(p.now.Elements, part)
		return
	}
	u.line = append(line{lineBreak()}, u.line...)
	switch part := p.now.Elements[len(p.now.Elements)-1].(type) {
	case *slack.RichTextPreformatted:
		part.Elements = join(part.Elements, u.elements())
	case *slack.RichTextSection:
		part.Elements = join(part.Elements, u.elements())
	}
}

// join puts elements behind others, as one where two texts without a look of their
// own meet: a part holds a thousand elements at the most.
func join(a, b []slack.RichTextSectionElement) []slack.RichTextSectionElement {
	if len(a) > 0 && len(b) > 0 {
		last, ok := a[len(a)-1].(*slack.RichTextSectionTextElement)
		first, too := b[0].(*slack.RichTextSectionTextElement)
		if ok && too && last.Style == nil && first.Style == nil {
			last.Text += first.Text
			b = b[1:]
		}
	}
	return append(a, b...)
}

func lineBreak() span { return span{text: "\n"} }

func (u unit) elements() []slack.RichTextSectionElement {
	var out []slack.RichTextSectionElement
	for _, s := range merged(u.line) {
		if e := s.element(); e != nil {
			out = append(out, e)
		}
	}
	return out
}

// merged joins neighbours that look alike: each element costs bytes.
func merged(l line) line {
	var out line
	for _, s := range l {
		if n := len(out) - 1; n >= 0 && s.isText() && out[n].isText() && s.bold == out[n].bold && s.code == out[n].code {
			out[n].text += s.text
			continue
		}
		out = append(out, s)
	}
	return out
}

func (s span) isText() bool { return s.url == "" && s.user == "" && s.emoji == "" }

// cost is how many bytes of JSON a unit takes at the most, with what ties it in: a
// line break or, for a part of its own, its frame.
func (u unit) cost(part bool) int {
	body, err := json.Marshal(u.elements())
	if err != nil {
		return maxMessage // nothing in it can fail to encode
	}
	if part {
		return len(body) + len(`{"type":"rich_text_preformatted","elements":,"border":0},`)
	}
	return len(body) + len(`{"type":"text","text":"\n"},`)
}

// joins reports whether u goes on with the part that is there already.
func (p *pack) joins(u unit) bool {
	if p.now == nil || len(p.now.Elements) == 0 || u.fixed != p.last.fixed {
		return false
	}
	return !u.fixed || u.more
}
