package block_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"opsbot/integrations/slack/block"
)

// seen is what a person sees of a message, found by reading its JSON as Slack
// documents it. It knows nothing of how the message was made.
type seen struct {
	t        *testing.T
	shown    string
	mentions []string
	links    int
	controls int
	ids      map[string]bool
}

// look reads a message and fails the test for what Slack would refuse or a reader be
// deceived by.
func look(t *testing.T, m block.Message) *seen {
	t.Helper()
	s := &seen{t: t}
	if len(m.Blocks) > 0 {
		s.blocks(generic(t, m.Blocks), 50)
	}
	if body, err := json.Marshal(m.Blocks); err != nil || len(body) > 13000 {
		t.Errorf("blocks take %d bytes (%v)", len(body), err)
	}
	s.notice(m.Text)
	return s
}

func generic(t *testing.T, v any) []any {
	t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out []any
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

var entity = regexp.MustCompile(`<[^>]*>`)

// notice checks the text that is read as mrkdwn: nothing in it may be an entity but
// the one mention at its start.
func (s *seen) notice(text string) {
	if text == "" || chars(text) > 4*3000 || !utf8.ValidString(text) {
		s.t.Errorf("the notification's text has %d characters", chars(text))
	}
	rest := text
	if len(s.mentions) == 1 {
		var ok bool
		if rest, ok = strings.CutPrefix(text, "<@"+s.mentions[0]+"> "); !ok {
			s.t.Errorf("the notification does not mention %s: %q", s.mentions[0], text)
		}
	}
	if strings.ContainsAny(rest, "<>") || entity.MatchString(rest) {
		s.t.Errorf("the notification holds markup: %q", text)
	}
	if left := regexp.MustCompile(`&(amp|lt|gt);`).ReplaceAllString(rest, ""); strings.Contains(left, "&") {
		s.t.Errorf("the notification holds an ampersand that is not escaped: %q", text)
	}
}

func chars(s string) int { return len(utf16.Encode([]rune(s))) }

func (s *seen) blocks(all []any, most int) {
	if len(all) > most {
		s.t.Errorf("%d blocks", len(all))
	}
	s.ids = map[string]bool{}
	var parts []string
	for _, v := range all {
		b := v.(map[string]any)
		switch b["type"] {
		case "rich_text":
			parts = append(parts, s.rich(b))
		case "actions":
			elements := b["elements"].([]any)
			if len(elements) == 0 || len(elements) > 25 {
				s.t.Errorf("%d elements in a block of actions", len(elements))
			}
			for _, e := range elements {
				s.control(e.(map[string]any))
			}
		case "input":
			s.input(b)
		case "header":
			s.plain(b["text"], 150)
		case "divider":
		default:
			s.t.Errorf("a block of type %v", b["type"])
		}
	}
	s.shown = strings.Join(parts, "\n")
}

func (s *seen) rich(b map[string]any) string {
	var parts []string
	for _, v := range b["elements"].([]any) {
		e := v.(map[string]any)
		text := ""
		elements := e["elements"].([]any)
		if len(elements) == 0 {
			s.t.Error("an empty part of rich text")
		}
		for _, x := range elements {
			text += s.piece(x.(map[string]any))
		}
		switch e["type"] {
		case "rich_text_section", "rich_text_preformatted":
			parts = append(parts, text)
		default:
			s.t.Errorf("rich text of type %v", e["type"])
		}
	}
	text := strings.Join(parts, "\n")
	if chars(text) > 3100 {
		s.t.Errorf("%d characters in a block", chars(text))
	}
	return text
}

func (s *seen) piece(p map[string]any) string {
	text, _ := p["text"].(string)
	switch p["type"] {
	case "text":
		if text == "" {
			s.t.Error("an empty text")
		}
		return text
	case "emoji":
		return ":" + p["name"].(string) + ":"
	case "user":
		id := p["user_id"].(string)
		s.mentions = append(s.mentions, id)
		if len(s.mentions) > 1 || !regexp.MustCompile(`^[UW][A-Z0-9]+$`).MatchString(id) {
			s.t.Errorf("mentions %q", s.mentions)
		}
		return "@" + id
	case "link":
		return s.link(text, p["url"].(string))
	}
	s.t.Errorf("a piece of type %v", p["type"])
	return ""
}

var addressLike = regexp.MustCompile(`(?i)https?://|www\.|[\pL\pN]\.\pL\pL`)

// link checks that nothing is hidden: only what does not look like an address may
// stand in place of one, or the host that is led to itself.
func (s *seen) link(label, url string) string {
	s.links++
	if !safeLink.MatchString(url) || chars(url) > 3000 {
		s.t.Errorf("a link to %q", url)
	}
	if label == "" {
		return url
	}
	host := regexp.MustCompile(`^https?://([^/:?#]+|\[[^\]]*\])`).FindStringSubmatch(url)
	bare := label
	if host != nil {
		bare = strings.ReplaceAll(label, host[1], "")
		if strings.HasPrefix(url, label) {
			bare = ""
		}
	}
	if label != url && addressLike.MatchString(bare) {
		s.t.Errorf("%q leads to %q", label, url)
	}
	return label + " -> " + url
}

func (s *seen) plain(v any, most int) {
	o := v.(map[string]any)
	text := o["text"].(string)
	if o["type"] != "plain_text" || o["emoji"] != false || text == "" || chars(text) > most || strings.Contains(text, "\n") {
		s.t.Errorf("label %q of type %v, emoji %v", text, o["type"], o["emoji"])
	}
}

func (s *seen) control(e map[string]any) {
	id := e["action_id"].(string)
	if id == "" || s.ids[id] {
		s.t.Errorf("action_id %q is there twice", id)
	}
	s.ids[id] = true
	switch e["type"] {
	case "button":
		s.controls++
		s.plain(e["text"], 75)
		url, _ := e["url"].(string)
		value, _ := e["value"].(string)
		if (url == "") == (value == "") || url != "" && !safeLink.MatchString(url) {
			s.t.Errorf("a button with address %q and value %q", url, value)
		}
		if style := e["style"]; style != nil && style != "primary" && style != "danger" {
			s.t.Errorf("style %v", style)
		}
	case "static_select":
		s.plain(e["placeholder"], 150)
		s.controls += s.options(e["options"])
	default:
		s.t.Errorf("a control of type %v", e["type"])
	}
}

func (s *seen) options(v any) int {
	all, _ := v.([]any)
	if len(all) == 0 || len(all) > 100 {
		s.t.Errorf("%d options", len(all))
	}
	for _, o := range all {
		option := o.(map[string]any)
		s.plain(option["text"], 75)
		if value := option["value"].(string); value == "" || chars(value) > 75 {
			s.t.Errorf("value %q of an option", value)
		}
	}
	return len(all)
}

func (s *seen) input(b map[string]any) {
	s.plain(b["label"], 2000)
	if b["hint"] != nil {
		s.plain(b["hint"], 2000)
	}
	e := b["element"].(map[string]any)
	switch e["type"] {
	case "plain_text_input":
		most, _ := e["max_length"].(float64)
		value, _ := e["initial_value"].(string)
		if most < 1 || most > 3000 || float64(chars(value)) > most {
			s.t.Errorf("at most %v characters, %d are there", most, chars(value))
		}
	case "number_input":
		if _, err := json.Number(strings.TrimSpace("0")).Int64(); err != nil {
			s.t.Error(err)
		}
	case "static_select":
		if groups, ok := e["option_groups"].([]any); ok {
			for _, g := range groups {
				s.plain(g.(map[string]any)["label"], 75)
				s.options(g.(map[string]any)["options"])
			}
			return
		}
		s.options(e["options"])
	case "checkboxes":
		s.options(e["options"])
	default:
		s.t.Errorf("an input of type %v", e["type"])
	}
}
