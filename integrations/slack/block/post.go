package block

import (
	"regexp"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"opsbot/bot"
)

// Message is a post as Slack takes it.
type Message struct {
	// Text is for notifications and for what can't show blocks; it is escaped and to be
	// sent with parse=none.
	Text   string
	Blocks []slack.Block
	// Rest is the whole post as plain text when not all of it fits into a message, ""
	// otherwise; the message says that it is in a file.
	Rest string
}

// Options say what of a post means something to the workspace.
type Options struct {
	// Instance is whose accounts can be mentioned.
	Instance string
}

// leastBody is what the text gets, however many buttons there are.
const leastBody = 3000

// tail is the last line of a message that does not hold everything.
const tail = "… This is too long for a message: all of it is in the file in the thread."

var userID = regexp.MustCompile(`^[UW][A-Z0-9]{2,30}$`)

// Post renders p. The result keeps to Slack's bounds whatever p holds.
func Post(p bot.Post, o Options) Message {
	lead := o.lead(p)
	m := Message{Text: notice(p, lead)}
	actions, kept := buttons(p.Buttons)
	body := o.body(p, lead)
	for _, l := range kept {
		body = append(body, units([]line{l})...)
	}
	room := maxMessage
	for _, a := range actions {
		room -= weight(a)
	}
	room = max(room, leastBody)
	pk := &pack{}
	if !pk.fill(body, room, maxBlocks-len(actions)) {
		m.Rest = strings.Join(Lines(p), "\n") + "\n"
	}
	m.Blocks = append(pk.blocks, actions...)
	return m
}

// fill adds units until one does not fit any more; the message then ends with a line
// that says so, and fill reports false.
func (p *pack) fill(all []unit, maxBytes, most int) bool {
	last := unit{line: line{{text: tail}}}
	reserve := last.cost(true) + blockOverhead
	for i, u := range all {
		if i == len(all)-1 && p.add(u, maxBytes, most) || p.add(u, maxBytes-reserve, most-1) {
			continue
		}
		p.add(last, maxBytes, most)
		return false
	}
	return true
}

// lead is what stands before the first line: the one that the post is for.
func (o Options) lead(p bot.Post) line {
	m := p.Mention
	switch {
	case m.Instance == o.Instance && userID.MatchString(m.ID):
		return line{{user: m.ID}, {text: " "}}
	case m.Name != "":
		return line{{text: clean("@" + m.Name + " ")}}
	}
	return nil
}

// body is all of a post but its buttons, in the order of every chat.
func (o Options) body(p bot.Post, lead line) []unit {
	if mark := emoji(p.Tone); mark != "" {
		lead = append(line{{emoji: mark}, {text: " "}}, lead...)
	}
	var flow []line
	if p.Title != "" {
		flow, lead = append(flow, append(lead, strong(parse(p.Title))...)), nil
	}
	for _, s := range p.Steps {
		flow = append(flow, step(s))
	}
	for _, f := range p.Fields {
		flow = append(flow, field(f))
	}
	for _, t := range p.Text {
		flow, lead = append(flow, append(lead, parse(t)...)), nil
	}
	if len(lead) > 0 && (p.Table != nil || p.Code != "") {
		flow = append(flow, lead)
	}
	rows := table(p.Table)
	if wide(rows) {
		flow, rows = append(flow, tableLines(*p.Table)...), nil
	}
	out := append(units(flow), fixed(rows)...)
	if p.Code != "" {
		out = append(out, fixed(strings.Split(strings.TrimRight(p.Code, "\n"), "\n"))...)
	}
	if p.File != nil {
		out = append(out, units([]line{words(fileNote(p.File))})...)
	}
	return out
}

// emoji is a tone for those who see and for those who are read to.
func emoji(t bot.Tone) string {
	switch t {
	case bot.ToneBusy:
		return "hourglass_flowing_sand"
	case bot.ToneGood:
		return "white_check_mark"
	case bot.ToneBad:
		return "x"
	case bot.ToneWarn:
		return "warning"
	case bot.ToneWaiting:
		return "raised_hand"
	}
	return ""
}

// widest is how many characters of fixed width fit beside each other in a window of
// usual size.
const widest = 100

func wide(rows []string) bool {
	return slices.ContainsFunc(rows, func(r string) bool { return size(r) > widest })
}

// tableLines are the rows of a table that is too wide to be aligned.
func tableLines(t bot.Table) []line {
	var head line
	for _, c := range t.Head {
		head = append(head, span{text: clean(bot.OneLine(c)) + "  ", bold: true})
	}
	out := []line{head}
	for _, r := range t.Rows {
		var row line
		for _, c := range r {
			row = append(append(row, parse(c)...), span{text: "  "})
		}
		out = append(out, row)
	}
	return out
}

func strong(l line) line {
	for i := range l {
		l[i].bold = true
	}
	return l
}

func step(s bot.Tick) line {
	out := append(line{{text: box(s.State) + " "}}, parse(s.Title)...)
	detail := plain(s.Detail)
	if detail != "" {
		out = append(append(out, span{text: " "}), parse(s.Detail)...)
	}
	if s.URL != "" && !strings.Contains(detail, s.URL) {
		out = append(append(out, span{text: "  "}), labelled("", s.URL).orPlain()...)
	}
	return out
}

func field(f bot.Field) line {
	out := line{{text: clean(f.Name), bold: true}, {text: " "}}
	if mark := emoji(f.Tone); mark != "" {
		out = append(out, span{emoji: mark}, span{text: " "})
	}
	out = append(out, parse(f.Value)...)
	if f.URL != "" && !strings.Contains(plain(f.Value), f.URL) {
		out = append(append(out, span{text: "  "}), labelled("", f.URL).orPlain()...)
	}
	return out
}

// orPlain takes the brackets off an address that is no link: it has no label.
func (l line) orPlain() line {
	for i := range l {
		if l[i].url == "" {
			l[i].text = clean(strings.TrimSuffix(strings.TrimPrefix(l[i].text, " ("), ")"))
		}
	}
	return l
}

// notice is the text of the notification. Slack reads entities and emphasis in it.
func notice(p bot.Post, lead line) string {
	mention := ""
	if len(lead) > 0 && lead[0].user != "" {
		mention = "<@" + lead[0].user + "> "
		p.Mention = bot.Account{}
	}
	all := strings.Join(Lines(p), "\n")
	if strings.TrimSpace(all) == "" {
		all = "(nothing to show)"
	}
	return mention + Escape(cut(all, maxNotice))
}

// Escape keeps Slack from reading entities in a text of mrkdwn.
func Escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(clean(s))
}

// Plain is m's words in the simplest block there is, for when Slack refuses others.
func Plain(m Message) []slack.Block {
	words := strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(m.Text)
	off := false
	return []slack.Block{slack.NewSectionBlock(&slack.TextBlockObject{Type: slack.PlainTextType, Text: cut(words, maxText), Emoji: &off}, nil, nil)}
}
