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
	if in, err := r.inThread(ctx, m); err != nil || in { // an error: better read once too often
		return line, byThread
	}
	return line, notForUs
}

// Wants implements bot.Inbound.
func (r *Router) Wants(ctx context.Context, m bot.Message) (bool, error) {
	switch {
	case m.Action != "":
		return true, nil
	case m.Reaction != "":
		if !agrees(m.Reaction) {
			return false, nil
		}
		id, err := r.planShown(ctx, m)
		return id != "", err
	}
	if thread := m.Thread; thread != "" {
		m.Thread = ""
		if _, how := r.addressed(ctx, m); how != notForUs {
			return true, nil
		}
		m.Thread = thread
		return r.inThread(ctx, m)
	}
	_, how := r.addressed(ctx, m)
	return how != notForUs, nil
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

// inThread reports whether the bot has spoken in the message's thread.
func (r *Router) inThread(ctx context.Context, m bot.Message) (bool, error) {
	if m.Thread == "" {
		return false, nil
	}
	var posts []bot.PostRow
	err := r.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		posts, err = tx.Threads.Posts(ctx, m.Room, m.Thread)
		return err
	})
	return len(posts) > 0, err
}

// fromPlace fills in what goes without saying where the call was made: a card's
// thread knows its project, and so does a room that is bound to one.
func (r *Router) fromPlace(ctx context.Context, c *call, missing []bot.Param) ([]bot.Param, error) {
	missing, err := r.fromThread(ctx, c, missing)
	if err != nil || len(missing) == 0 {
		return missing, err
	}
	var slug string
	err = r.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		room, err := tx.Rooms.Get(ctx, c.m.Room)
		if err != nil || room.ProjectID == "" {
			return ignoreNotFound(err)
		}
		project, err := tx.Projects.ByID(ctx, room.ProjectID)
		slug = project.Slug
		return ignoreNotFound(err)
	})
	return c.about(slug, missing), err
}

// about fills in the project that a call is about, "" for none.
func (c *call) about(slug string, missing []bot.Param) (left []bot.Param) {
	for _, p := range missing {
		if slug != "" && (p.Type == bot.ParamProject || p.Type == bot.ParamVersioned) {
			c.args.Values[p.Name] = slug
			continue
		}
		left = append(left, p)
	}
	return left
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
	return c.about(slug, missing), err
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
