package router

import (
	"context"
	"slices"
	"strings"

	"opsbot/bot"
)

// agrees reports emoji that mean "go ahead".
func agrees(reaction string) bool {
	return slices.Contains([]string{"+1", "thumbsup", "white_check_mark", "heavy_check_mark"}, reaction)
}

// planShown is the id of the plan that the message reacted to shows, "" for none.
func (r *Router) planShown(ctx context.Context, m bot.Message) (id string, err error) {
	post, err := r.reactedTo(ctx, m)
	id, shows := strings.CutPrefix(post.Key, "plan:")
	if !shows {
		return "", err
	}
	return id, err
}

// reactedTo is our post that the author reacted to, a zero one for none.
func (r *Router) reactedTo(ctx context.Context, m bot.Message) (post bot.PostRow, err error) {
	err = r.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		post, err = tx.Threads.Post(ctx, m.Room, m.On)
		return ignoreNotFound(err)
	})
	return post, err
}

// reacted takes a thumb on a plan for a confirmation by whoever was asked. From
// anybody else it is applause, and so it is on what is no open plan: neither gets an
// answer.
func (r *Router) reacted(ctx context.Context, c *call) (*result, error) {
	plan, err := r.agreedTo(ctx, c)
	if plan == nil || err != nil {
		return nil, err
	}
	c.cmd = r.verbs["confirm"]
	if c.cmd == nil {
		return nil, nil
	}
	c.spec = c.cmd.Spec()
	c.args = bot.Args{Values: map[string]string{"id": plan.ID}, Flags: map[string]string{}}
	c.line = "(" + c.m.Reaction + ") " + c.spec.Format(c.args)
	c.audit.Verb = c.spec.Verb
	if c.m.Missed {
		return c.missed(r.opt.Clock.Now()), nil
	}
	target, err := r.target(ctx, c, plan)
	if err != nil {
		return r.answer(c, nil, err)
	}
	a := r.access(target)
	a.Verb = "react"
	d := r.ask(ctx, a)
	if !d.Allowed {
		c.audit.Policies = d.Policies
		return c.problem(bot.Errorf(bot.CodeForbidden, "A reaction does not confirm this: press Confirm or type `confirm %s`. %s", plan.ID, d.Reason)), nil
	}
	return r.run(ctx, c)
}

// agreedTo is the open plan that the author, who was asked, agrees to; nil for none. The
// answer stands in the thread of the plan's post, or below it: a reaction has none.
func (r *Router) agreedTo(ctx context.Context, c *call) (*bot.Plan, error) {
	if !agrees(c.m.Reaction) {
		return nil, nil
	}
	post, err := r.reactedTo(ctx, c.m)
	id, shows := strings.CutPrefix(post.Key, "plan:")
	if err != nil || !shows {
		return nil, err
	}
	if c.thread = post.Thread; c.thread == "" {
		c.thread = c.m.On
	}
	plan, err := r.openPlan(ctx, id)
	switch code := bot.CodeOf(err); {
	case code == bot.CodeNotFound || code == bot.CodeConflict:
		return nil, nil // ended: the post says so already
	case err != nil:
		return nil, err
	case plan.Typed != "" || plan.UserID != c.user.ID && plan.Approvals == 0:
		return nil, nil
	}
	return plan, nil
}
