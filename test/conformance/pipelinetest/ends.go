package pipelinetest

import (
	"context"
	"fmt"
	"strings"

	"opsbot/bot"
	"opsbot/test/conformance"
)

func oneLine(what, text string) error {
	if text == "" || strings.ContainsAny(text, "\n\r") {
		return fmt.Errorf("%s is %q, want one line", what, text)
	}
	return nil
}

// waiting makes the job shop with n builds that run until they are aborted.
func (r Rig) waiting(ctx context.Context, n int) ([]bot.BuildRef, error) {
	job, _, err := r.branch(ctx, "slow", Waits)
	if err != nil {
		return nil, err
	}
	var refs []bot.BuildRef
	for i := range n {
		ref, err := r.build(ctx, job, "slow", fmt.Sprint("slow-", i))
		if err != nil {
			return nil, err
		}
		refs = append(refs, ref)
	}
	return refs, nil
}

func abortRunning(ctx context.Context, r Rig) error {
	aborter, ok := r.Pipeline.(bot.Aborter)
	if !ok {
		return nil
	}
	refs, err := r.waiting(ctx, 1)
	if err != nil {
		return err
	}
	if _, err := r.until(ctx, refs[0], "running", func(b bot.Build) bool { return b.State == bot.BuildRunning }); err != nil {
		return err
	}
	if err := aborter.Abort(ctx, refs[0], "carol"); err != nil {
		return fmt.Errorf("Abort: %w", err)
	}
	b, err := r.endsAs(ctx, refs[0], bot.ResultAborted)
	if err == nil && !strings.Contains(b.Message, "carol") {
		return fmt.Errorf("the aborted build says %q, not by whom", b.Message)
	}
	return err
}

func abortQueued(ctx context.Context, r Rig) error {
	aborter, ok := r.Pipeline.(bot.Aborter)
	if !ok || r.Executors == 0 {
		return nil
	}
	refs, err := r.waiting(ctx, r.Executors+1)
	if err != nil {
		return err
	}
	for _, ref := range refs[:r.Executors] {
		if _, err := r.until(ctx, ref, "running", func(b bot.Build) bool { return b.State == bot.BuildRunning }); err != nil {
			return err
		}
	}
	last := refs[r.Executors]
	b, err := r.Pipeline.Status(ctx, last)
	if err != nil || b.State != bot.BuildQueued {
		return fmt.Errorf("the build that has no executor is %s: %w", b.State, orNone(err))
	}
	if err := aborter.Abort(ctx, last, "carol"); err != nil {
		return fmt.Errorf("Abort: %w", err)
	}
	for _, ref := range refs[:r.Executors] { // makes room for it, if it still waited
		if err := aborter.Abort(ctx, ref, "carol"); err != nil {
			return fmt.Errorf("Abort: %w", err)
		}
		if _, err := r.ended(ctx, ref); err != nil {
			return err
		}
	}
	b, err = r.endsAs(ctx, last, bot.ResultAborted)
	if err == nil && !b.StartedAt.IsZero() {
		return fmt.Errorf("the build aborted in the queue has started at %s", b.StartedAt)
	}
	return err
}

func abortEnded(ctx context.Context, r Rig) error {
	aborter, ok := r.Pipeline.(bot.Aborter)
	if !ok {
		return nil
	}
	_, before, err := r.built(ctx)
	if err != nil {
		return err
	}
	if err := aborter.Abort(ctx, before.Ref, "carol"); err != nil {
		return fmt.Errorf("Abort of an ended build: %w", err)
	}
	after, err := r.Pipeline.Status(ctx, before.Ref)
	if err != nil || after.Result != before.Result || after.Sequence != before.Sequence {
		return fmt.Errorf("the abort made %s@%d of %s@%d: %w", after.Result, after.Sequence, before.Result, before.Sequence, orNone(err))
	}
	return nil
}

func read(ctx context.Context, l bot.LogReader, ref bot.BuildRef, offset int64) (string, error) {
	return conformance.ReadLog(ctx, l, bot.LogRef{Build: ref}, offset)
}

func logWhole(ctx context.Context, r Rig) error {
	reader, ok := r.Pipeline.(bot.LogReader)
	if !ok {
		return nil
	}
	_, b, err := r.built(ctx)
	if err != nil {
		return err
	}
	text, err := read(ctx, reader, b.Ref, 0)
	if err == nil && !strings.Contains("\n"+text, "\n"+LogLine+"\n") {
		return fmt.Errorf("the log is %q, want the line %q", text, LogLine)
	}
	return err
}

func logOffset(ctx context.Context, r Rig) error {
	reader, ok := r.Pipeline.(bot.LogReader)
	if !ok {
		return nil
	}
	_, b, err := r.built(ctx)
	if err != nil {
		return err
	}
	whole, err := read(ctx, reader, b.Ref, 0)
	if err != nil {
		return err
	}
	for _, offset := range []int{1, strings.Index(whole, "ü") + 1, len(whole)} { // bytes, also within a character
		rest, err := read(ctx, reader, b.Ref, int64(offset))
		if err != nil {
			return err
		}
		if rest != whole[offset:] {
			return fmt.Errorf("from byte %d the log is %q, want %q", offset, rest, whole[offset:])
		}
	}
	return nil
}

func logMissing(ctx context.Context, r Rig) error {
	reader, ok := r.Pipeline.(bot.LogReader)
	if !ok {
		return nil
	}
	_, b, err := r.built(ctx)
	if err != nil {
		return err
	}
	b.Ref.Number += 1000
	_, err = reader.ReadLog(ctx, bot.LogRef{Build: b.Ref}, 0)
	return conformance.WantCode("ReadLog of a build that never was", err, bot.CodeNotFound)
}

// listing makes two builds of main and one of topic, one after the other.
func (r Rig) listing(ctx context.Context) (bot.BuildLister, bot.Job, []bot.BuildRef, error) {
	lister, ok := r.Pipeline.(bot.BuildLister)
	if !ok {
		return nil, bot.Job{}, nil, nil
	}
	job, _, err := r.branch(ctx, "topic", Succeeds)
	if err != nil {
		return nil, job, nil, err
	}
	var refs []bot.BuildRef
	for i, branch := range []string{"main", "topic", "main"} {
		ref, err := r.build(ctx, job, branch, fmt.Sprint("key-", i))
		if err != nil {
			return nil, job, nil, err
		}
		b, err := r.ended(ctx, ref)
		if err != nil {
			return nil, job, nil, err
		}
		refs = append(refs, b.Ref)
	}
	return lister, job, refs, nil
}

func listNewestFirst(ctx context.Context, r Rig) error {
	lister, job, refs, err := r.listing(ctx)
	if err != nil || lister == nil {
		return err
	}
	list, err := lister.Builds(ctx, job, "main", 100)
	if err != nil {
		return fmt.Errorf("Builds: %w", err)
	}
	// A job's first look at its branches may have made builds of its own before.
	if len(list) < 2 || list[0].Ref != refs[2] || list[1].Ref != refs[0] || list[0].Result != bot.ResultSuccess {
		return fmt.Errorf("the builds of main are %v, want %v, then %v", refsOf(list), refs[2], refs[0])
	}
	return nil
}

func listLimit(ctx context.Context, r Rig) error {
	lister, job, refs, err := r.listing(ctx)
	if err != nil || lister == nil {
		return err
	}
	list, err := lister.Builds(ctx, job, "main", 1)
	if err != nil || len(list) != 1 || list[0].Ref != refs[2] {
		return fmt.Errorf("the newest build is given as %v: %w", refsOf(list), orNone(err))
	}
	return nil
}

func listBranch(ctx context.Context, r Rig) error {
	lister, job, refs, err := r.listing(ctx)
	if err != nil || lister == nil {
		return err
	}
	list, err := lister.Builds(ctx, job, "topic", 100)
	if err != nil || len(list) != 1 || list[0].Ref != refs[1] {
		return fmt.Errorf("the builds of topic are %v: %w", refsOf(list), orNone(err))
	}
	return nil
}

func refsOf(list []bot.Build) []bot.BuildRef {
	refs := make([]bot.BuildRef, 0, len(list))
	for _, b := range list {
		refs = append(refs, b.Ref)
	}
	return refs
}
