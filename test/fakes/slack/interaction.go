package slack

import (
	"fmt"
	"maps"
	"time"
)

// trigger lets the app open a form, once and soon.
type trigger struct {
	user    string
	view    *view // the form in which it arose, nil for others
	expires time.Time
	used    bool
}

// triggerLife is how long a trigger id is of use.
const triggerLife = 3 * time.Second

// newTrigger makes a trigger id. The lock is held.
func (s *Server) newTrigger(user string, v *view) string {
	s.ids++
	id := fmt.Sprintf("%d.%d.%032x", 1000000+s.ids, 3485157640, s.ids)
	s.triggers[id] = &trigger{user: user, view: v, expires: s.clock.Now().Add(triggerLife)}
	return id
}

// interaction is what all interactive payloads have. The lock is held.
func (s *Server) interaction(kind, user string) object {
	name := user
	if u := s.users.by[user]; u != nil {
		name = u.Name
	}
	return object{
		"type": kind, "team": object{"id": s.TeamID, "domain": s.cfg.domain}, "enterprise": nil, "is_enterprise_install": false,
		"user":       object{"id": user, "username": name, "name": name, "team_id": s.teamOf(user)},
		"api_app_id": s.AppID, "token": "fixed-value",
	}
}

// Click lets a user press a button of a message, named by its label or action id, and
// gives the app's answer. An ephemeral message has to be the user's own.
func (s *Server) Click(user, channel, ts, labelOrAction string) Answer {
	return s.act(user, channel, ts, labelOrAction, func(c Control) (map[string]any, error) {
		if c.Kind != "button" {
			return nil, fmt.Errorf("%s is a %s, not a button", labelOrAction, c.Kind)
		}
		return pressed(c), nil
	})
}

// Choose lets a user choose in a select, menu or date picker of a message: options by
// label or value (several of them separated by commas), users and channels by id.
func (s *Server) Choose(user, channel, ts, labelOrAction, option string) Answer {
	return s.act(user, channel, ts, labelOrAction, func(c Control) (map[string]any, error) { return chosen(c, option) })
}

func pressed(c Control) map[string]any {
	action := map[string]any{"type": "button", "text": c.element["text"]}
	for _, k := range []string{"value", "style", "url", "confirm"} {
		if v, ok := c.element[k]; ok {
			action[k] = v
		}
	}
	return action
}

func (s *Server) act(user, channel, ts, what string, fill func(Control) (map[string]any, error)) Answer {
	s.mu.Lock()
	c := s.speaker(user, channel, "Click")
	var m *message
	if c != nil {
		if m = c.messages.by[ts]; m == nil {
			m = c.hiddenBy(ts)
		}
	}
	if c == nil || m == nil || m.gone || m.to != "" && m.to != user {
		s.misuse("Click: %s sees no message %s in %s", user, ts, channel)
		s.mu.Unlock()
		return Answer{Failure: "no such message"}
	}
	payload, err := s.blockAction(c, m, user, what, fill)
	if err != nil {
		s.misuse("Click: %v in: %s", err, s.picture(c, m).words)
		s.mu.Unlock()
		return Answer{Failure: err.Error()}
	}
	s.mu.Unlock()
	return s.ask("interactive", payload, false)
}

// blockAction is the payload of a press in a message. The lock is held.
func (s *Server) blockAction(c *channel, m *message, user, what string, fill func(Control) (map[string]any, error)) (object, error) {
	found, ok := findControl(s.picture(c, m).Controls, what)
	if !ok {
		return nil, fmt.Errorf("there is no %q to press", what)
	}
	action, err := s.action(found, fill)
	if err != nil {
		return nil, err
	}
	container := object{"type": "message", "message_ts": m.ts, "channel_id": c.id, "is_ephemeral": m.to != ""}
	if found.attachment > 0 {
		container["type"], container["attachment_id"], container["is_app_unfurl"] = "message_attachment", found.attachment, false
	}
	if m.thread != "" {
		container["thread_ts"] = m.thread
	}
	payload := s.interaction("block_actions", user)
	maps.Copy(payload, object{
		"container": container, "trigger_id": s.newTrigger(user, nil), "channel": object{"id": c.id, "name": c.shownName()},
		"state": object{"values": stateOf(found, action)}, "response_url": s.responseURL("actions", c, user, m), "actions": []any{action},
	})
	if m.to == "" {
		payload["message"] = s.wireMessage(c, m)
	}
	return payload, nil
}

func (s *Server) action(c Control, fill func(Control) (map[string]any, error)) (map[string]any, error) {
	action, err := fill(c)
	if err != nil {
		return nil, err
	}
	action["action_id"], action["block_id"], action["action_ts"] = c.ActionID, c.BlockID, s.newTS()
	return action, nil
}

// stateOf is the state that a choice leaves; buttons have none.
func stateOf(c Control, action map[string]any) object {
	if c.Kind == "button" || c.Kind == "overflow" {
		return object{}
	}
	state := maps.Clone(action)
	for _, k := range []string{"action_id", "block_id", "action_ts", "placeholder"} {
		delete(state, k)
	}
	return object{c.BlockID: object{c.ActionID: state}}
}

// Slash lets a user send a slash command, and gives the app's answer; what it answers
// at once appears in the channel.
func (s *Server) Slash(user, channel, command, words string) Answer {
	s.mu.Lock()
	c := s.speaker(user, channel, "Slash")
	if c == nil {
		s.mu.Unlock()
		return Answer{Failure: "no such channel"}
	}
	if !s.scoped("commands") {
		s.mu.Unlock()
		return Answer{Failure: "dispatch_failed"}
	}
	url := s.responseURL("commands", c, user, nil)
	payload := object{
		"token": "fixed-value", "team_id": s.TeamID, "team_domain": s.cfg.domain, "channel_id": c.id, "channel_name": c.shownName(),
		"user_id": user, "user_name": s.users.by[user].Name, "command": command, "text": s.encode(words), "api_app_id": s.AppID,
		"is_enterprise_install": "false", "response_url": url, "trigger_id": s.newTrigger(user, nil),
	}
	s.mu.Unlock()
	a := s.ask("slash_commands", payload, true)
	if a.Acked && len(a.Body) > 0 {
		s.answered(c, user, a)
	}
	return a
}

// answered shows what a command was answered with at once.
func (s *Server) answered(c *channel, user string, a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body := a.object()
	if body == nil {
		body = map[string]any{"text": string(a.Body)}
	}
	if code := s.respond(&response{channel: c, user: user}, body); code != "" {
		s.surprise("answer to a command: %s: %.300s", code, a.Body)
	}
}
