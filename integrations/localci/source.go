package localci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/transport"

	"opsbot/bot"
)

const (
	// scriptFile is where a branch keeps its pipeline.
	scriptFile = "Jenkinsfile"
	// maxJenkinsfile bounds it, in bytes.
	maxJenkinsfile = 1 << 20
	mirrorTimeout  = 5 * time.Minute
)

// head is a branch and what it points to.
type head struct {
	Branch, Commit string
	HasJenkinsfile bool
}

// source reads a repository that no build can write to: the embedded forge's own
// folder, or our mirror of a remote one. It is read by go-git, in process, so that
// looking up a file starts nothing.
type source struct {
	repo *git.Repository
	path string
	name string
}

// source opens what the job is built from, bringing a mirror up to date first.
func (s *Service) source(ctx context.Context, job string, from bot.CloneSource) (*source, error) {
	path := from.URL
	if !from.Path {
		path = filepath.Join(s.env.Dir, "mirrors", folderName(job))
		s.mirroring.Lock()
		err := mirror(ctx, path, from.URL)
		s.mirroring.Unlock()
		if err != nil {
			return nil, err
		}
	}
	return openSource(path, job)
}

func openSource(path, name string) (*source, error) {
	repo, err := git.PlainOpen(path)
	if err != nil {
		return nil, bot.Errorf(bot.CodeUnavailable, "The repository of %s cannot be read.", name).Because(err).Backoff()
	}
	return &source{repo: repo, path: path, name: name}, nil
}

// mirror fetches all branches and tags of a remote repository into a bare one.
func mirror(ctx context.Context, path, url string) error {
	if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") {
		return bot.Errorf(bot.CodeUnsupported, "localci clones over http and https only, not from %s.", url)
	}
	repo, err := git.PlainInit(path, true)
	if errors.Is(err, git.ErrRepositoryAlreadyExists) {
		repo, err = git.PlainOpen(path)
	}
	if err != nil {
		return fmt.Errorf("localci: open mirror: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, mirrorTimeout)
	defer cancel()
	remote := git.NewRemote(repo.Storer, &config.RemoteConfig{Name: "origin", URLs: []string{url}})
	err = remote.FetchContext(ctx, &git.FetchOptions{
		RefSpecs: []config.RefSpec{"+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"},
		Prune:    true, Force: true, Tags: git.NoTags,
	})
	if err == nil || errors.Is(err, git.NoErrAlreadyUpToDate) || errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return nil
	}
	return bot.Errorf(bot.CodeUnavailable, "%s cannot be fetched.", url).Because(err).Backoff()
}

// heads lists the branches.
func (s *Service) heads(ctx context.Context, job string, from bot.CloneSource) ([]head, error) {
	src, err := s.source(ctx, job, from)
	if err != nil {
		return nil, err
	}
	refs, err := src.repo.Branches()
	if err != nil {
		return nil, fmt.Errorf("localci: list branches of %s: %w", job, err)
	}
	var all []head
	err = refs.ForEach(func(r *plumbing.Reference) error {
		has, err := src.hasJenkinsfile(r.Hash().String())
		all = append(all, head{Branch: r.Name().Short(), Commit: r.Hash().String(), HasJenkinsfile: has})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("localci: list branches of %s: %w", job, err)
	}
	return all, nil
}

// hasJenkinsfileNow is what a transaction may ask: it reads the disk only. A
// remote source is assumed to have one; its build ends soon if it hasn't.
func (s *Service) hasJenkinsfileNow(job jobDoc, commit string) (bool, error) {
	if !job.Spec.Source.Path {
		return true, nil
	}
	src, err := openSource(job.Spec.Source.URL, job.Name)
	if err != nil {
		return false, err
	}
	return src.hasJenkinsfile(commit)
}

// branch gives the commit that a branch points to.
func (s *source) branch(name string) (string, error) {
	ref, err := s.repo.Reference(plumbing.NewBranchReferenceName(name), true)
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return "", bot.Errorf(bot.CodeNotFound, "%s has no branch %s.", s.name, name)
	}
	if err != nil {
		return "", fmt.Errorf("localci: read branch %s of %s: %w", name, s.name, err)
	}
	return ref.Hash().String(), nil
}

func (s *source) commit(id string) (*object.Commit, error) {
	if !plumbing.IsHash(id) {
		return nil, bot.Errorf(bot.CodeInvalid, "%q is not the id of a commit.", id)
	}
	c, err := s.repo.CommitObject(plumbing.NewHash(id))
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, bot.Errorf(bot.CodeNotFound, "%s has no commit %s.", s.name, id)
	}
	if err != nil {
		return nil, fmt.Errorf("localci: read commit %s of %s: %w", id, s.name, err)
	}
	return c, nil
}

func (s *source) file(commit string) (*object.File, error) {
	c, err := s.commit(commit)
	if err != nil {
		return nil, err
	}
	f, err := c.File(scriptFile)
	if errors.Is(err, object.ErrFileNotFound) {
		return nil, os.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("localci: read %s of %s: %w", scriptFile, s.name, err)
	}
	return f, nil
}

func (s *source) hasJenkinsfile(commit string) (bool, error) {
	_, err := s.file(commit)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// readJenkinsfile gives the pipeline of a commit; os.ErrNotExist if it has none.
func (s *source) readJenkinsfile(commit string) ([]byte, error) {
	f, err := s.file(commit)
	if err != nil {
		return nil, err
	}
	if f.Size > maxJenkinsfile {
		return nil, bot.Errorf(bot.CodeTooLarge, "The %s is larger than 1 MiB.", scriptFile)
	}
	r, err := f.Reader()
	if err != nil {
		return nil, fmt.Errorf("localci: read %s of %s: %w", scriptFile, s.name, err)
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, maxJenkinsfile))
}

// title is the first line of a commit's message.
func (s *source) title(commit string) string {
	c, err := s.commit(commit)
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(c.Message, "\n")
	return first
}
