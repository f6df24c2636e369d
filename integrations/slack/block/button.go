package block

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"opsbot/bot"
)

// Ids of what can be pressed; the stored action is in the value alone.
const (
	// LinkPrefix begins the action_id of a button that only leads somewhere.
	LinkPrefix = "link-"
	actPrefix  = "act-"
	menuID     = "menu"
)

// These bound what a message lets one press; its JSON counts as text does.
const (
	mostChoices = 40
	mostLinks   = 10
)

// buttons makes blocks of actions. What can't be pressed is shown as a line: links
// without a safe address, and what is too much.
func buttons(list []bot.Button) (blocks []slack.Block, lines []line) {
	var links, acts []bot.Button
	for _, b := range list {
		href, ok := safeURL(b.URL)
		switch {
		case b.URL != "" && ok && len(links) < mostLinks:
			b.URL = href
			links = append(links, b)
		case b.Action != "" && size(b.Action) <= maxOption && len(acts) < mostChoices:
			acts = append(acts, b)
		default:
			lines = append(lines, words(strings.TrimSpace("["+b.Label+"] "+b.URL)))
		}
	}
	var elements []slack.BlockElement
	if len(acts) > mostButtons {
		elements, acts = []slack.BlockElement{menu(acts)}, nil
	}
	for i, b := range acts {
		e := slack.NewButtonBlockElement(fmt.Sprint(actPrefix, i), b.Action, label(b.Label, maxButton))
		e.Style = style(b.Style)
		elements = append(elements, e)
	}
	for i, b := range links {
		e := slack.NewButtonBlockElement(fmt.Sprint(LinkPrefix, i), "", label(b.Label, maxButton))
		e.URL, e.Style = b.URL, style(b.Style)
		elements = append(elements, e)
	}
	if len(elements) > 0 { // never more than maxActions
		blocks = []slack.Block{slack.NewActionBlock("", elements...)}
	}
	return blocks, lines
}

func style(s string) slack.Style {
	switch s {
	case "primary":
		return slack.StylePrimary
	case "danger":
		return slack.StyleDanger
	}
	return slack.StyleDefault
}

// menu puts more buttons than a reader can take in into a select.
func menu(acts []bot.Button) slack.BlockElement {
	options := make([]*slack.OptionBlockObject, len(acts))
	for i, b := range acts {
		options[i] = slack.NewOptionBlockObject(b.Action, label(b.Label, maxOption), nil)
	}
	return slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, label("Choose what to do", maxButton), menuID, options...)
}

// label is a literal text of at least one and at most n characters.
func label(s string, n int) *slack.TextBlockObject {
	s = strings.TrimSpace(bot.OneLine(s))
	if s == "" {
		s = "…"
	}
	off := false
	return &slack.TextBlockObject{Type: slack.PlainTextType, Text: cut(s, n), Emoji: &off}
}

// weight is how many bytes of JSON a block takes.
func weight(b slack.Block) int {
	body, err := json.Marshal(b)
	if err != nil {
		return maxMessage // nothing in it can fail to encode
	}
	return len(body) + 1
}
