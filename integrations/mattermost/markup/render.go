package markup

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"opsbot/bot"
)

// Text gives t as Markdown, a line for each of its lines.
func Text(t bot.Text) string { return write(spans(t), true) }

// Inline gives t as Markdown on one line.
func Inline(t bot.Text) string {
	list := spans(t)
	for i := range list {
		if list[i].kind == line {
			list[i] = span{text: " ", bold: list[i].bold}
		}
	}
	return write(list, true)
}

// Cell gives t as Markdown for a cell of a table: on one line, and code with a bar
// in it as text, since the bar would end the cell.
func Cell(t bot.Text) string {
	list := spans(t)
	for i, s := range list {
		switch {
		case s.kind == line:
			list[i] = span{text: " "}
		case s.kind == code && strings.Contains(s.text, "|"):
			list[i].kind = plain
		}
	}
	return strings.TrimSpace(write(list, false))
}

// Plain is t as it looks, without any markup.
func Plain(t bot.Text) string {
	var b strings.Builder
	for _, s := range spans(t) {
		switch {
		case s.kind == line:
			b.WriteByte('\n')
		case s.kind == link && s.text != s.url:
			b.WriteString(visible(s.text) + " (" + s.url + ")")
		default:
			b.WriteString(visible(s.text))
		}
	}
	return b.String()
}

// Title gives t as Markdown in bold, on one line.
func Title(t bot.Text) string {
	list := spans(t)
	for i := range list {
		if list[i].kind == line {
			list[i] = span{text: " "}
		}
		list[i].bold = true
	}
	return write(list, true)
}

func write(list []span, start bool) string {
	var b strings.Builder
	for i := 0; i < len(list); {
		if list[i].kind == line {
			b.WriteByte('\n')
			start = true
			i++
			continue
		}
		end := i
		var run strings.Builder
		for end < len(list) && list[end].kind != line && list[end].bold == list[i].bold {
			piece := one(list[end], start && end == i, end+1 < len(list) && list[end+1].kind != line)
			if strings.HasSuffix(run.String(), "!") && strings.HasPrefix(piece, "[") {
				run.WriteString(Gap) // else it were an image
			}
			run.WriteString(piece)
			end++
		}
		text := run.String()
		if list[i].bold {
			text = embolden(text, lastRune(b.String()), firstRune(list[end:]))
		}
		if strings.HasSuffix(b.String(), "!") && strings.HasPrefix(text, "[") {
			b.WriteString(Gap)
		}
		b.WriteString(text)
		start = start && text == ""
		i = end
	}
	return trimLines(b.String())
}

// trimLines takes the spaces off the ends of lines, where two of them mean something.
func trimLines(s string) string {
	if !strings.Contains(s, " \n") && !strings.HasSuffix(s, " ") {
		return s
	}
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}

func lastRune(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}

func firstRune(list []span) rune {
	if len(list) == 0 || list[0].kind == line {
		return '\n'
	}
	if list[0].kind == plain {
		r, _ := utf8.DecodeRuneInString(list[0].text)
		return r
	}
	return '`' // some sign
}

// embolden puts marks around md, its outer spaces left outside. Marks between a
// letter and a sign would stand there as they are: then it is not made bold.
func embolden(md string, before, after rune) string {
	inner := strings.Trim(md, " ")
	if inner == "" {
		return md
	}
	at := strings.Index(md, inner)
	left, right := md[:at], md[at+len(inner):]
	first, _ := utf8.DecodeRuneInString(inner)
	last, _ := utf8.DecodeLastRuneInString(inner)
	opens := !isSign(first) || left != "" || !isWord(before)
	closes := !isSign(last) || right != "" || !isWord(after)
	if !opens || !closes || isGap(first) || isGap(last) {
		return md
	}
	return left + "**" + inner + "**" + right
}

func isGap(r rune) bool  { return string(r) == Gap }
func isSign(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) }

// isWord reports what is neither a space nor a sign; no character at all is a space.
func isWord(r rune) bool {
	return r != 0 && r != utf8.RuneError && !unicode.IsSpace(r) && !isSign(r)
}

func one(s span, start, more bool) string {
	switch s.kind {
	case code:
		text := strings.TrimSpace(visible(s.text))
		if text == "" {
			return escapeLine(s.text, start, more)
		}
		return "`" + text + "`"
	case link:
		return linkTo(s.text, s.url, start, s.ends)
	default:
		return escapeLine(s.text, start, more)
	}
}

// Link gives a link; a label that looks like another address is shown beside it.
func Link(label, address string) string {
	safe, ok := Address(address)
	if !ok {
		return escapeLine(label, false, false)
	}
	return linkTo(label, safe, false, true)
}

// simple are addresses that every reader of Mattermost links by itself, whole.
var simple = regexp.MustCompile(`^https?://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?(/[A-Za-z0-9._~/+%-]*)?(\?[A-Za-z0-9._~/+%=&-]*)?(#[A-Za-z0-9._~/+%=-]*)?$`)

// linkTo links a label; ends says that an address may stand by itself.
func linkTo(label, address string, start, ends bool) string {
	switch {
	case ends && label == address && simple.MatchString(address) && endsWell(address):
		return address
	case label != address && looksLikeAddress(label):
		return escapeLine(label, start, false) + " (" + linkTo(address, address, false, false) + ")"
	}
	text := strings.TrimSpace(escapeLine(label, false, false))
	if text == "" {
		text = escapeLine(address, false, false)
	}
	return "[" + text + "](" + destination(address) + ")"
}

func endsWell(address string) bool {
	r, _ := utf8.DecodeLastRuneInString(address)
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '/'
}

// domain is what a reader takes for an address.
var domain = regexp.MustCompile(`(?i)://|www\.|[a-z0-9-]\.[a-z]{2,}(/|:|\?|#|$|\s)`)

func looksLikeAddress(label string) bool { return domain.MatchString(label) }

// destination writes what could end a link, or start markup in one, as an address may
// hold it. The host has nothing of that kind but the brackets of a number.
func destination(address string) string {
	at := strings.Index(address, "://") + len("://")
	end := strings.IndexAny(address[at:], "/?#")
	if end < 0 {
		return address
	}
	return address[:at+end] + strings.NewReplacer(
		"(", "%28", ")", "%29", "[", "%5B", "]", "%5D", "{", "%7B", "}", "%7D", "*", "%2A", "'", "%27", "|", "%7C", "^", "%5E",
		"$", "%24", "!", "%21", "&", "&amp;",
	).Replace(address[at+end:])
}
