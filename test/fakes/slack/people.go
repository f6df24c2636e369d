package slack

import (
	"slices"
	"strings"
)

// Say lets a user write a message, in the thread of threadTS unless it is empty, and
// gives its ts. The words are what the user types: "@name", "#channel" and addresses
// become entities, and & < > are escaped, as Slack's own apps do it.
func (s *Server) Say(user, channel, words, threadTS string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.say(user, channel, s.encode(words), threadTS)
}

// SayRaw is Say with a text that is encoded already.
func (s *Server) SayRaw(user, channel, encoded, threadTS string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.say(user, channel, encoded, threadTS)
}

func (s *Server) say(user, channel, encoded, threadTS string) string {
	c := s.speaker(user, channel, "Say")
	if c == nil {
		return ""
	}
	if root := c.messages.by[threadTS]; threadTS != "" && (root == nil || !root.root()) {
		s.misuse("Say: %s is no thread of %s", threadTS, channel)
		return ""
	}
	m := &message{ts: s.newTS(), thread: threadTS, user: user, text: encoded, clientID: s.clientMsgID()}
	m.blocks = s.richText(encoded)
	c.put(m)
	s.emitMessage(c, m)
	s.touch()
	return m.ts
}

// speaker finds the channel in which a user acts.
func (s *Server) speaker(user, channel, what string) *channel {
	c := s.channelFor(channel, what)
	switch {
	case c == nil:
		return nil
	case s.users.by[user] == nil:
		s.misuse("%s: no user %q", what, user)
	case !c.has(user):
		s.misuse("%s: %s is not in %s", what, user, channel)
	case c.archived:
		s.misuse("%s: %s is archived", what, channel)
	case s.users.by[user].Deleted:
		s.misuse("%s: %s is deactivated", what, user)
	default:
		return c
	}
	return nil
}

// SayAsBot lets another app write a message, and gives its ts: under a bot user's id as
// apps do today, or under any name as old webhooks do (bot_message).
func (s *Server) SayAsBot(name, channel, words, threadTS string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channelFor(channel, "SayAsBot")
	if c == nil {
		return ""
	}
	m := &message{ts: s.newTS(), thread: threadTS, subtype: "bot_message", foreignBot: name, text: s.encode(words)}
	if u := s.users.by[name]; u != nil {
		m.user, m.subtype, m.foreignBot = u.ID, "", u.Name
	}
	m.blocks = s.richText(m.text)
	c.put(m)
	s.emitMessage(c, m)
	s.touch()
	return m.ts
}

// Edit lets a user change an own message.
func (s *Server) Edit(user, channel, ts, words string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, m := s.ofUser(user, channel, ts, "Edit"); m != nil {
		encoded := s.encode(words)
		s.edit(c, m, user, content{text: encoded, blocks: s.richText(encoded), files: m.files})
	}
}

// Delete lets a user delete an own message.
func (s *Server) Delete(user, channel, ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, m := s.ofUser(user, channel, ts, "Delete"); m != nil {
		s.remove(c, m)
	}
}

func (s *Server) ofUser(user, channel, ts, what string) (*channel, *message) {
	c := s.speaker(user, channel, what)
	if c == nil {
		return nil, nil
	}
	m := c.messages.by[ts]
	if m == nil || m.user != user || m.gone {
		s.misuse("%s: %s has no message %s in %s", what, user, ts, channel)
		return nil, nil
	}
	return c, m
}

// React lets a user add a reaction ("thumbsup" or "+1", without colons).
func (s *Server) React(user, channel, ts, emoji string) { s.react(user, channel, ts, emoji, true) }

// Unreact lets a user take a reaction back.
func (s *Server) Unreact(user, channel, ts, emoji string) { s.react(user, channel, ts, emoji, false) }

func (s *Server) react(user, channel, ts, emoji string, add bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.speaker(user, channel, "React")
	if c == nil {
		return
	}
	m := c.messages.by[ts]
	if m == nil || m.gone {
		s.misuse("React: no message %s in %s", ts, channel)
		return
	}
	if code := s.reactTo(c, m, user, emoji, add); code != "" {
		s.misuse("React: %s", code)
	}
}

// reactTo adds or takes back a reaction and tells the app; it gives Slack's code if
// that is not possible.
func (s *Server) reactTo(c *channel, m *message, user, emoji string, add bool) string {
	emoji = strings.Trim(emoji, ":")
	i := slices.IndexFunc(m.reactions, func(r *reaction) bool { return r.name == emoji })
	there := i >= 0 && slices.Contains(m.reactions[i].users, user)
	kind := "reaction_added"
	switch {
	case add && there:
		return "already_reacted"
	case !add && !there:
		return "no_reaction"
	case add && i < 0:
		m.reactions = append(m.reactions, &reaction{name: emoji, users: []string{user}})
	case add:
		m.reactions[i].users = append(m.reactions[i].users, user)
	default:
		kind = "reaction_removed"
		m.reactions[i].users = without(m.reactions[i].users, []string{user})
		if len(m.reactions[i].users) == 0 {
			m.reactions = slices.Delete(m.reactions, i, i+1)
		}
	}
	event := object{
		"type": kind, "user": user, "reaction": emoji, "item": object{"type": "message", "channel": c.id, "ts": m.ts}, "event_ts": s.newTS(),
	}
	optional(event, "item_user", m.user)
	s.emitIn(c, event)
	s.touch()
	return ""
}

func (s *Server) reactionsChange(c *call) (object, *apiError) {
	ch, m, refused := s.item(c)
	if refused != nil {
		return nil, refused
	}
	if code := s.reactTo(ch, m, s.BotUserID, c.str("name"), c.method.name == "reactions.add"); code != "" {
		return nil, fail(code)
	}
	return object{}, nil
}

func (s *Server) reactionsGet(c *call) (object, *apiError) {
	ch, m, refused := s.item(c)
	if refused != nil {
		return nil, refused
	}
	return object{"type": "message", "channel": ch.id, "message": s.wireMessage(ch, m)}, nil
}

// item is the message that a reactions method is about.
func (s *Server) item(c *call) (*channel, *message, *apiError) {
	ch, refused := s.seen(c, "")
	if refused != nil {
		return nil, nil, refused
	}
	m := ch.messages.by[c.str("timestamp")]
	switch {
	case m == nil || m.gone:
		return nil, nil, fail("message_not_found")
	case !ch.has(s.BotUserID):
		return nil, nil, fail("not_in_channel")
	}
	return ch, m, nil
}
