package gitea

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"opsbot/test/fakes/githttp"
)

// Repo is a repository as it is now.
type Repo struct {
	ID                   int64
	Owner, Name          string
	Description, Website string
	Private, Archived    bool
	DefaultBranch        string
	Topics, Teams        []string
	Branches             map[string]string
	Protection           map[string]map[string]any // branch -> its rule
	Hooks                []Hook
	Statuses             []map[string]any // oldest first, with "sha"
	Pulls                []Pull           // oldest first
}

// Hook is a webhook as it is now.
type Hook struct {
	ID     int64
	Active bool
	Events []string
	Config map[string]string
}

// Pull is a pull request as it is now.
type Pull struct {
	Number            int64
	Base, Head, Title string
	Body, State       string
	Merged            bool
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
		ID: r.id, Owner: r.owner.login, Name: r.name, Description: r.description, Website: r.website, Private: r.private,
		Archived: r.archived, DefaultBranch: r.defaultBranch, Topics: slices.Clone(r.topics), Teams: slices.Clone(r.teams),
		Branches: r.git.Heads(), Protection: maps.Clone(r.protection), Statuses: slices.Clone(r.statuses),
	}
	for _, h := range r.hooks {
		out.Hooks = append(out.Hooks, Hook{ID: h.id, Active: h.active, Events: slices.Clone(h.events), Config: maps.Clone(h.config)})
	}
	for _, p := range r.pulls {
		out.Pulls = append(out.Pulls, Pull{Number: p.number, Base: p.base, Head: p.head, Title: p.title, Body: p.body, State: p.state, Merged: p.merged})
	}
	return out
}

// change changes a repository with the lock held.
func (s *Server) change(full string, how func(r *repo) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repo(full)
	if r == nil {
		return fmt.Errorf("fake gitea: there is no %s", full)
	}
	return how(r)
}

// AddRepo makes a repository as a person would, with a first commit if branch is not "".
func (s *Server) AddRepo(full, branch string) error {
	login, name, _ := strings.Cut(full, "/")
	s.mu.Lock()
	o := s.owner(login)
	if o == nil {
		s.mu.Unlock()
		return fmt.Errorf("fake gitea: there is no owner %s", login)
	}
	_, err := s.newRepo(o, name, branch, s.clock.Now())
	s.mu.Unlock()
	if err != nil || branch == "" {
		return err
	}
	_, err = s.Commit(full, branch, "By hand")
	return err
}

// Rename gives a repository another name, or owner; the old one leads to it.
func (s *Server) Rename(full, to string) error {
	return s.change(full, func(r *repo) error {
		login, name, _ := strings.Cut(to, "/")
		o := s.owner(login)
		if o == nil {
			return fmt.Errorf("fake gitea: there is no owner %s", login)
		}
		r.former = append(r.former, r.full())
		r.owner, r.name = o, name
		return nil
	})
}

// Describe changes a repository's description and website, as its administrator would.
func (s *Server) Describe(full, description, website string) error {
	return s.change(full, func(r *repo) error {
		r.description, r.website = description, website
		return nil
	})
}

// Rule refuses all pushes to a repository.
func (s *Server) Rule(full, why string) error {
	return s.change(full, func(r *repo) error { r.rule = why; return nil })
}

// ReadOnly takes the right to write from everybody.
func (s *Server) ReadOnly(full string) error {
	return s.change(full, func(r *repo) error { r.readOnly = true; return nil })
}

// SetDefault changes the default branch, even to one that is not there.
func (s *Server) SetDefault(full, branch string) error {
	return s.change(full, func(r *repo) error { r.defaultBranch = branch; return nil })
}

// OpenIssue adds an issue.
func (s *Server) OpenIssue(full string) error {
	return s.change(full, func(r *repo) error { r.issues++; return nil })
}

// Merge merges a pull request with a commit of its own.
func (s *Server) Merge(full string, number int64) error {
	var branch string
	err := s.change(full, func(r *repo) error {
		if number < 1 || number > int64(len(r.pulls)) {
			return fmt.Errorf("fake gitea: %s has no pull request %d", full, number)
		}
		p := r.pulls[number-1]
		p.sha = r.git.Heads()[p.head]
		p.state, p.merged, p.modified, branch = "closed", true, s.clock.Now(), p.base
		return nil
	})
	if err != nil {
		return err
	}
	_, err = s.Commit(full, branch, fmt.Sprintf("Merge pull request #%d", number))
	return err
}

// ClosePull closes a pull request, as a person would.
func (s *Server) ClosePull(full string, number int64) error {
	return s.change(full, func(r *repo) error {
		if number < 1 || number > int64(len(r.pulls)) {
			return fmt.Errorf("fake gitea: %s has no pull request %d", full, number)
		}
		r.pulls[number-1].state = "closed"
		return nil
	})
}

// Commit adds a commit to a branch, as a developer's push would, and gives its id.
func (s *Server) Commit(full, branch, message string) (id string, err error) {
	err = s.change(full, func(r *repo) error {
		before := r.git.Heads()
		id, err = r.git.Commit(branch, message, githttp.Person{Name: "Dev", Mail: "dev@example.com", At: s.clock.Now()})
		if err == nil {
			s.tell(r, before)
		}
		return err
	})
	return id, err
}

// DeleteBranch deletes a branch, as a developer's push would.
func (s *Server) DeleteBranch(full, branch string) error {
	return s.change(full, func(r *repo) error {
		before := r.git.Heads()
		if _, err := r.git.Git(nil, nil, "update-ref", "-d", "refs/heads/"+branch); err != nil {
			return err
		}
		s.tell(r, before)
		return nil
	})
}

// Tag tags a commit.
func (s *Server) Tag(full, tag, commit string) error {
	return s.change(full, func(r *repo) error { return r.git.Tag(tag, commit) })
}

// TestHook has a webhook tried out, as by the button of its page.
func (s *Server) TestHook(full string, id int64) error {
	return s.change(full, func(r *repo) error {
		for _, h := range r.hooks {
			if head := r.git.Heads()[r.defaultBranch]; h.id == id && head != "" {
				s.send(r, h, "push", s.pushPayload(r, r.defaultBranch, head, head))
			}
		}
		return nil
	})
}

// SwitchHook switches a webhook on or off, as its page can.
func (s *Server) SwitchHook(full string, id int64, on bool) error {
	return s.change(full, func(r *repo) error {
		for _, h := range r.hooks {
			if h.id == id {
				h.active = on
			}
		}
		return nil
	})
}
