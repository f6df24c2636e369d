package mattermost

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
)

func (s *Server) actionRoutes() []route {
	dialog := []string{"type", "url", "callback_id", "state", "user_id", "channel_id", "team_id", "submission", "cancelled"}
	return []route{
		{method: "POST", path: "/posts/{post_id}/actions/{action_id}", serve: (*call).click, outward: true, fields: []string{"selected_option", "cookie", "query"}},
		{method: "POST", path: "/actions/dialogs/open", serve: (*call).openDialog, public: true, fields: []string{"trigger_id", "url", "dialog"}},
		{method: "POST", path: "/actions/dialogs/submit", serve: (*call).submitDialog, outward: true, fields: dialog},
	}
}

// actionRequest is what an integration gets of a click. It carries no token and no
// signature: whoever knows the address can send it.
type actionRequest struct {
	UserID      string         `json:"user_id"`
	UserName    string         `json:"user_name"`
	ChannelID   string         `json:"channel_id"`
	ChannelName string         `json:"channel_name"`
	TeamID      string         `json:"team_id"`
	TeamDomain  string         `json:"team_domain"`
	PostID      string         `json:"post_id"`
	TriggerID   string         `json:"trigger_id"`
	Type        string         `json:"type"`
	DataSource  string         `json:"data_source"`
	Context     map[string]any `json:"context,omitempty"`
}

// actionAnswer is what the integration may say.
type actionAnswer struct {
	Update *struct {
		Message string          `json:"message"`
		Props   *map[string]any `json:"props"`
	} `json:"update"`
	EphemeralText string `json:"ephemeral_text"`
	SkipSlack     bool   `json:"skip_slack_parsing"`
}

type clickBody struct {
	Selected string `json:"selected_option"`
	Cookie   string `json:"cookie"`
}

func (c *call) click() (any, error) {
	var in clickBody
	if len(c.body) > 0 {
		_ = json.Unmarshal(c.body, &in)
	}
	id, err := c.Server.press(c.r.Context(), c.who, c.vars["post_id"], c.vars["action_id"], in)
	if err != nil {
		return nil, err
	}
	return raw{kind: "application/json", body: append([]byte(mustJSON(map[string]string{"status": "OK", "trigger_id": id})), '\n')}, nil
}

// press is a click by u. Every click goes out, also the second of two.
func (s *Server) press(ctx context.Context, u *user, postID, actionID string, in clickBody) (string, error) {
	s.mu.Lock()
	target, client, err := s.prepare(u, postID, actionID, in)
	s.mu.Unlock()
	if err != nil {
		return "", err
	}
	got, err := s.callOut(ctx, http.MethodPost, target.act.Integration.URL, "application/json", []byte(mustJSON(target.request)), nil)
	if err != nil || got.status != http.StatusOK {
		return "", integrationError()
	}
	var answer actionAnswer
	if len(got.body) > 0 && json.Unmarshal(got.body, &answer) != nil {
		return "", integrationError()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.touch()
	if err := s.applyAnswer(u, target.post, answer); err != nil {
		return "", err
	}
	return client, nil
}

type clickTarget struct {
	post    *post
	act     *action
	request actionRequest
}

// prepare finds the button. Members may click, whoever they are; an ephemeral post's
// button is found by its cookie alone.
func (s *Server) prepare(u *user, postID, actionID string, in clickBody) (*clickTarget, string, error) {
	p := s.state.posts[postID]
	var act *action
	if p == nil || p.DeleteAt != 0 {
		baked := s.state.cookies[in.Cookie]
		if baked == nil || baked.post.ID != postID || baked.action.ID != actionID {
			return nil, "", forbidden()
		}
		p, act = baked.post, baked.action
	} else {
		act = p.action(actionID)
	}
	ch := s.state.channels[p.ChannelID]
	if ch == nil || ch.members[u.ID] == nil {
		return nil, "", forbidden()
	}
	if act == nil || act.Integration == nil {
		return nil, "", fail(http.StatusNotFound, "api.post.do_action.action_id.app_error", "Invalid action id.")
	}
	id, client := s.newTrigger(u, ch.ID)
	req := actionRequest{
		UserID: u.ID, UserName: u.Username, ChannelID: ch.ID, ChannelName: ch.Name, PostID: p.ID, TriggerID: id,
		Type: act.Type, DataSource: act.DataSource, Context: maps.Clone(act.Integration.Context), TeamID: ch.TeamID,
	}
	if t := s.state.team(ch.TeamID); t != nil {
		req.TeamDomain = t.Name
	}
	if act.Type == "select" && in.Selected != "" {
		if req.Context == nil {
			req.Context = map[string]any{}
		}
		req.Context["selected_option"] = in.Selected
	}
	return &clickTarget{post: p, act: act, request: req}, client, nil
}

// applyAnswer edits the post and whispers. An update without props keeps the
// buttons; with props it replaces all but what tells of a webhook.
func (s *Server) applyAnswer(u *user, p *post, answer actionAnswer) error {
	if answer.Update != nil {
		if s.state.posts[p.ID] == nil {
			return noPost()
		}
		patch := postPatch{Message: &answer.Update.Message}
		if answer.Update.Props != nil {
			props := parseProps(*answer.Update.Props, func(string, ...any) {})
			for _, key := range []string{"from_webhook", "override_username", "override_icon_url"} {
				if value, ok := p.props[key]; ok {
					props[key] = value
				}
			}
			patch.Props = &props
		}
		if err := s.edit(p, patch); err != nil {
			return err
		}
	}
	if answer.EphemeralText == "" {
		return nil
	}
	text := answer.EphemeralText
	if !answer.SkipSlack {
		text = slackLinks(text)
	}
	root := p.RootID
	if root == "" {
		root = p.ID
	}
	s.whisper(u.ID, &post{UserID: u.ID, ChannelID: p.ChannelID, RootID: root, Message: text})
	return nil
}
