package jenkins

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Program is what a commit's Jenkinsfile does.
type Program struct {
	// Lines are written to the log by the first stage.
	Lines []string
	// Stages are the names; "Build" alone if there are none.
	Stages []string
	// FailsIn is the stage that fails, with Error.
	FailsIn, Error string
	// Result is the outcome of one that fails in no stage; "" = SUCCESS.
	Result string
	// Waits makes it run until it is stopped.
	Waits bool
	// Lasts is how long it runs otherwise.
	Lasts      time.Duration
	Parameters []Parameter
	Tests      *Tests
	Artifacts  []string
	// Files are artifacts with their content.
	Files map[string]string
	Input *Input
	// Broken does not compile: it fails without any stage.
	Broken bool
	// Exclusive is disableConcurrentBuilds: one build of the branch at a time.
	Exclusive bool
}

// Parameter is one that a Jenkinsfile declares. Choices make it a choice.
type Parameter struct {
	Name, Default, Description string
	Boolean, Password, Text    bool
	Choices                    []string
}

// class is how Jenkins calls the kind of parameter.
func (p Parameter) class() string {
	switch {
	case p.Boolean:
		return "Boolean"
	case p.Password:
		return "Password"
	case p.Text:
		return "Text"
	case len(p.Choices) > 0:
		return "Choice"
	}
	return "String"
}

// Tests is a JUnit report: names of cases as CLASS.NAME.
type Tests struct{ Passed, Failed, Skipped []string }

// Input is an input step, reached after the first stage.
type Input struct {
	Message, OK string
	Parameters  []Parameter
	// Submitter is who alone may answer, as the step's parameter of that name.
	Submitter string
	// Next is asked in the same stage once this one is answered.
	Next *Input
}

// Repo is a git repository that jobs can be made of.
type Repo struct {
	server   *Server
	url      string
	branches map[string]*commit
	heads    func() map[string]string // nil: branches change by Commit and Delete alone
	program  *Program
}

type commit struct {
	id      string
	program *Program // nil: no Jenkinsfile
}

// AddRepo adds a repository by the URL that it is cloned from.
func (s *Server) AddRepo(url string) *Repo {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &Repo{server: s, url: url, branches: map[string]*commit{}}
	s.repos[repoKey(url)] = r
	return r
}

// repo gives the repository of a URL; nil if there is none. The lock is held.
func (s *Server) repo(url string) *Repo {
	key := repoKey(url)
	if s.repos[key] == nil && s.cfg.found != nil {
		if heads, p := s.cfg.found(url); heads != nil {
			s.repos[key] = &Repo{server: s, url: url, branches: map[string]*commit{}, heads: heads, program: p}
		}
	}
	return s.repos[key]
}

func repoKey(url string) string { return strings.TrimSuffix(strings.TrimRight(url, "/"), ".git") }

// Commit adds a commit to a branch, made if it is new, and returns its id. Jenkins
// is not told. A nil program is a commit without a Jenkinsfile.
func (r *Repo) Commit(branch string, p *Program) string {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.server.advance()
	r.server.commits++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", r.url, branch, r.server.commits))
	c := &commit{id: hex.EncodeToString(sum[:20]), program: p}
	r.branches[branch] = c
	return c.id
}

// Follow has the repository's branches be what heads gives, commit by name, whenever
// Jenkins looks; each has the program. heads must not call the server.
func (r *Repo) Follow(heads func() map[string]string, p *Program) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.heads, r.program = heads, p
}

// look brings the branches up to date. The lock is held.
func (r *Repo) look() {
	if r.heads == nil {
		return
	}
	r.branches = map[string]*commit{}
	for name, id := range r.heads() {
		r.branches[name] = &commit{id: id, program: r.program}
	}
}

// Delete deletes a branch. Jenkins is not told.
func (r *Repo) Delete(branch string) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.server.advance()
	delete(r.branches, branch)
}

func (r *Repo) names() []string {
	r.look()
	var all []string
	for name := range r.branches {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
