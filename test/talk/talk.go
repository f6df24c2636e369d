// Package talk lets the people of a test talk to the program in any chat: what they
// say, what they are shown, and what they press is the same everywhere.
package talk

import (
	"strings"

	"opsbot/test/program"
)

// Chat is a chat service with one room, to which the program is connected. Safe for
// concurrent use.
type Chat interface {
	// Name is the chat's in the configuration.
	Name() string
	// Configure adds the chat with its secrets, and makes its room the one where cards
	// go.
	Configure(c *program.Configuration)
	// Say says a text in the room, or in a thread of it, and gives the message's id as
	// the program knows it.
	Say(user, text, thread string) string
	// Shown is what the program shows a person, oldest first.
	Shown(user string) []Entry
	// Press presses the button that carries an action.
	Press(user, action string) error
}

// Filler is a Chat with forms.
type Filler interface {
	// Fill fills in the form that the person has open and sends it. It gives the
	// message's id as the program knows it; an error says what is wrong with the form.
	Fill(user string, values map[string]string) (message string, err error)
}

// Entry is one message of the program.
type Entry struct {
	ID      string
	Thread  string // in which it is, or that it would start
	Text    string // as a person reads it
	Buttons []Button
}

// Button is a button of an entry.
type Button struct{ Label, Action string }

// Lines are the entry's lines, its buttons on the last one.
func (e Entry) Lines() []string {
	out := strings.Split(e.Text, "\n")
	if len(e.Buttons) > 0 {
		labels := ""
		for _, b := range e.Buttons {
			labels += " [" + b.Label + "]"
		}
		out = append(out, " "+labels)
	}
	return out
}
