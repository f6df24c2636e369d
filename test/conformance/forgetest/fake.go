package forgetest

import (
	"context"
	"crypto/sha1" //nolint:gosec // git's own
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"opsbot/bot"
)

// Fake is a forge in memory that passes the suite, for tests of what works with
// forges. The zero value is ready. Safe for concurrent use.
type Fake struct {
	mu    sync.Mutex
	next  int
	repos map[string]*fakeRepo // by id
}

type fakeRepo struct {
	bot.Repository
	operation string
	archived  bool
	branches  map[string]string
	commits   map[string]fakeCommit
	tags      map[string]string // commit -> tag
	hooks     map[string]bool
}

type fakeCommit struct {
	bot.Commit
	parent string
	files  map[string][]byte
}

var (
	_ bot.RepoHost      = (*Fake)(nil)
	_ bot.Archiver      = (*Fake)(nil)
	_ bot.HookInstaller = (*Fake)(nil)
	_ bot.CommitReader  = (*Fake)(nil)
)

// NewRig gives a fresh Fake with all that the suite needs.
func NewRig() (Rig, *Fake) {
	f := &Fake{}
	return Rig{Forge: f, Owner: "foo-org", HookURL: "https://opsbot.example.com/hooks/fake/", Commit: f.Commit, Tag: f.Tag}, f
}

var fakeName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$`)

func (f *Fake) named(owner, name string) *fakeRepo {
	for _, r := range f.repos {
		if strings.EqualFold(r.Owner+"/"+r.Name, owner+"/"+name) {
			return r
		}
	}
	return nil
}

func (f *Fake) get(repo bot.Repository) (*fakeRepo, error) {
	if r := f.repos[repo.ExternalID]; r != nil {
		return r, nil
	}
	return nil, bot.Errorf(bot.CodeNotFound, "There is no repository %s.", repo.Name)
}

// FindRepository implements bot.RepoHost.
func (f *Fake) FindRepository(_ context.Context, spec bot.RepoSpec) (bot.Presence, bot.Repository, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch r := f.named(spec.Owner, spec.Name); {
	case r == nil:
		return bot.PresenceAbsent, bot.Repository{}, nil
	case r.operation != spec.Operation:
		return bot.PresenceForeign, r.Repository, nil
	default:
		return bot.PresenceOurs, r.Repository, nil
	}
}

// EnsureRepository implements bot.RepoHost.
func (f *Fake) EnsureRepository(_ context.Context, spec bot.RepoSpec) (bot.Repository, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !fakeName.MatchString(spec.Name) {
		return bot.Repository{}, bot.Errorf(bot.CodeInvalid, "%q is not a name.", spec.Name)
	}
	if r := f.named(spec.Owner, spec.Name); r != nil {
		if r.operation != spec.Operation {
			return bot.Repository{}, bot.Errorf(bot.CodeConflict, "%s has %s already: %s", r.Owner, r.Name, r.URL)
		}
		return r.Repository, nil
	}
	f.next++
	url := "https://forge.example.com/" + spec.Owner + "/" + spec.Name
	r := &fakeRepo{
		operation: spec.Operation, branches: map[string]string{}, commits: map[string]fakeCommit{},
		tags: map[string]string{}, hooks: map[string]bool{},
		Repository: bot.Repository{
			ExternalID: fmt.Sprint(f.next), Owner: spec.Owner, Name: spec.Name,
			URL: url, CloneURL: url + ".git", DefaultBranch: spec.DefaultBranch, Private: spec.Private,
		},
	}
	if f.repos == nil {
		f.repos = map[string]*fakeRepo{}
	}
	f.repos[r.ExternalID] = r
	return r.Repository, nil
}

// Push implements bot.RepoHost. The hash is of the right form, not git's own.
func (f *Fake) Push(_ context.Context, req bot.PushRequest) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.get(req.Repository)
	if err != nil {
		return "", err
	}
	files := map[string][]byte{}
	for _, file := range req.Tree.Files {
		files[file.Path] = file.Data
	}
	title, _, _ := strings.Cut(req.Message, "\n")
	c := fakeCommit{files: files, Commit: bot.Commit{Title: title, Author: req.Author.Name, At: req.At, Operation: req.Operation}}
	c.ID = hashOf(c.Commit, files)
	switch there := r.branches[req.Branch]; {
	case there == c.ID:
		return c.ID, nil
	case there != "":
		return "", bot.Errorf(bot.CodeConflict, "The branch %s has other commits.", req.Branch)
	case r.archived:
		return "", bot.Errorf(bot.CodeConflict, "%s is archived.", r.Name)
	}
	r.commits[c.ID], r.branches[req.Branch] = c, c.ID
	return c.ID, nil
}

func hashOf(parts ...any) string {
	data, _ := json.Marshal(parts)
	sum := sha1.Sum(data) //nolint:gosec // git's own
	return hex.EncodeToString(sum[:])
}

// RemoveRepository implements bot.RepoHost.
func (f *Fake) RemoveRepository(_ context.Context, repo bot.Repository) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.repos, repo.ExternalID)
	return nil
}

// ArchiveRepository implements bot.Archiver.
func (f *Fake) ArchiveRepository(_ context.Context, repo bot.Repository) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.get(repo)
	if err == nil {
		r.archived, r.Archived = true, true
	}
	return err
}

// CloneSource implements bot.RepoHost.
func (f *Fake) CloneSource(_ context.Context, repo bot.Repository) (bot.CloneSource, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.get(repo)
	if err != nil {
		return bot.CloneSource{}, err
	}
	return bot.CloneSource{URL: r.CloneURL}, nil
}

// Commit adds a commit to a branch, as a developer's push would.
func (f *Fake) Commit(_ context.Context, repo bot.Repository, branch, message string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.get(repo)
	if err != nil {
		return "", err
	}
	parent := r.commits[r.branches[branch]]
	title, _, _ := strings.Cut(message, "\n")
	c := fakeCommit{parent: parent.ID, files: parent.files, Commit: bot.Commit{Title: title, Author: "Dev", At: parent.At.Add(1)}}
	c.ID = hashOf(c.Commit, c.parent)
	r.commits[c.ID], r.branches[branch] = c, c.ID
	return c.ID, nil
}

// Tag tags a commit.
func (f *Fake) Tag(_ context.Context, repo bot.Repository, tag, commit string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.get(repo)
	if err == nil {
		r.tags[commit] = tag
	}
	return err
}
