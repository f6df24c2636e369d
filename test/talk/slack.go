package talk

import (
	"fmt"
	"strings"
	"sync"

	"opsbot/test/fakes/slack"
	"opsbot/test/program"
)

// Slack is a conversation in a channel of a workspace.
type Slack struct {
	server  *slack.Server
	channel string

	mu     sync.Mutex
	people map[string]string // name -> id
}

var (
	_ Chat   = (*Slack)(nil)
	_ Filler = (*Slack)(nil)
)

// InSlack opens the conversation: the channel is made with the bot in it.
func InSlack(server *slack.Server) *Slack {
	s := &Slack{server: server, people: map[string]string{}}
	s.channel = server.AddChannel(slack.Channel{Name: "general", Members: []string{server.BotUserID}})
	return s
}

// Name implements Chat.
func (*Slack) Name() string { return "slack" }

// Configure implements Chat; the way in is Socket Mode.
func (s *Slack) Configure(c *program.Configuration) {
	c.Chats = append(c.Chats, fmt.Sprintf("slack: { type: slack, api_url: %s/api/, bot_token: env:SLACK_BOT_TOKEN, app_token: env:SLACK_APP_TOKEN }", s.server.URL))
	c.Room = "slack:#general"
	c.Environment = append(c.Environment, "SLACK_BOT_TOKEN="+s.server.BotToken, "SLACK_APP_TOKEN="+s.server.AppToken)
}

// Person is the id of a member of the channel, who is made when nobody has that name.
func (s *Slack) Person(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, known := s.people[name]
	if !known {
		id = s.server.AddUser(slack.User{Name: name})
		s.server.Join(id, s.channel, "")
		s.people[name] = id
	}
	return id
}

// Channel is the id of the room.
func (s *Slack) Channel() string { return s.channel }

// Say implements Chat.
func (s *Slack) Say(user, text, thread string) string {
	_, ts, _ := strings.Cut(thread, ":")
	return s.channel + ":" + s.server.Say(s.Person(user), s.channel, text, ts)
}

// Shown implements Chat.
func (s *Slack) Shown(user string) []Entry {
	id := s.Person(user)
	all := s.server.FromBot(s.channel)
	all = append(all, s.server.Ephemerals(id, s.channel)...)
	if dm := s.server.DM(id); dm != "" {
		all = append(all, s.server.FromBot(dm)...)
	}
	var out []Entry
	for _, m := range all {
		e := Entry{ID: m.Channel + ":" + m.TS + m.OnlyFor, Thread: m.Channel + ":" + m.TS, Text: readSlack(m.Text())}
		if m.Thread != "" {
			e.Thread = m.Channel + ":" + m.Thread
		}
		for _, b := range m.Buttons() {
			if b.URL == "" {
				e.Buttons = append(e.Buttons, Button{b.Label, b.Value})
			}
		}
		for _, f := range m.Files {
			e.Text += "\n" + string(f.Content)
		}
		out = append(out, e)
	}
	return out
}

// Press implements Chat.
func (s *Slack) Press(user, action string) error {
	for _, m := range s.server.FromBot(s.channel) {
		for _, b := range m.Buttons() {
			if b.Value != action {
				continue
			}
			if a := s.server.Click(s.Person(user), s.channel, m.TS, b.ActionID); !a.Acked {
				return fmt.Errorf("the press was not acknowledged: %s", a.Failure)
			}
			return nil
		}
	}
	return fmt.Errorf("no message has the button %s", action)
}

// Fill implements Filler.
func (s *Slack) Fill(user string, values map[string]string) (string, error) {
	form, open := s.server.View(s.Person(user))
	if !open {
		return "", fmt.Errorf("%s has no form open", user)
	}
	if sent := s.server.Submit(s.Person(user), form.ID, values); !sent.Closed {
		return "", fmt.Errorf("the form is refused: %v", sent.Errors)
	}
	return "form:" + form.ID, nil
}
