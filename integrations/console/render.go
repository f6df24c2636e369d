package console

import (
	"html/template"
	"net/url"
	"slices"
	"strings"

	"opsbot/bot"
)

// entryView is an entry as the templates show it.
type entryView struct {
	bot.RoomEntry
	Name    string
	Text    template.HTML
	Replies []entryView
}

func (c *Console) view(e bot.RoomEntry) entryView {
	v := entryView{RoomEntry: e, Name: e.Author.Name}
	if v.Name == "" {
		v.Name = e.Author.ID
	}
	if e.Post == nil {
		v.Text = saidText(e.Text)
	}
	return v
}

// threads orders entries as the page shows them: roots by when they were said,
// replies below them. A thread whose root is older than the list stands where its
// first reply does.
func (c *Console) threads(list []bot.RoomEntry, account bot.Account) []entryView {
	roots, at := []entryView{}, map[string]int{}
	var replies []entryView
	for _, e := range bySent(list) {
		if !visible(e, account) {
			continue
		}
		if e.Thread != "" && e.Thread != e.ID {
			replies = append(replies, c.view(e))
			continue
		}
		at[e.ID] = len(roots)
		roots = append(roots, c.view(e))
	}
	for _, v := range replies {
		i, ok := at[v.Thread]
		if !ok {
			i = len(roots)
			at[v.Thread] = i
			roots = append(roots, entryView{RoomEntry: bot.RoomEntry{ID: v.Thread, SentAt: v.SentAt}})
		}
		roots[i].Replies = append(roots[i].Replies, v)
	}
	slices.SortStableFunc(roots, func(a, b entryView) int { return a.SentAt.Compare(b.SentAt) })
	return roots
}

// visible reports whether an account may see an entry.
func visible(e bot.RoomEntry, account bot.Account) bool { return e.To == "" || e.To == account.ID }

// bySent restores the order of speaking: an edit moved an entry to the end.
func bySent(list []bot.RoomEntry) []bot.RoomEntry {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b bot.RoomEntry) int { return a.SentAt.Compare(b.SentAt) })
	return out
}

// saidText renders what a person typed: exactly that, with its line breaks, and
// addresses as links. It is no markup: a person's link must not hide where it goes.
func saidText(s string) template.HTML {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = string(richText(bot.Escape(line)))
	}
	return template.HTML(strings.Join(lines, "<br>")) //nolint:gosec // richText escaped every line
}

// richText renders the safe markup subset as HTML: everything is escaped, bold and
// code are tags, links are http and https only.
func richText(t bot.Text) template.HTML {
	var b strings.Builder
	s := string(t)
	bold := false
	for i := 0; i < len(s); {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			n := runeLen(s[i:])
			b.WriteString(template.HTMLEscapeString(s[i : i+n]))
			i += n
		case strings.HasPrefix(s[i:], "**"):
			b.WriteString(map[bool]string{false: "<strong>", true: "</strong>"}[bold])
			bold = !bold
			i += 2
		case codeSpan(s[i:]) > 0:
			n := codeSpan(s[i:])
			b.WriteString("<code>" + template.HTMLEscapeString(s[i+1:i+n-1]) + "</code>")
			i += n
		case s[i] == '[':
			i += labelled(&b, s[i:])
		case strings.HasPrefix(s[i:], "http://") || strings.HasPrefix(s[i:], "https://"):
			i += bare(&b, s[i:])
		case s[i] == '\n':
			b.WriteString("<br>")
			i++
		default:
			n := runeLen(s[i:])
			b.WriteString(template.HTMLEscapeString(s[i : i+n]))
			i += n
		}
	}
	if bold {
		b.WriteString("</strong>")
	}
	return template.HTML(b.String()) //nolint:gosec // every piece of s went through HTMLEscapeString
}

func runeLen(s string) int {
	for i := range s {
		if i > 0 {
			return i
		}
	}
	return len(s)
}

// labelled writes [label](url) at the start of s; returns how many bytes it took.
func labelled(b *strings.Builder, s string) int {
	label, target, n := bot.CutLink(s)
	href, ok := safeURL(target)
	if n == 0 || !ok {
		b.WriteString("[")
		return 1
	}
	b.WriteString(`<a href="` + template.HTMLEscapeString(href) + `" rel="noopener noreferrer" target="_blank">` + string(richLabel(label)) + `</a>`)
	return n
}

// richLabel is a link's label: its markup's backslashes go, nothing else is markup.
func richLabel(s string) template.HTML {
	return template.HTML(template.HTMLEscapeString(bot.Unescape(bot.Text(s)))) //nolint:gosec // escaped
}

// bare links an address that stands by itself, escaped by backslashes or not;
// returns how many bytes of s it took.
func bare(b *strings.Builder, s string) int {
	address, n := bareAddress(s)
	text := template.HTMLEscapeString(address)
	href, ok := safeURL(address)
	if !ok {
		b.WriteString(text)
		return n
	}
	b.WriteString(`<a href="` + template.HTMLEscapeString(href) + `" rel="noopener noreferrer" target="_blank">` + text + `</a>`)
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

// safeURL lets http and https pass, without credentials.
func safeURL(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", false
	}
	return u.String(), true
}
