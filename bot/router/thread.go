package router

import (
	"context"
	"slices"
	"strings"

	"opsbot/bot"
)

// overheard runs what is said in a thread that the bot is in without addressing
// it, if that can only be a command. Everything else is left without an answer.
func (r *Router) overheard(ctx context.Context, c *call) (*result, error) {
	meant, err := r.overhears(ctx, c)
	if err != nil || !meant {
		return nil, err
	}
	c.audit.Verb = c.spec.Verb
	if c.m.Missed {
		return c.missed(r.opt.Clock.Now()), nil
	}
	if res, err := r.asks(ctx, c); res != nil || err != nil {
		return r.answer(c, res, err)
	}
	return r.run(ctx, c)
}

// overhears makes the call that of what is said in a thread, and reports whether that
// can only be a command. People talk to each other there, too, and their sentences may
// start with a verb: all of the text must be a call, and every word in it must name
// what it stands for.
func (r *Router) overhears(ctx context.Context, c *call) (meant bool, err error) {
	words, err := lex(c.line)
	if err != nil || len(words) == 0 || words[0].quoted {
		return false, nil //nolint:nilerr // no command line, and not meant to be one
	}
	if c.cmd = r.verbs[strings.ToLower(words[0].text)]; c.cmd == nil {
		return false, nil
	}
	c.spec = c.cmd.Spec()
	args, missing, err := parse(c.spec, c.line, words[1:])
	if err != nil {
		return false, nil //nolint:nilerr // a sentence that starts with a verb
	}
	c.args = args
	if missing, err = r.fromPlace(ctx, c, missing); err != nil || len(missing) > 0 {
		return false, err
	}
	// Aliases are words of every day: stop, no, show, "?". Alone they say nothing.
	bare := len(words) == 1 && !strings.EqualFold(words[0].text, c.spec.Verb)
	err = r.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		meant, err = r.meant(ctx, tx, c, bare)
		return err
	})
	return meant, err
}

// meant reports whether a call that nobody addressed is one.
func (r *Router) meant(ctx context.Context, tx *bot.Tx, c *call, bare bool) (bool, error) {
	for _, p := range c.spec.Params {
		if p.Type == bot.ParamPlan {
			return r.answersPlan(ctx, tx, c, p, bare)
		}
	}
	if bare {
		return false, nil
	}
	behind := false // something that is known
	for _, p := range c.spec.Params {
		value, given := c.args.Values[p.Name]
		if !given || behind && p.Type == bot.ParamWord {
			continue
		}
		if ok, err := r.isThere(ctx, tx, c, p, value); err != nil || !ok {
			return false, err
		}
		behind = true
	}
	return true, nil
}

// isThere reports whether value is the name of something that p stands for. A name
// that is yet to be given, or a free word, can't be told from any other word.
func (r *Router) isThere(ctx context.Context, tx *bot.Tx, c *call, p bot.Param, value string) (bool, error) {
	var err error
	switch p.Type {
	case bot.ParamNumber:
		return true, nil
	case bot.ParamProject, bot.ParamVersioned:
		_, err = tx.Projects.BySlug(ctx, value)
	case bot.ParamEither:
		if r.configured(bot.ParamEnvironment, value) {
			return true, nil
		}
		_, err = tx.Projects.BySlug(ctx, value)
	case bot.ParamEnvironment, bot.ParamBlueprint:
		return r.configured(p.Type, value), nil
	case bot.ParamVerb:
		return r.verbs[strings.ToLower(value)] != nil, nil
	case bot.ParamOperation:
		_, err = tx.Operations.Get(ctx, value)
	case bot.ParamBranch:
		return r.branch(ctx, tx, c, value)
	default: // behind a keyword nothing else can be meant
		return p.Keyword != "", nil
	}
	return err == nil, ignoreNotFound(err)
}

func (r *Router) configured(t bot.ParamType, name string) bool {
	return slices.ContainsFunc(r.opt.Names[t], func(one string) bool { return strings.EqualFold(one, name) })
}

// branch reports whether the call's project has built such a branch.
func (r *Router) branch(ctx context.Context, tx *bot.Tx, c *call, name string) (bool, error) {
	for _, p := range c.spec.Params {
		if p.Type != bot.ParamProject {
			continue
		}
		project, err := tx.Projects.BySlug(ctx, c.args.Values[p.Name])
		if err != nil {
			return false, ignoreNotFound(err)
		}
		if name == project.DefaultBranch {
			return true, nil
		}
		builds, err := tx.Builds.Recent(ctx, project.ID, name, 1)
		return len(builds) > 0, err
	}
	return false, nil
}

// answersPlan reports whether a call answers a plan: one that it names, or the one
// that waits in the thread.
func (r *Router) answersPlan(ctx context.Context, tx *bot.Tx, c *call, id bot.Param, bare bool) (bool, error) {
	said := c.args.Values[id.Name]
	for _, p := range c.spec.Params {
		if p.Type == bot.ParamText {
			said = strings.TrimSpace(said + " " + c.args.Values[p.Name])
		}
	}
	plan, err := tx.Plans.InThread(ctx, c.m.Room, c.m.Thread)
	if ignoreNotFound(err) != nil {
		return false, err
	}
	waits := err == nil
	switch {
	case said == "" && bare: // "yes", "no": of whoever was asked
		return waits && (plan.UserID == c.user.ID || plan.Approvals > 0), nil
	case said == "":
		return true, nil
	case waits && plan.Typed != "" && bot.Nearest(said, []string{plan.Typed}) != "":
		return true, nil // what the plan wants typed, or nearly
	}
	_, err = tx.Plans.Get(ctx, c.args.Values[id.Name])
	return err == nil, ignoreNotFound(err)
}
