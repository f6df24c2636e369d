package block

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"opsbot/bot"
)

// Lines is a post as plain text, in the words and the order of every chat: for
// notifications, for readers aloud, and for the file that holds what is too long.
func Lines(p bot.Post) []string {
	lead := ""
	if p.Mention.Name != "" {
		lead = "@" + p.Mention.Name + " "
	}
	var out []string
	for _, l := range lines(p, lead) {
		out = append(out, strings.Split(clean(l), "\n")...)
	}
	return out
}

func lines(p bot.Post, lead string) []string {
	var out []string
	if p.Title != "" {
		out, lead = append(out, lead+plain(p.Title)), ""
	}
	for _, s := range p.Steps {
		out = append(out, "  "+tickLine(s))
	}
	for _, f := range p.Fields {
		out = append(out, fieldLine(f))
	}
	for _, t := range p.Text {
		out, lead = append(out, lead+plain(t)), ""
	}
	out = append(out, table(p.Table)...)
	if p.Code != "" {
		for _, l := range strings.Split(strings.TrimRight(p.Code, "\n"), "\n") {
			out = append(out, "  | "+l)
		}
	}
	if p.File != nil {
		out = append(out, "  "+fileNote(p.File))
	}
	var labels []string
	for _, b := range p.Buttons {
		labels = append(labels, "["+b.Label+"]")
	}
	if len(labels) > 0 {
		out = append(out, "  "+strings.Join(labels, " "))
	}
	return out
}

func fileNote(f *bot.File) string { return fmt.Sprintf("(file %s, %d bytes)", f.Name, f.Bytes) }

// box is a step's state as everywhere else.
func box(state string) string {
	switch state {
	case "done":
		return "[x]"
	case "failed":
		return "[!]"
	case "unknown":
		return "[?]"
	case "skipped", "undone":
		return "[-]"
	case "running", "waiting", "retrying", "undoing":
		return "[~]"
	}
	return "[ ]"
}

func tickLine(s bot.Tick) string {
	detail := plain(s.Detail)
	if s.URL != "" && !strings.Contains(detail, s.URL) {
		detail = strings.TrimSpace(detail + "  " + s.URL)
	}
	return strings.TrimRight(fmt.Sprintf("%s %-13s %s", box(s.State), plain(s.Title), detail), " ")
}

func fieldLine(f bot.Field) string {
	l := fmt.Sprintf("  %-13s %s", f.Name, plain(f.Value))
	if f.URL != "" && !strings.Contains(l, f.URL) {
		l += "  " + f.URL
	}
	return l
}

// plain takes the markup off: bold marks and backslashes go, code keeps its quotes,
// a link shows both its parts.
func plain(t bot.Text) string {
	var b strings.Builder
	for _, s := range parse(t) {
		switch {
		case s.code:
			b.WriteString("`" + s.text + "`")
		case s.url != "" && s.text != "":
			b.WriteString(s.text + " (" + s.url + ")")
		default:
			b.WriteString(s.shown())
		}
	}
	return b.String()
}

// table aligns columns by their widest cell.
func table(t *bot.Table) []string {
	if t == nil {
		return nil
	}
	rows := [][]string{make([]string, len(t.Head))}
	for i, c := range t.Head {
		rows[0][i] = bot.OneLine(c)
	}
	for _, r := range t.Rows {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = bot.OneLine(plain(c))
		}
		rows = append(rows, cells)
	}
	var widths []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	out := make([]string, 0, len(rows))
	for _, r := range rows {
		l := " "
		for i, c := range r {
			l += " " + c + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+1)
		}
		out = append(out, strings.TrimRight(l, " "))
	}
	return out
}
