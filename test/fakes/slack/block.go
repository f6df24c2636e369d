package slack

import (
	"fmt"
	"maps"
	"unicode/utf8"
)

// surface is where blocks are shown; each has its own bounds and kinds.
type surface int

const (
	onMessage surface = iota
	onModal
	onHome
)

// most is how many blocks fit.
func (where surface) most() int {
	if where == onMessage {
		return 50
	}
	return 100
}

// blockRules are the rules of Block Kit, per surface.
type blockRules struct {
	blocks map[surface]map[string]rule // by type
	views  map[surface]rule
}

// maxTableText bounds all cells of a message's table.
const maxTableText = 10000

// checkBlocks checks blocks as Slack does, and gives its complaint. The lock is held.
func (s *Server) checkBlocks(where surface, blocks []any) *apiError {
	p := &problems{}
	if len(blocks) > where.most() {
		p.add("/blocks", "no more than %d items allowed", where.most())
	}
	u := uses{blockIDs: map[string]bool{}, actionIDs: map[string]bool{}}
	for i, b := range blocks {
		at := fmt.Sprintf("/blocks/%d", i)
		tagged(s.grams.blocks[where])(p, at, b)
		if where != onMessage { // only there a press must be told by its action alone
			u.actionIDs = map[string]bool{}
		}
		u.count(p, at, b)
	}
	switch {
	case len(p.all) > 0:
		refused := invalid("invalid_blocks", p.all...)
		refused.more["errors"] = p.all
		return refused
	case u.tables > 1:
		return invalid("invalid_attachments", "only_one_table_allowed")
	case u.tableText > maxTableText:
		return invalid("invalid_blocks", fmt.Sprintf("table cells must have less than %d characters together [json-pointer:/blocks]", maxTableText+1))
	case where == onMessage && len(blocks) > 0 && u.text+blockCost*len(blocks) > maxBlockText:
		return fail("msg_blocks_too_long")
	}
	return nil
}

// uses counts what must be unique or bounded over all blocks.
type uses struct {
	blockIDs, actionIDs     map[string]bool
	tables, tableText, text int
}

func (u *uses) count(p *problems, at string, v any) {
	b, ok := v.(map[string]any)
	if !ok {
		return
	}
	u.unique(p, at+"/block_id", u.blockIDs, b["block_id"])
	if text(b["type"]) == "table" {
		u.tables++
		u.tableText += measure(b["rows"])
		return
	}
	u.text += measure(b)
	for _, e := range listOf(b["elements"]) {
		if element, ok := e.(map[string]any); ok {
			u.unique(p, at+"/elements/action_id", u.actionIDs, element["action_id"])
		}
	}
	// An input's element is found by its block: vendors' own samples repeat its action.
	if element, ok := b["accessory"].(map[string]any); ok {
		u.unique(p, at+"/accessory/action_id", u.actionIDs, element["action_id"])
	}
}

func (u *uses) unique(p *problems, at string, seen map[string]bool, id any) {
	name := text(id)
	if name == "" {
		return
	}
	if seen[name] {
		p.add(at, "%q already exists", name)
	}
	seen[name] = true
}

// measure counts the characters of all texts below v.
func measure(v any) int {
	n := 0
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			n += measure(e)
		}
	case map[string]any:
		for k, e := range v {
			if t, ok := e.(string); ok && k == "text" {
				n += utf8.RuneCountInString(t)
				continue
			}
			n += measure(e)
		}
	}
	return n
}

// checkSurface checks a form or an App Home. The lock is held.
func (s *Server) checkSurface(where surface, body map[string]any) *apiError {
	p := &problems{}
	s.grams.views[where](p, "/view", map[string]any(body))
	blocks := listOf(body["blocks"])
	for _, b := range blocks {
		if block, _ := b.(map[string]any); where == onModal && text(block["type"]) == "input" && body["submit"] == nil {
			p.add("/view", "missing required field: submit")
			break
		}
	}
	if len(p.all) > 0 {
		return invalid("invalid_arguments", p.all...)
	}
	if refused := s.checkBlocks(where, blocks); refused != nil {
		refused.code = "invalid_arguments"
		return refused
	}
	return nil
}

// checkAttachment checks a secondary attachment: blocks with a color, or the old fields.
func (s *Server) checkAttachment(v any) *apiError {
	p := &problems{}
	fields := dictOf(nil, optionalFields(
		"color", shortText(20), "fallback", shortText(maxText), "text", shortText(maxText), "pretext", shortText(maxText), "title", shortText(maxText),
		"title_link", address(3000), "author_name", shortText(255), "author_link", address(3000), "author_icon", address(3000), "footer", shortText(300),
		"footer_icon", address(3000), "image_url", address(3000), "thumb_url", address(3000), "callback_id", shortText(255), "ts", anything,
		"mrkdwn_in", items(0, 10, shortText(20)), "fields", items(0, 100, dictOf(nil, optionalFields("title", shortText(maxText), "value", shortText(maxText), "short", boolean))),
		"blocks", anything, "id", anything,
	))
	fields(p, "/attachments", v)
	a, _ := v.(map[string]any)
	if len(p.all) > 0 {
		return invalid("invalid_attachments", p.all...)
	}
	if blocks := listOf(a["blocks"]); blocks != nil {
		return s.checkBlocks(onMessage, blocks)
	}
	return nil
}

// blockID makes an id as Slack does for blocks without. The lock is held.
func (s *Server) blockID() string {
	s.ids++
	return fmt.Sprintf("b%04x", s.ids)
}

// complete gives blocks the ids and defaults that Slack adds. The lock is held.
func (s *Server) complete(blocks []any) []any {
	out := make([]any, 0, len(blocks))
	for _, v := range blocks {
		b, ok := completeText(v).(map[string]any)
		if !ok {
			continue
		}
		if text(b["block_id"]) == "" {
			b["block_id"] = s.blockID()
		}
		for _, k := range []string{"accessory", "element"} {
			b[k] = s.withAction(b[k])
			if b[k] == nil {
				delete(b, k)
			}
		}
		if t := text(b["type"]); t == "actions" {
			elements := make([]any, 0)
			for _, e := range listOf(b["elements"]) {
				elements = append(elements, s.withAction(e))
			}
			b["elements"] = elements
		}
		if text(b["type"]) == "input" && b["optional"] == nil {
			b["optional"] = false
		}
		out = append(out, b)
	}
	return out
}

func (s *Server) withAction(v any) any {
	e, ok := v.(map[string]any)
	if ok && text(e["type"]) != "image" && text(e["action_id"]) == "" {
		e["action_id"] = s.blockID()
	}
	return v
}

// completeText copies v and gives every text object its defaults.
func completeText(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = completeText(v[i])
		}
		return out
	case map[string]any:
		out := maps.Clone(v)
		for k := range out {
			out[k] = completeText(out[k])
		}
		switch text(out["type"]) {
		case "plain_text":
			if out["emoji"] == nil {
				out["emoji"] = true
			}
		case "mrkdwn":
			if out["verbatim"] == nil {
				out["verbatim"] = false
			}
			out["text"] = storeText(text(out["text"]))
		}
		return out
	}
	return v
}
