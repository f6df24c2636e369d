package mattermost

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
)

// Result is what a person's client was told.
type Result struct {
	// Status is the HTTP status; ErrorID and Message are set when it isn't 200.
	Status           int
	ErrorID, Message string
	// TriggerID that the client keeps of a click or a command.
	TriggerID string
	// Error and Errors, by element, are a dialog's: it stays open.
	Error  string
	Errors map[string]string
	// Text of a command's answer.
	Text string
}

func failed(err error) Result {
	var api *apiError
	if errors.As(err, &api) {
		return Result{Status: api.Status, ErrorID: api.ID, Message: api.Message}
	}
	return Result{Status: http.StatusInternalServerError, Message: err.Error()}
}

// Say posts a message as a person does; root is empty or the thread's first post.
// The zero Post means that the server refused.
func (s *Server) Say(userID, channelID, text, root string) Post {
	return s.SayWith(userID, channelID, text, root, nil)
}

// SayWith is Say with props, which a person may set as he likes: from_bot,
// from_webhook and override_username can be forged.
func (s *Server) SayWith(userID, channelID, text, root string, props map[string]any) Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ch := s.state.users[userID], s.state.channels[channelID]
	if u == nil || ch == nil || !s.state.mayPost(ch, u) {
		return Post{}
	}
	p := &post{UserID: userID, ChannelID: channelID, RootID: root, Message: text, remote: true, props: copyJSON(props)}
	if s.create(p, true) != nil {
		return Post{}
	}
	s.touch()
	return s.view(p)
}

// EditPost changes a post's message as its author does.
func (s *Server) EditPost(postID, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.state.posts[postID]; p != nil {
		_ = s.edit(p, postPatch{Message: &text})
	}
}

// DeletePost deletes a post, and its replies, as its author does.
func (s *Server) DeletePost(postID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.state.posts[postID]; p != nil && p.DeleteAt == 0 {
		s.erase(p, s.state.users[p.UserID])
	}
}

// React puts an emoji, a name without colons, to a post.
func (s *Server) React(userID, postID, emoji string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, u := s.state.posts[postID], s.state.users[userID]; p != nil && u != nil {
		s.putReaction(p, u, emoji)
	}
}

// Unreact takes an emoji back.
func (s *Server) Unreact(userID, postID, emoji string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.state.posts[postID]; p != nil {
		s.dropReaction(p, userID, emoji)
	}
}

// Type shows that a user is typing.
func (s *Server) Type(userID, channelID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.state.users[userID]; u != nil {
		s.typingEvent(u, channelID, "")
	}
}

// Click presses a button of a post, an ephemeral one too: the integration is called
// with no proof of its origin, and the result is what the person's client is told.
// Two clicks are two calls.
func (s *Server) Click(userID, postID, actionID string) Result {
	return s.ClickContext(context.Background(), userID, postID, actionID, "")
}

// Select chooses an option of a select.
func (s *Server) Select(userID, postID, actionID, option string) Result {
	return s.ClickContext(context.Background(), userID, postID, actionID, option)
}

// ClickContext is Click, or with an option Select, for at most as long as ctx lives.
func (s *Server) ClickContext(ctx context.Context, userID, postID, actionID, option string) Result {
	s.mu.Lock()
	u := s.state.users[userID]
	in := clickBody{Selected: option}
	for _, w := range s.state.whispers {
		if act := w.action(actionID); w.ID == postID && w.to == userID && act != nil {
			in.Cookie = act.Cookie
		}
	}
	s.mu.Unlock()
	if u == nil {
		return failed(unauthorized())
	}
	if !formID.MatchString(actionID) {
		return failed(noRoute("/api/v4/posts/" + postID + "/actions/" + actionID))
	}
	id, err := s.press(ctx, u, postID, actionID, in)
	if err != nil {
		return failed(err)
	}
	return Result{Status: http.StatusOK, TriggerID: id}
}

// Slash types a command, "/ops deploy", into a channel; root is the thread's first
// post or empty.
func (s *Server) Slash(userID, channelID, line, root string) Result {
	return s.SlashContext(context.Background(), userID, channelID, line, root)
}

// SlashContext is Slash for at most as long as ctx lives.
func (s *Server) SlashContext(ctx context.Context, userID, channelID, line, root string) Result {
	s.mu.Lock()
	u := s.state.users[userID]
	in := commandLine{ChannelID: channelID, Command: line, RootID: root, TeamID: s.state.teams[0].ID}
	s.mu.Unlock()
	if u == nil {
		return failed(unauthorized())
	}
	out, err := s.runCommand(ctx, u, in)
	if err != nil {
		return failed(err)
	}
	return Result{Status: http.StatusOK, TriggerID: out.TriggerID, Text: out.Text}
}

// Dialogs are the forms that are open before a user, oldest first.
func (s *Server) Dialogs(userID string) []Dialog {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Dialog
	for _, d := range s.state.dialogs {
		if d.UserID == userID && !d.done {
			out = append(out, d.Dialog)
		}
	}
	return out
}

// WaitDialog waits until a form is open before the user.
func (s *Server) WaitDialog(ctx context.Context, userID string) (Dialog, error) {
	var got Dialog
	err := s.Wait(ctx, func() bool {
		open := s.Dialogs(userID)
		if len(open) > 0 {
			got = open[len(open)-1]
		}
		return len(open) > 0
	})
	return got, err
}

// SubmitDialog sends a form. What values doesn't name is sent as the form shows it:
// the default, or null. The form stays open when the result has errors.
func (s *Server) SubmitDialog(d Dialog, values map[string]any) Result {
	filled := map[string]any{}
	for _, e := range d.Elements {
		filled[e.Name] = e.shown()
	}
	for name, value := range values {
		filled[name] = value
	}
	return s.sendDialog(d, filled, false)
}

// CancelDialog closes a form; the integration hears of it if it wanted to.
func (s *Server) CancelDialog(d Dialog) Result {
	if !d.NotifyOnCancel {
		s.finish(d)
		return Result{Status: http.StatusOK}
	}
	return s.sendDialog(d, map[string]any{}, true)
}

// shown is the value of an element that nobody touched.
func (e Element) shown() any {
	switch {
	case e.Type == "bool":
		return e.Default == "true"
	case e.Default == "":
		return nil
	case e.Subtype == "number":
		if n, err := strconv.ParseFloat(e.Default, 64); err == nil {
			return n
		}
	case e.MultiSelect:
		return strings.Split(e.Default, ",")
	}
	return e.Default
}

func (s *Server) sendDialog(d Dialog, values map[string]any, cancelled bool) Result {
	s.mu.Lock()
	u, team := s.state.users[d.UserID], s.state.teams[0].ID
	s.mu.Unlock()
	out, err := s.submit(context.Background(), u, submission{
		URL: d.URL, CallbackID: d.CallbackID, State: d.State, ChannelID: d.ChannelID, TeamID: team, Submission: values, Cancelled: cancelled,
	})
	if err != nil {
		return failed(err)
	}
	if out.Error == "" && len(out.Errors) == 0 {
		s.finish(d)
	}
	if out.Form != nil {
		s.mu.Lock()
		s.state.dialogs = append(s.state.dialogs, &openDialog{Dialog: out.Form.view(d.UserID, d.ChannelID, d.URL)})
		s.touch()
		s.mu.Unlock()
	}
	return Result{Status: http.StatusOK, Error: out.Error, Errors: out.Errors}
}

func (s *Server) finish(d Dialog) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, open := range s.state.dialogs {
		if open.ticket == d.ticket {
			open.done = true
		}
	}
	s.touch()
}
