package talk

import (
	"regexp"
	"strings"

	"opsbot/test/fakes/mattermost"
)

var (
	emoji = regexp.MustCompile(`:[a-z_]+: ?`)
	rule  = regexp.MustCompile(`(?m)^\|[-:| ]+\|\n`) // between a table's head and its rows
	box   = regexp.MustCompile("`(\\[.\\])`")
)

// readSlack is what a person reads of a message's text, without the pictures.
func readSlack(text string) string {
	return box.ReplaceAllString(emoji.ReplaceAllString(text, ""), "$1")
}

// readPost is what a person reads of a post, line by line.
func readPost(p mattermost.Post) string {
	parts := []string{p.Message}
	for _, a := range p.Attachments {
		parts = append(parts, a.Pretext, a.Title, a.Text)
		for _, f := range a.Fields {
			parts = append(parts, f.Title+" "+f.Value)
		}
	}
	var out []string
	for _, part := range parts {
		if part != "" {
			out = append(out, readMarkdown(part))
		}
	}
	text := rule.ReplaceAllString(strings.Join(out, "\n"), "")
	return strings.ReplaceAll(text, "\u200b", "") // what nobody sees
}

// readMarkdown takes the marks off: bold and backslashes go, code keeps its quotes,
// links show both label and address.
func readMarkdown(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			b.WriteByte(s[i+1])
			i += 2
		case strings.HasPrefix(s[i:], "**"):
			i += 2
		case s[i] == '`':
			end := strings.IndexByte(s[i+1:], '`')
			if end < 0 {
				end = len(s) - i - 2
			}
			b.WriteString(s[i : i+end+2])
			i += end + 2
		case s[i] == '[':
			label, rest, link := strings.Cut(s[i+1:], "](")
			address, _, closed := strings.Cut(rest, ")")
			if !link || !closed || strings.ContainsAny(label, "[\n") {
				b.WriteByte('[')
				i++
				continue
			}
			b.WriteString(readMarkdown(label) + " (" + address + ")")
			i += len(label) + len(address) + 4
		default:
			b.WriteByte(s[i])
			i++
		}
	}
	return b.String()
}
