package wire

import (
	"strings"
)

// Names tell how those whom a text mentions are called; each may answer "".
type Names interface {
	UserName(id string) string
	ChannelName(id string) string
	GroupName(id string) string
}

// Text turns what Slack sends into what was typed: entities become names and plain
// addresses, escapes the characters that they stand for.
func Text(encoded string, names Names) string {
	var b strings.Builder
	for rest := encoded; rest != ""; {
		open := strings.IndexByte(rest, '<')
		if open < 0 {
			b.WriteString(unescape(rest))
			break
		}
		b.WriteString(unescape(rest[:open]))
		rest = rest[open:]
		end := strings.IndexByte(rest, '>')
		if end < 0 || !isEntity(rest[1:end]) {
			b.WriteByte('<') // none of Slack's: those are closed
			rest = rest[1:]
			continue
		}
		b.WriteString(entity(rest[1:end], names))
		rest = rest[end+1:]
	}
	return b.String()
}

// isEntity tells whether Slack means something by <inside>.
func isEntity(inside string) bool {
	if inside == "" || strings.ContainsAny(inside, "<\n") {
		return false
	}
	scheme, _, ok := strings.Cut(inside, ":")
	return strings.ContainsAny(inside[:1], "@#!") || ok && scheme != "" && strings.Trim(strings.ToLower(scheme), "abcdefghijklmnopqrstuvwxyz+.-0123456789") == ""
}

// unescape undoes the three escapes, each once, and makes spaces of the kind that
// editors put beside mentions.
func unescape(s string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&", "\u00a0", " ").Replace(s)
}

// entity reads what stands between < and >.
func entity(inside string, names Names) string {
	target, label, labelled := strings.Cut(inside, "|")
	label = unescape(label)
	switch {
	case strings.HasPrefix(target, "@"):
		return "@" + either(names.UserName(target[1:]), label, target[1:])
	case strings.HasPrefix(target, "#"):
		return "#" + either(names.ChannelName(target[1:]), label, target[1:])
	case strings.HasPrefix(target, "!subteam^"):
		id := strings.TrimPrefix(target, "!subteam^")
		return "@" + either(names.GroupName(id), strings.TrimPrefix(label, "@"), id)
	case strings.HasPrefix(target, "!"):
		if word, _, _ := strings.Cut(target[1:], "^"); word != "date" || !labelled {
			return "@" + word
		}
		return label
	}
	return address(unescape(target), label)
}

func either(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// address is a link as it was typed: Slack makes links of what merely looks like a
// host or an e-mail address, and keeps what was typed as the label.
func address(target, label string) string {
	for _, prefix := range []string{"http://", "https://", "mailto:", "tel:"} {
		if bare, ok := strings.CutPrefix(target, prefix); ok && label != "" && strings.TrimSuffix(bare, "/") == strings.TrimSuffix(label, "/") {
			return label
		}
	}
	return strings.TrimPrefix(strings.TrimPrefix(target, "mailto:"), "tel:")
}
