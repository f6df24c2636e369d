package slack

import (
	"cmp"
	"slices"
	"strings"
)

// ChannelKind is what a conversation is.
type ChannelKind string

// The kinds, in the words of conversations.list.
const (
	Public    ChannelKind = "public_channel"
	Private   ChannelKind = "private_channel"
	Direct    ChannelKind = "im"
	GroupChat ChannelKind = "mpim"
)

// Channel describes a conversation to add.
type Channel struct {
	ID      string // made when empty: C..., or G... for private ones
	Name    string // without "#"
	Kind    ChannelKind
	Members []string // user ids; the bot is one when it is listed
	Topic   string
	Shared  bool // with another organisation (Slack Connect)
}

// channel is a conversation as the workspace keeps it.
type channel struct {
	id, name string
	kind     ChannelKind
	members  []string
	previous []string // earlier names
	topic    string
	archived bool
	shared   bool
	created  int64
	messages list[*message] // in the order of their ts, replies among them
	hidden   []*message     // ephemeral ones
}

func (c *channel) has(user string) bool { return slices.Contains(c.members, user) }

// AddChannel adds a conversation and gives its id.
func (s *Server) AddChannel(c Channel) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addChannel(c).id
}

func (s *Server) addChannel(c Channel) *channel {
	c.Kind = cmp.Or(c.Kind, Public)
	if c.ID == "" {
		c.ID = s.newID(map[ChannelKind]string{Public: "C", Private: "G", Direct: "D", GroupChat: "G"}[c.Kind])
	}
	added := &channel{
		id: c.ID, name: c.Name, kind: c.Kind, members: slices.Clone(c.Members), topic: c.Topic, shared: c.Shared,
		created: s.clock.Now().Unix(),
	}
	s.channels.add(c.ID, added)
	return added
}

// DM gives the id of the conversation between a user and the bot alone.
func (s *Server) DM(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.direct(user).id
}

func (s *Server) direct(users ...string) *channel {
	kind, members := Direct, append(slices.Clone(users), s.BotUserID)
	if len(users) > 1 {
		kind = GroupChat
	}
	for _, c := range s.channels.all() {
		if c.kind == kind && len(c.members) == len(members) && !slices.ContainsFunc(members, func(m string) bool { return !c.has(m) }) {
			return c
		}
	}
	name := ""
	if kind == GroupChat {
		name = "mpdm-" + strings.Join(s.names(members), "--") + "-1"
	}
	return s.addChannel(Channel{Name: name, Kind: kind, Members: members})
}

func (s *Server) names(users []string) []string {
	out := make([]string, 0, len(users))
	for _, id := range users {
		if u := s.users.by[id]; u != nil {
			out = append(out, u.Name)
		}
	}
	return out
}

// Members lists a channel's members.
func (s *Server) Members(channel string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channels.by[channel]; c != nil {
		return slices.Clone(c.members)
	}
	return nil
}

// Join lets a user, or the bot, be invited into a channel by inviter ("" = joins alone).
func (s *Server) Join(user, channel, inviter string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channelFor(channel, "Join"); c != nil && !c.has(user) {
		s.join(c, user, inviter)
	}
}

func (s *Server) join(c *channel, user, inviter string) {
	c.members = append(c.members, user)
	event := object{
		"type": "member_joined_channel", "user": user, "channel": c.id, "channel_type": c.letter(), "team": s.teamOf(user), "event_ts": s.newTS(),
	}
	if inviter != "" {
		event["inviter"] = inviter
	}
	s.emitIn(c, event)
	s.notice(c, user, "channel_join", "<@"+user+"> has joined the channel", object{"inviter": inviter})
	s.touch()
}

// Leave lets a user, or the bot, leave a channel.
func (s *Server) Leave(user, channel string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channelFor(channel, "Leave"); c != nil && c.has(user) {
		s.leave(c, user)
	}
}

func (s *Server) leave(c *channel, user string) {
	event := object{
		"type": "member_left_channel", "user": user, "channel": c.id, "channel_type": c.letter(), "team": s.teamOf(user), "event_ts": s.newTS(),
	}
	s.emitIn(c, event) // the bot hears of its own leaving
	c.members = without(c.members, []string{user})
	s.touch()
}

// RenameChannel gives a channel another name.
func (s *Server) RenameChannel(user, channel, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channelFor(channel, "RenameChannel")
	if c == nil {
		return
	}
	old := c.name
	c.previous, c.name = append([]string{old}, c.previous...), name
	s.emitIn(c, object{
		"type": c.word() + "_rename", "event_ts": s.newTS(), "channel": object{
			"id": c.id, "is_channel": c.kind == Public, "is_mpim": false, "name": name, "name_normalized": name, "created": c.created,
		},
	})
	s.notice(c, user, c.word()+"_name", "<@"+user+"> has renamed the channel from \""+old+"\" to \""+name+"\"", object{"old_name": old, "name": name})
	s.touch()
}

// Archive closes a channel: nothing can be posted there any more.
func (s *Server) Archive(user, channel string) { s.setArchived(user, channel, true) }

// Unarchive opens a channel again.
func (s *Server) Unarchive(user, channel string) { s.setArchived(user, channel, false) }

func (s *Server) setArchived(user, channel string, archived bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channelFor(channel, "Archive")
	if c == nil || c.archived == archived {
		return
	}
	verb := "unarchive"
	if archived {
		verb = "archive"
	}
	s.emitIn(c, object{"type": c.word() + "_" + verb, "channel": c.id, "user": user, "event_ts": s.newTS()})
	s.notice(c, user, c.word()+"_"+verb, "<@"+user+"> "+verb+"d the channel", nil)
	c.archived = archived
	s.touch()
}

// channelFor finds the channel that a test speaks of. The lock is held.
func (s *Server) channelFor(id, what string) *channel {
	c := s.channels.by[id]
	if c == nil {
		s.misuse("%s: no channel %q", what, id)
	}
	return c
}

// letter is the channel_type of member events.
func (c *channel) letter() string {
	if c.kind == Public {
		return "C"
	}
	return "G"
}

// word is the first part of an event's name, as in channel_rename and group_rename.
func (c *channel) word() string {
	if c.kind == Public {
		return "channel"
	}
	return "group"
}

// channelType is the channel_type of message events.
func (c *channel) channelType() string {
	return map[ChannelKind]string{Public: "channel", Private: "group", Direct: "im", GroupChat: "mpim"}[c.kind]
}

// scope gives the scope of an area for this kind of channel: "read" -> "groups:read".
func (c *channel) scope(area string) string {
	return map[ChannelKind]string{Public: "channels", Private: "groups", Direct: "im", GroupChat: "mpim"}[c.kind] + ":" + area
}

// shownName is the name that interactions and commands carry: private ones are not told.
func (c *channel) shownName() string {
	switch c.kind {
	case Direct:
		return "directmessage"
	case Private:
		return "privategroup"
	}
	return c.name
}

func (s *Server) teamOf(user string) string {
	if u := s.users.by[user]; u != nil {
		return cmp.Or(u.Team, s.TeamID)
	}
	return s.TeamID
}
