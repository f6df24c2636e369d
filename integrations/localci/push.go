package localci

import (
	"context"

	"opsbot/bot"
)

// HandleEvent builds what was pushed and prunes branches that were deleted, for
// projects that have a job here. It runs inside the relay's transaction; that a
// branch has a Jenkinsfile is looked up in the repository's files.
func (s *Service) HandleEvent(ctx context.Context, tx *bot.Tx, e *bot.Event, c *bot.Change) error {
	if e.Type != bot.EventPushed && e.Type != bot.EventBranchDeleted || e.ProjectID == "" || e.Branch == "" {
		return nil
	}
	job, err := s.jobOf(ctx, tx, e.ProjectID)
	if err != nil || job == nil {
		return err
	}
	branch, err := ensure[branchDoc](ctx, tx, s.env.Name, kindBranch, branchKey(job.Name, e.Branch))
	if err != nil {
		return err
	}
	if e.Type == bot.EventBranchDeleted {
		return s.branchDeleted(ctx, tx, branch)
	}
	return s.pushed(ctx, tx, *job, branch, e, c)
}

// jobOf finds the job of a project; nil if it has none here. It goes by our own
// record: a push may come before the project knows its job.
func (s *Service) jobOf(ctx context.Context, tx *bot.Tx, projectID string) (*jobDoc, error) {
	p, err := ensure[projectDoc](ctx, tx, s.env.Name, kindProject, esc(projectID))
	if err != nil || p.isNew() {
		return nil, err
	}
	job, err := s.loadJob(ctx, tx, p.body.Job)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil, nil //nolint:nilnil // nothing to build is no error
	}
	return &job, err
}

// pushed queues a build unless the branch's last automatic build was of this
// very commit: the indexing may have been faster than the push's own event.
func (s *Service) pushed(ctx context.Context, tx *bot.Tx, job jobDoc, branch *record[branchDoc], e *bot.Event, c *bot.Change) error {
	if e.Commit == "" || branch.body.Seen == e.Commit && !branch.body.Pruned {
		return nil
	}
	if has, err := s.hasJenkinsfileNow(job, e.Commit); err != nil || !has {
		return err
	}
	branch.body.Seen = e.Commit
	cause := e.Cause
	if c != nil && cause.Root == "" {
		cause = c.Cause
	}
	_, err := s.enqueue(ctx, tx, job, branch, order{
		Commit: e.Commit, By: e.Pusher, Why: "Push event to branch " + e.Branch, Cause: bot.Cause{Cause: e.ID, Root: cause.Root},
	})
	return err
}

func (s *Service) branchDeleted(ctx context.Context, tx *bot.Tx, branch *record[branchDoc]) error {
	if branch.isNew() || branch.body.Pruned {
		return nil
	}
	return s.prune(ctx, tx, branch, "the branch was deleted")
}
