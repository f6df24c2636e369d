package markup

import (
	"regexp"
	"strings"
	"unicode"

	"opsbot/bot"
)

// Gap is put where two characters that belong together would become a mention, an
// emoji or a link: it can't be seen, and Mattermost's readers end a word there.
// Backslashes don't help: mentions are looked for behind them.
const Gap = "\u200b"

// Escape gives Markdown that shows exactly s, which may have several lines.
func Escape(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = escapeLine(l, true, false)
	}
	return strings.Join(lines, "\n")
}

// numbered is the beginning of what would be an item of a numbered list.
var numbered = regexp.MustCompile(`^[0-9]{1,9}[.)]( |$)`)

// starter is the beginning of what would be a heading, an item, a rule or a quotation.
var starter = regexp.MustCompile(`^([-+#]($|[ #-])|>)`)

// What readers of Mattermost join to more than its characters.
var (
	www      = regexp.MustCompile(`(?i)(www[0-9]{0,3})\.`)
	emoji    = regexp.MustCompile(`^:[A-Za-z0-9_+-]+:`)
	moment   = regexp.MustCompile(`^:[0-9]{2}:[0-9]{2}([^0-9A-Za-z:_+-]|$)`)
	emoticon = regexp.MustCompile(`(^|[^A-Za-z0-9_])([:;=])([^\s\x{200b}])`)
)

// apart puts gaps into what would become an address or an emoji.
func apart(s string) string {
	s = www.ReplaceAllString(s, "${1}"+Gap+".")
	s = strings.ReplaceAll(s, "://", ":"+Gap+"//")
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(s[i])
		if s[i] == ':' && emoji.MatchString(s[i:]) && !moment.MatchString(s[i:]) { // a time of the day stays whole
			b.WriteString(Gap)
		}
	}
	s = b.String()
	for range 2 { // what one match ends with, the next may begin with
		s = emoticon.ReplaceAllString(s, "${1}${2}"+Gap+"${3}")
	}
	return s
}

// escapeLine escapes text of one line; start says that a line begins with it, more that
// something stands right behind it.
func escapeLine(s string, start, more bool) string {
	s = visible(s)
	var b strings.Builder
	if start {
		s = strings.TrimLeft(s, " ")
		m := numbered.FindString(s)
		switch {
		case m != "":
			at := strings.IndexAny(m, ".)")
			b.WriteString(m[:at] + `\` + m[at:])
			s = s[len(m):]
		case starter.MatchString(s):
			b.WriteString(`\`)
		case s != "" && s[0] == '=': // a line of these makes a heading of what is above
			b.WriteString("&#61;")
			s = s[1:]
		}
	}
	runes := []rune(apart(s))
	for i, r := range runes {
		after := rune(0)
		if i+1 < len(runes) {
			after = runes[i+1]
		} else if more {
			after = 'x'
		}
		b.WriteString(escapeRune(r, after))
		if r == ':' && more && i+1 == len(runes) {
			b.WriteString(Gap)
		}
	}
	return b.String()
}

// escapeRune writes one character so that it is no markup, whatever is around it.
func escapeRune(r, after rune) string {
	switch r {
	case '\\', '`', '*', '_', '[', ']':
		return `\` + string(r)
	case '<':
		if after == '3' || after == '/' { // an emoji even as an entity
			return "&lt;" + Gap
		}
		return "&lt;"
	case '&':
		if unicode.IsLetter(after) || after == '#' {
			return "&amp;"
		}
	case '|': // the cells of a table
		return "&#124;"
	case '$': // a formula
		return "&#36;"
	case '#': // a link to a search
		if unicode.IsLetter(after) {
			return "#" + Gap
		}
	case '~', '@': // a channel, struck out; a mention, a mail address
		if after != 0 && after != ' ' {
			return string(r) + Gap
		}
	}
	return string(r)
}

// visible is s on one line without what can't be seen.
func visible(s string) string { return bot.OneLine(s) }

// Label is foreign text for places that show no Markdown but names of emoji and
// mentions all the same: a button's name.
func Label(s string) string {
	var b strings.Builder
	for _, r := range visible(s) {
		b.WriteRune(r)
		if r == ':' || r == '@' || r == '~' {
			b.WriteString(Gap)
		}
	}
	return b.String()
}

// Block is foreign text as a fenced block of code, "" for none. Nothing in it ends
// the block.
func Block(s string) string {
	s = strings.TrimRight(keepLines(s), "\n")
	if s == "" {
		return ""
	}
	fence := "```"
	for strings.Contains(s, fence) && len(fence) < longestFence {
		fence += "`"
	}
	return fence + "\n" + strings.ReplaceAll(s, fence, strings.Repeat("`"+Gap, len(fence))) + "\n" + fence
}

// longestFence bounds a fence; a longer run of backticks is broken up.
const longestFence = 12

// keepLines removes control characters besides line ends and tabs, and what changes
// the direction of writing.
func keepLines(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r) || unicode.In(r, unicode.Cf) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, strings.ReplaceAll(s, "\r\n", "\n"))
}
