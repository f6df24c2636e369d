package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"

	"opsbot/bot"
)

// verdict is what came of a row.
type verdict struct {
	dropped []string // reasons of events that were nobody's
	used    int
}

// apply does everything that a row's events ask for. It runs in the transaction
// that ends the row: all of it happens, once, or nothing.
func (p *Processor) apply(ctx context.Context, tx *bot.Tx, t *task) (v verdict, err error) {
	for i := range t.events {
		e := t.events[i] // a copy: the transaction may run twice
		project, reason, err := findProject(ctx, tx, t.row, &e)
		if err != nil {
			return v, err
		}
		if project == nil {
			wait, err := p.tooEarly(ctx, tx, t.row, &e)
			if err != nil {
				return v, err
			}
			if wait {
				return v, bot.Errorf(bot.CodeUnavailable, "%s yet", reason).Backoff()
			}
			v.dropped = append(v.dropped, reason)
			continue
		}
		again, err := seen(ctx, tx, t.row, &e)
		if err != nil {
			return v, err
		}
		if again {
			v.dropped = append(v.dropped, "the event was received before")
			continue
		}
		switch reason, err := p.applyEvent(ctx, tx, t.row, project, &e); {
		case err != nil:
			return v, err
		case reason != "":
			v.dropped = append(v.dropped, reason)
		default:
			v.used++
		}
	}
	return v, nil
}

// seen reports whether an event came before in another delivery, and remembers
// it. Events whose id is their row's need no memory of their own: the inbox
// keeps keys unique.
func seen(ctx context.Context, tx *bot.Tx, row bot.InboxRow, e *bot.Event) (bool, error) {
	if strings.HasPrefix(e.ID, row.Key) {
		return false, nil
	}
	doc := bot.Document{Instance: documentOwner, Kind: "event", Key: postKey("seen", e.Source, e.ID)}
	if _, err := tx.Documents.Get(ctx, doc.Instance, doc.Kind, doc.Key); err == nil {
		return true, nil
	} else if bot.CodeOf(err) != bot.CodeNotFound {
		return false, fmt.Errorf("relay: look up event %s: %w", e.ID, err)
	}
	body, err := json.Marshal(map[string]string{"row": row.ID})
	if err != nil {
		return false, fmt.Errorf("relay: remember event %s: %w", e.ID, err)
	}
	doc.Body = body
	if _, err := tx.Documents.Put(ctx, doc); err != nil {
		return false, fmt.Errorf("relay: remember event %s: %w", e.ID, err)
	}
	return false, nil
}

// applyEvent writes one event of a project, or says why it is not believed.
func (p *Processor) applyEvent(ctx context.Context, tx *bot.Tx, row bot.InboxRow, project *bot.Project, e *bot.Event) (string, error) {
	c, own, err := cause(ctx, tx, row, project, e)
	if err != nil {
		return "", err
	}
	e.ProjectID = project.ID
	known, err := prepareBuild(ctx, tx, project, e)
	if err != nil {
		return "", err
	}
	if known.ProjectID != "" && known.ProjectID != project.ID {
		// A sender that may speak for one project must not take builds of others.
		return "the event reports a build of another project", nil
	}
	change, err := findChange(ctx, tx, project, e, c)
	if err != nil {
		return "", err
	}
	if own { // what follows belongs to what asked for the build, else to what made the commit
		c.Root = first(known.Cause.Root, c.Root)
		if change != nil && known.Cause.Root == "" {
			c.Root = first(change.Cause.Root, c.Root)
		}
	}
	e.Cause = c
	outdated, err := putBuild(ctx, tx, e)
	if err != nil {
		return "", err
	}
	if outdated {
		return "a newer report of the build came before", nil
	}
	for _, h := range p.o.Handlers {
		if err := handle(ctx, tx, h, e, change); err != nil {
			return "", err
		}
	}
	if err := keepGate(ctx, tx, e, change); err != nil {
		return "", err
	}
	return "", p.tell(ctx, tx, project, e, change, e.Type != bot.EventBuildProgress || worthShowing(known, e))
}

// prepareBuild completes the build that an event reports and returns what is
// stored of it; zero if nothing is, or the event is about no build.
func prepareBuild(ctx context.Context, tx *bot.Tx, project *bot.Project, e *bot.Event) (bot.Build, error) {
	if e.Build == nil {
		return bot.Build{}, nil
	}
	b := *e.Build
	b.ID, b.ProjectID, b.Instance = "", project.ID, e.Source
	b.Ref.Branch = first(b.Ref.Branch, e.Branch)
	known, err := tx.Builds.ByRef(ctx, e.Source, b.Ref)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		known = bot.Build{}
	case err != nil:
		return bot.Build{}, fmt.Errorf("relay: look up build %s/%s #%d: %w", b.Ref.Job, b.Ref.Branch, b.Ref.Number, err)
	}
	b.Commit = first(first(b.Commit, e.Commit), known.Commit)
	e.Build = &b
	return known, nil
}

// putBuild stores the report; true if a newer one is stored already.
func putBuild(ctx context.Context, tx *bot.Tx, e *bot.Event) (outdated bool, err error) {
	if e.Build == nil {
		return false, nil
	}
	b := *e.Build
	if b.Cause.Root != e.Cause.Root {
		b.Cause = e.Cause
	}
	stored, err := tx.Builds.Put(ctx, b)
	if err != nil {
		return false, fmt.Errorf("relay: store build %s/%s #%d: %w", b.Ref.Job, b.Ref.Branch, b.Ref.Number, err)
	}
	e.Build = &stored
	return stored.Sequence > b.Sequence, nil
}

// handle asks one handler; its panic ends this try, not the process.
func handle(ctx context.Context, tx *bot.Tx, h bot.EventHandler, e *bot.Event, c *bot.Change) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("relay: handler %T panicked: %v\n%s", h, v, debug.Stack())
		}
	}()
	if err := h.HandleEvent(ctx, tx, e, c); err != nil {
		return fmt.Errorf("relay: handle %s %s by %T: %w", e.Type, e.ID, h, err)
	}
	return nil
}
