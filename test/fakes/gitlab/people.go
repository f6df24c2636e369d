package gitlab

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"opsbot/test/fakes/githttp"
)

// Project is a project as it is now.
type Project struct {
	ID                      int64
	Path                    string // whole
	Description, Visibility string
	Archived, Condemned     bool
	DefaultBranch           string
	Topics                  []any
	Branches                map[string]string
	Protected               map[string]Protection
	PipelinesMustSucceed    bool
	AutoDevOps              bool
	Hooks                   []Hook
	Statuses                []Status // oldest first, without retried ones
	Retried                 int      // statuses
	Deployments             []Deployment
	Environments            map[string]Environment
	MergeRequests           []MergeRequest // oldest first
}

// Protection is how a branch is guarded.
type Protection struct {
	Push, Merge int
	Force       bool
}

// Hook is a webhook as it is now.
type Hook struct {
	ID         int64
	Fields     map[string]any
	Alert      string
	Deliveries []Delivery // oldest first
}

// Status is one of a commit's.
type Status struct{ SHA, State, Name, Description, URL string }

// Deployment is a record of one with all its states, oldest first.
type Deployment struct {
	ID                    int64
	SHA, Ref, Environment string
	States                []string
}

// Environment is where deployments go.
type Environment struct{ Tier, URL string }

// MergeRequest is one as it is now.
type MergeRequest struct {
	IID                                       int64
	Title, Description, Source, Target, State string
}

// Project gives a project by its whole path; ok is false if it is not there.
func (s *Server) Project(path string) (out Project, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.project(path)
	if p == nil {
		return Project{}, false
	}
	return s.snapshot(p), true
}

// Projects lists those of a namespace.
func (s *Server) Projects(path string) (out []Project) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.projects {
		if strings.EqualFold(p.space.path, path) {
			out = append(out, s.snapshot(p))
		}
	}
	return out
}

func (s *Server) snapshot(p *project) Project {
	out := Project{
		ID: p.id, Path: p.full(), Description: p.description, Visibility: p.visibility, Archived: p.archived, Condemned: !p.condemned.IsZero(),
		DefaultBranch: s.defaultBranch(p), Topics: slices.Clone(p.topics), Branches: p.heads(), PipelinesMustSucceed: p.pipelines, AutoDevOps: p.devops,
		Protected: map[string]Protection{}, Environments: map[string]Environment{},
	}
	for name, g := range p.protected {
		out.Protected[name] = Protection{Push: g.push, Merge: g.merge, Force: g.force}
	}
	for name, e := range p.environments {
		out.Environments[name] = Environment{Tier: e.tier, URL: e.web}
	}
	for _, h := range p.hooks {
		out.Hooks = append(out.Hooks, Hook{ID: h.id, Fields: maps.Clone(h.fields), Alert: h.alert(s.clock.Now()), Deliveries: slices.Clone(h.deliveries)})
	}
	for _, st := range p.statuses {
		if st.retried {
			out.Retried++
			continue
		}
		out.Statuses = append(out.Statuses, Status{st.sha, st.state, st.name, st.description, st.address})
	}
	for _, d := range p.deployments {
		out.Deployments = append(out.Deployments, Deployment{ID: d.id, SHA: d.sha, Ref: d.ref, Environment: d.environment.name, States: slices.Clone(d.states)})
	}
	for _, m := range p.merges {
		out.MergeRequests = append(out.MergeRequests, MergeRequest{m.iid, m.title, m.description, m.source, m.target, m.state})
	}
	return out
}

// AddProject makes a project as somebody else would; branch is its first one, "" for
// an empty project.
func (s *Server) AddProject(path, branch string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.space(parent(path))
	if n == nil {
		return fmt.Errorf("there is no namespace %s", parent(path))
	}
	p, err := s.newProject(n, last(path), s.Login)
	if err != nil || branch == "" {
		return err
	}
	_, err = p.Commit(branch, "Initial commit", s.developer())
	p.commits = nil
	return err
}

func (s *Server) developer() githttp.Person {
	return githttp.Person{Name: "Dev", Mail: "dev@example.com", At: s.clock.Now()}
}

// change does something to a project. The lock is held while it does.
func (s *Server) change(path string, do func(*project) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.project(path)
	if p == nil {
		return fmt.Errorf("there is no project %s", path)
	}
	return do(p)
}

// Commit adds a commit to a branch as a developer's push would, and tells the hooks.
// A branch that is not there begins at the default one.
func (s *Server) Commit(path, branch, message string) (id string, err error) {
	err = s.change(path, func(p *project) error {
		before, base := p.heads()[branch], s.defaultBranch(p)
		if before == "" && p.heads()[base] != "" {
			if err := p.set(branch, p.heads()[base]); err != nil {
				return err
			}
		}
		if id, err = p.Commit(branch, message, s.developer()); err != nil {
			return err
		}
		p.commits = nil
		s.tell(p, branch, before, id)
		return nil
	})
	return id, err
}

// DeleteBranch removes a branch as a developer would, and tells the hooks.
func (s *Server) DeleteBranch(path, branch string) error {
	return s.change(path, func(p *project) error {
		before := p.heads()[branch]
		if err := p.set(branch, ""); err != nil {
			return err
		}
		s.tell(p, branch, before, "")
		return nil
	})
}

// Tag tags a commit.
func (s *Server) Tag(path, tag, commit string) error {
	return s.change(path, func(p *project) error { return p.Repository.Tag(tag, commit) })
}

// Rename gives a project another path in its namespace; the old one leads to it.
func (s *Server) Rename(path, name string) error {
	return s.change(path, func(p *project) error {
		p.former = append(p.former, p.full())
		p.path, p.name = name, name
		return nil
	})
}

// Describe changes a project's description.
func (s *Server) Describe(path, text string) error {
	return s.change(path, func(p *project) error { p.description = text; return nil })
}

// Rule refuses all pushes with these words; "" ends that.
func (s *Server) Rule(path, words string) error {
	return s.change(path, func(p *project) error { p.rule = words; return nil })
}

// OpenIssue adds an issue.
func (s *Server) OpenIssue(path string) error {
	return s.change(path, func(p *project) error { p.issues++; return nil })
}

// Protect guards a branch as a person would.
func (s *Server) Protect(path, branch string, with Protection) error {
	return s.change(path, func(p *project) error {
		p.protected[branch] = &protection{id: s.newID(), push: with.Push, merge: with.Merge, force: with.Force}
		return nil
	})
}

// FailHooks lets the project's webhooks have failed that often in a row.
func (s *Server) FailHooks(path string, failures int) error {
	return s.change(path, func(p *project) error {
		for _, h := range p.hooks {
			h.failures, h.until = failures, s.clock.Now().Add(time.Hour)
		}
		return nil
	})
}

// CloseMerge ends a merge request as a person would: state is merged or closed, and
// its branch goes with a merge.
func (s *Server) CloseMerge(path string, iid int64, state string) error {
	return s.change(path, func(p *project) error {
		for _, m := range p.merges {
			if m.iid != iid {
				continue
			}
			m.state, m.final = state, p.heads()[m.source]
			if state == "merged" {
				return p.set(m.source, "")
			}
		}
		return nil
	})
}
