package markup

import (
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"opsbot/bot"
)

// kind is what a span of text is.
type kind int

const (
	plain kind = iota
	code
	link // text is the label
	line // a line break
)

// span is a piece of a bot.Text, without its markup's characters.
type span struct {
	kind kind
	text string
	url  string // of a link; one that stands by itself is its own label
	bold bool
	ends bool // a link by itself, behind which a reader sees its end
}

// spans reads the safe markup subset the way the console does: backslashes first,
// then bold marks, code, labelled links and addresses that stand by themselves.
func spans(t bot.Text) []span {
	r := reader{all: string(t), rest: string(t)}
	for r.rest != "" {
		r.next()
	}
	r.flush()
	return r.out
}

type reader struct {
	all  string
	rest string // what is not read yet
	held strings.Builder
	bold bool
	out  []span
}

func (r *reader) flush() {
	if r.held.Len() > 0 {
		r.out = append(r.out, span{text: r.held.String(), bold: r.bold})
		r.held.Reset()
	}
}

// put ends the plain text before s, which took n bytes.
func (r *reader) put(s span, n int) {
	r.flush()
	s.bold = r.bold
	r.out = append(r.out, s)
	r.rest = r.rest[n:]
}

// hold takes n bytes as plain text, without the first skip of them.
func (r *reader) hold(skip, n int) {
	r.held.WriteString(r.rest[skip:n])
	r.rest = r.rest[n:]
}

func (r *reader) next() {
	s := r.rest
	switch {
	case s[0] == '\\' && len(s) > 1:
		_, n := utf8.DecodeRuneInString(s[1:])
		r.hold(1, 1+n)
	case strings.HasPrefix(s, "**"):
		r.flush()
		r.bold = !r.bold
		r.rest = s[2:]
	case s[0] == '`' && codeLength(s) > 0:
		n := codeLength(s)
		r.put(span{kind: code, text: s[1 : n-1]}, n)
	case s[0] == '\n':
		r.put(span{kind: line}, 1)
	case s[0] == '[':
		label, target, n := bot.CutLink(s)
		address, ok := Address(target)
		if n == 0 || !ok {
			r.hold(0, 1)
			return
		}
		r.put(span{kind: link, text: unescape(label), url: address}, n)
	case r.begins() && (strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")):
		written, n := bare(s)
		address, ok := Address(written)
		if !ok || address != written { // a link shows where it goes
			r.held.WriteString(written)
			r.rest = s[n:]
			return
		}
		r.put(span{kind: link, text: written, url: address, ends: behind.MatchString(s[n:])}, n)
	default:
		_, n := utf8.DecodeRuneInString(s)
		r.hold(0, n)
	}
}

// begins reports whether an address may begin here: not within a word.
func (r *reader) begins() bool {
	at := len(r.all) - len(r.rest)
	if at == 0 {
		return true
	}
	c := r.all[at-1]
	return c < 0x80 && !isNameByte(c) && strings.IndexByte("_:+-@/", c) < 0
}

// codeLength is the length of the `code` at the start of s, 0 if there is none.
func codeLength(s string) int {
	n := strings.IndexByte(s[1:], '`')
	if n < 1 {
		return 0
	}
	return n + 2
}

func unescape(s string) string { return bot.Unescape(bot.Text(s)) }

// bare reads an address at the start of s up to what can't belong to one, less the
// punctuation that ends a sentence. n counts its bytes in s.
func bare(s string) (address string, n int) {
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

// behind is what readers of Mattermost take for the end of an address.
var behind = regexp.MustCompile(`^(\*\*)?[.,:;!?)]*(\s|$)`)

// host is a name or number as it is written in an address, with or without a port.
var host = regexp.MustCompile(`^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?$`)

// Address lets http and https pass, without credentials, and gives the address in
// the form in which it may stand in a link.
func Address(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || !host.MatchString(u.Host) {
		return "", false
	}
	return strings.Map(drop, u.String()), true
}

// drop removes what no address has and what could end a link early.
func drop(r rune) rune {
	if r <= ' ' || r == utf8.RuneError || strings.ContainsRune("<>\"`\\", r) {
		return -1
	}
	return r
}
