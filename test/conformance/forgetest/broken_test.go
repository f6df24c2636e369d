package forgetest_test

import (
	"context"

	"opsbot/bot"
	"opsbot/test/conformance/forgetest"
)

// broken is a forge that breaks one promise each. A nil field leaves the promise.
type broken struct {
	*forgetest.Fake
	find     func(bot.Presence, bot.Repository, error) (bot.Presence, bot.Repository, error)
	spec     func(*bot.RepoSpec)
	made     func(*bot.Repository, error) error
	request  func(*bot.PushRequest)
	pushed   func(string, error) (string, error)
	remove   func(bot.Repository) error
	source   func(*bot.CloneSource)
	archive  func(bot.Repository) error
	branches func(map[string]string)
	commits  func(from, to *string, limit *int)
	listed   func([]bot.Commit) []bot.Commit
	file     func([]byte, error) ([]byte, error)
	tag      func(string) string
	hook     func(*bot.HookSpec)
	hookID   func(string) string
	unhook   func(bot.HookSpec) (done bool, err error)
}

func (b *broken) FindRepository(ctx context.Context, s bot.RepoSpec) (bot.Presence, bot.Repository, error) {
	p, r, err := b.Fake.FindRepository(ctx, s)
	if b.find != nil {
		return b.find(p, r, err)
	}
	return p, r, err
}

func (b *broken) EnsureRepository(ctx context.Context, s bot.RepoSpec) (bot.Repository, error) {
	if b.spec != nil {
		b.spec(&s)
	}
	r, err := b.Fake.EnsureRepository(ctx, s)
	if b.made != nil {
		err = b.made(&r, err)
	}
	return r, err
}

func (b *broken) Push(ctx context.Context, req bot.PushRequest) (string, error) {
	if b.request != nil {
		b.request(&req)
	}
	c, err := b.Fake.Push(ctx, req)
	if b.pushed != nil {
		return b.pushed(c, err)
	}
	return c, err
}

func (b *broken) RemoveRepository(ctx context.Context, r bot.Repository) error {
	if b.remove != nil {
		return b.remove(r)
	}
	return b.Fake.RemoveRepository(ctx, r)
}

func (b *broken) CloneSource(ctx context.Context, r bot.Repository) (bot.CloneSource, error) {
	s, err := b.Fake.CloneSource(ctx, r)
	if b.source != nil {
		b.source(&s)
	}
	return s, err
}

func (b *broken) ArchiveRepository(ctx context.Context, r bot.Repository) error {
	if b.archive != nil {
		return b.archive(r)
	}
	return b.Fake.ArchiveRepository(ctx, r)
}

func (b *broken) Branches(ctx context.Context, r bot.Repository) (map[string]string, error) {
	m, err := b.Fake.Branches(ctx, r)
	if b.branches != nil {
		b.branches(m)
	}
	return m, err
}

func (b *broken) Commits(ctx context.Context, r bot.Repository, from, to string, limit int) ([]bot.Commit, error) {
	if b.commits != nil {
		b.commits(&from, &to, &limit)
	}
	l, err := b.Fake.Commits(ctx, r, from, to, limit)
	if b.listed != nil {
		l = b.listed(l)
	}
	return l, err
}

func (b *broken) ReadFile(ctx context.Context, r bot.Repository, commit, path string) ([]byte, error) {
	d, err := b.Fake.ReadFile(ctx, r, commit, path)
	if b.file != nil {
		return b.file(d, err)
	}
	return d, err
}

func (b *broken) NearestTag(ctx context.Context, r bot.Repository, commit string) (string, error) {
	tag, err := b.Fake.NearestTag(ctx, r, commit)
	if b.tag != nil {
		tag = b.tag(tag)
	}
	return tag, err
}

func (b *broken) FindHook(ctx context.Context, s bot.HookSpec) (bot.Presence, string, error) {
	if b.hook != nil {
		b.hook(&s)
	}
	return b.Fake.FindHook(ctx, s)
}

func (b *broken) EnsureHook(ctx context.Context, s bot.HookSpec) (string, error) {
	if b.hook != nil {
		b.hook(&s)
	}
	id, err := b.Fake.EnsureHook(ctx, s)
	if b.hookID != nil {
		id = b.hookID(id)
	}
	return id, err
}

func (b *broken) RemoveHook(ctx context.Context, s bot.HookSpec) error {
	if b.unhook != nil {
		if done, err := b.unhook(s); done {
			return err
		}
	}
	if b.hook != nil {
		b.hook(&s)
	}
	return b.Fake.RemoveHook(ctx, s)
}
