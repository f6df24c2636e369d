package relay

import (
	"context"
	"fmt"
	"slices"
	"time"

	"opsbot/bot"
)

// findProject returns the project of an event, or nil and the reason why it is
// nobody's. Embedded sources (row.Event) may say the project's id; a webhook is
// believed only as far as a resource of ours has that external id there. The
// row's scope bounds both.
func findProject(ctx context.Context, tx *bot.Tx, row bot.InboxRow, e *bot.Event) (*bot.Project, string, error) {
	id := ""
	switch {
	case row.Event != nil && e.ProjectID != "":
		id = e.ProjectID
	case e.ExternalID != "":
		r, err := tx.Resources.ByExternal(ctx, row.Instance, e.Kind, e.ExternalID)
		if bot.CodeOf(err) == bot.CodeNotFound {
			return nil, fmt.Sprintf("no project has the %s %q of %s", e.Kind, e.ExternalID, row.Instance), nil
		}
		if err != nil {
			return nil, "", fmt.Errorf("relay: find project of %s: %w", e.ID, err)
		}
		id = r.ProjectID
	case row.Scope.ProjectID != "":
		id = row.Scope.ProjectID // the token itself names the project
	default:
		return nil, "the event names no project", nil
	}
	if row.Scope.ProjectID != "" && id != row.Scope.ProjectID {
		return nil, "the event is about a project outside the sender's scope", nil
	}
	project, err := tx.Projects.ByID(ctx, id)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil, fmt.Sprintf("there is no project %s", id), nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("relay: load project of %s: %w", e.ID, err)
	}
	return &project, "", nil
}

// early is how long an event of something unknown is kept while projects are being
// made: what a service tells of an object may come before the answer to our call
// that made it.
const early = 30 * time.Second

// tooEarly reports whether an event that is nobody's may turn out to be of a project
// that is being made.
func (p *Processor) tooEarly(ctx context.Context, tx *bot.Tx, row bot.InboxRow, e *bot.Event) (bool, error) {
	if e.ExternalID == "" || p.o.Clock.Now().Sub(row.Received) > early {
		return false, nil
	}
	projects, err := tx.Projects.List(ctx)
	if err != nil {
		return false, fmt.Errorf("relay: look for projects that are being made: %w", err)
	}
	return slices.ContainsFunc(projects, func(p bot.Project) bool { return p.State == bot.ProjectCreating }), nil
}

// cause files an event under what led to it: what the row came with, else the
// operation that made the commit, else the build, else the row itself. own is
// true in that last case.
func cause(ctx context.Context, tx *bot.Tx, row bot.InboxRow, p *bot.Project, e *bot.Event) (c bot.Cause, own bool, err error) {
	c = bot.Cause{Cause: row.ID}
	if c.Root = row.Cause.Root; c.Root != "" && c.Root != row.ID {
		return c, false, nil
	}
	if c.Root = e.Cause.Root; c.Root != "" && c.Root != row.ID {
		return c, false, nil
	}
	if c.Root, err = operationRoot(ctx, tx, p, e); err != nil || c.Root != "" {
		return c, false, err
	}
	if e.Build != nil && e.Build.Cause.Root != "" {
		c.Root = e.Build.Cause.Root
		return c, false, nil
	}
	c.Root = row.ID
	return c, true, nil
}

// operationRoot is the root of the operation named in the trailer of the event's
// commit. Anybody can write a trailer: an operation of another project is not
// believed.
func operationRoot(ctx context.Context, tx *bot.Tx, p *bot.Project, e *bot.Event) (string, error) {
	id := headCommit(e).Operation
	if len(id) != 36 {
		return "", nil // shorter ones would be taken for a prefix
	}
	op, err := tx.Operations.Get(ctx, id)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return "", nil
	case err != nil:
		return "", fmt.Errorf("relay: load operation of commit %s: %w", e.Commit, err)
	case op.ProjectID != p.ID:
		return "", nil
	}
	return op.Cause.Root, nil
}

// headCommit is the pushed commit as the event describes it; zero if it does not.
func headCommit(e *bot.Event) bot.Commit {
	for _, c := range e.Commits {
		if c.ID == e.Commit && c.ID != "" {
			return c
		}
	}
	return bot.Commit{}
}

// findChange returns the change that an event is about, making it for pushes and
// builds; nil if it is about none. c is the cause of a change that is new.
func findChange(ctx context.Context, tx *bot.Tx, p *bot.Project, e *bot.Event, c bot.Cause) (*bot.Change, error) {
	branch, commit := e.Branch, e.Commit
	if e.Build != nil {
		branch, commit = first(e.Build.Ref.Branch, branch), first(e.Build.Commit, commit)
	}
	if commit == "" {
		v, err := findVersion(ctx, tx, p, e)
		if err != nil {
			return nil, err
		}
		branch, commit = v.Branch, v.Commit
	}
	if commit == "" || e.Type == bot.EventBranchDeleted {
		return nil, nil
	}
	if branch == "" {
		return newestChange(ctx, tx, p, commit)
	}
	head := headCommit(e)
	got, err := tx.Changes.Ensure(ctx, bot.Change{
		ProjectID: p.ID, Branch: branch, Commit: commit, Title: firstLine(head.Title), Author: head.Author,
		CreatedAt: e.ReceivedAt, Cause: c,
	})
	if err != nil {
		return nil, fmt.Errorf("relay: ensure change %s of %s: %w", commit, p.Slug, err)
	}
	// A build may be heard of before the push that describes its commit.
	if got.Title == "" && head.Title != "" {
		got.Title, got.Author = firstLine(head.Title), head.Author
		if err := tx.Changes.Update(ctx, got); err != nil {
			return nil, fmt.Errorf("relay: describe change %s: %w", got.ID, err)
		}
	}
	return &got, nil
}

// newestChange is for events that know a commit but no branch.
func newestChange(ctx context.Context, tx *bot.Tx, p *bot.Project, commit string) (*bot.Change, error) {
	list, err := tx.Changes.ByCommit(ctx, p.ID, commit)
	if err != nil {
		return nil, fmt.Errorf("relay: find change %s of %s: %w", commit, p.Slug, err)
	}
	if len(list) == 0 {
		return nil, nil
	}
	return &list[0], nil
}

// findVersion is the version that an event names, itself or by its deployment;
// zero if it names none of this project's.
func findVersion(ctx context.Context, tx *bot.Tx, p *bot.Project, e *bot.Event) (bot.Version, error) {
	id := e.VersionID
	if id == "" && e.DeploymentID != "" {
		d, err := tx.Deployments.ByID(ctx, e.DeploymentID)
		if err != nil && bot.CodeOf(err) != bot.CodeNotFound {
			return bot.Version{}, fmt.Errorf("relay: load deployment %s: %w", e.DeploymentID, err)
		}
		if d.ProjectID == p.ID {
			id = d.VersionID
		}
	}
	if id == "" {
		return bot.Version{}, nil
	}
	v, err := tx.Versions.ByID(ctx, id)
	if err != nil && bot.CodeOf(err) != bot.CodeNotFound {
		return bot.Version{}, fmt.Errorf("relay: load version %s: %w", id, err)
	}
	if v.ProjectID != p.ID {
		return bot.Version{}, nil
	}
	return v, nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
