package mattermost

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
)

// Dialog is a form that an integration opened for a user.
type Dialog struct {
	UserID, ChannelID, URL                                      string
	CallbackID, Title, Introduction, SubmitLabel, State, ticket string
	NotifyOnCancel                                              bool
	Elements                                                    []Element
}

// Element is a field of a dialog.
type Element struct {
	Name          string    `json:"name"`
	DisplayName   string    `json:"display_name"`
	Type          string    `json:"type"`
	Subtype       string    `json:"subtype"`
	Default       string    `json:"default"`
	Placeholder   string    `json:"placeholder"`
	HelpText      string    `json:"help_text"`
	Optional      bool      `json:"optional"`
	MinLength     int       `json:"min_length"`
	MaxLength     int       `json:"max_length"`
	DataSource    string    `json:"data_source"`
	DataSourceURL string    `json:"data_source_url,omitempty"`
	Options       []*option `json:"options"`
	MultiSelect   bool      `json:"multiselect"`
}

type dialogJSON struct {
	CallbackID     string    `json:"callback_id"`
	Title          string    `json:"title"`
	Introduction   string    `json:"introduction_text"`
	IconURL        string    `json:"icon_url"`
	Elements       []Element `json:"elements"`
	SubmitLabel    string    `json:"submit_label"`
	NotifyOnCancel bool      `json:"notify_on_cancel"`
	State          string    `json:"state"`
}

type openDialogJSON struct {
	TriggerID string     `json:"trigger_id"`
	URL       string     `json:"url"`
	Dialog    dialogJSON `json:"dialog"`
}

// openDialog is a dialog that its user hasn't answered yet.
type openDialog struct {
	Dialog
	done bool
}

// openDialog needs no authentication: the trigger id is enough. An invalid dialog is
// sent to the user all the same, so a strict server reports it.
func (c *call) openDialog() (any, error) {
	var in openDialogJSON
	if err := c.decode(&in, "dialog"); err != nil {
		return nil, err
	}
	if in.URL == "" {
		return nil, badBody("url")
	}
	t, err := c.decodeTrigger(in.TriggerID)
	if err != nil {
		return nil, err
	}
	for _, what := range in.Dialog.faults() {
		c.oddly("the dialog is invalid: %s", what)
	}
	c.checkDialogFields()
	in.TriggerID = t.client
	d := in.Dialog.view(t.userID, t.channelID, in.URL)
	c.state.dialogs = append(c.state.dialogs, &openDialog{Dialog: d})
	c.hub.publish(event{name: "open_dialog", data: map[string]any{"dialog": mustJSON(in)}, to: broadcast{UserID: t.userID}})
	return statusOK(), nil
}

func (d dialogJSON) view(userID, channelID, url string) Dialog {
	return Dialog{
		UserID: userID, ChannelID: channelID, URL: url, CallbackID: d.CallbackID, Title: d.Title, Introduction: d.Introduction,
		SubmitLabel: d.SubmitLabel, State: d.State, NotifyOnCancel: d.NotifyOnCancel, Elements: d.Elements, ticket: newID(),
	}
}

func (c *call) checkDialogFields() {
	var in struct {
		Dialog map[string]json.RawMessage `json:"dialog"`
	}
	_ = json.Unmarshal(c.body, &in)
	known := []string{"callback_id", "title", "introduction_text", "icon_url", "elements", "submit_label", "notify_on_cancel", "state", "source_url"}
	for key := range in.Dialog {
		if !slices.Contains(known, key) {
			c.oddly("unknown field %q of a dialog", key)
		}
	}
	var elements []map[string]any
	_ = json.Unmarshal(in.Dialog["elements"], &elements)
	known = []string{
		"display_name", "name", "type", "subtype", "default", "placeholder", "help_text", "optional", "min_length", "max_length",
		"data_source", "data_source_url", "options", "multiselect", "refresh", "datetime_config", "min_date", "max_date", "time_interval",
	}
	for _, e := range elements {
		for key := range e {
			if !slices.Contains(known, key) {
				c.oddly("unknown field %q of a dialog's element", key)
			}
		}
	}
}

// submission is what a client sends, and the integration gets with the url left out.
// All but user_id is the client's word.
type submission struct {
	Type       string         `json:"type"`
	URL        string         `json:"url,omitempty"`
	CallbackID string         `json:"callback_id"`
	State      string         `json:"state"`
	UserID     string         `json:"user_id"`
	ChannelID  string         `json:"channel_id"`
	TeamID     string         `json:"team_id"`
	Submission map[string]any `json:"submission"`
	Cancelled  bool           `json:"cancelled"`
}

// submitAnswer is what the integration says, and the client gets.
type submitAnswer struct {
	Error  string            `json:"error,omitempty"`
	Errors map[string]string `json:"errors,omitempty"`
	Type   string            `json:"type,omitempty"`
	Form   *dialogJSON       `json:"form,omitempty"`
}

func (c *call) submitDialog() (any, error) {
	var in submission
	if err := c.decode(&in, "dialog"); err != nil {
		return nil, err
	}
	return c.Server.submit(c.r.Context(), c.who, in)
}

func (s *Server) submit(ctx context.Context, u *user, in submission) (*submitAnswer, error) {
	if in.URL == "" {
		return nil, badBody("url")
	}
	if err := s.maySubmit(u, in); err != nil {
		return nil, err
	}
	target := in.URL
	in.URL, in.Type, in.UserID = "", "dialog_submission", u.ID
	got, err := s.callOut(ctx, http.MethodPost, target, "application/json", []byte(mustJSON(in)), nil)
	if err != nil || got.status != http.StatusOK {
		return nil, integrationError()
	}
	var out submitAnswer
	if len(bytes.TrimSpace(got.body)) == 0 {
		return &out, nil
	}
	if json.Unmarshal(got.body, &out) != nil {
		return nil, fail(http.StatusInternalServerError, "app.submit_interactive_dialog.decode_json_error", "Encountered an error decoding JSON response from interactive dialog submission.")
	}
	if !slices.Contains([]string{"", "ok", "form", "navigate"}, out.Type) || (out.Type == "form" && out.Form == nil) {
		return nil, fail(http.StatusBadRequest, "app.submit_interactive_dialog.invalid_response", "Encountered an invalid response from interactive dialog submission.")
	}
	return &out, nil
}

func (s *Server) maySubmit(u *user, in submission) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch, t := s.state.channels[in.ChannelID], s.state.team(in.TeamID)
	if ch == nil || ch.members[u.ID] == nil || t == nil || !t.members[u.ID] {
		return forbidden()
	}
	return nil
}
