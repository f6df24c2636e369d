package slack

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	// entityText finds the special sequences of a text; the group is what is inside.
	entityText = regexp.MustCompile(`<([^<>\n]+)>`)
	// entityKinds are those that mean something to Slack.
	entityKinds = regexp.MustCompile(`^(?:@[UW]\w+(?:\|.*)?|#[CGD]\w+(?:\|.*)?|!(?:channel|here|everyone)(?:\|.*)?|!subteam\^\w+(?:\|.*)?|!date\^\d+\^.*|[a-z][a-z0-9+.-]*:[^|]+(?:\|.*)?)$`)
	// linkable is an entity, to be left alone, or what Slack makes a link of.
	linkable = regexp.MustCompile(`<[^<>]*>|https?://[^\s<>]*[^\s<>.,;:!?)]|[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}|\b(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev)\b`)
	escapes  = regexp.MustCompile(`&(amp|lt|gt);`)
)

// encode turns what a person types into what Slack sends. The lock is held.
func (s *Server) encode(words string) string {
	words = escape(words)
	for _, u := range s.users.all() {
		words = replaceName(words, "@"+u.Name, "<@"+u.ID+">")
	}
	for _, g := range s.groups.all() {
		words = replaceName(words, "@"+g.Handle, "<!subteam^"+g.ID+">")
	}
	for _, name := range []string{"channel", "here", "everyone"} {
		words = replaceName(words, "@"+name, "<!"+name+">")
	}
	for _, c := range s.channels.all() {
		if c.name != "" && c.kind != GroupChat {
			words = replaceName(words, "#"+c.name, "<#"+c.id+"|"+c.name+">")
		}
	}
	return linkify(words)
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// replaceName replaces a name where it ends as a word does.
func replaceName(words, name, entity string) string {
	var b strings.Builder
	for {
		at := strings.Index(words, name)
		if at < 0 {
			b.WriteString(words)
			return b.String()
		}
		b.WriteString(words[:at])
		words = words[at+len(name):]
		if endsWord(words) {
			b.WriteString(entity)
		} else {
			b.WriteString(name)
		}
	}
}

// endsWord tells whether rest does not go on with a name; a dot or dash at the end
// of a sentence is no part of it.
func endsWord(rest string) bool {
	r, n := utf8.DecodeRuneInString(rest)
	if r == '.' || r == '-' {
		r, _ = utf8.DecodeRuneInString(rest[n:])
	}
	return rest == "" || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_'
}

// linkify makes links of addresses, of e-mail addresses and of what merely looks
// like a host: Slack does the last too, to the surprise of many a bot.
func linkify(words string) string {
	return linkable.ReplaceAllStringFunc(words, func(found string) string {
		switch {
		case strings.HasPrefix(found, "<"):
			return found
		case strings.HasPrefix(found, "http"):
			return "<" + found + ">"
		case strings.Contains(found, "@"):
			return "<mailto:" + found + "|" + found + ">"
		}
		return "<http://" + found + "|" + found + ">"
	})
}

func isEntity(inside string) bool { return entityKinds.MatchString(inside) }

// storeText is a text as Slack keeps it: what is no entity is escaped.
func storeText(s string) string {
	var b strings.Builder
	last := 0
	for _, at := range entityText.FindAllStringSubmatchIndex(s, -1) {
		if isEntity(s[at[2]:at[3]]) {
			b.WriteString(escapeLoose(s[last:at[0]]))
			b.WriteString(s[at[0]:at[1]])
			last = at[1]
		}
	}
	b.WriteString(escapeLoose(s[last:]))
	return b.String()
}

// escapeLoose escapes what is not escaped yet.
func escapeLoose(s string) string {
	s = escapes.ReplaceAllString(s, "\x00$1;")
	return strings.ReplaceAll(escape(s), "\x00", "&")
}

// shown is a text as a person sees it: names for ids, links as "label (address)".
func (s *Server) shown(stored string) string {
	shown := entityText.ReplaceAllStringFunc(stored, func(found string) string {
		inside := found[1 : len(found)-1]
		if !isEntity(inside) {
			return found
		}
		return s.readableEntity(inside)
	})
	return unescape(shown)
}

func unescape(s string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s)
}

func (s *Server) readableEntity(inside string) string {
	target, label, labelled := strings.Cut(inside, "|")
	switch {
	case strings.HasPrefix(target, "@"):
		return "@" + s.displayName(target[1:])
	case strings.HasPrefix(target, "#"):
		if c := s.channels.by[target[1:]]; c != nil {
			return "#" + c.name
		}
		return "#" + target[1:]
	case strings.HasPrefix(target, "!subteam^"):
		if g := s.groups.by[strings.TrimPrefix(target, "!subteam^")]; g != nil {
			return "@" + g.Handle
		}
		return "@unknown-group"
	case strings.HasPrefix(target, "!"):
		if labelled {
			return label
		}
		return "@" + target[1:]
	case labelled:
		return label + " (" + target + ")"
	}
	return target
}

// notified lists whom a text notifies: user ids, group ids, "channel", "here", "everyone".
func notified(stored string) []string {
	var out []string
	for _, found := range entityText.FindAllStringSubmatch(stored, -1) {
		target, _, _ := strings.Cut(found[1], "|")
		who := ""
		switch {
		case !isEntity(found[1]):
		case strings.HasPrefix(target, "@"):
			who = target[1:]
		case strings.HasPrefix(target, "!subteam^"):
			who = strings.TrimPrefix(target, "!subteam^")
		case strings.HasPrefix(target, "!") && !strings.HasPrefix(target, "!date"):
			who = target[1:]
		}
		if who != "" && !slices.Contains(out, who) {
			out = append(out, who)
		}
	}
	return out
}

// Link is an address in a message with what a person sees of it.
type Link struct{ URL, Label string }

func links(stored string) []Link {
	var out []Link
	for _, found := range entityText.FindAllStringSubmatch(stored, -1) {
		if strings.ContainsAny(found[1][:1], "@#!") || !isEntity(found[1]) {
			continue
		}
		target, label, ok := strings.Cut(found[1], "|")
		if !ok {
			label = target
		}
		out = append(out, Link{URL: target, Label: label})
	}
	return out
}

// richText is the block that Slack's editor makes of what people write.
func (s *Server) richText(encoded string) []any {
	var elements []any
	add := func(e object) { elements = append(elements, map[string]any(e)) }
	plain := func(t string) {
		if t != "" {
			add(object{"type": "text", "text": unescape(t)})
		}
	}
	last := 0
	for _, at := range entityText.FindAllStringSubmatchIndex(encoded, -1) {
		plain(encoded[last:at[0]])
		add(richEntity(encoded[at[2]:at[3]]))
		last = at[1]
	}
	plain(encoded[last:])
	section := map[string]any{"type": "rich_text_section", "elements": elements}
	return []any{map[string]any{"type": "rich_text", "block_id": s.blockID(), "elements": []any{section}}}
}

func richEntity(inside string) object {
	target, label, labelled := strings.Cut(inside, "|")
	switch {
	case strings.HasPrefix(target, "@"):
		return object{"type": "user", "user_id": target[1:]}
	case strings.HasPrefix(target, "#"):
		return object{"type": "channel", "channel_id": target[1:]}
	case strings.HasPrefix(target, "!subteam^"):
		return object{"type": "usergroup", "usergroup_id": strings.TrimPrefix(target, "!subteam^")}
	case strings.HasPrefix(target, "!"):
		return object{"type": "broadcast", "range": target[1:]}
	case labelled:
		return object{"type": "link", "url": target, "text": label}
	}
	return object{"type": "link", "url": target}
}
