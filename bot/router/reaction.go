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
	err = r.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		post, err := tx.Threads.Post(ctx, m.Room, m.On)
		if err != nil {
			return ignoreNotFound(err)
		}
		id, _ = strings.CutPrefix(post.Key, "plan:")
		if id == post.Key {
			id = ""
		}
		return nil
	})
	return id, err
}

// reacted takes a thumb on a plan for a confirmation by whoever was asked. From
// anybody else it is applause, and so it is on what is no open plan: neither gets an
// answer.
func (r *Router) reacted(ctx context.Context, c *call) (*result, error) {
	if !agrees(c.m.Reaction) {
		return nil, nil
	}
	id, err := r.planShown(ctx, c.m)
	if err != nil || id == "" {
		return nil, err
	}
	plan, err := r.openPlan(ctx, id)
	if err != nil || plan.Typed != "" || plan.UserID != c.user.ID && plan.Approvals == 0 {
		return nil, nil //nolint:nilerr // ended: the post says so already
	}
	c.cmd = r.verbs["confirm"]
	if c.cmd == nil {
		return nil, nil
	}
	c.spec = c.cmd.Spec()
	c.args = bot.Args{Values: map[string]string{"id": id}, Flags: map[string]string{}}
	c.line = "(" + c.m.Reaction + ") " + c.spec.Format(c.args)
	c.audit.Verb = c.spec.Verb
	target, err := r.target(ctx, c, plan)
	if err != nil {
		return r.answer(c, nil, err)
	}
	a := r.access(target)
	a.Verb = "react"
	d, err := r.opt.Authorizer.Authorize(ctx, a)
	if err != nil {
		return nil, err
	}
	if !d.Allowed {
		c.audit.Policies = d.Policies
		return c.problem(bot.Errorf(bot.CodeForbidden, "A reaction does not confirm this: press Confirm or type `confirm %s`. %s", id, d.Reason)), nil
	}
	return r.run(ctx, c)
}
