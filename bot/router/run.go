package router

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"opsbot/bot"
)

// run resolves, authorizes, plans and runs a parsed call.
func (r *Router) run(ctx context.Context, c *call) (*result, error) {
	c.audit.Verb = c.spec.Verb
	if res, err := r.resolve(ctx, c); res != nil || err != nil {
		return r.toldApart(ctx, c, res, err)
	}
	if res, err := r.authorize(ctx, c); res != nil || err != nil {
		return res, err
	}
	planner, plans := c.cmd.(bot.Planner)
	if plans && c.plan == nil && c.spec.Confirm {
		res, err := r.propose(ctx, c, planner)
		if res != nil || err != nil {
			return r.answer(c, res, err)
		}
	}
	out, err := c.cmd.Run(ctx, r.request(c))
	if err != nil {
		return r.answer(c, nil, err)
	}
	if out.Confirm != "" {
		res, err := r.confirm(ctx, c, out)
		return r.answer(c, res, err)
	}
	if out.Cancel != "" {
		res, err := r.cancel(ctx, c, out.Cancel)
		return r.answer(c, res, err)
	}
	c.audit.Outcome = orElse(c.audit.Outcome, "done")
	return &result{reply: out.Reply, private: out.Private, commit: out.Commit, audited: true}, nil
}

// answer turns the error of a command into its reply; an error that is not meant
// for the person, or may pass, is left to the caller.
func (r *Router) answer(c *call, res *result, err error) (*result, error) {
	if err == nil {
		return res, nil
	}
	if class, _ := bot.RetryOf(err); class != bot.RetryNever && bot.CodeOf(err) == bot.CodeStorageFull {
		return nil, err
	}
	if !isOurs(err) || bot.CodeOf(err) == bot.CodeInternal {
		return nil, err
	}
	r.opt.Log.Info("router: command refused or failed", "verb", c.spec.Verb, "user", c.user.Name, "error", err)
	return c.problem(err), nil
}

func (r *Router) request(c *call) *bot.Request {
	m := c.m
	m.Form = nil // Form has it, and must not be stored with whatever keeps the message
	return &bot.Request{
		Message: m, Form: c.form, User: c.user, Spec: c.spec, Args: c.args, Project: c.project,
		Plan: c.plan, Now: r.opt.Clock.Now(), Cause: c.cause(),
	}
}

// resolve finds the project that the arguments name.
func (r *Router) resolve(ctx context.Context, c *call) (*result, error) {
	for _, p := range c.spec.Params {
		name := c.args.Values[p.Name]
		if name == "" || p.Type != bot.ParamProject && p.Type != bot.ParamVersioned && p.Type != bot.ParamEither {
			continue
		}
		var found bot.Project
		var all []bot.Project
		err := r.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
			if found, err = tx.Projects.BySlug(ctx, name); bot.CodeOf(err) == bot.CodeNotFound {
				all, err = tx.Projects.List(ctx)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if found.ID != "" {
			c.project = &found
			c.args.Values[p.Name] = found.Slug
			c.audit.ProjectID = found.ID
			continue
		}
		if p.Type == bot.ParamEither {
			continue // may be an environment: the command tells
		}
		return r.noProject(ctx, c, name, all), nil
	}
	return nil, nil
}

// toldApart keeps from strangers who may do nothing which projects there are.
func (r *Router) toldApart(ctx context.Context, c *call, missing *result, err error) (*result, error) {
	if err != nil || !c.user.Guest && !c.user.External {
		return missing, err
	}
	before := c.audit
	if res, err := r.authorize(ctx, c); res != nil || err != nil {
		return res, err
	}
	c.audit = before
	return missing, nil
}

// noProject answers a project name that is not there, without giving away names
// of projects that the person may not see.
func (r *Router) noProject(ctx context.Context, c *call, name string, all []bot.Project) *result {
	var names []string
	for _, p := range all {
		d, err := r.opt.Authorizer.Authorize(ctx, bot.Access{User: c.user, Verb: "project", Project: p.Slug, Team: p.Team, OwnerName: p.Owner, Room: c.m.Room})
		if err == nil && d.Allowed {
			names = append(names, p.Slug)
		}
	}
	text := fmt.Sprintf("There is no project %q.", bot.Shorten(name, 60))
	if near := bot.Nearest(name, names); near != "" {
		text += fmt.Sprintf(" Did you mean %s?", near)
	} else if len(all) == 0 {
		text += " `new-project NAME` makes one."
	} else {
		text += " `projects` lists them."
	}
	return c.problem(bot.Errorf(bot.CodeNotFound, "%s", text))
}

// access is the question that the policy is asked for this call.
func (r *Router) access(c *call) bot.Access {
	a := bot.Access{User: c.user, Verb: c.spec.Verb, Room: c.m.Room}
	if acc, ok := c.cmd.(bot.Accessor); ok {
		own := acc.Access(r.request(c))
		a.Project, a.Team, a.Blueprint, a.OwnerName = own.Project, own.Team, own.Blueprint, own.OwnerName
		a.Environment = strings.ToLower(own.Environment) // policies name them so
	}
	if c.project != nil {
		a.Project, a.Team, a.OwnerName = c.project.Slug, c.project.Team, c.project.Owner
	}
	for _, p := range c.spec.Params {
		if p.Type == bot.ParamEnvironment && a.Environment == "" {
			a.Environment = strings.ToLower(c.args.Values[p.Name])
		}
	}
	return a
}

// authorize asks the policy; a result is a refusal.
func (r *Router) authorize(ctx context.Context, c *call) (*result, error) {
	a := r.access(c)
	c.audit.Environment = a.Environment
	d := r.ask(ctx, a)
	c.audit.Policies = d.Policies
	if d.Allowed {
		c.audit.Decision = "allowed"
		return nil, nil
	}
	c.audit.Decision, c.audit.Outcome = "refused", "refused: "+d.Reason
	res := c.say(bot.ToneBad, bot.Escape(fmt.Sprintf("You may not %s. %s", doing(c.spec.Verb, a), d.Reason)))
	res.private = true
	return res, nil
}

// ask asks the policy; what it can't answer is refused.
func (r *Router) ask(ctx context.Context, a bot.Access) bot.Decision {
	d, err := r.opt.Authorizer.Authorize(ctx, a)
	if err != nil {
		r.opt.Log.Error("router: policy", "error", err)
		return bot.Decision{Reason: "The policy could not be asked, so the answer is no."}
	}
	return d
}

// doing words what was refused: "deploy hello-world to production".
func doing(verb string, a bot.Access) string {
	text := verb
	if a.Project != "" {
		text += " " + a.Project
	}
	if a.Environment != "" {
		text += " (" + a.Environment + ")"
	}
	return text
}

// errRunAlready is a message whose effects another worker has written meanwhile.
var errRunAlready = errors.New("the message was run already")

// commit writes what came of a call: reply, effect, audit and "done" in one
// transaction, so that a message is run once or not at all.
func (r *Router) commit(ctx context.Context, c *call, res *result) (err error) {
	defer r.recovered(c, &err)
	if r.opt.AtBoundary != nil && res != nil {
		r.opt.AtBoundary(c.spec.Verb)
	}
	now := r.opt.Clock.Now()
	send := func(context.Context) {}
	err = r.opt.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		send = func(context.Context) {}
		err := tx.Messages.Done(ctx, c.m.Room, c.m.ID)
		if bot.CodeOf(err) == bot.CodeStale {
			return errRunAlready
		}
		if err != nil || res == nil {
			return err
		}
		if c.action != nil && c.action.Once && c.audit.Decision == "allowed" && res.commit != nil {
			if err := tx.Actions.Use(ctx, c.action.ID, now); err != nil {
				return err
			}
		}
		if res.commit != nil {
			if err := res.commit(ctx, tx); err != nil {
				return err
			}
		}
		if res.audited {
			if err := tx.Audit.Append(ctx, r.auditRow(c)); err != nil {
				return err
			}
		}
		if res.reply == nil {
			return nil
		}
		p := *res.reply
		p.Room, p.Cause, p.Root = c.m.Room, c.m.ID, c.m.Root
		p.Key = orElse(p.Key, c.key())
		if p.Thread == "" && p.Under == "" {
			p.Thread = c.thread
		}
		if res.private {
			p.To = &c.m.Author
		}
		p.Mention = c.m.Author
		if err := tx.Posts.Put(ctx, p); err != nil {
			return err
		}
		if r.opt.Outlet == nil {
			return tx.Wakes.Wake(ctx, bot.QueuePosts, now)
		}
		send, err = r.opt.Outlet.Take(ctx, tx)
		return err
	})
	if err == nil {
		send(ctx)
	}
	return err
}

func (r *Router) auditRow(c *call) bot.AuditRow {
	row := c.audit
	now := r.opt.Clock.Now()
	row.ID, row.At = bot.NewID(now), now
	row.UserID, row.UserName, row.Account = c.user.ID, c.user.Name, c.m.Author
	row.AsOwner = c.m.Owner
	row.Args = bot.Shorten(c.line, 2000)
	row.Verb = orElse(row.Verb, "?")
	row.Cause = c.cause()
	return row
}
