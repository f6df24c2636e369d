package github

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Repo is a repository as it is now.
type Repo struct {
	ID                    int64
	Owner, Name           string
	Description, Homepage string
	Private, Archived     bool
	DefaultBranch         string
	Topics                []string
	Teams                 map[string]string
	Branches              map[string]string
	Protection            map[string]map[string]any // branch -> what was put
	Hooks                 []Hook
	Statuses              []map[string]any // oldest first, with "sha"
	Deployments           []Deployment
	Pulls                 []Pull // oldest first
}

// Hook is a webhook as it is now.
type Hook struct {
	ID         int64
	Active     bool
	Events     []string
	Config     map[string]any
	Deliveries []Delivery // oldest first
}

// Deployment is one with its statuses' states, newest first.
type Deployment struct {
	ID     int64
	SHA    string
	Body   map[string]any
	States []string
}

// Repos lists an owner's repositories.
func (s *Server) Repos(login string) (out []Repo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.repos {
		if strings.EqualFold(r.owner.login, login) {
			out = append(out, r.snapshot())
		}
	}
	return out
}

// Repo gives owner/name as it is now; ok is false if it is not there.
func (s *Server) Repo(full string) (out Repo, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repo(full)
	if r == nil {
		return out, false
	}
	return r.snapshot(), true
}

func (r *repo) snapshot() Repo {
	out := Repo{
		ID: r.id, Owner: r.owner.login, Name: r.name, Description: r.description, Homepage: r.homepage, Private: r.private,
		Archived: r.archived, DefaultBranch: r.defaultBranch, Topics: slices.Clone(r.topics), Teams: maps.Clone(r.teams),
		Branches: heads(r), Protection: maps.Clone(r.protection), Statuses: slices.Clone(r.statuses),
		Pulls: r.pullList(),
	}
	for _, h := range r.hooks {
		one := Hook{ID: h.id, Active: h.active, Events: slices.Clone(h.events), Config: maps.Clone(h.config)}
		for _, d := range h.deliveries {
			one.Deliveries = append(one.Deliveries, *d)
		}
		out.Hooks = append(out.Hooks, one)
	}
	for _, d := range r.deployments {
		one := Deployment{ID: d.id, SHA: d.sha, Body: maps.Clone(d.body)}
		for _, st := range d.statuses {
			one.States = append(one.States, fmt.Sprint(st["state"]))
		}
		out.Deployments = append(out.Deployments, one)
	}
	return out
}

// AddRepo makes a repository as a person would, with a first commit if branch is not "".
func (s *Server) AddRepo(full, branch string) error {
	login, name, _ := strings.Cut(full, "/")
	s.mu.Lock()
	o := s.owner(login)
	if o == nil {
		s.mu.Unlock()
		return fmt.Errorf("fake github: there is no owner %s", login)
	}
	_, err := s.newRepo(o, name, s.clock.Now())
	s.mu.Unlock()
	if err != nil || branch == "" {
		return err
	}
	_, err = s.Commit(full, branch, "By hand")
	return err
}

// Rename gives a repository another name, or owner; the old one leads to it.
func (s *Server) Rename(full, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repo(full)
	login, name, _ := strings.Cut(to, "/")
	o := s.owner(login)
	if r == nil || o == nil {
		return fmt.Errorf("fake github: rename %s to %s: not there", full, to)
	}
	r.former = append(r.former, r.full())
	r.owner, r.name = o, name
	return nil
}

// Change changes a repository as its administrator would; "" leaves a text as it is.
func (s *Server) Change(full, homepage, description string, private bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repo(full)
	if r == nil {
		return fmt.Errorf("fake github: there is no %s", full)
	}
	if homepage != "" {
		r.homepage = homepage
	}
	if description != "" {
		r.description = description
	}
	r.private = private
	return nil
}

// Rule refuses all pushes to a repository, or to those of an owner to come.
func (s *Server) Rule(full, why string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repo(full)
	if r == nil {
		return fmt.Errorf("fake github: there is no %s", full)
	}
	r.rule = why
	return nil
}

// Commit adds a commit to a branch, as a developer's push would, and gives its id.
func (s *Server) Commit(full, branch, message string) (string, error) {
	s.mu.Lock()
	r := s.repo(full)
	if r == nil {
		s.mu.Unlock()
		return "", fmt.Errorf("fake github: there is no %s", full)
	}
	before := heads(r)
	parent := before[branch]
	id, err := commitTo(r, branch, parent, message, stamp(s.clock.Now()))
	s.mu.Unlock()
	if err != nil {
		return "", err
	}
	s.pushed(r, before)
	return id, nil
}

func commitTo(r *repo, branch, parent, message, at string) (string, error) {
	const empty = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
	tree := empty
	args := []string{"commit-tree", "-m", message}
	if parent != "" {
		tree = parent + "^{tree}"
		args = append(args, "-p", parent)
	}
	env := []string{
		"GIT_AUTHOR_NAME=Dev", "GIT_AUTHOR_EMAIL=dev@example.com", "GIT_COMMITTER_NAME=Dev", "GIT_COMMITTER_EMAIL=dev@example.com",
		"GIT_AUTHOR_DATE=" + at, "GIT_COMMITTER_DATE=" + at,
	}
	out, err := git(r.dir, env, nil, append(args, tree)...)
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(out))
	_, err = git(r.dir, nil, nil, "update-ref", "refs/heads/"+branch, id)
	return id, err
}

// Tag tags a commit.
func (s *Server) Tag(full, tag, commit string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repo(full)
	if r == nil {
		return fmt.Errorf("fake github: there is no %s", full)
	}
	_, err := git(r.dir, nil, nil, "update-ref", "refs/tags/"+tag, commit)
	return err
}

// History lists the first lines of a branch's commits, newest first.
func (s *Server) History(full, branch string) (titles []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repo(full)
	if r == nil {
		return nil
	}
	for _, l := range history(r, "refs/heads/"+branch) {
		title, _, _ := strings.Cut(l.message, "\n")
		titles = append(titles, title)
	}
	return titles
}
