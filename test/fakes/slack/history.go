package slack

import (
	"cmp"
	"slices"
	"strings"
)

// bounds are the oldest and latest of a timeline call.
type bounds struct {
	oldest, latest string
	inclusive      bool
}

func (b bounds) has(ts string) bool {
	if b.oldest != "" && (ts < b.oldest || ts == b.oldest && !b.inclusive) {
		return false
	}
	return b.latest == "" || ts < b.latest || ts == b.latest && b.inclusive
}

// timeline reads the bounds; Slack takes timestamps and plain seconds.
func (c *call) timeline() (bounds, *apiError) {
	b := bounds{inclusive: c.flag("inclusive")}
	for _, arg := range []struct {
		name string
		to   *string
	}{{"oldest", &b.oldest}, {"latest", &b.latest}} {
		v := c.str(arg.name)
		if v == "" || v == "0" || v == "now" {
			continue
		}
		whole, micros, _ := strings.Cut(v, ".")
		full := whole + "." + (micros + "000000")[:6]
		if !isStamp(full) {
			return b, fail("invalid_ts_" + arg.name)
		}
		*arg.to = full
	}
	return b, nil
}

func (s *Server) conversationsHistory(c *call) (object, *apiError) {
	ch, refused := s.readable(c)
	if refused != nil {
		return nil, refused
	}
	b, refused := c.timeline()
	if refused != nil {
		return nil, refused
	}
	var found []*message
	for _, m := range ch.messages.all() {
		if b.has(m.ts) && (m.root() || m.broadcast) && (!m.gone || len(ch.replies(m.ts)) > 0) {
			found = append(found, m)
		}
	}
	slices.Reverse(found) // the newest first
	out, refused := s.pageOf(c, ch, found, 100, 999)
	if refused == nil {
		out["pin_count"], out["channel_actions_ts"], out["channel_actions_count"] = 0, nil, 0
		optional(out, "oldest", c.str("oldest"))
	}
	return out, refused
}

func (s *Server) conversationsReplies(c *call) (object, *apiError) {
	ch, refused := s.readable(c)
	if refused != nil {
		return nil, refused
	}
	b, refused := c.timeline()
	if refused != nil {
		return nil, refused
	}
	m := ch.messages.by[c.str("ts")]
	if m == nil || m.gone && len(ch.replies(m.ts)) == 0 {
		return nil, fail("thread_not_found")
	}
	root := m
	if !m.root() {
		root = ch.messages.by[m.thread]
	}
	found := []*message{root} // always, whatever the bounds
	for _, r := range ch.replies(root.ts) {
		if b.has(r.ts) {
			found = append(found, r)
		}
	}
	return s.pageOf(c, ch, found, 1000, 1000)
}

// readable finds a channel whose messages the bot may read: only as a member.
func (s *Server) readable(c *call) (*channel, *apiError) {
	ch, refused := s.seen(c, "history")
	if refused == nil && !ch.has(s.BotUserID) {
		return nil, fail("not_in_channel")
	}
	return ch, refused
}

// pageOf cuts a page out of messages that are in the order of the answer.
func (s *Server) pageOf(c *call, ch *channel, found []*message, otherwise, most int) (object, *apiError) {
	limit := cmp.Or(c.num("limit", otherwise), otherwise)
	if limit < 1 || limit > most+1 {
		return nil, fail("invalid_limit")
	}
	if cursor := c.str("cursor"); cursor != "" {
		at := slices.IndexFunc(found, func(m *message) bool { return "next_ts:"+strings.ReplaceAll(m.ts, ".", "") == decodeCursor(cursor) })
		if at < 0 {
			return nil, fail("invalid_cursor")
		}
		found = found[at:]
	}
	out := object{"messages": []object{}, "has_more": len(found) > limit}
	if len(found) > limit {
		out["response_metadata"] = object{"next_cursor": encodeCursor("next_ts:" + strings.ReplaceAll(found[limit].ts, ".", ""))}
		found = found[:limit]
	}
	wire := make([]object, 0, len(found))
	for _, m := range found {
		wire = append(wire, s.wireHistoric(c, ch, m))
	}
	out["messages"] = wire
	return out, nil
}

// wireHistoric is a message in an answer: metadata only when asked for, a root that
// was deleted as its tombstone.
func (s *Server) wireHistoric(c *call, ch *channel, m *message) object {
	if m.gone {
		out := object{"type": "message", "subtype": "tombstone", "text": "This message was deleted.", "user": "USLACKBOT", "hidden": true, "ts": m.ts}
		s.wireThread(ch, m, out)
		return out
	}
	out := s.wireMessage(ch, m)
	if m.metadata != nil && c.flag("include_all_metadata") {
		out["metadata"] = m.metadata
	}
	return out
}
