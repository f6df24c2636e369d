package slack

import (
	"encoding/base64"
	"slices"
	"strings"
)

// seen finds a channel that the bot may know of: public ones, and where it is a
// member. Others do not exist for it.
func (s *Server) seen(c *call, area string) (*channel, *apiError) {
	ch := s.channels.by[c.str("channel")]
	if ch == nil || ch.kind != Public && !ch.has(s.BotUserID) {
		return nil, fail("channel_not_found")
	}
	if area != "" {
		if refused := s.missing(c.token, []string{ch.scope(area)}); refused != nil {
			return nil, refused
		}
	}
	return ch, nil
}

// wireChannel is the conversation object. The lock is held.
func (s *Server) wireChannel(c *channel) object {
	out := object{
		"id": c.id, "created": c.created, "is_archived": c.archived, "is_im": c.kind == Direct, "is_org_shared": false,
		"context_team_id": s.TeamID, "updated": c.created * 1000,
	}
	if c.kind == Direct {
		out["user"], out["is_user_deleted"], out["priority"], out["is_open"] = c.members[0], s.isDeleted(c.members[0]), 0, true
		return out
	}
	topic := object{"value": c.topic, "creator": "", "last_set": 0}
	more := object{
		"name": c.name, "name_normalized": c.name, "is_channel": c.kind == Public, "is_group": c.kind == Private, "is_mpim": c.kind == GroupChat,
		"is_private": c.kind != Public, "is_general": false, "is_shared": c.shared, "is_ext_shared": c.shared, "is_pending_ext_shared": false,
		"pending_shared": []string{}, "pending_connected_team_ids": []string{}, "shared_team_ids": []string{s.TeamID}, "parent_conversation": nil,
		"creator": s.BotUserID, "unlinked": 0, "is_member": c.has(s.BotUserID), "topic": topic,
		"purpose": object{"value": "", "creator": "", "last_set": 0}, "previous_names": append([]string{}, c.previous...),
	}
	for k, v := range more {
		out[k] = v
	}
	return out
}

func (s *Server) isDeleted(user string) bool { u := s.users.by[user]; return u != nil && u.Deleted }

func (s *Server) conversationsInfo(c *call) (object, *apiError) {
	ch, refused := s.seen(c, "read")
	if refused != nil {
		return nil, refused
	}
	out := s.wireChannel(ch)
	if c.flag("include_num_members") {
		out["num_members"] = len(ch.members)
	}
	if c.flag("include_locale") {
		out["locale"] = "en-US"
	}
	return object{"channel": out}, nil
}

func (s *Server) conversationsList(c *call) (object, *apiError) {
	return s.listChannels(c, func(ch *channel) bool { return ch.kind == Public || ch.has(s.BotUserID) })
}

func (s *Server) usersConversations(c *call) (object, *apiError) {
	user := c.str("user")
	if user == "" {
		user = s.BotUserID
	}
	return s.listChannels(c, func(ch *channel) bool {
		return ch.has(user) && (ch.kind == Public || ch.has(s.BotUserID))
	})
}

func (s *Server) listChannels(c *call, visible func(*channel) bool) (object, *apiError) {
	kinds := []string{string(Public)}
	if types := c.str("types"); types != "" {
		kinds = strings.Split(types, ",")
	}
	for _, k := range kinds {
		probe := &channel{kind: ChannelKind(k)}
		if probe.channelType() == "" {
			return nil, fail("invalid_types")
		}
		if refused := s.missing(c.token, []string{probe.scope("read")}); refused != nil {
			return nil, refused
		}
	}
	var ids []string
	for _, ch := range s.channels.all() {
		if slices.Contains(kinds, string(ch.kind)) && visible(ch) && !(ch.archived && c.flag("exclude_archived")) {
			ids = append(ids, ch.id)
		}
	}
	page, next, refused := paginate(c, ids, 100, 1000)
	if refused != nil {
		return nil, refused
	}
	out := []object{}
	for _, id := range page {
		wire := s.wireChannel(s.channels.by[id])
		wire["num_members"] = len(s.channels.by[id].members)
		out = append(out, wire)
	}
	return object{"channels": out, "response_metadata": object{"next_cursor": next}}, nil
}

func (s *Server) conversationsMembers(c *call) (object, *apiError) {
	ch, refused := s.seen(c, "read")
	if refused != nil {
		return nil, refused
	}
	page, next, refused := paginate(c, ch.members, 100, 1000)
	if refused != nil {
		return nil, refused
	}
	return object{"members": append([]string{}, page...), "response_metadata": object{"next_cursor": next}}, nil
}

func (s *Server) conversationsJoin(c *call) (object, *apiError) {
	ch, refused := s.seen(c, "")
	switch {
	case refused != nil:
		return nil, refused
	case ch.kind != Public:
		return nil, fail("method_not_supported_for_channel_type")
	case ch.archived:
		return nil, fail("is_archived")
	}
	if ch.has(s.BotUserID) {
		return object{
			"channel": s.wireChannel(ch), "warning": "already_in_channel",
			"response_metadata": object{"warnings": []string{"already_in_channel"}},
		}, nil
	}
	s.join(ch, s.BotUserID, "")
	return object{"channel": s.wireChannel(ch)}, nil
}

func (s *Server) conversationsLeave(c *call) (object, *apiError) {
	ch, refused := s.seen(c, "")
	switch {
	case refused != nil:
		return nil, refused
	case ch.kind == Direct:
		return nil, fail("method_not_supported_for_channel_type")
	case ch.archived:
		return nil, fail("is_archived")
	case !ch.has(s.BotUserID):
		return object{"not_in_channel": true}, nil
	}
	needed := ch.scope("write")
	if ch.kind == Public {
		needed = "channels:manage"
	}
	if refused := s.missing(c.token, []string{needed}); refused != nil {
		return nil, refused
	}
	s.leave(ch, s.BotUserID)
	return object{}, nil
}

func (s *Server) conversationsOpen(c *call) (object, *apiError) {
	ch, already, refused := s.opened(c)
	if refused != nil {
		return nil, refused
	}
	if refused := s.missing(c.token, []string{ch.scope("write")}); refused != nil {
		return nil, refused
	}
	out := object{"channel": object{"id": ch.id}}
	if c.flag("return_im") {
		out["channel"] = s.wireChannel(ch)
	}
	if already {
		out["no_op"], out["already_open"] = true, true
	}
	return out, nil
}

func (s *Server) opened(c *call) (ch *channel, already bool, refused *apiError) {
	if id := c.str("channel"); id != "" {
		ch = s.channels.by[id]
		switch {
		case ch == nil || !ch.has(s.BotUserID):
			return nil, false, fail("channel_not_found")
		case ch.kind != Direct && ch.kind != GroupChat:
			return nil, false, fail("method_not_supported_for_channel_type")
		}
		return ch, true, nil
	}
	if c.str("users") == "" {
		return nil, false, fail("users_list_not_supplied")
	}
	users := strings.Split(c.str("users"), ",")
	for _, id := range users {
		u := s.users.by[id]
		switch {
		case u == nil:
			return nil, false, fail("user_not_found")
		case u.Deleted:
			return nil, false, fail("user_disabled")
		case id == s.BotUserID:
			return nil, false, fail("cannot_dm_bot")
		}
	}
	if len(users) > 8 {
		return nil, false, fail("too_many_users")
	}
	before := len(s.channels.order)
	ch = s.direct(users...)
	return ch, len(s.channels.order) == before, nil
}

func encodeCursor(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func decodeCursor(s string) string {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return ""
	}
	return string(b)
}
