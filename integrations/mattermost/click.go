package mattermost

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"opsbot/bot"
	"opsbot/integrations/mattermost/markup"
	"opsbot/integrations/mattermost/render"
)

const (
	mostClicks = 1000
	// doubled is how soon after a press the same one is the same press.
	doubled = 2 * time.Second
)

// pressed is a click as the server reports it. It has no signature: what proves it is
// the action in the context, which the server shows to nobody.
type pressed struct {
	UserID    string         `json:"user_id"`
	ChannelID string         `json:"channel_id"`
	PostID    string         `json:"post_id"`
	TriggerID string         `json:"trigger_id"`
	Context   render.Context `json:"context"`
}

// click is a press that was taken, and what its repetitions are to have the same of.
type click struct {
	mu     sync.Mutex
	id     string
	at     time.Time
	opened bool // a form
}

func (c *Chat) serveAction(w http.ResponseWriter, r *http.Request) {
	data, ok := body(w, r)
	if !ok {
		return
	}
	var p pressed
	if err := json.Unmarshal(data, &p); err != nil || !model.IsValidId(p.UserID) || !model.IsValidId(p.ChannelID) || !model.IsValidId(p.PostID) {
		http.Error(w, "not a click", http.StatusBadRequest)
		return
	}
	if p.UserID == c.me.get().id {
		answer(w, struct{}{})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTime)
	defer cancel()
	answer(w, privately(c.press(ctx, p)))
}

// privately is a sentence that the person who clicked alone sees, under the message
// that it is about; "" for none.
func privately(sentence string) any {
	if sentence == "" {
		return struct{}{}
	}
	return model.PostActionIntegrationResponse{EphemeralText: markup.Escape(sentence), SkipSlackParsing: true}
}

// press opens the form that a click asks for, or takes the click down.
func (c *Chat) press(ctx context.Context, p pressed) (sentence string) {
	action := p.Context.Pressed()
	if action == "" {
		return "That button is not known any more. Type the command instead."
	}
	k := c.clickOf(p, action)
	k.mu.Lock() // a double click waits for the first one
	defer k.mu.Unlock()
	if k.opened {
		return ""
	}
	m := bot.Message{ID: k.id, Room: c.ref(p.ChannelID), Author: c.account(p.UserID), Action: action, SentAt: c.env.Clock.Now()}
	if p.Context.Room != "" { // ours, as the action is: it is not shown in its own room
		m.Room, m.Loose = c.ref(p.Context.Room), true
	} else if root, err := c.rootOf(ctx, p.PostID); err == nil {
		m.Thread = root
	} else {
		// A post for one person alone is not in any thread that could be found.
		m.Loose = true
	}
	form, err := c.env.Desk.Form(ctx, m)
	switch {
	case err != nil:
		return c.sentence(err, "look for the form of a button")
	case form != nil:
		if err := c.open(ctx, p.TriggerID, form, m); err != nil {
			return c.sentence(err, "open a form")
		}
		k.opened = true
		return ""
	}
	if _, err := c.env.Inbound.Receive(ctx, m); err != nil {
		c.env.Log.Error("mattermost: a click was not stored", "error", c.mask.Error(err))
		return notStored
	}
	return ""
}

// clickOf finds the press that p repeats, or takes it for a new one. A person's second
// press on a button within two seconds is a double click; later it is meant. Its id is
// of the same moment whichever replica hears of it.
func (c *Chat) clickOf(p pressed, action string) *click {
	now := triggered(p.TriggerID, c.env.Clock.Now())
	key := digest(p.PostID, action, p.UserID)
	if k, ok := c.clicks.get(key); ok && now.Sub(k.at).Abs() < doubled {
		return k
	}
	k := &click{id: "c" + digest(key, strconv.FormatInt(now.UnixMilli()/doubled.Milliseconds(), 10)), at: now}
	c.clicks.put(key, k)
	return k
}

// triggered is when a trigger was made, by the server's clock: "id:user:ms:signature"
// in base64. What can't be read counts as now.
func triggered(trigger string, now time.Time) time.Time {
	data, err := base64.StdEncoding.DecodeString(trigger)
	parts := strings.Split(string(data), ":")
	if err != nil || len(parts) < 3 {
		return now
	}
	ms, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return now
	}
	return time.UnixMilli(ms)
}
