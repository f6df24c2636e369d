package console

import (
	"fmt"
	"strings"

	"opsbot/bot"
)

// Lines renders an entry for a terminal, one string a line, without the author.
func Lines(e bot.RoomEntry) []string {
	if e.Post == nil {
		return cleaned(strings.Split(e.Text, "\n"))
	}
	return PostLines(*e.Post)
}

// Clean is s without what could drive a terminal or reorder what it shows.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < 0x20 && r != '\t', r >= 0x7f && r < 0xa0, // control characters, C1 included
			r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c: // direction
			return -1
		}
		return r
	}, s)
}

// cleaned are the lines of lines: none breaks into two, none drives the terminal.
func cleaned(lines []string) []string {
	out := make([]string, 0, len(lines))
	for _, line := range lines {
		for _, one := range strings.Split(line, "\n") {
			out = append(out, Clean(one))
		}
	}
	return out
}

// PostLines renders a post for a terminal. Whatever the post holds, no line has a
// control character besides tabs.
func PostLines(p bot.Post) []string { return cleaned(postLines(p)) }

func postLines(p bot.Post) []string {
	var out []string
	lead := ""
	if p.Mention.Name != "" {
		lead = "@" + p.Mention.Name + " "
	}
	if p.Title != "" {
		out = append(out, lead+plain(p.Title))
		lead = ""
	}
	for _, s := range p.Steps {
		out = append(out, "  "+tick(s))
	}
	for _, f := range p.Fields {
		line := fmt.Sprintf("  %-13s %s", f.Name, plain(f.Value))
		if f.URL != "" && !strings.Contains(line, f.URL) {
			line += "  " + f.URL
		}
		out = append(out, line)
	}
	for _, t := range p.Text {
		out = append(out, lead+plain(t))
		lead = ""
	}
	out = append(out, table(p.Table)...)
	if p.Code != "" {
		for _, l := range strings.Split(strings.TrimRight(p.Code, "\n"), "\n") {
			out = append(out, "  | "+l)
		}
	}
	if p.File != nil {
		out = append(out, fmt.Sprintf("  (file %s, %d bytes)", p.File.Name, p.File.Bytes))
	}
	if b := buttons(p.Buttons); b != "" {
		out = append(out, b)
	}
	return out
}

func tick(s bot.Tick) string {
	box := map[string]string{
		"done": "[x]", "failed": "[!]", "unknown": "[?]", "skipped": "[-]", "running": "[~]", "waiting": "[~]",
		"retrying": "[~]", "undoing": "[~]", "undone": "[-]",
	}[s.State]
	if box == "" {
		box = "[ ]"
	}
	detail := plain(s.Detail)
	if s.URL != "" && !strings.Contains(detail, s.URL) {
		detail = strings.TrimSpace(detail + "  " + s.URL)
	}
	return strings.TrimRight(fmt.Sprintf("%s %-13s %s", box, plain(s.Title), detail), " ")
}

func buttons(list []bot.Button) string {
	var labels []string
	for _, b := range list {
		labels = append(labels, "["+b.Label+"]")
	}
	if len(labels) == 0 {
		return ""
	}
	return "  " + strings.Join(labels, " ")
}

// table aligns columns by their widest cell.
func table(t *bot.Table) []string {
	if t == nil {
		return nil
	}
	widths := make([]int, len(t.Head))
	rows := [][]string{t.Head}
	for _, r := range t.Rows {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = plain(c)
		}
		rows = append(rows, cells)
	}
	for _, r := range rows {
		for i, c := range r {
			if i < len(widths) {
				widths[i] = max(widths[i], len([]rune(c)))
			}
		}
	}
	var out []string
	for _, r := range rows {
		line := " "
		for i, c := range r {
			line += " " + c + strings.Repeat(" ", max(widths[min(i, len(widths)-1)]-len([]rune(c)), 0)+1)
		}
		out = append(out, strings.TrimRight(line, " "))
	}
	return out
}

// plain takes the markup off: bold marks and backslashes go, code keeps its
// quotes, since that is what one types, [label](url) shows both.
func plain(t bot.Text) string {
	var b strings.Builder
	s := string(t)
	for i := 0; i < len(s); {
		code := codeSpan(s[i:])
		switch {
		case s[i] == '\\' && i+1 < len(s):
			n := runeLen(s[i+1:])
			b.WriteString(s[i+1 : i+1+n])
			i += 1 + n
		case strings.HasPrefix(s[i:], "**"):
			i += 2
		case code > 0:
			b.WriteString(s[i : i+code])
			i += code
		case s[i] == '[':
			label, target, n := bot.CutLink(s[i:])
			if n == 0 {
				b.WriteByte('[')
				i++
				continue
			}
			b.WriteString(plain(bot.Text(label)) + " (" + target + ")")
			i += n
		default:
			b.WriteByte(s[i])
			i++
		}
	}
	return b.String()
}

// codeSpan is the length of the `code` at the start of s, 0 if there is none.
// Between its quotes nothing is markup, backslashes included.
func codeSpan(s string) int {
	if s == "" || s[0] != '`' {
		return 0
	}
	n := strings.IndexByte(s[1:], '`')
	if n < 1 {
		return 0
	}
	return n + 2
}
