package slack

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"opsbot/bot"
	"opsbot/integrations/slack/block"
	"opsbot/integrations/slack/wire"
)

// formState is what a form carries: what it submits, where it was opened, and for
// whom. Only the person is Slack's word when it comes back; the rest is signed.
type formState struct {
	Form    string `json:"f"`
	Channel string `json:"c"`
	Thread  string `json:"t,omitempty"`
	User    string `json:"u"`
}

func (c *Chat) seal(s formState) string {
	body, _ := json.Marshal(s) // texts can't fail
	enc := base64.RawURLEncoding
	return enc.EncodeToString(body) + "." + enc.EncodeToString(c.sign(body))
}

func (c *Chat) sign(body []byte) []byte {
	mac := hmac.New(sha256.New, c.key)
	mac.Write(body)
	return mac.Sum(nil)
}

// unseal reads what seal made; ok is false for anything else.
func (c *Chat) unseal(sealed string) (s formState, ok bool) {
	left, right, found := strings.Cut(sealed, ".")
	body, err := base64.RawURLEncoding.DecodeString(left)
	sum, sumErr := base64.RawURLEncoding.DecodeString(right)
	if !found || err != nil || sumErr != nil || !hmac.Equal(sum, c.sign(body)) {
		return s, false
	}
	return s, json.Unmarshal(body, &s) == nil
}

// submission answers a form that was sent.
type submission struct {
	Action string                  `json:"response_action"`
	Errors map[string]string       `json:"errors,omitempty"`
	View   *slack.ModalViewRequest `json:"view,omitempty"`
}

// submitted checks a form and takes it as a message.
func (c *Chat) submitted(ctx context.Context, i wire.Interaction) (any, error) {
	if i.View.CallbackID != block.FormCallback {
		return nil, nil
	}
	state, ok := c.unseal(i.View.PrivateMetadata)
	if !ok || state.User != i.User.ID {
		return problems(i.View, map[string]string{"": "This form is not known any more. Ask for it again."}), nil
	}
	id, err := c.who(ctx)
	if err != nil {
		return nil, err
	}
	m := bot.Message{
		ID: "form:" + i.View.ID, Room: c.ref(id, state.Channel), Thread: state.Thread, Loose: state.Thread == "", Author: c.account(id, i.User.ID, i.User.TeamID),
		Action: state.Form, Form: i.View.Values(), SentAt: c.env.Clock.Now(), Direct: isDirect(state.Channel),
	}
	wrong, err := c.env.Desk.Check(ctx, m)
	if text, ok := sentence(err); err != nil && ok {
		wrong = map[string]string{"": text}
	} else if err != nil {
		return nil, err
	}
	if len(wrong) > 0 {
		return problems(i.View, wrong), nil
	}
	if _, err := c.env.Inbound.Receive(ctx, m); err != nil {
		return nil, err
	}
	return submission{Action: string(slack.RAClear)}, nil
}

// maxProblem bounds what is said beside a field.
const maxProblem = 1000

// problems shows what is wrong beside the fields; what belongs to none of them stands
// at the first, or in place of a form that has none.
func problems(v wire.View, wrong map[string]string) submission {
	errs := map[string]string{}
	first := v.FirstInput()
	for _, name := range slices.Sorted(maps.Keys(wrong)) {
		at := name
		if !v.Asks(name) {
			at = first
		}
		errs[at] = strings.TrimSpace(bot.Shorten(errs[at]+" "+orElse(wrong[name], "This does not fit."), maxProblem))
	}
	if first == "" {
		view := block.Notice("OpsBot", bot.Escape(errs[""]))
		return submission{Action: string(slack.RAUpdate), View: &view}
	}
	return submission{Action: string(slack.RAErrors), Errors: errs}
}
