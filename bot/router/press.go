package router

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"opsbot/bot"
)

// pressed runs the stored action behind a button, or the one that a form submits.
func (r *Router) pressed(ctx context.Context, c *call) (*result, error) {
	a, err := r.stored(ctx, c.m.Action)
	c.line = "(button)"
	if bot.CodeOf(err) == bot.CodeNotFound {
		return c.problem(bot.Errorf(bot.CodeNotFound, "That button is not known any more. Type the command instead.")), nil
	}
	if err != nil {
		return nil, err
	}
	c.audit.Verb = a.Verb
	if err := r.refuses(c, a); err != nil {
		return c.problem(err), nil
	}
	if c.m.Missed {
		return c.missed(r.opt.Clock.Now()), nil
	}
	if err := r.take(c, a); err != nil {
		return nil, err
	}
	if a.Form {
		if !submits(a) {
			return c.problem(bot.Errorf(bot.CodeUnsupported, "That button opens a form, which this chat can't show. Type `%s` instead.", c.spec.Verb)), nil
		}
		if c.form, err = r.unsealed(ctx, a, c.m.Form); err != nil {
			return r.answer(c, nil, err)
		}
		problems, err := r.fill(ctx, c)
		if err != nil {
			return r.answer(c, nil, err)
		}
		if len(problems) > 0 {
			return c.problem(bot.Errorf(bot.CodeInvalid, "%s", strings.Join(sentences(problems), " "))), nil
		}
	}
	c.line = c.spec.Format(c.args)
	return r.run(ctx, c)
}

func sentences(problems map[string]string) []string {
	var out []string
	for _, field := range slices.Sorted(maps.Keys(problems)) {
		out = append(out, problems[field])
	}
	return out
}

func (r *Router) stored(ctx context.Context, id string) (a bot.Action, err error) {
	err = r.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		a, err = tx.Actions.Get(ctx, id)
		return err
	})
	return a, err
}

// submits tells what a form submits from the button that opens the form: it is one
// person's, and good for once.
func submits(a bot.Action) bool { return a.Form && a.Once && a.UserID != "" }

// refuses says why the caller can't use an action, nil if they can. The desk goes by it
// as well as what runs, so that no form is found right and then refused.
func (r *Router) refuses(c *call, a bot.Action) error {
	what, used, where := "button", "pressed", "belongs to a message in another room. Press it there"
	if submits(a) {
		what, used, where = "form", "sent", "was opened in another room. Ask for it here"
	}
	switch {
	case a.Room != c.m.Room: // its id was taken elsewhere: there is no such button in this room
		return bot.Errorf(bot.CodeForbidden, "That %s %s, or type `%s` here.", what, where, a.Verb)
	case r.opt.Clock.Now().After(a.ExpiresAt):
		return bot.Errorf(bot.CodeConflict, "That %s has expired. Type `%s` instead.", what, a.Verb)
	case a.UserID != "" && a.UserID != c.user.ID:
		return bot.Errorf(bot.CodeForbidden, "That %s is for somebody else.", what)
	case a.Once && !a.UsedAt.IsZero():
		return bot.Errorf(bot.CodeConflict, "That %s was %s already, at %s UTC.", what, used, a.UsedAt.Format("15:04:05"))
	case c.m.Form != nil && !submits(a):
		return bot.Errorf(bot.CodeNotFound, "This form is not known any more. Ask for it again.")
	}
	return nil
}

// take makes the call that of a stored action.
func (r *Router) take(c *call, a bot.Action) error {
	if c.cmd = r.verbs[strings.ToLower(a.Verb)]; c.cmd == nil {
		return bot.Errorf(bot.CodeInternal, "There is no command %q behind that button.", a.Verb)
	}
	c.action, c.spec = &a, c.cmd.Spec()
	c.args = bot.Args{Values: map[string]string{}, Flags: map[string]string{}}
	if len(a.Args) > 0 {
		if err := json.Unmarshal(a.Args, &c.args); err != nil {
			return bot.Errorf(bot.CodeInternal, "The stored action of that button can't be read.").Because(err)
		}
	}
	return nil
}

// fill puts a submitted form into the call, and says what is wrong with it by its
// fields. A form whose fields were all left empty is one, too.
func (r *Router) fill(ctx context.Context, c *call) (map[string]string, error) {
	cmd, ok := c.cmd.(bot.FormCommand)
	if !ok {
		return nil, bot.Errorf(bot.CodeInternal, "There is no form behind %q any more.", c.spec.Verb)
	}
	args, problems, err := cmd.Fill(ctx, r.request(c), c.form)
	if err == nil && len(problems) == 0 {
		c.args = args
	}
	return problems, err
}
