package mattermost

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"

	"opsbot/bot"
	"opsbot/integrations/mattermost/markup"
	"opsbot/integrations/mattermost/render"
)

// state is what a form must know when it comes back. The client holds it, so it is
// signed; who fills the form in is the server's word alone.
type state struct {
	Form   string            `json:"f"`
	User   string            `json:"u"`
	Room   string            `json:"r"`
	Thread string            `json:"t,omitempty"`
	Fields map[string]string `json:"n,omitempty"` // kinds of the fields, by name
}

// open opens a form before the person who the trigger belongs to.
func (c *Chat) open(ctx context.Context, trigger string, f *bot.Form, m bot.Message) error {
	st := state{Form: f.ID, User: m.Author.ID, Room: m.Room.ID, Thread: m.Thread, Fields: map[string]string{}}
	for _, field := range f.Fields {
		st.Fields[field.Name] = string(field.Kind)
	}
	signed, err := c.seal(ctx, st)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, formTime)
	defer cancel()
	dialog := render.Form(*f)
	dialog.State = signed
	err = c.api.OpenDialog(ctx, model.OpenDialogRequest{TriggerId: trigger, URL: c.env.PublicURL + c.Prefix() + "dialogs", Dialog: dialog})
	if err != nil {
		return bot.Errorf(bot.CodeUnavailable, "The form could not be opened. Please try it again.").Because(err)
	}
	return nil
}

// seal signs a form's state.
func (c *Chat) seal(ctx context.Context, st state) (string, error) {
	data, err := json.Marshal(st)
	if err != nil {
		return "", bot.Errorf(bot.CodeInternal, "The form's state can't be encoded.").Because(err)
	}
	text := base64.RawURLEncoding.EncodeToString(data)
	sum, err := c.signature(ctx, text)
	return text + "." + sum, err
}

// unseal gives a state back that we signed.
func (c *Chat) unseal(ctx context.Context, sealed string) (st state, ok bool, err error) {
	text, sum, _ := strings.Cut(sealed, ".")
	want, err := c.signature(ctx, text)
	if err != nil || !hmac.Equal([]byte(sum), []byte(want)) {
		return st, false, err
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(data, &st)
	}
	return st, err == nil, nil //nolint:nilerr // not ours, whatever is wrong with it
}

// signature is keyed by the bot's token, which all replicas have and nobody else has.
func (c *Chat) signature(ctx context.Context, text string) (string, error) {
	token, err := c.cfg.Token.Resolve(ctx)
	if err != nil {
		return "", err
	}
	key := hmac.New(sha256.New, []byte(token))
	key.Write([]byte("opsbot form state of " + c.env.Name))
	sum := hmac.New(sha256.New, key.Sum(nil))
	sum.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum.Sum(nil)), nil
}

// submitted is a form that was sent, or closed.
type submitted struct {
	UserID     string                     `json:"user_id"`
	State      string                     `json:"state"`
	Submission map[string]json.RawMessage `json:"submission"`
	Cancelled  bool                       `json:"cancelled"`
}

// serveDialog answers a form that was sent: with what is wrong, by field, and the form
// stays open; or with nothing, and it closes.
func (c *Chat) serveDialog(w http.ResponseWriter, r *http.Request) {
	data, ok := body(w, r)
	if !ok {
		return
	}
	var s submitted
	if err := json.Unmarshal(data, &s); err != nil || !model.IsValidId(s.UserID) {
		http.Error(w, "not a form", http.StatusBadRequest)
		return
	}
	if s.Cancelled {
		answer(w, struct{}{})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTime)
	defer cancel()
	answer(w, c.submit(ctx, s))
}

func (c *Chat) submit(ctx context.Context, s submitted) model.SubmitDialogResponse {
	st, ok, err := c.unseal(ctx, s.State)
	if err != nil {
		return model.SubmitDialogResponse{Error: c.sentence(err, "read the state of a form")}
	}
	if !ok || st.User != s.UserID {
		return model.SubmitDialogResponse{Error: "This form is not known any more. Ask for it again."}
	}
	values, problems := c.values(s.Submission, st.Fields)
	if len(problems) > 0 {
		return model.SubmitDialogResponse{Errors: problems}
	}
	m := bot.Message{
		ID: "f" + st.Form, Action: st.Form, Form: values, Room: c.ref(st.Room), Thread: st.Thread, Loose: st.Thread == "",
		Author: c.account(s.UserID), SentAt: c.env.Clock.Now(),
	}
	problems, err = c.env.Desk.Check(ctx, m)
	if err != nil {
		return model.SubmitDialogResponse{Error: c.sentence(err, "check a form")}
	}
	if len(problems) > 0 {
		return wrong(problems)
	}
	if _, err := c.env.Inbound.Receive(ctx, m); err != nil {
		c.env.Log.Error("mattermost: a form was not stored", "error", c.mask.Error(err))
		return model.SubmitDialogResponse{Error: notStored}
	}
	return model.SubmitDialogResponse{}
}

// wrong puts each sentence to its field; one that belongs to none is shown below all.
func wrong(problems map[string]string) model.SubmitDialogResponse {
	out := model.SubmitDialogResponse{Error: problems[""]}
	for _, name := range slices.Sorted(maps.Keys(problems)) {
		if name == "" {
			continue
		}
		if out.Errors == nil {
			out.Errors = map[string]string{}
		}
		out.Errors[name] = problems[name]
	}
	return out
}

// values are the submitted values of the fields that the form has, as text.
func (c *Chat) values(in map[string]json.RawMessage, kinds map[string]string) (values, problems map[string]string) {
	values = map[string]string{}
	for name, kind := range kinds {
		text, err := valueOf(in[name])
		if err != nil {
			if problems == nil {
				problems = map[string]string{}
			}
			problems[name] = "This can't be read."
			continue
		}
		if bot.FieldKind(kind) == bot.FieldCheckbox && text == "" {
			text = "false"
		}
		values[name] = strings.ReplaceAll(text, markup.Gap, "")
	}
	return values, problems
}

// valueOf is a value as it was typed; null and what is missing are empty.
func valueOf(raw json.RawMessage) (string, error) {
	text := strings.TrimSpace(string(raw))
	if text == "" || text == "null" {
		return "", nil
	}
	switch text[0] {
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	case 't', 'f':
		b, err := strconv.ParseBool(text)
		return strconv.FormatBool(b), err
	case '{', '[':
		return "", fmt.Errorf("a value is no text: %.20s", text)
	}
	return text, nil // a number, as it stands there
}
