package slack

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// gate is what an event needs to reach the app: a subscription, and a scope for it.
func gate(kind string, c *channel) (subscription, scope string) {
	switch kind {
	case "message":
		return "message." + map[ChannelKind]string{Public: "channels", Private: "groups", Direct: "im", GroupChat: "mpim"}[c.kind], c.scope("history")
	case "app_mention":
		return kind, "app_mentions:read"
	case "reaction_added", "reaction_removed":
		return kind, "reactions:read"
	case "user_change":
		return kind, "users:read"
	case "subteam_members_changed", "subteam_updated":
		return kind, "usergroups:read"
	case "channel_rename", "channel_archive", "channel_unarchive":
		return kind, "channels:read"
	case "group_rename", "group_archive", "group_unarchive":
		return kind, "groups:read"
	case "member_joined_channel", "member_left_channel":
		return kind, c.scope("read")
	}
	return kind, ""
}

// emitIn sends an event of a channel, if the bot is there to hear of it.
func (s *Server) emitIn(c *channel, event object) {
	public := c.kind == Public && strings.HasPrefix(text(event["type"]), "channel_") // told of any public channel
	if c.has(s.BotUserID) || public {
		s.emitGated(c, event)
	}
}

// emit sends an event that belongs to no channel; key is what keeps its order.
func (s *Server) emit(kind, key string, event object) {
	subscription, scope := gate(kind, nil)
	if slices.Contains(s.cfg.events, subscription) && (scope == "" || s.scoped(scope)) {
		s.send(key, event, nil)
	}
}

func (s *Server) emitGated(c *channel, event object) {
	subscription, scope := gate(text(event["type"]), c)
	if slices.Contains(s.cfg.events, subscription) && (scope == "" || s.scoped(scope)) {
		s.send(c.id, event, c)
	}
}

// send wraps an event and queues it. The lock is held.
func (s *Server) send(key string, event object, c *channel) {
	kind := text(event["type"])
	where := ""
	if c != nil {
		where = c.id
	}
	s.ids++
	outer := object{
		"token": "fixed-value", "team_id": s.TeamID, "api_app_id": s.AppID, "event": event, "type": "event_callback",
		"event_id": strings.Replace(s.newID("Ev"), "Ev0", "Ev0F", 1), "event_time": s.clock.Now().Unix(),
		"authorizations": []object{{
			"enterprise_id": nil, "team_id": s.TeamID, "user_id": s.BotUserID, "is_bot": true, "is_enterprise_install": false,
		}},
		"is_ext_shared_channel": c != nil && c.shared, "event_context": "4-" + kind + "-" + s.TeamID + "-" + where,
	}
	body, err := json.Marshal(outer)
	if err != nil {
		s.misuse("encode a %s event: %v", kind, err)
		return
	}
	s.enqueue(&delivery{key: key, id: text(outer["event_id"]), kind: kind, body: body})
}

// emitMessage tells the app of a new message, and of a mention of it.
func (s *Server) emitMessage(c *channel, m *message) {
	event := s.wireMessage(c, m)
	for _, k := range []string{"reply_count", "reply_users", "reply_users_count", "latest_reply", "is_locked", "subscribed"} {
		delete(event, k)
	}
	if m.metadata != nil {
		event["metadata"] = m.metadata
	}
	event["channel"], event["channel_type"], event["event_ts"] = c.id, c.channelType(), m.ts
	s.emitIn(c, event)
	if s.mentions(m.text) && !m.bot && c.kind != Direct {
		s.emitMention(c, event)
	}
}

// emitMention sends the second event that a mention causes: another event id, the same ts.
func (s *Server) emitMention(c *channel, message object) {
	event := maps.Clone(message)
	event["type"] = "app_mention"
	delete(event, "channel_type")
	delete(event, "parent_user_id")
	delete(event, "metadata")
	s.emitIn(c, event)
}

func (s *Server) mentions(text string) bool {
	return strings.Contains(text, "<@"+s.BotUserID+">") || strings.Contains(text, "<@"+s.BotUserID+"|")
}

// emitChanged tells the app of an edit. An edit that adds a mention of the bot is a
// mention too, with the ts of the message.
func (s *Server) emitChanged(c *channel, m *message, before object) {
	after := s.wireMessage(c, m)
	if m.editedTS != "" { // also where people don't see it
		after["edited"] = object{"user": m.editedBy, "ts": m.editedTS}
	}
	mention := !m.bot && c.kind != Direct && s.mentions(m.text) && !s.mentions(text(before["text"]))
	if mention {
		again := maps.Clone(after)
		again["channel"], again["event_ts"] = c.id, m.ts
		s.emitMention(c, again)
	}
	after["source_team"], after["user_team"] = s.TeamID, s.teamOf(m.user)
	s.emitHidden(c, object{"subtype": "message_changed", "message": after, "previous_message": before})
}

func (s *Server) emitDeleted(c *channel, m *message, before object) {
	if m.root() && len(c.replies(m.ts)) > 0 {
		tomb := object{"type": "message", "subtype": "tombstone", "text": "This message was deleted.", "user": "USLACKBOT", "hidden": true, "ts": m.ts}
		s.wireThread(c, m, tomb)
		s.emitHidden(c, object{"subtype": "message_changed", "message": tomb, "previous_message": before})
		return
	}
	s.emitHidden(c, object{"subtype": "message_deleted", "deleted_ts": m.ts, "previous_message": before})
}

// emitHidden sends a message event that shows nothing itself.
func (s *Server) emitHidden(c *channel, event object) {
	ts := s.newTS()
	event["type"], event["hidden"], event["channel"], event["channel_type"] = "message", true, c.id, c.channelType()
	event["ts"], event["event_ts"] = ts, ts
	s.emitIn(c, event)
}
