package block

import (
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"opsbot/bot"
)

// span is a run of text with one look.
type span struct {
	text       string
	url        string // leads there; text "" shows the address itself
	bold, code bool
	user       string // a mention; the rest is empty
	emoji      string // a picture by name; the rest is empty
}

// line is what is shown on one line, or on several when a span has line breaks.
type line []span

// words makes a line of a text that is literal already.
func words(s string) line { return line{{text: clean(s)}} }

// clean leaves out what drives a display or reorders what it shows, and what is no
// text at all.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < 0x20 && r != '\t' && r != '\n', r >= 0x7f && r < 0xa0, r == utf8.RuneError,
			r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// parser reads the safe markup subset.
type parser struct {
	out  line
	bold bool
	text strings.Builder
}

// parse turns the safe markup subset into spans.
func parse(t bot.Text) line {
	p := &parser{}
	s := clean(string(t))
	for i := 0; i < len(s); {
		i += p.step(s[i:])
	}
	p.flush()
	return p.out
}

// step reads the beginning of s and returns how much that was.
func (p *parser) step(s string) int {
	switch {
	case s[0] == '\\' && len(s) > 1:
		_, n := utf8.DecodeRuneInString(s[1:])
		p.text.WriteString(s[1 : 1+n])
		return 1 + n
	case strings.HasPrefix(s, "**"):
		p.flush()
		p.bold = !p.bold
		return 2
	case s[0] == '`':
		return p.codeSpan(s)
	case s[0] == '[':
		return p.link(s)
	case strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://"):
		return p.address(s)
	}
	_, n := utf8.DecodeRuneInString(s)
	p.text.WriteString(s[:n])
	return n
}

func (p *parser) flush() {
	if p.text.Len() > 0 {
		p.out = append(p.out, span{text: p.text.String(), bold: p.bold})
		p.text.Reset()
	}
}

func (p *parser) add(s span) {
	p.flush()
	s.bold = p.bold
	p.out = append(p.out, s)
}

// codeSpan reads `code`, between whose quotes nothing is markup. What is typed keeps
// its quotes elsewhere; here the look tells.
func (p *parser) codeSpan(s string) int {
	n := strings.IndexByte(s[1:], '`')
	if n < 1 {
		p.text.WriteByte('`')
		return 1
	}
	p.add(span{text: s[1 : 1+n], code: true})
	return n + 2
}

// link reads [label](url). One that leads nowhere safe is shown in full, as text.
func (p *parser) link(s string) int {
	label, target, n := bot.CutLink(s)
	if n == 0 {
		p.text.WriteByte('[')
		return 1
	}
	for _, part := range labelled(unmarked(label), target) {
		p.add(part)
	}
	return n
}

// unmarked takes a label's markup off, as everywhere: bold marks and backslashes.
func unmarked(label string) string {
	var b strings.Builder
	for _, s := range parse(bot.Text(label)) {
		b.WriteString(s.shown())
	}
	return b.String()
}

// shown is what can be read of a span.
func (s span) shown() string {
	if s.text == "" {
		return s.url
	}
	return s.text
}

// labelled shows label as a link to target. A label that looks like an address is
// shown beside the one that it leads to, which it must not hide.
func labelled(label, target string) line {
	href, ok := safeURL(target)
	switch {
	case !ok:
		return line{{text: label + " (" + target + ")"}}
	case label == "" || label == target || label == href:
		return line{{url: href}}
	case misleads(label, href) || size(label)+size(href) > maxLink:
		return line{{text: label + " ("}, {url: href}, {text: ")"}}
	}
	return line{{text: label, url: href}}
}

// hostLike finds what reads as a host, with whatever browsers take for a dot.
var hostLike = regexp.MustCompile(`[\pL\pN-]+([.\x{2024}\x{3002}\x{ff0e}\x{ff61}][\pL\pN-]+)*[.\x{2024}\x{3002}\x{ff0e}\x{ff61}]\pL{2,}`)

// misleads reports labels that a reader could take for another address.
func misleads(label, href string) bool {
	u, err := url.Parse(href)
	if err != nil {
		return true
	}
	for _, host := range hostLike.FindAllString(label, -1) {
		if !strings.EqualFold(host, u.Hostname()) {
			return true
		}
	}
	return strings.Contains(label, "://") && !strings.HasPrefix(href, label)
}

// address reads an address that stands by itself, with or without backslashes.
func (p *parser) address(s string) int {
	address, n := bareAddress(s)
	href, ok := safeURL(address)
	if !ok || href != address {
		p.text.WriteString(address)
		return n
	}
	p.add(span{url: href})
	return n
}

// bareAddress reads an address at the start of s up to what can't belong to one,
// less the punctuation that ends a sentence. n counts its bytes in s.
func bareAddress(s string) (address string, n int) {
	var out []byte
	var ends []int // where in s each byte of out ends
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) && strings.IndexByte("_~&@!#|", s[i+1]) >= 0 {
			i++
			c = s[i]
		} else if c <= ' ' || c > 0x7e || strings.IndexByte("<>\"'`\\)]*", c) >= 0 {
			break
		}
		out, ends = append(out, c), append(ends, i+1)
	}
	address = strings.TrimRight(string(out), ".,;:!?")
	return address, ends[len(address)-1]
}

// safeURL lets http and https pass, without credentials and not too long.
func safeURL(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return "", false
	}
	href := u.String()
	odd := strings.ContainsFunc(href, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`<>"|`, r) })
	return href, size(href) <= maxLink && !odd
}
