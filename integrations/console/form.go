package console

import (
	"net/http"
	"net/url"

	"opsbot/bot"
)

var _ bot.Forms = (*Console)(nil)

// OpensForms marks the ability: forms are pages.
func (c *Console) OpensForms() bool { return true }

// opener is the press that asks for a form.
func (c *Console) opener(r *http.Request, action string) bot.Message {
	account, _ := AccountFrom(r.Context())
	return bot.Message{
		Room: c.Room(r.PathValue("room")), Author: account, Owner: account.ID == ownerID, Action: action,
		SentAt: c.env.Clock.Now(), Loose: true,
	}
}

// formPath is the page of the form that an action opens.
func formPath(room, action string) string {
	return "/rooms/" + url.PathEscape(room) + "/forms/" + url.PathEscape(action)
}

// fieldView is a field as the page shows it.
type fieldView struct {
	bot.FormField
	Problem string
}

// openForm shows the form behind a button.
func (c *Console) openForm(w http.ResponseWriter, r *http.Request) {
	c.showForm(w, r, http.StatusOK, "", nil, nil)
}

// showForm renders the form; id is that of one that was sent already, with its values
// and what is wrong with them.
func (c *Console) showForm(w http.ResponseWriter, r *http.Request, status int, id string, values, problems map[string]string) {
	form, err := c.env.Desk.Form(r.Context(), c.opener(r, r.PathValue("action")))
	if err == nil && form == nil {
		err = bot.Errorf(bot.CodeNotFound, "This form is not known any more. Ask for it again.")
	}
	if err != nil {
		c.fail(w, r, err)
		return
	}
	if id != "" {
		form.ID = id
	}
	values = form.WithoutSecrets(values)
	fields := make([]fieldView, len(form.Fields))
	for i, f := range form.Fields {
		if v, sent := values[f.Name]; sent {
			f.Value = v
		}
		fields[i] = fieldView{f, problems[f.Name]}
	}
	c.page(w, r, status, "form", map[string]any{
		"Title": form.Title, "Form": form, "Fields": fields, "Problem": problems[""], "Room": r.PathValue("room"),
		"Action": formPath(r.PathValue("room"), r.PathValue("action")),
	})
}

// sendForm takes what a form submits: shown again with what is wrong, else run.
func (c *Console) sendForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 256<<10)
	if err := r.ParseForm(); err != nil {
		c.fail(w, r, bot.Errorf(bot.CodeInvalid, "The form can't be read.").Because(err))
		return
	}
	m := c.opener(r, r.PostForm.Get("form"))
	m.Form = map[string]string{}
	for name, all := range r.PostForm {
		if name != "form" {
			m.Form[name] = all[len(all)-1] // a box that is ticked comes behind its "false"
		}
	}
	m.ID = "form:" + m.Author.ID + ":" + m.Action // sent twice it counts once
	problems, err := c.env.Desk.Check(r.Context(), m)
	switch {
	case err != nil:
		c.fail(w, r, err)
	case len(problems) > 0:
		c.showForm(w, r, http.StatusUnprocessableEntity, m.Action, m.Form, problems)
	default:
		_, err := c.env.Inbound.Receive(r.Context(), m)
		c.done(w, r, err)
	}
}
