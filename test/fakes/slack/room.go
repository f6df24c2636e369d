package slack

import (
	"cmp"
	"maps"
	"slices"
)

// Message is a message as a person sees it, at the time it was asked for.
type Message struct {
	Channel, TS string
	Thread      string // ts of the thread's root; "" outside threads, own ts for a root
	Subtype     string // channel_join, file_share, bot_message, ...; "" for what was simply said
	User        string // id; "" for another app's
	Name        string // as shown
	Bot         bool   // of our app
	Raw         string // the text field as stored; what notifications show when there are blocks
	Blocks      []any
	Attachments []any
	Color       string // of the first attachment that has one
	Metadata    map[string]any
	Edited      bool // people see "(edited)"
	Edits       int
	Earlier     []string // texts before each edit, as Text gives them
	Deleted     bool     // a tombstone
	OnlyFor     string   // the user who alone sees it
	Reactions   map[string][]string
	Files       []File
	Replies     int
	Controls    []Control // buttons, selects and inputs, in order
	Mentions    []string  // who is notified: user ids, group ids, "channel", "here", "everyone"
	Links       []Link

	words string
}

// Text is what can be read, line by line: names for ids, links as "label (address)",
// emphasis as it was marked. Buttons are not part of it.
func (m Message) Text() string { return m.words }

// Buttons lists the buttons alone.
func (m Message) Buttons() []Control {
	return slices.DeleteFunc(slices.Clone(m.Controls), func(c Control) bool { return c.Kind != "button" })
}

// Button finds a button by its label or action id.
func (m Message) Button(labelOrAction string) (Control, bool) {
	return findControl(m.Controls, labelOrAction)
}

// Messages lists what everybody sees in a channel, replies included, in order of time.
func (s *Server) Messages(channel string) []Message {
	return s.look(channel, func(*message) bool { return true })
}

// Thread lists a thread: its root, then the replies.
func (s *Server) Thread(channel, root string) []Message {
	return s.look(channel, func(m *message) bool { return m.ts == root || m.thread == root })
}

// FromBot lists the app's own messages in a channel.
func (s *Server) FromBot(channel string) []Message {
	return s.look(channel, func(m *message) bool { return m.bot })
}

// Message gives one message; false if it is not there.
func (s *Server) Message(channel, ts string) (Message, bool) {
	found := s.look(channel, func(m *message) bool { return m.ts == ts })
	if len(found) == 0 {
		return Message{}, false
	}
	return found[0], true
}

// Ephemerals lists what a user alone sees in a channel.
func (s *Server) Ephemerals(user, channel string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Message
	if c := s.channels.by[channel]; c != nil {
		for _, m := range c.hidden {
			if m.to == user && !m.gone {
				out = append(out, s.picture(c, m))
			}
		}
	}
	return out
}

func (s *Server) look(channel string, want func(*message) bool) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels.by[channel]
	if c == nil {
		return nil
	}
	var out []Message
	for _, m := range c.messages.all() {
		if want(m) && (!m.gone || m.root() && len(c.replies(m.ts)) > 0) {
			out = append(out, s.picture(c, m))
		}
	}
	return out
}

// picture is a message as it looks now. The lock is held.
func (s *Server) picture(c *channel, m *message) Message {
	out := Message{
		Channel: c.id, TS: m.ts, Thread: m.thread, Subtype: m.subtype, User: m.user, Bot: m.bot, Raw: m.text, Blocks: m.blocks, Attachments: m.attachments,
		Metadata: maps.Clone(m.metadata), Edited: m.editedTS != "" && !m.silent, Edits: len(m.past), Deleted: m.gone, OnlyFor: m.to,
		Name: cmp.Or(m.username, m.foreignBot, s.displayName(m.user)), Reactions: map[string][]string{},
	}
	if m.gone {
		out.words = "This message was deleted."
		return out
	}
	for _, r := range m.reactions {
		out.Reactions[r.name] = slices.Clone(r.users)
	}
	for _, f := range m.files {
		out.Files = append(out.Files, f.picture())
	}
	if m.thread == m.ts {
		out.Replies = len(c.replies(m.ts))
	}
	seen := s.read(revision{m.text, m.blocks, m.attachments})
	out.words, out.Color, out.Controls, out.Mentions, out.Links = seen.words(), seen.color, seen.controls, seen.mentions, seen.links
	for _, old := range m.past {
		before := s.read(old)
		out.Earlier = append(out.Earlier, before.words())
	}
	return out
}
