package mattermost

import (
	"encoding/json"
	"maps"
	"net/http"
)

// mostDelayed is how often a response_url can be used.
const mostDelayed = 5

// commandHook is a response_url.
type commandHook struct {
	id, userID, channelID, rootID string
	cmd                           *command
	uses                          int
}

// commandResponse is an integration's answer to a command, and the client's.
type commandResponse struct {
	ResponseType   string             `json:"response_type"`
	Text           string             `json:"text"`
	Username       string             `json:"username"`
	ChannelID      string             `json:"channel_id"`
	IconURL        string             `json:"icon_url"`
	Type           string             `json:"type"`
	Props          map[string]any     `json:"props"`
	GotoLocation   string             `json:"goto_location"`
	TriggerID      string             `json:"trigger_id"`
	SkipSlack      bool               `json:"skip_slack_parsing"`
	Attachments    []*attachment      `json:"attachments"`
	ExtraResponses []*commandResponse `json:"extra_responses"`
}

// respond posts what an answer asks for, as the user who typed the command.
func (s *Server) respond(h *commandHook, r *commandResponse) error {
	for _, one := range append([]*commandResponse{r}, r.ExtraResponses...) {
		if err := s.respondOne(h, one); err != nil {
			return fail(http.StatusInternalServerError, "api.command.execute_command.create_post_failed.app_error",
				"Command '"+h.cmd.Trigger+"' failed to post response. Please contact your System Administrator.")
		}
	}
	return nil
}

func (s *Server) respondOne(h *commandHook, r *commandResponse) error {
	s.translateSlack(r)
	if r.Text == "" && len(r.Attachments) == 0 {
		return nil
	}
	p := &post{UserID: h.userID, ChannelID: h.channelID, RootID: h.rootID, Message: r.Text, Type: r.Type, props: maps.Clone(r.Props)}
	if p.props == nil {
		p.props = map[string]any{}
	}
	if !r.SkipSlack {
		p.Message = slackLinks(p.Message)
	}
	p.props["from_webhook"] = "true"
	if r.Username != "" {
		p.props["override_username"] = r.Username
	}
	if len(r.Attachments) > 0 {
		if p.Type == "" {
			p.Type = "slack_attachment"
		}
		p.props["attachments"] = r.Attachments
	}
	if r.ChannelID != "" && r.ChannelID != h.channelID {
		ch := s.state.channels[r.ChannelID]
		if ch == nil || ch.members[h.userID] == nil {
			return forbidden()
		}
		p.ChannelID, p.RootID = ch.ID, ""
	}
	switch r.ResponseType {
	case "in_channel":
		return s.create(p, true)
	case "", "ephemeral":
		s.whisper(h.userID, p)
	}
	return nil // an unknown type is dropped silently
}

// translateSlack turns Slack's markup into Markdown, and field values into text.
func (s *Server) translateSlack(r *commandResponse) {
	if r.SkipSlack {
		return
	}
	r.Text = s.slackNames(r.Text)
	for _, a := range r.Attachments {
		a.Text, a.Pretext = slackLinks(s.slackNames(a.Text)), slackLinks(s.slackNames(a.Pretext))
		for _, f := range a.Fields {
			if text, isText := f.Value.(string); isText {
				f.Value = slackLinks(s.slackNames(text))
				continue
			}
			f.Value = mustJSON(f.Value)
		}
		for _, act := range a.Actions {
			if act.ID == "" {
				act.ID = newID()
			}
		}
	}
}

// delayed takes a POST to a response_url; it needs no authentication.
func (s *Server) delayed(c *call, id string) (any, error) {
	if err := c.readBody(&route{}); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.state.hooks[id]
	general := func(status int) error {
		return fail(status, "web.command_webhook.general.app_error", "Failed to handle command webhook "+id+".")
	}
	if h == nil {
		return nil, general(http.StatusNotFound)
	}
	r, err := readResponse(c.r.Header.Get("Content-Type"), c.body)
	if c.r.Header.Get("Content-Type") == "" {
		r = &commandResponse{}
		err = json.Unmarshal(c.body, r)
	}
	if err != nil {
		return nil, fail(http.StatusBadRequest, "web.command_webhook.parse.app_error", "Unable to parse incoming data for webhook "+id+".")
	}
	if h.uses >= mostDelayed {
		return nil, general(http.StatusBadRequest)
	}
	h.uses++
	if err := s.respond(h, r); err != nil {
		return nil, general(http.StatusBadRequest)
	}
	s.touch()
	return raw{kind: "text/plain", body: []byte("ok")}, nil
}
