package localci

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"opsbot/bot"
	"opsbot/integrations/localci/engine"
)

// FindJob looks for the job by its full name. It is ours if the operation made it.
func (s *Service) FindJob(ctx context.Context, spec bot.JobSpec) (bot.Presence, bot.Job, error) {
	var job *record[jobDoc]
	err := s.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		job, err = load[jobDoc](ctx, tx, s.env.Name, kindJob, esc(fullName(spec)))
		return err
	})
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return bot.PresenceAbsent, bot.Job{}, nil
	case err != nil:
		return bot.PresenceUnknown, bot.Job{}, fmt.Errorf("localci: find job %s: %w", fullName(spec), err)
	case job.body.Spec.Operation != spec.Operation || job.body.Spec.ProjectID != spec.ProjectID:
		return bot.PresenceForeign, job.body.job(), nil
	}
	return bot.PresenceOurs, job.body.job(), nil
}

// EnsureJob makes the job or updates it in place, and indexes its branches: each
// that has a Jenkinsfile and was never built gets its first build.
func (s *Service) EnsureJob(ctx context.Context, spec bot.JobSpec) (bot.Job, error) {
	if spec.Source.Credentials != "" {
		return bot.Job{}, bot.Errorf(bot.CodeUnsupported, "localci cannot log in to clone %s.", spec.Source.URL)
	}
	if err := checkName(fullName(spec)); err != nil {
		return bot.Job{}, err
	}
	heads, err := s.heads(ctx, fullName(spec), spec.Source)
	if err != nil {
		return bot.Job{}, err
	}
	var job bot.Job
	err = s.write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		r, err := s.putJob(ctx, tx, spec)
		if err != nil {
			return err
		}
		job = r.body.job()
		return s.index(ctx, tx, r.body, heads)
	})
	if err != nil {
		return bot.Job{}, fmt.Errorf("localci: ensure job %s: %w", fullName(spec), err)
	}
	return job, nil
}

func (s *Service) putJob(ctx context.Context, tx *bot.Tx, spec bot.JobSpec) (*record[jobDoc], error) {
	name := fullName(spec)
	r, err := ensure[jobDoc](ctx, tx, s.env.Name, kindJob, esc(name))
	if err != nil {
		return nil, err
	}
	if !r.isNew() && r.body.Spec.ProjectID != spec.ProjectID {
		return nil, bot.Errorf(bot.CodeConflict, "There is a job %s of another project already: %s", name, r.body.URL)
	}
	if r.isNew() {
		r.body = jobDoc{Name: name, URL: s.jobURL(name), CreatedAt: s.env.Clock.Now(), Cause: s.causeOf(ctx, tx, spec.Operation)}
	} else {
		// The marker says who made the job; a later update doesn't change that.
		spec.Operation = r.body.Spec.Operation
	}
	r.body.Spec = spec
	if err := r.save(ctx, tx); err != nil {
		return nil, err
	}
	p, err := ensure[projectDoc](ctx, tx, s.env.Name, kindProject, esc(spec.ProjectID))
	if err != nil || p.body.Job == name {
		return r, err
	}
	p.body.Job = name
	return r, p.save(ctx, tx)
}

// causeOf finds what the operation that makes the job was started for, so that
// whoever waits for that also waits for the first builds.
func (s *Service) causeOf(ctx context.Context, tx *bot.Tx, operation string) bot.Cause {
	op, err := tx.Operations.Get(ctx, operation)
	if err != nil {
		return bot.Cause{Cause: operation}
	}
	return bot.Cause{Cause: op.ID, Root: op.Cause.Root}
}

// index queues the first build of every branch that has a Jenkinsfile, the
// default branch first.
func (s *Service) index(ctx context.Context, tx *bot.Tx, job jobDoc, heads []head) error {
	slices.SortStableFunc(heads, func(a, b head) int { return rank(a, job) - rank(b, job) })
	for _, h := range heads {
		if !h.HasJenkinsfile {
			continue
		}
		branch, err := ensure[branchDoc](ctx, tx, s.env.Name, kindBranch, branchKey(job.Name, h.Branch))
		if err != nil {
			return err
		}
		if branch.body.Last > 0 && !branch.body.Pruned {
			continue
		}
		branch.body.Seen = h.Commit
		if _, err := s.enqueue(ctx, tx, job, branch, order{Commit: h.Commit, Why: "Branch indexing", Cause: job.Cause}); err != nil {
			return err
		}
	}
	return nil
}

func rank(h head, job jobDoc) int {
	if h.Branch == job.Spec.Branch {
		return 0
	}
	return 1
}

// RemoveJob ends the job's builds and removes everything it has here. Only the
// branches' last numbers stay, see branchDoc.Last.
func (s *Service) RemoveJob(ctx context.Context, job bot.Job) error {
	name := job.ExternalID
	err := s.write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		branches, err := list[branchDoc](ctx, tx, s.env.Name, kindBranch, esc(name)+"/")
		if err != nil {
			return err
		}
		for _, b := range branches {
			if err := s.prune(ctx, tx, b, "the job was removed"); err != nil {
				return err
			}
		}
		requests, err := tx.Documents.List(ctx, s.env.Name, kindRequest, esc(name)+"/", "", 0)
		if err != nil {
			return err
		}
		for _, r := range requests {
			if err := tx.Documents.Delete(ctx, r.Instance, r.Kind, r.Key); err != nil {
				return err
			}
		}
		return s.forgetJob(ctx, tx, name)
	})
	if err != nil {
		return fmt.Errorf("localci: remove job %s: %w", name, err)
	}
	s.cancel(esc(name)+"/", &engine.Stop{By: "OpsBot"})
	return s.removeFiles(name)
}

func (s *Service) forgetJob(ctx context.Context, tx *bot.Tx, name string) error {
	r, err := ensure[jobDoc](ctx, tx, s.env.Name, kindJob, esc(name))
	if err != nil || r.isNew() {
		return err
	}
	if err := tx.Documents.Delete(ctx, s.env.Name, kindProject, esc(r.body.Spec.ProjectID)); err != nil {
		return err
	}
	return r.remove(ctx, tx)
}

func (s *Service) removeFiles(name string) error {
	for _, dir := range []string{"logs", "workspaces", "caches", "mirrors"} {
		if err := removeTree(filepath.Join(s.env.Dir, dir, folderName(name))); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("localci: remove files of job %s: %w", name, err)
		}
	}
	return nil
}

func (j jobDoc) job() bot.Job { return bot.Job{ExternalID: j.Name, URL: j.URL} }

func fullName(spec bot.JobSpec) string {
	if spec.Folder == "" {
		return spec.Name
	}
	return spec.Folder + "/" + spec.Name
}

func (s *Service) loadJob(ctx context.Context, tx *bot.Tx, name string) (jobDoc, error) {
	r, err := load[jobDoc](ctx, tx, s.env.Name, kindJob, esc(name))
	if bot.CodeOf(err) == bot.CodeNotFound {
		return jobDoc{}, bot.Errorf(bot.CodeNotFound, "There is no job %s.", name)
	}
	if err != nil {
		return jobDoc{}, err
	}
	return r.body, nil
}
