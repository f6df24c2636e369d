package talk

import (
	"fmt"
	"net/http"
	"strings"
	"sync"

	"opsbot/test/fakes/mattermost"
	"opsbot/test/program"
)

// Mattermost is a conversation in a channel of a server.
type Mattermost struct {
	server  *mattermost.Server
	bot     mattermost.User
	command string // token of the slash command, "" for none
	channel mattermost.Channel

	mu     sync.Mutex
	people map[string]string // name -> id
}

var (
	_ Chat   = (*Mattermost)(nil)
	_ Filler = (*Mattermost)(nil)
)

// InMattermost opens the conversation: bot and channel are made.
func InMattermost(server *mattermost.Server) *Mattermost {
	m := &Mattermost{server: server, bot: server.AddBot("opsbot"), people: map[string]string{}}
	m.channel = server.AddChannel("general", m.bot.ID)
	return m
}

// Name implements Chat.
func (*Mattermost) Name() string { return "mattermost" }

// Configure implements Chat.
func (m *Mattermost) Configure(c *program.Configuration) {
	more := ""
	if m.command != "" {
		more = ", command_token: env:MM_COMMAND_TOKEN"
		c.Environment = append(c.Environment, "MM_COMMAND_TOKEN="+m.command)
	}
	c.Chats = append(c.Chats, fmt.Sprintf("mattermost: { type: mattermost, url: %s, token: env:MM_TOKEN%s }", m.server.URL, more))
	c.Room = "mattermost:general"
	c.Environment = append(c.Environment, "MM_TOKEN="+m.bot.Token)
}

// Person is the id of a member of the channel, who is made when nobody has that name.
func (m *Mattermost) Person(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, known := m.people[name]
	if !known {
		id = m.server.AddUser(name).ID
		m.server.Join(m.channel.ID, id)
		m.people[name] = id
	}
	return id
}

// Channel is the id of the room.
func (m *Mattermost) Channel() string { return m.channel.ID }

// Command gives the program the token of the slash command, before Configure.
func (m *Mattermost) Command(token string) { m.command = token }

// Say implements Chat.
func (m *Mattermost) Say(user, text, thread string) string {
	return m.server.Say(m.Person(user), m.channel.ID, text, thread).ID
}

// Shown implements Chat.
func (m *Mattermost) Shown(user string) []Entry {
	id := m.Person(user)
	all := m.server.Channel(m.channel.ID).PostsFor(id)
	all = append(all, m.server.Channel(m.server.DM(id, m.bot.ID).ID).PostsFor(id)...)
	var out []Entry
	for _, p := range all {
		if p.UserID != m.bot.ID || p.Type != "" && !p.Ephemeral {
			continue
		}
		e := Entry{ID: p.ID, Thread: p.ID, Text: readPost(p)}
		if p.RootID != "" {
			e.Thread = p.RootID
		}
		for _, a := range p.Attachments {
			for _, act := range a.Actions {
				e.Buttons = append(e.Buttons, Button{act.Name, act.ID})
			}
		}
		for _, f := range p.Files {
			e.Text += "\n" + string(f.Content)
		}
		e.Text = strings.TrimSpace(e.Text)
		out = append(out, e)
	}
	return out
}

// Press implements Chat.
func (m *Mattermost) Press(user, action string) error {
	for _, p := range m.server.Channel(m.channel.ID).Posts() {
		for _, a := range p.Attachments {
			for _, act := range a.Actions {
				if act.ID != action {
					continue
				}
				if r := m.server.Click(m.Person(user), p.ID, action); r.Status != http.StatusOK {
					return fmt.Errorf("the press gives %d %s", r.Status, r.Message)
				}
				return nil
			}
		}
	}
	return fmt.Errorf("no post has the button %s", action)
}

// Fill implements Filler.
func (m *Mattermost) Fill(user string, values map[string]string) (string, error) {
	open := m.server.Dialogs(m.Person(user))
	if len(open) == 0 {
		return "", fmt.Errorf("%s has no form open", user)
	}
	form, filled := open[len(open)-1], map[string]any{}
	for name, value := range values {
		filled[name] = value
	}
	if sent := m.server.SubmitDialog(form, filled); sent.Error != "" || len(sent.Errors) > 0 {
		return "", fmt.Errorf("the form is refused: %s %v", sent.Error, sent.Errors)
	}
	return "f" + form.CallbackID, nil
}
