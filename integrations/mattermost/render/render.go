// Package render turns a bot.Post into what Mattermost shows: messages of at most
// 16,383 characters with coloured attachments, buttons and a menu. It is pure: the
// same post gives the same messages.
package render

import (
	"strings"
	"unicode/utf8"

	"github.com/mattermost/mattermost/server/public/model"

	"opsbot/bot"
	"opsbot/integrations/mattermost/markup"
)

// Bounds of the server and of what people read in one piece.
const (
	mostRunes = model.PostMessageMaxRunesV2 // of a message
	mostCard  = 8000                        // runes in attachments; what is more becomes messages
	mostField = 1000                        // runes of a field's value; more is said in a line
	shortText = 40                          // a field's value of so many runes leaves room beside it
	mostLabel = 60                          // runes on a button
	mostPress = 5                           // buttons; more become a menu
)

// Part is one message of Mattermost. A post is one or several, of which the first
// carries the buttons.
type Part struct {
	Message     string
	Attachments []*model.MessageAttachment
}

// Options are what the post does not hold.
type Options struct {
	// Mention is the user name of the account that the post addresses, "" when it has
	// none on this server.
	Mention string
	// ActionURL is where clicks go.
	ActionURL string
	// Room is put beside the action's id when the post is not shown in its own room.
	Room string
}

// Post renders p; it is never empty.
func Post(p bot.Post, o Options) []Part {
	plain := p.Tone == bot.ToneNeutral && len(p.Steps) == 0 && len(p.Fields) == 0 && !presses(p.Buttons)
	head := heading(p, o)
	if p.Title == "" && len(p.Steps) == 0 && len(p.Fields) == 0 && len(p.Text) > 0 {
		// Without a title the first words stand beside the name, as people write.
		n := 1
		if plain {
			n = len(p.Text)
		}
		head, p.Text = strings.TrimSpace(lead(p, o)+words(p.Text[:n])), p.Text[n:]
	}
	steps, body := ticks(p.Steps), content(p)
	if plain {
		return messages(join(head, body))
	}
	fields := fields(p.Fields)
	if size := utf8.RuneCountInString(steps+body) + weight(fields); size > mostCard {
		// Too much for a card: the words are messages, of which the first has the buttons.
		parts := messages(join(head, steps, lines(p.Fields), body))
		parts[0].Attachments = card(p, o, "", nil, "")
		return parts
	}
	parts := messages(head)
	parts[0].Attachments = card(p, o, steps, fields, body)
	return parts
}

func words(list []bot.Text) string {
	out := make([]string, 0, len(list))
	for _, t := range list {
		out = append(out, markup.Text(t))
	}
	return strings.Join(out, "\n")
}

// heading is whom it is for and the title.
func heading(p bot.Post, o Options) string {
	return strings.TrimSpace(lead(p, o) + markup.Title(p.Title))
}

func lead(p bot.Post, o Options) string {
	switch {
	case o.Mention != "":
		return "@" + o.Mention + " "
	case p.Mention.Name != "":
		return markup.Escape("@"+p.Mention.Name) + " "
	}
	return ""
}

// content is what stands below steps and fields: words, table, code and links.
func content(p bot.Post) string {
	var links []string
	for _, b := range p.Buttons {
		if b.URL != "" {
			links = append(links, markup.Link(b.Label, b.URL))
		}
	}
	return join(words(p.Text), table(p.Table), markup.Block(p.Code), strings.Join(links, " · "))
}

// join puts blocks below each other.
func join(blocks ...string) string {
	var out []string
	for _, b := range blocks {
		if b != "" {
			out = append(out, b)
		}
	}
	return strings.Join(out, "\n\n")
}

func messages(text string) []Part {
	var out []Part
	for _, piece := range Split(text, mostRunes) {
		out = append(out, Part{Message: piece})
	}
	return out
}

// card makes the attachments: one with steps and fields, one with the words, so that
// they come in this order; the last has the buttons.
func card(p bot.Post, o Options, steps string, fields []*model.MessageAttachmentField, body string) []*model.MessageAttachment {
	colour := colour(p.Tone)
	first := &model.MessageAttachment{Color: colour, Text: steps, Fields: fields, Fallback: Fallback(p)}
	out := []*model.MessageAttachment{first}
	if len(fields) == 0 {
		first.Text = join(steps, body)
	} else if body != "" {
		out = append(out, &model.MessageAttachment{Color: colour, Text: body})
	}
	last := out[len(out)-1]
	last.Actions = actions(p.Buttons, o)
	if first.Text == "" && len(fields) == 0 && len(last.Actions) == 0 {
		return nil
	}
	return out
}

// Fallback is the post on one line, for a notice on a telephone.
func Fallback(p bot.Post) string {
	text := markup.Plain(p.Title)
	for _, t := range p.Text {
		text += " " + markup.Plain(t)
	}
	return bot.Shorten(strings.Join(strings.Fields(markup.Label(text)), " "), 200)
}

func colour(t bot.Tone) string {
	switch t {
	case bot.ToneBusy:
		return "#1C58D9"
	case bot.ToneGood:
		return "#3DB887"
	case bot.ToneBad:
		return "#D24B4E"
	case bot.ToneWarn:
		return "#FFBC1F"
	case bot.ToneWaiting:
		return "#8B5CF6"
	default:
		return "#8D93A5"
	}
}

// ticks are the steps as a list with boxes.
func ticks(steps []bot.Tick) string {
	out := make([]string, 0, len(steps))
	for _, s := range steps {
		text := join2(markup.Inline(s.Title), markup.Inline(s.Detail))
		if s.URL != "" && !strings.Contains(markup.Plain(s.Detail), s.URL) {
			text = join2(text, markup.Link(s.URL, s.URL))
		}
		out = append(out, "- "+box(s.State)+" "+text)
	}
	return strings.Join(out, "\n")
}

// box is the step's state; Mattermost draws the empty and the crossed one.
func box(state string) string {
	switch bot.StepState(state) {
	case bot.StepDone:
		return "[x]"
	case bot.StepFailed:
		return `\[!\]`
	case bot.StepUnknown:
		return `\[?\]`
	case bot.StepSkipped, bot.StepUndone:
		return `\[-\]`
	case bot.StepRunning, bot.StepWaiting, bot.StepRetrying, bot.StepUndoing:
		return `\[~\]`
	default:
		return "[ ]"
	}
}

func join2(a, b string) string { return strings.TrimSpace(a + "  " + b) }

// fields are names with values, side by side where they are short.
func fields(list []bot.Field) []*model.MessageAttachmentField {
	var out []*model.MessageAttachmentField
	for _, f := range list {
		value := fieldValue(f)
		out = append(out, &model.MessageAttachmentField{
			Title: markup.Label(f.Name), Value: value, Short: model.SlackCompatibleBool(len([]rune(markup.Plain(f.Value))) <= shortText),
		})
	}
	return out
}

func fieldValue(f bot.Field) string {
	value := markup.Inline(f.Value)
	if f.URL == "" || strings.Contains(markup.Plain(f.Value), f.URL) {
		return value
	}
	return join2(value, markup.Link(f.URL, f.URL))
}

// lines are the fields of a post that is no card.
func lines(list []bot.Field) string {
	out := make([]string, 0, len(list))
	for _, f := range list {
		out = append(out, join2(markup.Escape(f.Name), fieldValue(f)))
	}
	return strings.Join(out, "\n")
}

func weight(list []*model.MessageAttachmentField) int {
	n := 0
	for _, f := range list {
		value, _ := f.Value.(string)
		if n += utf8.RuneCountInString(f.Title) + utf8.RuneCountInString(value); utf8.RuneCountInString(value) > mostField {
			n += mostCard
		}
	}
	return n
}

func table(t *bot.Table) string {
	if t == nil || len(t.Head) == 0 {
		return ""
	}
	row := func(cells []string) string { return "| " + strings.Join(cells, " | ") + " |" }
	head, rule := make([]string, len(t.Head)), make([]string, len(t.Head))
	for i, h := range t.Head {
		head[i], rule[i] = markup.Cell(bot.Escape(h)), "---"
	}
	out := []string{row(head), row(rule)}
	for _, r := range t.Rows {
		cells := make([]string, len(t.Head))
		for i := range min(len(r), len(cells)) {
			cells[i] = markup.Cell(r[i])
		}
		out = append(out, row(cells))
	}
	return strings.Join(out, "\n")
}
