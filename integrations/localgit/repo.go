package localgit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"opsbot/bot"
	"opsbot/bot/gitpush"
)

// FindRepository implements bot.RepoHost. A repository whose rows were written but
// whose folder was not yet made is absent: making it again completes it.
func (f *Forge) FindRepository(ctx context.Context, spec bot.RepoSpec) (bot.Presence, bot.Repository, error) {
	r, err := f.lookUp(ctx, spec)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return bot.PresenceAbsent, bot.Repository{}, nil
	}
	if err != nil {
		return bot.PresenceUnknown, bot.Repository{}, err
	}
	if !made(r, spec) {
		return bot.PresenceForeign, f.repository(r), nil
	}
	if _, err := os.Stat(f.repoPath(r.ID)); err != nil {
		return bot.PresenceAbsent, bot.Repository{}, nil
	}
	return bot.PresenceOurs, f.repository(r), nil
}

func made(r record, spec bot.RepoSpec) bool {
	return spec.Operation != "" && r.Operation == spec.Operation
}

func (f *Forge) lookUp(ctx context.Context, spec bot.RepoSpec) (record, error) {
	if err := f.checkSpec(spec); err != nil {
		return record{}, err
	}
	if err := f.atHome(ctx); err != nil {
		return record{}, err
	}
	return f.named(ctx, spec.Owner, spec.Name)
}

// EnsureRepository implements bot.RepoHost. The rows come first, then the folder,
// which appears in one step: interrupted anywhere, calling it again completes it.
func (f *Forge) EnsureRepository(ctx context.Context, spec bot.RepoSpec) (bot.Repository, error) {
	if spec.DefaultBranch == "" {
		spec.DefaultBranch = "main"
	}
	if err := gitpush.CheckBranch(spec.DefaultBranch); err != nil {
		return bot.Repository{}, err
	}
	if spec.Operation == "" {
		return bot.Repository{}, bot.Errorf(bot.CodeInvalid, "The repository %s is to be made by no operation.", bot.Escape(spec.Name))
	}
	if _, err := f.lookUp(ctx, spec); err != nil && bot.CodeOf(err) != bot.CodeNotFound {
		return bot.Repository{}, err
	}
	var r record
	err := f.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		r, err = f.claim(ctx, tx, spec)
		return err
	})
	if err != nil {
		return bot.Repository{}, err
	}
	if err := f.initialise(ctx, r); err != nil {
		return bot.Repository{}, full(err, "make the repository "+r.full())
	}
	return f.repository(r), nil
}

// claim writes the rows of a new repository, or returns those that this operation
// wrote before.
func (f *Forge) claim(ctx context.Context, tx *bot.Tx, spec bot.RepoSpec) (record, error) {
	r, found, err := f.byName(ctx, tx, spec.Owner, spec.Name)
	switch {
	case err != nil:
		return r, err
	case found && !made(r, spec):
		return r, bot.Errorf(bot.CodeConflict, "%s has the repository %s already: %s", r.Owner, r.Name, f.pageURL(r.Owner, r.Name))
	case found:
		return r, nil
	}
	now := f.env.Clock.Now()
	r = record{
		ID: bot.NewID(now), Owner: spec.Owner, Name: spec.Name, Description: spec.Description,
		ProjectID: spec.ProjectID, Private: spec.Private, DefaultBranch: spec.DefaultBranch,
		Operation: spec.Operation, CreatedAt: now,
	}
	if err := f.putDoc(ctx, tx, kindName, r.nameKey(), 0, nameRecord{r.ID}); err != nil {
		return r, err
	}
	return r, f.putDoc(ctx, tx, kindRepo, r.ID, 0, r)
}

// initialise makes the bare repository, empty, unless it is there.
func (f *Forge) initialise(ctx context.Context, r record) error {
	final := f.repoPath(r.ID)
	if _, err := os.Stat(final); err == nil {
		return nil
	}
	tmp, err := os.MkdirTemp(f.path("tmp"), "init-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	dir := filepath.Join(tmp, "new.git")
	if _, err := f.git.run(ctx, tmp, 4096, "init", "--quiet", "--bare", "--template=", "--initial-branch="+r.DefaultBranch, dir); err != nil {
		return err
	}
	if err := os.Rename(dir, final); err != nil && !errors.Is(err, os.ErrExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return err // ENOTEMPTY: a second call at the same time was faster
	}
	parent, err := os.Open(filepath.Dir(final))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}

// Push implements bot.RepoHost. It writes into the repository directly; the hooks of
// a push from outside have nothing to decide here.
func (f *Forge) Push(ctx context.Context, req bot.PushRequest) (string, error) {
	r, err := f.find(ctx, req.Repository)
	if err != nil {
		return "", err
	}
	if r.Archived {
		return "", archived(r)
	}
	hash, err := f.pusher.Hash(req)
	if err != nil {
		return "", err
	}
	lock, err := f.lockShared(r.ID)
	if err != nil {
		return "", full(err, "push to "+r.full())
	}
	defer func() { _ = lock.Close() }()
	refs, err := f.refs(ctx, r)
	if err != nil {
		return "", err
	}
	made := change{Push: bot.NewID(f.env.Clock.Now()), Pusher: bot.SystemUser().Name, Ref: "refs/heads/" + req.Branch, New: hash}
	if refs[made.Ref] == hash {
		return hash, nil // a note would tell of a push that was none
	}
	defer f.notify(r.ID)
	if err := f.note(r.ID, made); err != nil {
		return "", full(err, "push to "+r.full())
	}
	if _, err := f.pusher.Push(ctx, f.repoPath(r.ID), req); err != nil {
		return "", err
	}
	made.Applied = true
	if err := f.note(r.ID, made); err != nil { // it is pushed all the same, and found
		f.env.Log.Warn("a push was not noted", "repository", r.full(), "error", err)
	}
	return hash, nil
}

func archived(r record) error {
	return bot.Errorf(bot.CodeConflict, "The repository %s is archived: it can be read and cloned, but nothing can be pushed to it.", r.full())
}

// ArchiveRepository implements bot.Archiver: nothing can be pushed from now on.
// Archived is success.
func (f *Forge) ArchiveRepository(ctx context.Context, repo bot.Repository) error {
	return f.update(ctx, repo, func(_ context.Context, _ *bot.Tx, r *record) error {
		r.Archived = true
		return nil
	})
}

// Rename gives a repository another name; its id, hooks and history stay. The old
// name is free at once. CodeConflict if the new one is taken.
func (f *Forge) Rename(ctx context.Context, repo bot.Repository, owner, name string) (bot.Repository, error) {
	if err := f.checkSpec(bot.RepoSpec{Owner: owner, Name: name}); err != nil {
		return bot.Repository{}, err
	}
	var out bot.Repository
	err := f.update(ctx, repo, func(ctx context.Context, tx *bot.Tx, r *record) error {
		other, found, err := f.byName(ctx, tx, owner, name)
		if err != nil {
			return err
		}
		if found && other.ID != r.ID {
			return bot.Errorf(bot.CodeConflict, "%s has the repository %s already: %s", other.Owner, other.Name, f.pageURL(other.Owner, other.Name))
		}
		if !found {
			if err := tx.Documents.Delete(ctx, f.env.Name, kindName, r.nameKey()); err != nil {
				return err
			}
			if err := f.putDoc(ctx, tx, kindName, nameKey(owner, name), 0, nameRecord{r.ID}); err != nil {
				return err
			}
		}
		r.Owner, r.Name = owner, name
		out = f.repository(*r)
		return nil
	})
	return out, err
}

func (f *Forge) update(ctx context.Context, repo bot.Repository, change func(context.Context, *bot.Tx, *record) error) error {
	found, err := f.find(ctx, repo)
	if err != nil {
		return err
	}
	return f.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		var r record
		rev, err := f.getDoc(ctx, tx, kindRepo, found.ID, &r)
		if err != nil {
			return err
		}
		if err := change(ctx, tx, &r); err != nil {
			return err
		}
		return f.putDoc(ctx, tx, kindRepo, r.ID, rev, r)
	})
}

// RemoveRepository implements bot.RepoHost. The folder goes first: interrupted, the
// rows still lead a second call here.
func (f *Forge) RemoveRepository(ctx context.Context, repo bot.Repository) error {
	r, err := f.find(ctx, repo)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	trash := f.path("tmp", "removed-"+r.ID+"-"+bot.NewToken())
	if err := os.Rename(f.repoPath(r.ID), trash); err != nil && !errors.Is(err, os.ErrNotExist) {
		return full(err, "remove the repository "+r.full())
	}
	for _, dir := range []string{trash, f.path("spool", r.ID), f.path("locks", r.ID)} {
		if err := os.RemoveAll(dir); err != nil {
			return full(err, "remove the repository "+r.full())
		}
	}
	return f.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		for _, kind := range []string{kindHook, kindRef} {
			docs, err := tx.Documents.List(ctx, f.env.Name, kind, r.ID+"/", "", 0)
			if err != nil {
				return err
			}
			for _, d := range docs {
				if err := tx.Documents.Delete(ctx, f.env.Name, kind, d.Key); err != nil {
					return err
				}
			}
		}
		if err := tx.Documents.Delete(ctx, f.env.Name, kindName, r.nameKey()); err != nil {
			return err
		}
		return tx.Documents.Delete(ctx, f.env.Name, kindRepo, r.ID)
	})
}

// CloneSource implements bot.RepoHost: the pipeline of this installation reads the
// repository in place.
func (f *Forge) CloneSource(ctx context.Context, repo bot.Repository) (bot.CloneSource, error) {
	r, err := f.find(ctx, repo)
	if err != nil {
		return bot.CloneSource{}, err
	}
	return bot.CloneSource{URL: f.repoPath(r.ID), Path: true}, nil
}

// full gives errors of the file system and of git a code; an Error passes unchanged.
func full(err error, doing string) error {
	var known *bot.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || saidNoSpace(err) {
		return bot.Errorf(bot.CodeStorageFull, "There is no space left on OpsBot's disk to %s.", bot.Escape(doing)).Because(err).Backoff()
	}
	return fmt.Errorf("localgit: %s: %w", doing, err)
}
