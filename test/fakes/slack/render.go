package slack

import (
	"fmt"
	"slices"
	"strings"
)

// Control is something to press, choose or fill in.
type Control struct {
	Kind              string // button, static_select, plain_text_input, checkboxes, ...
	Label             string // of a button; of an input's block; a select's placeholder
	ActionID, BlockID string
	Value, URL, Style string   // of buttons
	Options           []string // labels, in order
	Hint              string
	Optional          bool
	Initial           string // what is filled in or chosen already

	element    map[string]any
	attachment int // number of the attachment it is in, 0 = the message's own blocks
}

func findControl(all []Control, labelOrAction string) (Control, bool) {
	for _, match := range []func(Control) string{
		func(c Control) string { return c.ActionID },
		func(c Control) string { return c.Label },
		func(c Control) string { return c.BlockID },
	} {
		if i := slices.IndexFunc(all, func(c Control) bool { return match(c) == labelOrAction }); i >= 0 {
			return all[i], true
		}
	}
	return Control{}, false
}

// reading collects what can be seen of a message or view.
type reading struct {
	s          *Server
	lines      []string
	color      string
	controls   []Control
	mentions   []string
	links      []Link
	attachment int
}

func (r *reading) words() string { return strings.TrimRight(strings.Join(r.lines, "\n"), "\n") }

// read collects what can be seen. With blocks the text is for notifications alone.
// The lock is held.
func (s *Server) read(v revision) *reading {
	r := &reading{s: s}
	if len(v.blocks) == 0 {
		r.mrkdwn(v.text)
	} else {
		r.notify(v.text)
	}
	r.blocks(v.blocks)
	for i, a := range v.attachments {
		r.attachment = i + 1
		r.attached(a.(map[string]any))
	}
	return r
}

func (r *reading) line(t string) {
	if t != "" {
		r.lines = append(r.lines, strings.Split(t, "\n")...)
	}
}

func (r *reading) notify(stored string) {
	for _, who := range notified(stored) {
		r.mention(who)
	}
}

func (r *reading) mention(who string) {
	if !slices.Contains(r.mentions, who) {
		r.mentions = append(r.mentions, who)
	}
}

// adopt takes over what a part that is shown on one line links to and notifies.
func (r *reading) adopt(part *reading) {
	r.links = append(r.links, part.links...)
	for _, who := range part.mentions {
		r.mention(who)
	}
}

func (r *reading) mrkdwn(stored string) {
	r.notify(stored)
	r.links = append(r.links, links(stored)...)
	r.line(r.s.shown(stored))
}

func (r *reading) attached(a map[string]any) {
	if r.color == "" {
		r.color = text(a["color"])
	}
	if blocks, ok := a["blocks"].([]any); ok && len(blocks) > 0 {
		r.blocks(blocks)
		return
	}
	for _, k := range []string{"pretext", "author_name", "title", "text"} {
		r.mrkdwn(text(a[k]))
	}
	fields, _ := a["fields"].([]any)
	for _, f := range fields {
		field, _ := f.(map[string]any)
		r.line(text(field["title"]) + ": " + r.s.shown(text(field["value"])))
	}
	r.mrkdwn(text(a["footer"]))
}

func (r *reading) blocks(blocks []any) {
	for _, b := range blocks {
		if block, ok := b.(map[string]any); ok {
			r.block(block)
		}
	}
}

func (r *reading) block(b map[string]any) {
	switch text(b["type"]) {
	case "section":
		r.text(b["text"])
		for _, f := range listOf(b["fields"]) {
			r.text(f)
		}
		r.element(b, b["accessory"])
	case "header":
		r.text(b["text"])
	case "markdown":
		r.mrkdwn(text(b["text"]))
	case "context":
		r.context(b)
	case "actions", "context_actions":
		for _, e := range listOf(b["elements"]) {
			r.element(b, e)
		}
	case "input":
		r.input(b)
	case "divider":
		r.line("---")
	case "image":
		r.line("[" + text(b["alt_text"]) + "]")
	case "rich_text":
		for _, e := range listOf(b["elements"]) {
			r.rich(e)
		}
	case "table":
		r.table(b)
	}
}

// text reads a text object.
func (r *reading) text(v any) {
	t, _ := v.(map[string]any)
	if text(t["type"]) == "mrkdwn" {
		r.mrkdwn(text(t["text"]))
		return
	}
	r.line(unescape(text(t["text"])))
}

func (r *reading) context(b map[string]any) {
	inner := &reading{s: r.s}
	for _, e := range listOf(b["elements"]) {
		if m, _ := e.(map[string]any); text(m["type"]) == "image" {
			inner.line("[" + text(m["alt_text"]) + "]")
			continue
		}
		inner.text(e)
	}
	r.line(strings.Join(inner.lines, " "))
	r.adopt(inner)
}

func (r *reading) input(b map[string]any) {
	label := plain(b["label"])
	r.line(label)
	c := r.control(b, b["element"])
	c.Label, c.Hint, c.Optional = label, plain(b["hint"]), b["optional"] == true
	r.controls = append(r.controls, c)
}

func (r *reading) element(block map[string]any, v any) {
	e, ok := v.(map[string]any)
	if !ok {
		return
	}
	if text(e["type"]) == "image" {
		r.line("[" + text(e["alt_text"]) + "]")
		return
	}
	r.controls = append(r.controls, r.control(block, e))
}

func (r *reading) control(block map[string]any, v any) Control {
	e, _ := v.(map[string]any)
	c := Control{
		Kind: text(e["type"]), ActionID: text(e["action_id"]), BlockID: text(block["block_id"]), Value: text(e["value"]),
		URL: text(e["url"]), Style: text(e["style"]), element: e, attachment: r.attachment, Initial: initial(e),
	}
	if c.Label = plain(e["text"]); c.Label == "" {
		c.Label = plain(e["placeholder"])
	}
	for _, o := range optionsOf(e) {
		c.Options = append(c.Options, plain(o["text"]))
	}
	return c
}

// optionsOf lists the options of a select, grouped ones too.
func optionsOf(e map[string]any) []map[string]any {
	var out []map[string]any
	for _, o := range listOf(e["options"]) {
		out = append(out, o.(map[string]any))
	}
	for _, g := range listOf(e["option_groups"]) {
		for _, o := range listOf(g.(map[string]any)["options"]) {
			out = append(out, o.(map[string]any))
		}
	}
	return out
}

// initial is what an element shows before anybody touched it.
func initial(e map[string]any) string {
	for _, k := range []string{"initial_value", "initial_date", "initial_time", "initial_user", "initial_channel", "initial_conversation"} {
		if v := text(e[k]); v != "" {
			return v
		}
	}
	if o, ok := e["initial_option"].(map[string]any); ok {
		return plain(o["text"])
	}
	var many []string
	for _, o := range listOf(e["initial_options"]) {
		many = append(many, plain(o.(map[string]any)["text"]))
	}
	return strings.Join(many, ",")
}

func (r *reading) table(b map[string]any) {
	for _, row := range listOf(b["rows"]) {
		var cells []string
		for _, v := range listOf(row) {
			cell, _ := v.(map[string]any)
			switch text(cell["type"]) {
			case "rich_text":
				inner := &reading{s: r.s}
				inner.block(cell)
				cells = append(cells, strings.Join(inner.lines, " "))
				r.adopt(inner)
			case "raw_number":
				cells = append(cells, fmt.Sprint(cell["value"]))
			default:
				cells = append(cells, text(cell["text"]))
			}
		}
		r.line(strings.Join(cells, " | "))
	}
}

// plain is the text of a text object without any decoration.
func plain(v any) string {
	t, _ := v.(map[string]any)
	return unescape(text(t["text"]))
}

func listOf(v any) []any { l, _ := v.([]any); return l }
