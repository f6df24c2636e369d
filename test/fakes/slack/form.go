package slack

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Submission is what became of a form that was sent.
type Submission struct {
	Answer
	Errors map[string]string // by block id: the app's, or Slack's own before anything is sent
	Closed bool              // the form is gone
}

// Submit lets a user fill in the form viewID and send it. Values are named by block id,
// action id or label: text as typed, options by label or value (several separated by
// commas), users and channels by id. What is not named keeps what it shows.
func (s *Server) Submit(user, viewID string, values map[string]string) Submission {
	s.mu.Lock()
	v := s.views.by[viewID]
	if v == nil || !v.open || v.user != user {
		s.misuse("Submit: %s has no form %s open", user, viewID)
		s.mu.Unlock()
		return Submission{}
	}
	errs := s.fillIn(v, values)
	if len(errs) > 0 { // Slack's own app refuses to send
		v.errors = errs
		s.mu.Unlock()
		return Submission{Errors: errs}
	}
	payload := s.interaction("view_submission", user)
	payload["trigger_id"], payload["view"], payload["response_urls"] = s.newTrigger(user, v), s.wireView(v), []any{}
	s.mu.Unlock()
	a := s.ask("interactive", payload, true)
	return s.submitted(v, a)
}

// submitted does what the app's answer to a submission says.
func (s *Server) submitted(v *view, a Answer) Submission {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Submission{Answer: a}
	if !a.Acked {
		return out // "We had some trouble connecting. Try again?"
	}
	if len(a.Body) > 0 {
		if a.object() == nil {
			s.surprise("answer to a submission is no JSON object: %.200s", a.Body)
			return out
		}
		s.checkFields("answer to a submission", a.object(), "response_action", "view", "errors")
	}
	body := a.object()
	next, _ := body["view"].(map[string]any)
	switch action := text(body["response_action"]); action {
	case "":
		if len(body) > 0 {
			s.surprise("answer to a submission without response_action: %.200s", a.Body)
		}
		v.open = false
	case "clear":
		s.closeAll(v.user)
	case "errors":
		out.Errors = s.refusals(v, body["errors"])
		v.errors = out.Errors
	case "update", "push":
		s.replace(v, action, next)
	default:
		s.surprise("answer to a submission: unknown response_action %q", action)
	}
	out.Closed = !v.open
	s.touch()
	return out
}

func (s *Server) checkFields(what string, have map[string]any, known ...string) {
	for k := range have {
		if len(without([]string{k}, known)) > 0 {
			s.surprise("%s: unknown field %s", what, k)
		}
	}
}

func (s *Server) replace(v *view, action string, next map[string]any) {
	if refused := s.checkView(onModal, next, "answer to a submission"); refused != nil {
		return
	}
	if action == "update" {
		s.setBody(v, next)
		return
	}
	s.show(&view{user: v.user, open: true, root: v.id, previous: v.id}, next)
}

// refusals are errors beside fields; they must name input blocks of the form.
func (s *Server) refusals(v *view, given any) map[string]string {
	out := map[string]string{}
	all, _ := given.(map[string]any)
	for id, words := range all {
		out[id] = text(words)
		found := false
		for _, b := range listOf(v.body["blocks"]) {
			block := b.(map[string]any)
			found = found || text(block["type"]) == "input" && text(block["block_id"]) == id
		}
		if !found || out[id] == "" {
			s.surprise("answer to a submission: error %q for %q, which is no input block", out[id], id)
		}
	}
	if len(out) == 0 {
		s.surprise("answer to a submission: errors without any")
	}
	return out
}

// fillIn enters values into a form's state and gives what Slack itself complains about.
func (s *Server) fillIn(v *view, values map[string]string) map[string]string {
	left := maps.Clone(values)
	errs := map[string]string{}
	v.state = object{}
	for _, c := range s.viewPicture(v).Controls {
		if c.Kind == "button" || c.Kind == "overflow" {
			continue
		}
		value := c.Initial
		for _, name := range []string{c.BlockID, c.ActionID, c.Label} {
			if given, ok := left[name]; ok {
				value = given
				delete(left, name)
				break
			}
		}
		action, problem := entered(c, value)
		if problem != "" {
			errs[c.BlockID] = problem
			continue
		}
		block, _ := v.state[c.BlockID].(object)
		if block == nil {
			block = object{}
			v.state[c.BlockID] = block
		}
		block[c.ActionID] = action
	}
	for name := range left {
		s.misuse("Submit: the form has no field %q", name)
	}
	return errs
}

// entered is the state of one field, or Slack's complaint.
func entered(c Control, value string) (state map[string]any, problem string) {
	if value == "" {
		if !c.Optional {
			return nil, "Please complete this required field."
		}
		return nothing(c), ""
	}
	switch c.Kind {
	case "plain_text_input", "email_text_input", "url_text_input", "number_input":
		if problem := badText(c, value); problem != "" {
			return nil, problem
		}
		return map[string]any{"type": c.Kind, "value": value}, ""
	}
	state, err := chosen(c, value)
	if err != nil {
		return nil, err.Error()
	}
	return state, ""
}

// badText says what Slack itself has against a text.
func badText(c Control, value string) string {
	n := utf8.RuneCountInString(value)
	if least, ok := c.element["min_length"].(float64); ok && n < int(least) {
		return fmt.Sprintf("This must be at least %d characters.", int(least))
	}
	if most, ok := c.element["max_length"].(float64); ok && n > int(most) {
		return fmt.Sprintf("This must be at most %d characters.", int(most))
	}
	if c.Kind != "number_input" {
		return ""
	}
	number, err := strconv.ParseFloat(value, 64)
	if err != nil || c.element["is_decimal_allowed"] != true && number != float64(int64(number)) {
		return "Enter a number."
	}
	if low, err := strconv.ParseFloat(text(c.element["min_value"]), 64); err == nil && number < low {
		return "Enter a number of at least " + text(c.element["min_value"]) + "."
	}
	if high, err := strconv.ParseFloat(text(c.element["max_value"]), 64); err == nil && number > high {
		return "Enter a number of at most " + text(c.element["max_value"]) + "."
	}
	return ""
}

// nothing is the state of a field that was left empty.
func nothing(c Control) map[string]any {
	state := map[string]any{"type": c.Kind}
	switch c.Kind {
	case "checkboxes", "multi_static_select":
		state["selected_options"] = []any{}
	case "static_select", "radio_buttons":
		state["selected_option"] = nil
	default:
		state["value"] = nil
	}
	return state
}

// chosen is the state of a select with an option chosen.
func chosen(c Control, option string) (map[string]any, error) {
	simple := map[string]string{
		"users_select": "selected_user", "channels_select": "selected_channel", "conversations_select": "selected_conversation",
		"datepicker": "selected_date", "timepicker": "selected_time",
	}
	state := map[string]any{"type": c.Kind}
	switch c.Kind {
	case "static_select", "radio_buttons", "overflow":
		o, err := optionOf(c, option)
		state["selected_option"] = o
		return state, err
	case "checkboxes", "multi_static_select":
		all := []any{}
		for name := range strings.SplitSeq(option, ",") {
			o, err := optionOf(c, strings.TrimSpace(name))
			if err != nil {
				return nil, err
			}
			all = append(all, o)
		}
		state["selected_options"] = all
		return state, nil
	}
	key, ok := simple[c.Kind]
	if !ok {
		return nil, fmt.Errorf("nothing can be chosen in a %s", c.Kind)
	}
	state[key] = option
	return state, nil
}

func optionOf(c Control, name string) (map[string]any, error) {
	for _, o := range optionsOf(c.element) {
		if text(o["value"]) == name || plain(o["text"]) == name {
			return o, nil
		}
	}
	return nil, fmt.Errorf("there is no option %q among %q", name, c.Options)
}

// CloseView lets a user close a form without sending it.
func (s *Server) CloseView(user, viewID string) Answer {
	s.mu.Lock()
	v := s.views.by[viewID]
	if v == nil || !v.open || v.user != user {
		s.misuse("CloseView: %s has no form %s open", user, viewID)
		s.mu.Unlock()
		return Answer{}
	}
	v.open = false
	s.touch()
	payload := s.interaction("view_closed", user)
	payload["view"], payload["is_cleared"] = s.wireView(v), false
	told := v.body["notify_on_close"] == true
	s.mu.Unlock()
	if !told {
		return Answer{Acked: true}
	}
	return s.ask("interactive", payload, false)
}

// ClickView lets a user press a button, or choose (option "" for buttons), in a form or
// in the App Home.
func (s *Server) ClickView(user, viewID, labelOrAction, option string) Answer {
	s.mu.Lock()
	v := s.views.by[viewID]
	if home := s.homes[user]; v == nil && home != nil && home.id == viewID {
		v = home
	}
	if v == nil || v.user != user {
		s.misuse("ClickView: %s does not see the view %s", user, viewID)
		s.mu.Unlock()
		return Answer{}
	}
	found, ok := findControl(s.viewPicture(v).Controls, labelOrAction)
	if !ok {
		s.misuse("ClickView: there is no %q in: %s", labelOrAction, s.viewPicture(v).words)
		s.mu.Unlock()
		return Answer{}
	}
	action, err := s.action(found, func(c Control) (map[string]any, error) {
		if c.Kind == "button" {
			return pressed(c), nil
		}
		return chosen(c, option)
	})
	if err != nil {
		s.misuse("ClickView: %v", err)
		s.mu.Unlock()
		return Answer{}
	}
	payload := s.interaction("block_actions", user)
	payload["container"] = object{"type": "view", "view_id": v.id}
	payload["trigger_id"], payload["view"], payload["actions"] = s.newTrigger(user, v), s.wireView(v), []any{action}
	s.mu.Unlock()
	return s.ask("interactive", payload, false)
}

// state of a form as JSON, for messages of failing tests.
func (s Submission) String() string {
	b, _ := json.Marshal(s.Errors)
	return fmt.Sprintf("acked %v %s, closed %v, errors %s", s.Acked, s.Failure, s.Closed, b)
}
