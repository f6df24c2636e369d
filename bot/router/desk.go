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
func (r *Router) Form(ctx context.Context, m bot.Message) (form *bot.Form, err error) {
	c := &call{m: m, thread: m.Under()}
	err = r.atDesk(ctx, c, func(ctx context.Context) error {
		form, err = r.form(ctx, c)
		return err
	})
	return form, err
}

// atDesk bounds what is done while a person waits, and survives a command's panic.
func (r *Router) atDesk(ctx context.Context, c *call, do func(ctx context.Context) error) (err error) {
	defer r.recovered(c, &err)
	ctx, cancel := context.WithTimeout(ctx, r.opt.Patience)
	defer cancel()
	return do(ctx)
}

func (r *Router) form(ctx context.Context, c *call) (*bot.Form, error) {
	cmd, err := r.formOf(ctx, c)
	if err != nil || cmd == nil {
		return nil, err
	}
	if err := r.identify(ctx, c); err != nil {
		return nil, err
	}
	if c.action != nil && r.refuses(c, *c.action) != nil {
		return nil, nil // Receive says why
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
	for _, field := range form.Fields {
		if field.Kind == bot.FieldSecret {
			action.Secret = append(action.Secret, field.Name)
		}
	}
	form.ID = action.ID
	return form, r.opt.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error { return tx.Actions.Put(ctx, action) })
}

// formOf finds the command whose form the message asks for; nil for none. What Receive
// would run, or answer otherwise, is left to it.
func (r *Router) formOf(ctx context.Context, c *call) (bot.FormCommand, error) {
	if c.m.Action != "" {
		a, err := r.stored(ctx, c.m.Action)
		if err != nil || !a.Form || submits(a) || c.m.Missed {
			return nil, ignoreNotFound(err)
		}
		if err := r.take(c, a); err != nil {
			return nil, err
		}
		cmd, _ := c.cmd.(bot.FormCommand)
		return cmd, nil
	}
	var how address
	if c.line, how = r.addressed(ctx, c.m); how != byName || c.m.Missed {
		return nil, nil
	}
	words, err := lex(c.line)
	if err != nil || len(words) == 0 {
		return nil, nil //nolint:nilerr // Receive says what is wrong with it
	}
	c.cmd = r.verbs[strings.ToLower(words[0].text)]
	cmd, ok := c.cmd.(bot.FormCommand)
	if !ok {
		return nil, nil
	}
	c.spec = c.cmd.Spec()
	args, missing, err := parse(c.spec, c.line, words[1:])
	if err != nil {
		return nil, nil //nolint:nilerr // as above
	}
	c.args = args
	if missing, err = r.fromPlace(ctx, c, missing); err != nil || len(missing) == 0 && asked(c) == "" {
		return nil, err
	}
	return cmd, nil
}

// mayAsk finds what the call is about and asks the policy; an Error is the refusal.
func (r *Router) mayAsk(ctx context.Context, c *call) error {
	for _, look := range []func(context.Context, *call) (*result, error){r.resolve, r.authorize} {
		res, err := look(ctx, c)
		if err != nil {
			return err
		}
		if res == nil {
			continue
		}
		code := bot.CodeNotFound
		if res.private {
			code = bot.CodeForbidden
		}
		return bot.Errorf(code, "%s", bot.Unescape(res.reply.Text[0]))
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
func (r *Router) Check(ctx context.Context, m bot.Message) (problems map[string]string, err error) {
	c := &call{m: m, thread: m.Under()}
	err = r.atDesk(ctx, c, func(ctx context.Context) error {
		problems, err = r.check(ctx, c)
		return err
	})
	return problems, err
}

func (r *Router) check(ctx context.Context, c *call) (map[string]string, error) {
	a, err := r.stored(ctx, c.m.Action)
	if bot.CodeOf(err) == bot.CodeNotFound || err == nil && !submits(a) {
		return map[string]string{"": "This form is not known any more. Ask for it again."}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := r.identify(ctx, c); err != nil {
		return refused(err)
	}
	if err := r.refuses(c, a); err != nil {
		return refused(err)
	}
	if err := r.take(c, a); err != nil {
		return nil, err
	}
	if err := r.sealable(ctx, a); err != nil {
		return refused(err)
	}
	c.form = c.m.Form // as it was typed: nothing of it is stored here
	if problems, err := r.fill(ctx, c); err != nil || len(problems) > 0 {
		if err != nil {
			return refused(err)
		}
		return problems, nil
	}
	if err := r.mayAsk(ctx, c); err != nil {
		return refused(err)
	}
	if _, asks := c.cmd.(bot.Planner); asks && c.spec.Confirm {
		return nil, nil // its plan says the rest
	}
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

// offerForms answers a line that lacks what a form can ask for with text and buttons
// that open one; nil where there is none, or the chat can't.
func (r *Router) offerForms(ctx context.Context, c *call, text string) (*result, error) {
	cmd, ok := c.cmd.(bot.FormCommand)
	if !ok || r.opt.Opens == nil || !r.opt.Opens(c.m.Room.Instance) {
		return nil, nil
	}
	for _, look := range []func(context.Context, *call) (*result, error){r.resolve, r.authorize} {
		if res, err := look(ctx, c); res != nil || err != nil {
			return res, err
		}
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
	res := c.invalid(text)
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
