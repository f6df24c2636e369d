package router

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"opsbot/bot"
)

// propose shows what a command would do. A nil result means that it may run
// without being confirmed: --yes was given and the policy allows it.
func (r *Router) propose(ctx context.Context, c *call, planner bot.Planner) (*result, error) {
	plan, err := r.plan(ctx, c, planner)
	if err != nil || plan == nil {
		return nil, err
	}
	if _, yes := c.args.Flags["yes"]; yes && plan.Approvals == 0 && plan.Typed == "" {
		a := r.access(c)
		a.Verb = "yes"
		d, err := r.opt.Authorizer.Authorize(ctx, a)
		if err == nil && d.Allowed {
			plan.State = "confirmed"
			c.plan, c.audit.PlanHash = plan, plan.Hash
			c.audit.Policies = append(c.audit.Policies, d.Policies...)
			return nil, nil
		}
		plan.Warnings = append(plan.Warnings, bot.Escape("--yes is not allowed here: "+d.Reason))
	}
	return r.show(c, plan), nil
}

// plan asks the command and completes what the router knows.
func (r *Router) plan(ctx context.Context, c *call, planner bot.Planner) (*bot.Plan, error) {
	plan, err := planner.Plan(ctx, r.request(c))
	if err != nil || plan == nil {
		return nil, err
	}
	now := r.opt.Clock.Now()
	plan.ID = strings.ToLower(bot.NewToken()[:6])
	plan.Verb, plan.Args = c.spec.Verb, c.args
	plan.UserID, plan.Message = c.user.ID, c.m
	plan.Message.Form = nil
	plan.State, plan.CreatedAt, plan.ExpiresAt = "open", now, now.Add(r.opt.PlanTTL)
	plan.Cause = c.cause()
	if c.project != nil {
		plan.ProjectID = c.project.ID
	}
	plan.Hash, err = hashOf(plan)
	return plan, err
}

// hashOf is the hash of what the person agrees to.
func hashOf(p *bot.Plan) (string, error) {
	args := p.Args
	args.Flags = map[string]string{}
	for k, v := range p.Args.Flags {
		if k != "yes" {
			args.Flags[k] = v
		}
	}
	body, err := json.Marshal([]any{p.Verb, args, p.ProjectID, p.Environment, p.Content, p.Typed, p.Approvals})
	if err != nil {
		return "", fmt.Errorf("plan of %s: hash: %w", p.Verb, err)
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), nil
}

// show is the result that posts a plan with its buttons.
func (r *Router) show(c *call, plan *bot.Plan) *result {
	c.audit.PlanHash, c.audit.Outcome = plan.Hash, "planned "+plan.ID
	post := planPost(plan)
	post.Key = "plan:" + plan.ID
	confirm := r.action(plan, "confirm")
	cancel := r.action(plan, "cancel")
	if plan.Typed == "" {
		post.Buttons = append(post.Buttons, bot.Button{Label: "Confirm", Action: confirm.ID, Style: "primary"})
	}
	post.Buttons = append(post.Buttons, bot.Button{Label: "Cancel", Action: cancel.ID})
	return &result{reply: post, audited: true, commit: func(ctx context.Context, tx *bot.Tx) error {
		if err := tx.Plans.Put(ctx, plan); err != nil {
			return err
		}
		if err := tx.Actions.Put(ctx, cancel); err != nil || plan.Typed != "" {
			return err
		}
		return tx.Actions.Put(ctx, confirm)
	}}
}

func (r *Router) action(plan *bot.Plan, verb string) bot.Action {
	args, _ := json.Marshal(bot.Args{Values: map[string]string{"id": plan.ID}}) // strings only: can't fail
	return bot.Action{ID: bot.NewToken(), Verb: verb, Args: args, PlanID: plan.ID, Room: plan.Message.Room, ExpiresAt: plan.ExpiresAt}
}

// planPost words a plan and how to confirm it.
func planPost(plan *bot.Plan) *bot.Post {
	post := &bot.Post{Title: plan.Title, Tone: bot.ToneWaiting, Text: slices.Clone(plan.Lines)}
	for _, w := range plan.Warnings {
		post.Text = append(post.Text, "**Note:** "+w)
	}
	how := "`confirm " + plan.ID + "`"
	if plan.Typed != "" {
		how = "`confirm " + plan.ID + " " + plan.Typed + "`"
	}
	line := bot.Text(fmt.Sprintf("To go ahead: %s, or just `confirm` in this thread, until %s UTC.", how, plan.ExpiresAt.Format("15:04")))
	if plan.Typed != "" {
		line = bot.Text(fmt.Sprintf("To go ahead type %s until %s UTC.", how, plan.ExpiresAt.Format("15:04")))
	}
	if plan.Approvals > 0 {
		line += bot.Text(fmt.Sprintf(" It also needs the approval of %d other(s).", plan.Approvals))
	}
	post.Text = append(post.Text, line)
	return post
}

// confirm takes the agreement of the author to a plan and, if that is all it
// needed, runs the plan's command.
func (r *Router) confirm(ctx context.Context, c *call, out *bot.Outcome) (*result, error) {
	plan, err := r.openPlan(ctx, out.Confirm)
	if err != nil {
		return nil, err
	}
	c.audit.PlanHash, c.audit.ProjectID, c.audit.Environment = plan.Hash, plan.ProjectID, plan.Environment
	target, err := r.target(ctx, c, plan)
	if err != nil {
		return nil, err
	}
	if plan.UserID != c.user.ID {
		return r.approve(ctx, c, plan, target)
	}
	if plan.Typed != "" && out.Typed != plan.Typed {
		return nil, bot.Errorf(bot.CodeInvalid, "This needs its name typed: confirm %s %s", plan.ID, plan.Typed)
	}
	if missing := plan.Approvals - r.approvals(ctx, plan); missing > 0 {
		return nil, bot.Errorf(bot.CodeConflict, "The plan %s still needs the approval of %d other(s).", plan.ID, missing)
	}
	return r.execute(ctx, c, plan, target)
}

// openPlan loads a plan that can still be confirmed.
func (r *Router) openPlan(ctx context.Context, id string) (*bot.Plan, error) {
	var plan *bot.Plan
	err := r.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		plan, err = tx.Plans.Get(ctx, id)
		return err
	})
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil, bot.Errorf(bot.CodeNotFound, "There is no plan %q.", id)
	}
	if err != nil {
		return nil, err
	}
	return plan, r.usable(plan)
}

func (r *Router) usable(plan *bot.Plan) error {
	switch {
	case plan.State == planExpired, plan.State == "open" && r.opt.Clock.Now().After(plan.ExpiresAt):
		return bot.Errorf(bot.CodeConflict, "The plan %s has expired; ask again: %s", plan.ID, r.asked(plan))
	case plan.State != "open":
		return bot.Errorf(bot.CodeConflict, "The plan %s is %s already.", plan.ID, plan.State)
	}
	return nil
}

// asked is the command line that a plan answers.
func (r *Router) asked(plan *bot.Plan) string {
	if cmd := r.verbs[strings.ToLower(plan.Verb)]; cmd != nil {
		return cmd.Spec().Format(plan.Args)
	}
	return plan.Verb
}

// target is the call that the plan is of, as its requester made it.
func (r *Router) target(ctx context.Context, c *call, plan *bot.Plan) (*call, error) {
	cmd := r.verbs[strings.ToLower(plan.Verb)]
	if cmd == nil {
		return nil, bot.Errorf(bot.CodeInternal, "There is no command %q any more.", plan.Verb)
	}
	t := &call{m: plan.Message, thread: plan.Message.Under(), user: c.user, cmd: cmd, spec: cmd.Spec(), args: plan.Args}
	t.m.Root = c.m.Root // what follows belongs to the confirmation, which somebody waits for
	t.m.ID, t.m.Thread = c.m.ID, plan.Message.Under()
	if res, err := r.resolve(ctx, t); err != nil {
		return nil, err
	} else if res != nil {
		return nil, bot.Errorf(bot.CodeConflict, "The project of the plan %s is not there any more.", plan.ID)
	}
	return t, nil
}

// execute runs a confirmed plan, unless the world has changed since it was shown.
func (r *Router) execute(ctx context.Context, c *call, plan *bot.Plan, t *call) (*result, error) {
	if res, err := r.authorizeFor(ctx, c, t); res != nil || err != nil {
		return res, err
	}
	planner, ok := t.cmd.(bot.Planner)
	if !ok {
		return nil, bot.Errorf(bot.CodeInternal, "The command %q has no plan.", plan.Verb)
	}
	fresh, err := r.plan(ctx, t, planner)
	if err != nil {
		return nil, err
	}
	if fresh == nil {
		return nil, bot.Errorf(bot.CodeConflict, "There is nothing left to do of the plan %s.", plan.ID)
	}
	if fresh.Hash != plan.Hash {
		return r.replace(c, plan, fresh), nil
	}
	t.plan = plan
	out, err := t.cmd.Run(ctx, r.request(t))
	if err != nil {
		return nil, err
	}
	c.audit.Outcome = "confirmed " + plan.ID
	reply := out.Reply
	return &result{reply: reply, private: out.Private, audited: true, commit: func(ctx context.Context, tx *bot.Tx) error {
		if err := r.settle(ctx, tx, plan, "confirmed", "Confirmed by "+bot.Escape(c.user.Name)+"."); err != nil {
			return err
		}
		if out.Commit == nil {
			return nil
		}
		return out.Commit(ctx, tx)
	}}, nil
}

// authorizeFor asks the policy about the command behind a plan; what it said is
// recorded with c.
func (r *Router) authorizeFor(ctx context.Context, c, t *call) (*result, error) {
	res, err := r.authorize(ctx, t)
	c.audit.Decision, c.audit.Policies = t.audit.Decision, t.audit.Policies
	c.audit.Outcome = orElse(t.audit.Outcome, c.audit.Outcome)
	return res, err
}

// replace shows the plan as it would be now instead of running the old one.
func (r *Router) replace(c *call, old, fresh *bot.Plan) *result {
	fresh.Message = old.Message
	fresh.Warnings = append([]bot.Text{"Things have changed since the plan " + bot.Escape(old.ID) + " was shown; this is how it would be now."}, fresh.Warnings...)
	res := r.show(c, fresh)
	put := res.commit
	res.commit = func(ctx context.Context, tx *bot.Tx) error {
		if err := r.settle(ctx, tx, old, "replaced", "Replaced by the plan "+bot.Escape(fresh.ID)+"."); err != nil {
			return err
		}
		return put(ctx, tx)
	}
	return res
}

// cancel ends a plan without running it.
func (r *Router) cancel(ctx context.Context, c *call, id string) (*result, error) {
	plan, err := r.openPlan(ctx, id)
	if err != nil {
		return nil, err
	}
	c.audit.PlanHash, c.audit.ProjectID, c.audit.Environment = plan.Hash, plan.ProjectID, plan.Environment
	c.audit.Outcome = "cancelled " + plan.ID
	if plan.UserID != c.user.ID {
		t, err := r.target(ctx, c, plan)
		if err != nil {
			return nil, err
		}
		if res, err := r.authorizeFor(ctx, c, t); res != nil || err != nil {
			return res, err // who may not do it may not stop it either
		}
	}
	res := c.say(bot.ToneNeutral, bot.Escape(fmt.Sprintf("Cancelled the plan %s; nothing was changed.", plan.ID)))
	res.commit = func(ctx context.Context, tx *bot.Tx) error {
		return r.settle(ctx, tx, plan, "cancelled", "Cancelled by "+bot.Escape(c.user.Name)+".")
	}
	return res, nil
}

// settle ends an open plan as state and replaces the invitation on its post, with
// its buttons, by note.
func (r *Router) settle(ctx context.Context, tx *bot.Tx, shown *bot.Plan, state string, note bot.Text) error {
	plan, err := tx.Plans.Get(ctx, shown.ID)
	if err != nil {
		return err
	}
	if err := r.usable(plan); err != nil {
		return err
	}
	return end(ctx, tx, plan, state, note)
}

// end keeps a plan as ended and has its post say so, without buttons.
func end(ctx context.Context, tx *bot.Tx, plan *bot.Plan, state string, note bot.Text) error {
	plan.State = state
	if err := tx.Plans.Put(ctx, plan); err != nil {
		return err
	}
	row, err := tx.Posts.Get(ctx, plan.Message.Room, "plan:"+plan.ID)
	if err != nil || row.Content == nil {
		return ignoreNotFound(err)
	}
	post := *row.Content
	post.Buttons, post.Tone = nil, bot.ToneNeutral
	post.Text = append(slices.Clone(post.Text[:max(len(post.Text)-1, 0)]), note)
	return tx.Posts.Put(ctx, post)
}
