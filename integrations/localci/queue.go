package localci

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"time"

	"opsbot/bot"
)

// order is a build that somebody or something wants.
type order struct {
	Commit     string
	Parameters map[string]string
	By         string // the person, "" if nobody asked
	Why        string // first line of the log
	Cause      bot.Cause
}

// Build queues a build of the branch's newest commit, or of req.Commit. The same
// key gives the same build for as long as the job exists.
func (s *Service) Build(ctx context.Context, req bot.BuildRequest) (bot.BuildRef, error) {
	var known bot.BuildRef
	var job jobDoc
	err := s.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		if job, err = s.loadJob(ctx, tx, req.Job.ExternalID); err != nil {
			return err
		}
		known, err = s.requested(ctx, tx, req)
		return err
	})
	if err != nil || known.Number > 0 {
		return known, err
	}
	if req.Branch == "" {
		req.Branch = job.Spec.Branch
	}
	commit, err := s.buildable(ctx, job, &req)
	if err != nil {
		return bot.BuildRef{}, err
	}
	err = s.write(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		known, err = s.requested(ctx, tx, req)
		if err != nil || known.Number > 0 {
			return err
		}
		known, err = s.request(ctx, tx, req, commit)
		return err
	})
	if err != nil {
		return bot.BuildRef{}, fmt.Errorf("localci: build %s %s: %w", req.Job.ExternalID, req.Branch, err)
	}
	return known, nil
}

// buildable finds the commit to build and makes sure that it can be built, with the
// parameters of the request, whose values it writes as Jenkins does.
func (s *Service) buildable(ctx context.Context, job jobDoc, req *bot.BuildRequest) (string, error) {
	src, err := s.source(ctx, job.Name, job.Spec.Source)
	if err != nil {
		return "", err
	}
	commit := req.Commit
	if commit == "" {
		if commit, err = src.branch(req.Branch); err != nil {
			return "", err
		}
	}
	text, err := src.readJenkinsfile(commit)
	if errors.Is(err, fs.ErrNotExist) {
		return "", bot.Errorf(bot.CodeInvalid, "The branch %s of %s has no Jenkinsfile, so there is nothing to build.", req.Branch, job.Name)
	}
	if err != nil {
		return "", err
	}
	req.Parameters, err = checkParameters(text, req.Branch, req.Parameters)
	return commit, err
}

// requested finds the build that a request has become already.
func (s *Service) requested(ctx context.Context, tx *bot.Tx, req bot.BuildRequest) (bot.BuildRef, error) {
	if req.Key == "" {
		return bot.BuildRef{}, nil
	}
	r, err := ensure[bot.BuildRef](ctx, tx, s.env.Name, kindRequest, esc(req.Job.ExternalID)+"/"+esc(req.Key))
	if err != nil {
		return bot.BuildRef{}, err
	}
	return r.body, nil
}

func (s *Service) request(ctx context.Context, tx *bot.Tx, req bot.BuildRequest, commit string) (bot.BuildRef, error) {
	job, err := s.loadJob(ctx, tx, req.Job.ExternalID)
	if err != nil {
		return bot.BuildRef{}, err
	}
	branch, err := ensure[branchDoc](ctx, tx, s.env.Name, kindBranch, branchKey(job.Name, req.Branch))
	if err != nil {
		return bot.BuildRef{}, err
	}
	if branch.body.Last == 0 {
		branch.body.Seen = commit // the push that made the branch is built by this
	}
	ref, err := s.enqueue(ctx, tx, job, branch, order{
		Commit: commit, Parameters: maps.Clone(req.Parameters), By: req.By, Why: startedBy(req.By), Cause: req.Cause,
	})
	if err != nil || req.Key == "" {
		return ref, err
	}
	r := &record[bot.BuildRef]{instance: s.env.Name, kind: kindRequest, key: esc(job.Name) + "/" + esc(req.Key), body: ref}
	return ref, r.save(ctx, tx)
}

func startedBy(who string) string {
	if who == "" {
		return ""
	}
	return "Started by user " + who
}

// enqueue gives the branch's next number and puts the build at the queue's end.
// It saves the branch, and announces the build in the same transaction.
func (s *Service) enqueue(ctx context.Context, tx *bot.Tx, job jobDoc, branch *record[branchDoc], o order) (bot.BuildRef, error) {
	counter, err := ensure[counterDoc](ctx, tx, s.env.Name, kindState, "queue")
	if err != nil {
		return bot.BuildRef{}, err
	}
	counter.body.Next++
	if err := counter.save(ctx, tx); err != nil {
		return bot.BuildRef{}, err
	}
	name := strings.TrimPrefix(branch.key, esc(job.Name)+"/")
	if branch.body.Branch == "" {
		branch.body.Job, branch.body.Branch = job.Name, unescape(name)
	}
	branch.body.Last++
	branch.body.Pruned = false
	if err := branch.save(ctx, tx); err != nil {
		return bot.BuildRef{}, err
	}
	ref := bot.BuildRef{Job: job.Name, Branch: branch.body.Branch, Number: branch.body.Last}
	b := &record[buildDoc]{instance: s.env.Name, kind: kindBuild, key: buildKey(ref)}
	b.body = buildDoc{Order: counter.body.Next, Why: o.Why, Build: bot.Build{
		ProjectID: job.Spec.ProjectID, Instance: s.env.Name, Ref: ref, Attempt: 1, State: bot.BuildQueued,
		Commit: o.Commit, QueuedAt: s.env.Clock.Now(), URL: s.buildURL(ref), LogURL: s.buildURL(ref) + "console",
		Parameters: o.Parameters, By: o.By, Cause: o.Cause,
	}}
	q := &record[queueDoc]{instance: s.env.Name, kind: kindQueue, key: queueKey(b.body.Order), body: queued(ref)}
	if err := q.save(ctx, tx); err != nil {
		return bot.BuildRef{}, err
	}
	if err := s.report(ctx, tx, b, bot.EventBuildQueued); err != nil {
		return bot.BuildRef{}, err
	}
	return ref, tx.Wakes.Wake(ctx, bot.QueueBuilds, time.Time{})
}

func queued(ref bot.BuildRef) queueDoc {
	return queueDoc{Job: ref.Job, Branch: ref.Branch, Number: ref.Number}
}

func (q queueDoc) ref() bot.BuildRef {
	return bot.BuildRef{Job: q.Job, Branch: q.Branch, Number: q.Number}
}

// report saves the build under its next sequence number and hands the event to
// the relay, both or neither.
func (s *Service) report(ctx context.Context, tx *bot.Tx, b *record[buildDoc], what bot.EventType) error {
	now := s.env.Clock.Now()
	b.body.Build.Sequence++
	if err := b.save(ctx, tx); err != nil {
		return err
	}
	build := b.body.Build
	e := bot.Event{
		ID: fmt.Sprintf("%s@%d", b.key, build.Sequence), Source: s.env.Name, Type: what,
		OccurredAt: now, Sequence: build.Sequence, ProjectID: build.ProjectID,
		Kind: bot.ResourceJob, ExternalID: build.Ref.Job,
		Branch: build.Ref.Branch, Commit: build.Commit, Build: &build, URL: build.URL, Cause: build.Cause,
	}
	return s.emit(ctx, tx, e)
}

func (s *Service) emit(ctx context.Context, tx *bot.Tx, e bot.Event) error {
	now := s.env.Clock.Now()
	e.ReceivedAt = now
	row := bot.InboxRow{
		ID: bot.NewID(now), Instance: s.env.Name, Key: e.ID, Event: &e,
		Scope: bot.Scope{ProjectID: e.ProjectID}, State: "new", Received: now, Cause: e.Cause,
	}
	if _, err := tx.Inbox.Add(ctx, row); err != nil {
		return err
	}
	return tx.Wakes.Wake(ctx, bot.QueueInbox, time.Time{})
}

// Status reads a build back.
func (s *Service) Status(ctx context.Context, ref bot.BuildRef) (bot.Build, error) {
	var b *record[buildDoc]
	err := s.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		b, err = s.loadBuild(ctx, tx, ref)
		return err
	})
	if err != nil {
		return bot.Build{}, err
	}
	return b.body.Build, nil
}

func (s *Service) loadBuild(ctx context.Context, tx *bot.Tx, ref bot.BuildRef) (*record[buildDoc], error) {
	b, err := load[buildDoc](ctx, tx, s.env.Name, kindBuild, buildKey(ref))
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil, s.noBuild(ctx, tx, ref)
	}
	return b, err
}

// noBuild says why there is no such build: others remember builds for longer.
func (s *Service) noBuild(ctx context.Context, tx *bot.Tx, ref bot.BuildRef) error {
	branch, err := ensure[branchDoc](ctx, tx, s.env.Name, kindBranch, branchKey(ref.Job, ref.Branch))
	switch {
	case err != nil:
		return err
	case ref.Number < 1 || ref.Number > branch.body.Last:
		return bot.Errorf(bot.CodeNotFound, "There is no build #%d of %s/%s.", ref.Number, ref.Job, ref.Branch)
	case branch.body.Pruned:
		return bot.Errorf(bot.CodeNotFound, "Build #%d of %s/%s is no longer kept: its branch was deleted.", ref.Number, ref.Job, ref.Branch)
	}
	return bot.Errorf(bot.CodeNotFound, "Build #%d of %s/%s is no longer kept.", ref.Number, ref.Job, ref.Branch)
}

// Builds lists the builds of a branch that are still kept, newest first; of all
// branches if branch is "", by the time they were queued.
func (s *Service) Builds(ctx context.Context, job bot.Job, branch string, limit int) ([]bot.Build, error) {
	prefix := esc(job.ExternalID) + "/"
	if branch != "" {
		prefix = branchKey(job.ExternalID, branch) + "/"
	}
	var found []*record[buildDoc]
	err := s.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		if _, err = s.loadJob(ctx, tx, job.ExternalID); err != nil {
			return err
		}
		found, err = list[buildDoc](ctx, tx, s.env.Name, kindBuild, prefix)
		return err
	})
	if err != nil {
		return nil, err
	}
	return newest(found, limit), nil
}
