package router

import (
	"context"
	"fmt"
	"slices"

	"opsbot/bot"
)

// approvals counts those that still stand: who has been deactivated since does not agree
// any more. A chat that can't say so takes nothing back.
func (r *Router) approvals(ctx context.Context, plan *bot.Plan) (n int) {
	for _, id := range plan.Approved {
		_, err := r.opt.People.Complete(ctx, bot.User{ID: id})
		if bot.CodeOf(err) == bot.CodeForbidden {
			continue
		}
		if err != nil {
			r.opt.Log.Warn("router: look up who approved", "plan", plan.ID, "user", id, "error", err)
		}
		n++
	}
	return n
}

// approve counts the agreement of somebody else, where the plan asks for that.
func (r *Router) approve(ctx context.Context, c *call, plan *bot.Plan, t *call) (*result, error) {
	if plan.Approvals == 0 {
		return nil, bot.Errorf(bot.CodeForbidden, "Only the person who asked for the plan %s can confirm it.", plan.ID)
	}
	a := r.access(t)
	a.User, a.Verb, a.Requester = c.user, "approve", plan.UserID
	d := r.ask(ctx, a)
	c.audit.Policies = d.Policies
	if !d.Allowed {
		return nil, bot.Errorf(bot.CodeForbidden, "You may not approve %s. %s", doing(plan.Verb, a), d.Reason)
	}
	if slices.Contains(plan.Approved, c.user.ID) {
		return nil, bot.Errorf(bot.CodeConflict, "You have approved the plan %s already.", plan.ID)
	}
	res := c.say(bot.ToneGood, bot.Escape(fmt.Sprintf("%s approved the plan %s.", c.user.Name, plan.ID)))
	c.audit.Outcome = "approved " + plan.ID
	res.commit = func(ctx context.Context, tx *bot.Tx) error {
		now, err := tx.Plans.Get(ctx, plan.ID)
		if err != nil {
			return err
		}
		if err := r.usable(now); err != nil {
			return err
		}
		if !slices.Contains(now.Approved, c.user.ID) {
			now.Approved = append(now.Approved, c.user.ID)
		}
		return tx.Plans.Put(ctx, now)
	}
	return res, nil
}
