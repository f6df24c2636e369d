package slack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// message is a message as the workspace keeps it.
type message struct {
	ts, thread  string // thread: the root's ts, also of a root with replies; "" outside
	user        string
	bot         bool   // posted by our app
	foreignBot  string // name of another app that posted it
	subtype     string
	text        string // as stored: entities and escapes
	clientID    string
	blocks      []any
	attachments []any
	metadata    map[string]any
	editedBy    string
	editedTS    string
	silent      bool // edited with blocks: no "(edited)" is shown
	broadcast   bool
	files       []*file
	reactions   []*reaction
	more        object // what its subtype adds
	to          string // the only one who sees it
	gone        bool   // deleted; a tombstone while it has replies
	past        []revision
	username    string
}

// revision is what a message showed before an edit.
type revision struct {
	text                string
	blocks, attachments []any
}

type reaction struct {
	name  string
	users []string
}

func (m *message) root() bool { return m.thread == "" || m.thread == m.ts }

// replies lists the visible messages of a thread below its root.
func (c *channel) replies(root string) []*message {
	var out []*message
	for _, m := range c.messages.all() {
		if m.thread == root && m.ts != root && !m.gone {
			out = append(out, m)
		}
	}
	return out
}

// put stores a message; a reply makes its root a thread.
func (c *channel) put(m *message) {
	c.messages.add(m.ts, m)
	if root := c.messages.by[m.thread]; root != nil && root != m {
		root.thread = root.ts
	}
}

// notice posts what Slack itself says in a channel ("alice has joined"), and tells the app.
func (s *Server) notice(c *channel, user, subtype, words string, more object) {
	m := &message{ts: s.newTS(), user: user, subtype: subtype, text: words, more: object{}}
	for k, v := range more {
		if v != "" {
			m.more[k] = v
		}
	}
	c.put(m)
	s.emitMessage(c, m)
}

// wireMessage is the message object. The lock is held.
func (s *Server) wireMessage(c *channel, m *message) object {
	out := object{"type": "message", "text": m.text, "ts": m.ts}
	if m.user != "" {
		out["user"] = m.user
	}
	switch {
	case m.bot:
		out["bot_id"], out["app_id"], out["team"], out["bot_profile"] = s.BotID, s.AppID, s.TeamID, s.botProfile()
	case m.foreignBot != "":
		s.wireForeign(m, out)
	case m.subtype == "" || m.subtype == "file_share":
		out["client_msg_id"], out["team"] = m.clientID, s.teamOf(m.user)
	}
	optional(out, "subtype", m.subtype)
	if len(m.blocks) > 0 {
		out["blocks"] = m.blocks
	}
	if len(m.attachments) > 0 {
		out["attachments"] = m.attachments
	}
	if m.editedTS != "" && !m.silent {
		out["edited"] = object{"user": m.editedBy, "ts": m.editedTS}
	}
	for k, v := range m.more {
		out[k] = v
	}
	s.wireThread(c, m, out)
	s.wireExtras(m, out)
	return out
}

// wireForeign says whose a message of another app is.
func (s *Server) wireForeign(m *message, out object) {
	out["bot_id"] = "B0" + strings.ToUpper(m.foreignBot)
	if m.subtype != "" {
		out["username"] = m.foreignBot
		return
	}
	out["app_id"], out["team"] = "A0"+strings.ToUpper(m.foreignBot), s.TeamID
	profile := s.botProfile()
	profile["id"], profile["app_id"], profile["name"] = out["bot_id"], out["app_id"], m.foreignBot
	out["bot_profile"] = profile
}

func (s *Server) wireThread(c *channel, m *message, out object) {
	if m.thread == "" {
		return
	}
	out["thread_ts"] = m.thread
	if m.thread != m.ts {
		if root := c.messages.by[m.thread]; root != nil {
			optional(out, "parent_user_id", root.user)
		}
		return
	}
	replies := c.replies(m.ts)
	if len(replies) == 0 {
		delete(out, "thread_ts")
		return
	}
	var who []string
	for _, r := range replies {
		if !slices.Contains(who, r.user) {
			who = append(who, r.user)
		}
	}
	out["reply_count"], out["reply_users"], out["reply_users_count"] = len(replies), who, len(who)
	out["latest_reply"], out["is_locked"], out["subscribed"] = replies[len(replies)-1].ts, false, false
}

func (s *Server) wireExtras(m *message, out object) {
	if len(m.files) > 0 {
		all := []object{}
		for _, f := range m.files {
			all = append(all, s.wireFile(f))
		}
		out["files"], out["upload"], out["display_as_bot"] = all, true, false
	}
	if r := wireReactions(m); len(r) > 0 {
		out["reactions"] = r
	}
}

func wireReactions(m *message) []object {
	var out []object
	for _, r := range m.reactions {
		out = append(out, object{"name": r.name, "users": slices.Clone(r.users), "count": len(r.users)})
	}
	return out
}

func (s *Server) botProfile() object {
	return object{
		"id": s.BotID, "deleted": false, "name": s.cfg.botName, "updated": int64(1700000000), "app_id": s.AppID,
		"icons": s.icons(), "team_id": s.TeamID,
	}
}

func optional(o object, key, value string) {
	if value != "" {
		o[key] = value
	}
}

// clientMsgID is what Slack's own apps put on what people write. The lock is held.
func (s *Server) clientMsgID() string {
	s.ids++
	return fmt.Sprintf("%08x-28e3-4ef8-9385-b88343560de6", s.ids)
}

// displayName is how a person appears in a channel.
func (s *Server) displayName(user string) string {
	if u := s.users.by[user]; u != nil {
		return cmp.Or(u.DisplayName, u.RealName, u.Name)
	}
	return user
}
