package router

import (
	"context"
	"encoding/json"
	"iter"
	"strings"
	"time"

	"opsbot/bot"
)

// formLife is how long a form may be left open.
const formLife = 24 * time.Hour

// Form implements bot.Desk.
func (r *Router) Form(ctx context.Context, m bot.Message) (*bot.Form, error) {
	c := &call{m: m, thread: m.Under()}
	cmd, err := r.formOf(ctx, c)
	if err != nil || cmd == nil {
		return nil, err
	}
	if err := r.mayAsk(ctx, c); err != nil {
		return nil, err
	}
	form, err := cmd.Form(ctx, r.request(c))
	if err != nil {
		return nil, err
	}
	action, err := r.formAction(c)
	if err != nil {
		return nil, err
	}
	action.UserID, action.Once = c.user.ID, true
	form.ID = action.ID
	return form, r.opt.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error { return tx.Actions.Put(ctx, action) })
}

// formOf finds the command whose form m asks for; nil for none.
func (r *Router) formOf(ctx context.Context, c *call) (bot.FormCommand, error) {
	if c.m.Action != "" {
		a, err := r.stored(ctx, c.m.Action)
		if err != nil || !a.Form || c.m.Form != nil {
			return nil, ignoreNotFound(err) // Receive answers what is not known
		}
		if a.Room != c.m.Room || r.opt.Clock.Now().After(a.ExpiresAt) || a.UserID != "" && a.Once {
			return nil, nil // so it does here; a form's own submission opens no form
		}
		c.cmd = r.verbs[strings.ToLower(a.Verb)]
		if c.cmd == nil {
			return nil, bot.Errorf(bot.CodeInternal, "There is no command %q behind that button.", a.Verb)
		}
		if err := c.take(a); err != nil {
			return nil, err
		}
		cmd, _ := c.cmd.(bot.FormCommand)
		return cmd, nil
	}
	words, err := lex(strings.TrimSpace(c.m.Text))
	if err != nil || len(words) == 0 {
		return nil, nil //nolint:nilerr // Receive says what is wrong with it
	}
	if c.cmd = r.verbs[strings.ToLower(words[0].text)]; c.cmd == nil {
		return nil, nil
	}
	cmd, ok := c.cmd.(bot.FormCommand)
	if !ok {
		return nil, nil
	}
	c.spec, c.line = c.cmd.Spec(), c.m.Text
	args, missing, err := parse(c.spec, c.line, words[1:])
	if err != nil || len(missing) == 0 {
		return nil, nil //nolint:nilerr // as above
	}
	c.args = args
	return cmd, nil
}

// mayAsk identifies and authorizes the caller; an Error is the refusal.
func (r *Router) mayAsk(ctx context.Context, c *call) error {
	if err := r.identify(ctx, c); err != nil {
		return err
	}
	d, err := r.opt.Authorizer.Authorize(ctx, r.access(c))
	if err != nil {
		return err
	}
	if !d.Allowed {
		return bot.Errorf(bot.CodeForbidden, "You may not %s. %s", doing(c.spec.Verb, r.access(c)), d.Reason)
	}
	return nil
}

// formAction is the stored action that opens the call's form, or that it submits.
func (r *Router) formAction(c *call) (bot.Action, error) {
	args, err := json.Marshal(c.args)
	if err != nil {
		return bot.Action{}, err
	}
	return bot.Action{ID: bot.NewToken(), Verb: c.spec.Verb, Args: args, Room: c.m.Room, ExpiresAt: r.opt.Clock.Now().Add(formLife), Form: true}, nil
}

// Check implements bot.Desk.
func (r *Router) Check(ctx context.Context, m bot.Message) (map[string]string, error) {
	a, err := r.stored(ctx, m.Action)
	if bot.CodeOf(err) == bot.CodeNotFound || err == nil && !a.Form {
		return map[string]string{"": "This form is not known any more. Ask for it again."}, nil
	}
	if err != nil {
		return nil, err
	}
	c := &call{m: m, thread: m.Under(), cmd: r.verbs[strings.ToLower(a.Verb)]}
	cmd, ok := c.cmd.(bot.FormCommand)
	if !ok {
		return nil, bot.Errorf(bot.CodeInternal, "There is no form behind %q.", a.Verb)
	}
	if err := c.take(a); err != nil {
		return nil, err
	}
	if err := r.mayAsk(ctx, c); err != nil {
		return refused(err)
	}
	if a.UserID != c.user.ID || !a.UsedAt.IsZero() || r.opt.Clock.Now().After(a.ExpiresAt) {
		return map[string]string{"": "This form was sent already, or has expired. Ask for it again."}, nil
	}
	args, problems, err := cmd.Fill(ctx, r.request(c), m.Form)
	if err != nil || len(problems) > 0 {
		return problems, err
	}
	c.args = args
	// What the command itself would say, before anything is promised; it changes nothing.
	if _, err := c.cmd.Run(ctx, r.request(c)); err != nil {
		return refused(err)
	}
	return nil, nil
}

// refused turns a sentence for the person into a problem of the whole form.
func refused(err error) (map[string]string, error) {
	if !isOurs(err) || bot.CodeOf(err) == bot.CodeInternal {
		return nil, err
	}
	return map[string]string{"": bot.MessageOf(err)}, nil
}

// fill puts a submitted form into the call. A result says what is wrong with it.
func (r *Router) fill(ctx context.Context, c *call) (*result, error) {
	cmd, ok := c.cmd.(bot.FormCommand)
	if !ok || c.m.Form == nil {
		return c.problem(bot.Errorf(bot.CodeUnsupported, "That button opens a form, which this chat can't show. Type `%s` instead.", c.spec.Verb)), nil
	}
	args, problems, err := cmd.Fill(ctx, r.request(c), c.m.Form)
	if err != nil {
		return nil, err
	}
	for _, text := range problems {
		return c.problem(bot.Errorf(bot.CodeInvalid, "%s", text)), nil
	}
	c.args = args
	return nil, nil
}

// offerForms answers a line that lacks what a form can ask for with buttons that
// open one; nil where there is none, or the chat can't.
func (r *Router) offerForms(ctx context.Context, c *call) (*result, error) {
	cmd, ok := c.cmd.(bot.FormCommand)
	if !ok || r.opt.Opens == nil || !r.opt.Opens(c.m.Room.Instance) {
		return nil, nil
	}
	if res, err := r.authorize(ctx, c); res != nil || err != nil {
		return res, err
	}
	form, err := cmd.Form(ctx, r.request(c))
	if err != nil {
		return nil, err
	}
	action, err := r.formAction(c)
	if err != nil {
		return nil, err
	}
	actions := []bot.Action{action}
	buttons := []bot.Button{{Label: form.Title, Action: action.ID, Style: "primary"}}
	more, err := r.variants(ctx, c, cmd)
	if err != nil {
		return nil, err
	}
	for label, other := range more {
		actions, buttons = append(actions, other), append(buttons, bot.Button{Label: label, Action: other.ID})
	}
	res := c.invalid("Something is missing there. Fill in the form, or type all of it.")
	res.reply.Tone = bot.ToneWaiting
	res.reply.Buttons = buttons
	res.commit = func(ctx context.Context, tx *bot.Tx) error {
		for _, a := range actions {
			if err := tx.Actions.Put(ctx, a); err != nil {
				return err
			}
		}
		return nil
	}
	return res, nil
}

// variants are the command's other forms by their titles.
func (r *Router) variants(ctx context.Context, c *call, cmd bot.FormCommand) (iter.Seq2[string, bot.Action], error) {
	var titles []string
	var actions []bot.Action
	if v, ok := cmd.(bot.FormVariants); ok {
		for i, args := range v.Variants(r.request(c)) {
			if i == 0 {
				continue // the usual one
			}
			one := *c
			one.args = args
			form, err := cmd.Form(ctx, r.request(&one))
			if err != nil {
				return nil, err
			}
			action, err := r.formAction(&one)
			if err != nil {
				return nil, err
			}
			titles, actions = append(titles, form.Title), append(actions, action)
		}
	}
	return func(yield func(string, bot.Action) bool) {
		for i, title := range titles {
			if !yield(title, actions[i]) {
				return
			}
		}
	}, nil
}
