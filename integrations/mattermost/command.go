package mattermost

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"

	"opsbot/bot"
	"opsbot/integrations/mattermost/markup"
)

// slash is a command line that somebody typed.
type slash struct {
	channel, root, user, command, text, trigger string
}

// serveCommand answers the slash command, which Mattermost sends as a form.
func (c *Chat) serveCommand(w http.ResponseWriter, r *http.Request) {
	data, ok := body(w, r)
	if !ok {
		return
	}
	form, err := url.ParseQuery(string(data))
	if err != nil {
		http.Error(w, "not a form", http.StatusBadRequest)
		return
	}
	if !c.genuine(r, form.Get("token")) {
		http.Error(w, "the token does not match", http.StatusUnauthorized)
		return
	}
	s := slash{
		channel: form.Get("channel_id"), root: form.Get("root_id"), user: form.Get("user_id"), command: form.Get("command"),
		text: strings.TrimSpace(form.Get("text")), trigger: form.Get("trigger_id"),
	}
	if !model.IsValidId(s.channel) || !model.IsValidId(s.user) || s.root != "" && !model.IsValidId(s.root) {
		http.Error(w, "not a command", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTime)
	defer cancel()
	answer(w, model.CommandResponse{ResponseType: model.CommandResponseTypeEphemeral, Text: c.slash(ctx, s), SkipSlackParsing: true})
}

// genuine compares the token that Mattermost sends twice, in the form and in a header.
// A proxy may have taken the header away; a wrong one counts. It takes the same time
// whatever is wrong.
func (c *Chat) genuine(r *http.Request, inForm string) bool {
	if c.cfg.CommandToken.IsZero() {
		return false
	}
	want, err := c.cfg.CommandToken.Resolve(r.Context())
	if err != nil {
		c.env.Log.Error("mattermost: the slash command's token can't be read", "error", err)
		return false
	}
	c.mask.Add(want)
	ok := same(inForm, want)
	if header := r.Header.Get("Authorization"); header != "" {
		token, _ := strings.CutPrefix(header, "Token ")
		ok = same(strings.TrimSpace(token), want) && ok
	}
	return ok
}

// same compares secrets in a time that tells neither content nor length.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// slash takes a command down and says at once what becomes of it; it is answered in
// the channel, or in the thread in which it was typed.
func (c *Chat) slash(ctx context.Context, s slash) string {
	in, err := c.rooms.contains(ctx, c, s.channel)
	switch {
	case err != nil:
		return markup.Escape(c.sentence(err, "look whether the bot is in a channel"))
	case !in:
		me := c.me.get()
		return "OpsBot is not in this channel, so nothing was run. " + markup.Text(bot.Text("Type `/invite @"+me.username+"` first."))
	case s.user == c.me.get().id:
		return ""
	}
	m := bot.Message{
		ID: "s" + digest(s.trigger, s.channel, s.user, s.text), Room: c.ref(s.channel), Thread: s.root, Author: c.account(s.user),
		Text: markup.Said(s.text, c.self()), SentAt: c.env.Clock.Now(), Addressed: true, Loose: s.root == "",
	}
	if here, err := c.rooms.look(ctx, c, s.channel); err == nil {
		m.Direct = here.kind == model.ChannelTypeDirect
	}
	form, err := c.env.Desk.Form(ctx, m)
	if err != nil {
		return markup.Escape(c.sentence(err, "look for the form of a command"))
	}
	if form != nil {
		if err := c.open(ctx, s.trigger, form, m); err != nil {
			return markup.Escape(c.sentence(err, "open a form"))
		}
		return ""
	}
	if _, err := c.env.Inbound.Receive(ctx, m); err != nil {
		c.env.Log.Error("mattermost: a command was not stored", "error", c.mask.Error(err))
		return markup.Escape(notStored)
	}
	return "Working on " + quoted(strings.TrimSpace(s.command+" "+s.text))
}

// quoted is a line as code, or as text where it can't be code.
func quoted(line string) string {
	line = bot.Shorten(bot.OneLine(line), 200)
	if strings.Contains(line, "`") {
		return markup.Escape(line)
	}
	return "`" + line + "`"
}
