package pipelinetest

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"opsbot/bot"
	"opsbot/test/conformance"
)

func buildEnds(ctx context.Context, r Rig) error {
	job, b, err := r.built(ctx)
	if err != nil {
		return err
	}
	switch {
	case b.Ref.Job != job.ExternalID || b.Ref.Branch != "main" || b.Ref.Number < 1:
		return fmt.Errorf("the build names itself %+v", b.Ref)
	case b.Commit == "" || b.Attempt < 1:
		return fmt.Errorf("the build has commit %q, attempt %d", b.Commit, b.Attempt)
	case b.QueuedAt.IsZero() || b.StartedAt.Before(b.QueuedAt) || b.FinishedAt.Before(b.StartedAt):
		return fmt.Errorf("it was queued, started, finished at %s, %s, %s", b.QueuedAt, b.StartedAt, b.FinishedAt)
	}
	return nil
}

func buildKeepsRequest(ctx context.Context, r Rig) error {
	job, err := r.job(ctx, "shop")
	if err != nil {
		return err
	}
	req := bot.BuildRequest{
		Job: job, Branch: "main", Key: "key", By: "alice", Parameters: map[string]string{"GREETING": "hi = there"},
		Cause: bot.Cause{Cause: "op-7", Root: "message-7"},
	}
	ref, err := r.Pipeline.Build(ctx, req)
	if err != nil {
		return fmt.Errorf("Build: %w", err)
	}
	b, err := r.Pipeline.Status(ctx, ref)
	if err != nil {
		return fmt.Errorf("Status: %w", err)
	}
	if b.By != req.By || !maps.Equal(b.Parameters, req.Parameters) || b.Cause != req.Cause {
		return fmt.Errorf("the build is by %q with %v for %v", b.By, b.Parameters, b.Cause)
	}
	return nil
}

func newestCommit(ctx context.Context, r Rig) error {
	job, first, err := r.branch(ctx, "topic", Succeeds)
	if err != nil {
		return err
	}
	for i, want := range []string{first, ""} {
		if want == "" { // a commit that comes after the job's first look
			if want, err = r.Commit(ctx, "topic", Succeeds); err != nil {
				return err
			}
		}
		ref, err := r.build(ctx, job, "topic", fmt.Sprint("key-", i))
		if err != nil {
			return err
		}
		b, err := r.ended(ctx, ref)
		if err != nil {
			return err
		}
		if b.Commit != want {
			return fmt.Errorf("build %d is of %s, the newest commit was %s", i, b.Commit, want)
		}
	}
	return nil
}

func namedCommit(ctx context.Context, r Rig) error {
	job, first, err := r.branch(ctx, "topic", Succeeds)
	if err != nil {
		return err
	}
	if _, err := r.Commit(ctx, "topic", Fails); err != nil {
		return err
	}
	ref, err := r.Pipeline.Build(ctx, bot.BuildRequest{Job: job, Branch: "topic", Commit: first, Key: "key"})
	if err != nil {
		return fmt.Errorf("Build: %w", err)
	}
	b, err := r.endsAs(ctx, ref, bot.ResultSuccess)
	if err == nil && b.Commit != first {
		err = fmt.Errorf("the build is of %s, asked for %s", b.Commit, first)
	}
	return err
}

// same reports an error if two refs name different builds. A server that numbers
// late may give a number to one of them meanwhile.
func (r Rig) same(ctx context.Context, a, b bot.BuildRef) (bool, error) {
	x, err := r.ended(ctx, a)
	if err != nil {
		return false, err
	}
	y, err := r.ended(ctx, b)
	return x.Ref == y.Ref, err
}

func sameKey(ctx context.Context, r Rig) error {
	job, before, err := r.built(ctx)
	if err != nil {
		return err
	}
	ref, err := r.build(ctx, job, "main", "key-1") // that one has ended
	if err != nil {
		return err
	}
	if same, err := r.same(ctx, before.Ref, ref); err != nil || !same {
		return fmt.Errorf("the same key gives %v, then %v: %w", before.Ref, ref, orNone(err))
	}
	return nil
}

func (r Rig) raced(ctx context.Context, key func(i int) string) ([]bot.BuildRef, error) {
	job, err := r.job(ctx, "shop")
	if err != nil {
		return nil, err
	}
	refs := make([]bot.BuildRef, 4)
	return refs, errors.Join(conformance.Together(len(refs), func(i int) (err error) {
		refs[i], err = r.build(ctx, job, "main", key(i))
		return err
	})...)
}

func sameKeyRace(ctx context.Context, r Rig) error {
	refs, err := r.raced(ctx, func(int) string { return "key" })
	if err != nil {
		return err
	}
	for _, ref := range refs[1:] {
		if same, err := r.same(ctx, refs[0], ref); err != nil || !same {
			return fmt.Errorf("the same key gives %v: %w", refs, orNone(err))
		}
	}
	return nil
}

func otherKeys(ctx context.Context, r Rig) error {
	refs, err := r.raced(ctx, func(i int) string { return fmt.Sprint("key-", i) })
	if err != nil {
		return err
	}
	for i, ref := range refs {
		for _, other := range refs[:i] {
			if same, err := r.same(ctx, ref, other); err != nil || same {
				return fmt.Errorf("different keys give %v: %w", refs, orNone(err))
			}
		}
	}
	return nil
}

func buildMissing(ctx context.Context, r Rig) error {
	job, err := r.job(ctx, "shop")
	if err != nil {
		return err
	}
	_, err = r.build(ctx, bot.Job{ExternalID: "never-made"}, "main", "key-1")
	err = conformance.WantCode("Build of a job that never was", err, bot.CodeNotFound)
	_, second := r.build(ctx, job, "never-made", "key-2")
	return errors.Join(err, conformance.WantCode("Build of a branch that never was", second, bot.CodeNotFound))
}

func statusMissing(ctx context.Context, r Rig) error {
	_, b, err := r.built(ctx)
	if err != nil {
		return err
	}
	for _, change := range []func(*bot.BuildRef){
		func(ref *bot.BuildRef) { ref.Number += 1000 },
		func(ref *bot.BuildRef) { ref.Branch = "never-made" },
		func(ref *bot.BuildRef) { ref.Job = "never-made" },
	} {
		ref := b.Ref
		change(&ref)
		_, err := r.Pipeline.Status(ctx, ref)
		if err := conformance.WantCode(fmt.Sprintf("Status of %v", ref), err, bot.CodeNotFound); err != nil {
			return err
		}
	}
	return nil
}

func failing(ctx context.Context, r Rig) error {
	job, _, err := r.branch(ctx, "bad", Fails)
	if err != nil {
		return err
	}
	ref, err := r.build(ctx, job, "bad", "key")
	if err != nil {
		return err
	}
	b, err := r.endsAs(ctx, ref, bot.ResultFailure)
	if err != nil {
		return err
	}
	return oneLine("Build.Message", b.Message)
}

func sequence(ctx context.Context, r Rig) error {
	job, _, err := r.branch(ctx, "slow", Waits)
	if err != nil {
		return err
	}
	ref, err := r.build(ctx, job, "slow", "key")
	if err != nil {
		return err
	}
	running, err := r.until(ctx, ref, "running", func(b bot.Build) bool { return b.State == bot.BuildRunning })
	if err != nil {
		return err
	}
	aborter, ok := r.Pipeline.(bot.Aborter)
	if !ok {
		return nil
	}
	if err := aborter.Abort(ctx, running.Ref, "alice"); err != nil {
		return fmt.Errorf("Abort: %w", err)
	}
	last, err := r.ended(ctx, ref)
	if err == nil && (running.Sequence < 1 || last.Sequence <= running.Sequence) {
		return fmt.Errorf("the report of the running build is %d, that of the ended one %d", running.Sequence, last.Sequence)
	}
	return err
}
