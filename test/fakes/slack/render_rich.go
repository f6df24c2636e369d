package slack

import (
	"fmt"
	"strings"
)

// rich reads one part of a rich text block.
func (r *reading) rich(v any) {
	e, _ := v.(map[string]any)
	switch text(e["type"]) {
	case "rich_text_list":
		for i, item := range listOf(e["elements"]) {
			mark := "- "
			if text(e["style"]) == "ordered" {
				mark = fmt.Sprintf("%d. ", i+1)
			}
			r.line(mark + r.inline(item))
		}
	case "rich_text_quote":
		r.line("> " + strings.ReplaceAll(r.inline(e), "\n", "\n> "))
	default: // sections and preformatted text
		r.line(r.inline(e))
	}
}

// inline reads the elements of a section in one go.
func (r *reading) inline(v any) string {
	e, _ := v.(map[string]any)
	var b strings.Builder
	for _, part := range listOf(e["elements"]) {
		p, _ := part.(map[string]any)
		b.WriteString(r.piece(p))
	}
	return b.String()
}

func (r *reading) piece(p map[string]any) string {
	switch text(p["type"]) {
	case "user":
		r.mention(text(p["user_id"]))
		return "@" + r.s.displayName(text(p["user_id"]))
	case "usergroup":
		r.mention(text(p["usergroup_id"]))
		return r.s.shown("<!subteam^" + text(p["usergroup_id"]) + ">")
	case "broadcast":
		r.mention(text(p["range"]))
		return "@" + text(p["range"])
	case "channel":
		return r.s.shown("<#" + text(p["channel_id"]) + ">")
	case "emoji":
		return ":" + text(p["name"]) + ":"
	case "link":
		label := text(p["text"])
		if label == "" {
			label = text(p["url"])
		}
		r.links = append(r.links, Link{URL: text(p["url"]), Label: label})
		if label == text(p["url"]) {
			return label
		}
		return label + " (" + text(p["url"]) + ")"
	case "date":
		return text(p["fallback"])
	}
	if style, _ := p["style"].(map[string]any); style["code"] == true {
		return "`" + text(p["text"]) + "`" // as people type it
	}
	return text(p["text"])
}
