package router

import (
	"context"
	"fmt"
	"strings"

	"opsbot/bot"
)

// Question is what the policy is asked about a command line.
type Question struct {
	Access bot.Access
	// Unknown is the name of a project in the line that is not there, "" if there is
	// none: its team and owner are not known then.
	Unknown string
	// Yes is set when the line leaves out the confirmation: the policy is asked about
	// "yes", too.
	Yes bool
}

// Question reads a command line as it is typed in a chat, by the same grammar, and
// gives what the policy would be asked if user said it. Nothing is run.
func (r *Router) Question(ctx context.Context, user bot.User, room bot.RoomRef, line string) (Question, error) {
	c := &call{user: user, line: strings.TrimSpace(line), m: bot.Message{Room: room, Author: user.Account}}
	words, err := lex(c.line)
	if err != nil {
		return Question{}, bot.Errorf(bot.CodeInvalid, "%s", err.Error())
	}
	if len(words) == 0 {
		return Question{}, bot.Errorf(bot.CodeInvalid, "Say what: a command line as in the chat.")
	}
	if c.cmd = r.verbs[strings.ToLower(words[0].text)]; c.cmd == nil {
		return Question{}, bot.Errorf(bot.CodeInvalid, "There is no command %q%s", bot.Shorten(words[0].text, 40), didYouMean(words[0].text, r.names))
	}
	c.spec = c.cmd.Spec()
	var missing []bot.Param
	if c.args, missing, err = parse(c.spec, c.line, words[1:]); err != nil {
		return Question{}, bot.Errorf(bot.CodeInvalid, "%s Usage: %s", err.Error(), c.spec.Usage())
	}
	if len(missing) > 0 {
		return Question{}, bot.Errorf(bot.CodeInvalid, "%s is missing. Usage: %s", strings.ToUpper(missing[0].Name), c.spec.Usage())
	}
	var q Question
	if q.Unknown, err = r.projectOfLine(ctx, c); err != nil {
		return Question{}, err
	}
	q.Access = r.access(c)
	q.Access.Project = orElse(q.Access.Project, q.Unknown)
	_, q.Yes = c.args.Flags["yes"]
	return q, nil
}

func didYouMean(word string, names []string) string {
	if near := bot.Nearest(word, names); near != "" {
		return fmt.Sprintf("; did you mean %s?", near)
	}
	return "."
}

// projectOfLine finds the project that the call names, or gives the name that is
// nobody's.
func (r *Router) projectOfLine(ctx context.Context, c *call) (unknown string, err error) {
	for _, p := range c.spec.Params {
		name := c.args.Values[p.Name]
		if name == "" || p.Type != bot.ParamProject && p.Type != bot.ParamVersioned && p.Type != bot.ParamEither {
			continue
		}
		var found bot.Project
		err := r.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
			found, err = tx.Projects.BySlug(ctx, name)
			return err
		})
		switch {
		case bot.CodeOf(err) == bot.CodeNotFound && p.Type != bot.ParamEither:
			unknown = name
		case ignoreNotFound(err) != nil:
			return "", err
		case err == nil:
			c.project = &found
		}
	}
	return unknown, nil
}
