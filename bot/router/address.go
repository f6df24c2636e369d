package router

import (
	"context"
	"regexp"
	"strings"
	"unicode"

	"opsbot/bot"
)

// address is how a message came to be for the bot.
type address int

const (
	notForUs address = iota
	byName           // mention, slash command, prefix, direct conversation
	byThread         // said in a thread that the bot is in
)

// addressed strips mention and prefix, and tells whether the message is for us.
func (r *Router) addressed(ctx context.Context, m bot.Message) (line string, how address) {
	line = strings.TrimSpace(m.Text)
	if rest, ok := r.mention(line); ok {
		return rest, byName
	}
	for _, prefix := range r.opt.Prefixes {
		if rest, ok := strings.CutPrefix(line, prefix); ok && prefix != "" && startsWord(rest) {
			return strings.TrimSpace(rest), byName
		}
	}
	if m.Direct || m.Addressed {
		return line, byName
	}
	if m.Thread != "" && len(r.postsIn(ctx, m)) > 0 {
		return line, byThread
	}
	return line, notForUs
}

func isLetter(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// startsWord keeps "!!!" and "!= 3" from being commands.
func startsWord(s string) bool { return s != "" && isLetter([]rune(s)[0]) }

var afterMention = regexp.MustCompile(`^([,:;]\s*|\s+|$)`)

// mention takes "@opsbot" from the start of the line, or from its end.
func (r *Router) mention(line string) (rest string, ok bool) {
	name := "@" + r.opt.BotName
	if len(line) >= len(name) && strings.EqualFold(line[:len(name)], name) {
		rest = line[len(name):]
		if m := afterMention.FindString(rest); m != "" || rest == "" {
			return strings.TrimSpace(rest[len(m):]), true
		}
	}
	if at := len(line) - len(name); at > 0 && strings.EqualFold(line[at:], name) && line[at-1] == ' ' {
		return strings.TrimSpace(line[:at]), true
	}
	return line, false
}

func (r *Router) postsIn(ctx context.Context, m bot.Message) []bot.PostRow {
	var posts []bot.PostRow
	_ = r.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		posts, err = tx.Threads.Posts(ctx, m.Room, m.Thread)
		return err
	})
	return posts
}

// fromThread fills in what the thread is about: a card's thread knows its project.
func (r *Router) fromThread(ctx context.Context, c *call, missing []bot.Param) ([]bot.Param, error) {
	if c.m.Thread == "" || len(missing) == 0 {
		return missing, nil
	}
	var slug string
	err := r.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		posts, err := tx.Threads.Posts(ctx, c.m.Room, c.m.Thread)
		if err != nil {
			return err
		}
		for _, p := range posts {
			if slug, err = projectOf(ctx, tx, p); err != nil || slug != "" {
				return err
			}
		}
		return nil
	})
	if err != nil || slug == "" {
		return missing, err
	}
	var left []bot.Param
	for _, p := range missing {
		if p.Type == bot.ParamProject || p.Type == bot.ParamVersioned {
			c.args.Values[p.Name] = slug
			continue
		}
		left = append(left, p)
	}
	return left, nil
}

// projectOf finds the project that a card is about, "" if it is about none.
func projectOf(ctx context.Context, tx *bot.Tx, p bot.PostRow) (string, error) {
	var id string
	switch p.CardKind {
	case "change":
		ch, err := tx.Changes.ByID(ctx, p.CardID)
		if err != nil {
			return "", ignoreNotFound(err)
		}
		id = ch.ProjectID
	case "operation":
		op, err := tx.Operations.Get(ctx, p.CardID)
		if err != nil {
			return "", ignoreNotFound(err)
		}
		id = op.ProjectID
	}
	if id == "" {
		return "", nil
	}
	project, err := tx.Projects.ByID(ctx, id)
	return project.Slug, ignoreNotFound(err)
}

func ignoreNotFound(err error) error {
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil
	}
	return err
}
