package pipelinetest_test

import (
	"context"
	"io"
	"sync"

	"opsbot/bot"
	"opsbot/test/conformance/pipelinetest"
)

// broken is a pipeline that breaks one promise each. A nil field leaves the promise.
type broken struct {
	*pipelinetest.Fake
	found   func(*bot.Presence, *bot.Job)
	spec    func(*bot.JobSpec)
	ensured func(*bot.Job, error) error
	remove  func(bot.Job) error
	request func(*bot.BuildRequest)
	built   func(*bot.BuildRef, error) error
	status  func(*bot.Build, error) error
	abort   func(bot.BuildRef) error
	offset  func(int64) int64
	readLog func(bot.LogRef) bot.LogRef
	list    func([]bot.Build) []bot.Build
	branch  func(string) string
	limit   func(int) int

	mu    sync.Mutex
	calls int
}

// count numbers the calls from 1 on.
func (b *broken) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	return b.calls
}

func (b *broken) FindJob(ctx context.Context, s bot.JobSpec) (bot.Presence, bot.Job, error) {
	p, j, err := b.Fake.FindJob(ctx, s)
	if b.found != nil {
		b.found(&p, &j)
	}
	return p, j, err
}

func (b *broken) EnsureJob(ctx context.Context, s bot.JobSpec) (bot.Job, error) {
	if b.spec != nil {
		b.spec(&s)
	}
	j, err := b.Fake.EnsureJob(ctx, s)
	if b.ensured != nil {
		err = b.ensured(&j, err)
	}
	return j, err
}

func (b *broken) RemoveJob(ctx context.Context, j bot.Job) error {
	if b.remove != nil {
		return b.remove(j)
	}
	return b.Fake.RemoveJob(ctx, j)
}

func (b *broken) Build(ctx context.Context, req bot.BuildRequest) (bot.BuildRef, error) {
	if b.request != nil {
		b.request(&req)
	}
	ref, err := b.Fake.Build(ctx, req)
	if b.built != nil {
		err = b.built(&ref, err)
	}
	return ref, err
}

func (b *broken) Status(ctx context.Context, ref bot.BuildRef) (bot.Build, error) {
	got, err := b.Fake.Status(ctx, ref)
	if b.status != nil {
		err = b.status(&got, err)
	}
	return got, err
}

func (b *broken) Abort(ctx context.Context, ref bot.BuildRef, by string) error {
	if b.abort != nil {
		return b.abort(ref)
	}
	return b.Fake.Abort(ctx, ref, by)
}

func (b *broken) ReadLog(ctx context.Context, ref bot.LogRef, offset int64) (io.ReadCloser, error) {
	if b.readLog != nil {
		ref = b.readLog(ref)
	}
	if b.offset != nil {
		offset = b.offset(offset)
	}
	return b.Fake.ReadLog(ctx, ref, offset)
}

func (b *broken) Builds(ctx context.Context, j bot.Job, branch string, limit int) ([]bot.Build, error) {
	if b.branch != nil {
		branch = b.branch(branch)
	}
	if b.limit != nil {
		limit = b.limit(limit)
	}
	l, err := b.Fake.Builds(ctx, j, branch, limit)
	if b.list != nil {
		l = b.list(l)
	}
	return l, err
}
