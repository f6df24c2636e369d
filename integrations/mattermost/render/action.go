package render

import (
	"crypto/sha256"
	"encoding/json"
	"math/big"

	"github.com/mattermost/mattermost/server/public/model"

	"opsbot/bot"
	"opsbot/integrations/mattermost/markup"
)

// ActionID is what people can see of a stored action: letters and digits, from which
// the action itself does not follow. Who knows the action can press its button in
// anybody's name, since a click has no signature; Mattermost shows the action's
// context to nobody.
func ActionID(action string) string {
	sum := sha256.Sum256([]byte("opsbot action " + action))
	text := new(big.Int).SetBytes(sum[:]).Text(62)
	return text[:22]
}

// Context is the hidden part of a button or a menu, as a click brings it back.
type Context struct {
	// Action is the stored action behind a button.
	Action string `json:"action,omitempty"`
	// Actions are those behind the options of a menu, by what the option shows of it.
	Actions map[string]string `json:"actions,omitempty"`
	// Selected is the option that was taken; the server adds it, unchecked.
	Selected string `json:"selected_option,omitempty"`
	// Room is the room of the post, where it is not shown in there.
	Room string `json:"room,omitempty"`
}

// Pressed is the stored action that a click means, "" for none.
func (c Context) Pressed() string {
	if c.Action != "" {
		return c.Action
	}
	return c.Actions[c.Selected]
}

func (c Context) integration(url string) *model.PostActionIntegration {
	hidden := map[string]any{}
	data, _ := json.Marshal(c) // texts alone
	_ = json.Unmarshal(data, &hidden)
	return &model.PostActionIntegration{URL: url, Context: hidden}
}

func presses(list []bot.Button) bool {
	for _, b := range list {
		if b.URL == "" {
			return true
		}
	}
	return false
}

// actions are the buttons, or one menu when they are many.
func actions(list []bot.Button, o Options) []*model.PostAction {
	var out []*model.PostAction
	var options []*model.PostActionOptions
	menu := Context{Actions: map[string]string{}, Room: o.Room}
	for _, b := range list {
		if b.URL != "" {
			continue
		}
		id, label := ActionID(b.Action), bot.Shorten(markup.Label(b.Label), mostLabel)
		hidden := Context{Action: b.Action, Room: o.Room}
		out = append(out, &model.PostAction{
			Id: id, Type: model.PostActionTypeButton, Name: label, Style: style(b.Style), Integration: hidden.integration(o.ActionURL),
		})
		options = append(options, &model.PostActionOptions{Text: label, Value: id})
		menu.Actions[id] = b.Action
	}
	if len(out) <= mostPress {
		return out
	}
	return []*model.PostAction{{
		Id: "menu", Type: model.PostActionTypeSelect, Name: "Choose what to do", Options: options, Integration: menu.integration(o.ActionURL),
	}}
}

func style(s string) string {
	switch s {
	case "primary", "danger":
		return s
	default:
		return "default"
	}
}
