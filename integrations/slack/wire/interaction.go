package wire

import (
	"errors"
	"fmt"
	"net/url"
)

// Command is a slash command.
type Command struct {
	Command   string `json:"command"` // "/ops"
	Text      string `json:"text"`
	TeamID    string `json:"team_id"`
	ChannelID string `json:"channel_id"`
	UserID    string `json:"user_id"`
	TriggerID string `json:"trigger_id"`
}

// DecodeCommand reads a command as Socket Mode sends it.
func DecodeCommand(payload []byte) (Command, error) {
	var c Command
	if err := decode(payload, &c); err != nil {
		return c, fmt.Errorf("decode a slash command: %w", err)
	}
	return c, c.check()
}

// FormCommand reads a command as it comes over HTTP.
func FormCommand(form url.Values) (Command, error) {
	c := Command{
		Command: form.Get("command"), Text: form.Get("text"), TeamID: form.Get("team_id"), ChannelID: form.Get("channel_id"),
		UserID: form.Get("user_id"), TriggerID: form.Get("trigger_id"),
	}
	return c, c.check()
}

func (c Command) check() error {
	if !IsChannel(c.ChannelID) || !IsUser(c.UserID) || c.TriggerID == "" {
		return errors.New("a slash command without channel, user or trigger")
	}
	return nil
}

// Interaction is a press of a button, a choice, or a form that is sent.
type Interaction struct {
	Type      string    `json:"type"` // block_actions, view_submission, ...
	TriggerID string    `json:"trigger_id"`
	User      Person    `json:"user"`
	Channel   Ref       `json:"channel"`
	Container Container `json:"container"`
	Message   struct {
		TS       string `json:"ts"`
		ThreadTS string `json:"thread_ts"`
	} `json:"message"`
	Actions []Action `json:"actions"`
	View    View     `json:"view"`
}

// Person is who interacts.
type Person struct {
	ID     string `json:"id"`
	TeamID string `json:"team_id"`
}

// Container is where something was pressed.
type Container struct {
	Type        string `json:"type"` // message, message_attachment, view
	MessageTS   string `json:"message_ts"`
	ThreadTS    string `json:"thread_ts"`
	ChannelID   string `json:"channel_id"`
	IsEphemeral bool   `json:"is_ephemeral"`
}

// Action is what was pressed or chosen.
type Action struct {
	ActionID string  `json:"action_id"`
	BlockID  string  `json:"block_id"`
	Value    string  `json:"value"`
	ActionTS string  `json:"action_ts"`
	Selected *Option `json:"selected_option"`
}

// Option is a choice.
type Option struct {
	Value string `json:"value"`
}

// View is a form or the App Home.
type View struct {
	ID              string `json:"id"`
	Type            string `json:"type"` // modal, home
	CallbackID      string `json:"callback_id"`
	PrivateMetadata string `json:"private_metadata"`
	Blocks          []struct {
		Type    string `json:"type"`
		BlockID string `json:"block_id"`
	} `json:"blocks"`
	State struct {
		Values map[string]map[string]Input `json:"values"`
	} `json:"state"`
}

// Input is what a field of a form holds.
type Input struct {
	Type     string   `json:"type"`
	Value    *string  `json:"value"`
	Selected *Option  `json:"selected_option"`
	Ticked   []Option `json:"selected_options"`
}

// DecodeInteraction reads an interaction.
func DecodeInteraction(payload []byte) (Interaction, error) {
	var i Interaction
	if err := decode(payload, &i); err != nil {
		return i, fmt.Errorf("decode a slack interaction: %w", err)
	}
	return i, nil
}

// Chosen is the value behind what was pressed.
func (a Action) Chosen() string {
	if a.Selected != nil {
		return a.Selected.Value
	}
	return a.Value
}

// Where gives the conversation that holds what was pressed, "" for none.
func (i Interaction) Where() string {
	if i.Channel.ID != "" {
		return i.Channel.ID
	}
	return i.Container.ChannelID
}

// Root gives the root of the thread that holds the pressed message: its own
// timestamp outside threads, "" when it is shown to one person only and belongs to
// no thread.
func (i Interaction) Root() string {
	for _, ts := range []string{i.Container.ThreadTS, i.Message.ThreadTS} {
		if IsStamp(ts) {
			return ts
		}
	}
	if i.Container.IsEphemeral {
		return ""
	}
	for _, ts := range []string{i.Container.MessageTS, i.Message.TS} {
		if IsStamp(ts) {
			return ts
		}
	}
	return ""
}

// Values are a form's fields by their blocks: a choice by its value, a tick as "true"
// or "false".
func (v View) Values() map[string]string {
	out := map[string]string{}
	for block, inputs := range v.State.Values {
		for _, in := range inputs {
			out[block] = in.text()
		}
	}
	return out
}

func (in Input) text() string {
	switch {
	case in.Type == "checkboxes" && len(in.Ticked) > 0:
		return "true"
	case in.Type == "checkboxes":
		return "false"
	case in.Selected != nil:
		return in.Selected.Value
	case in.Value != nil:
		return *in.Value
	}
	return ""
}

// FirstInput is the block that an error about the whole form is shown at, "" if the
// form asks for nothing.
func (v View) FirstInput() string {
	for _, b := range v.Blocks {
		if b.Type == "input" {
			return b.BlockID
		}
	}
	return ""
}

// Asks reports whether the form has an input of that name.
func (v View) Asks(block string) bool {
	for _, b := range v.Blocks {
		if b.Type == "input" && b.BlockID == block {
			return true
		}
	}
	return false
}
