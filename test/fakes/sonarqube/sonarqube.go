// Package sonarqube is a strict, stateful stand-in for a SonarQube: its Web API as far
// as OpsBot uses it, and webhooks that report a quality gate.
//
// A request that no client should send (an unknown path or parameter, a GET of a
// command) fails the test; so does an expectation that was not met. What SonarQube
// refuses is refused in its words.
package sonarqube

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
)

// TB is what the fake needs of a test.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(f func())
}

// object is a JSON object.
type object = map[string]any

// Project is a project as it is now.
type Project struct {
	Key, Name, Visibility, MainBranch string
	Tags                              []string
	Hooks                             []Hook
	Analysed                          bool
}

// Hook is a webhook of a project.
type Hook struct{ Key, Name, URL, Secret string }

// project is one with what only the server knows.
type project struct {
	Project
	foreign      bool     // made by somebody else: OpsBot's user is no administrator
	pullRequests []string // analysed ones
}

// Call is a request that was answered.
type Call struct {
	Method, Path string
	Status       int
}

// Server is a fake SonarQube. Safe for concurrent use.
type Server struct {
	// URL is the server's root, without a slash at its end.
	URL string
	// Token is a user token of OpsBot's user.
	Token string

	t    TB
	http *httptest.Server

	mu       sync.Mutex
	version  string
	may      []string // global permissions of OpsBot's user
	projects []*project
	serial   int
	faults   []*Fault
	calls    []Call
	expected map[string]int
}

// New starts a server that is closed, and whose expectations are checked, when the
// test ends.
func New(t TB) *Server {
	t.Helper()
	s := &Server{t: t, Token: "squ_0123456789abcdef0123456789abcdef01234567", version: "10.6.0.92116", may: []string{"provisioning"}, expected: map[string]int{}}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = s.http.URL
	t.Cleanup(s.close)
	return s
}

func (s *Server) close() {
	s.http.CloseClientConnections()
	s.http.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for path, times := range s.expected {
		if n := s.count(path); n < times {
			s.t.Errorf("fake sonarqube: %s was called %d times, expected %d", path, n, times)
		}
	}
}

// Expect wants a path ("/api/projects/create") to be called with success at least that
// often before the test ends.
func (s *Server) Expect(path string, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expected[path] = times
}

// Count tells how many calls of a path were answered below 300.
func (s *Server) Count(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count(path)
}

func (s *Server) count(path string) (n int) {
	for _, c := range s.calls {
		if c.Path == path && c.Status < 300 {
			n++
		}
	}
	return n
}

// SetVersion changes what the server calls itself.
func (s *Server) SetVersion(version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version = version
}

// Permit sets the global permissions of OpsBot's user: "provisioning" to create projects.
func (s *Server) Permit(permissions ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.may = permissions
}

// AddProject makes a project of somebody else.
func (s *Server) AddProject(key, visibility string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.projects = append(s.projects, &project{Project: Project{Key: key, Name: key, Visibility: visibility, MainBranch: "main"}, foreign: true})
}

// Project returns a project as it is; false if there is none.
func (s *Server) Project(key string) (Project, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.find(key)
	if p == nil {
		return Project{}, false
	}
	out := p.Project
	out.Tags, out.Hooks = slices.Clone(p.Tags), slices.Clone(p.Hooks)
	return out, true
}

// Untag takes all tags off a project, as a person may.
func (s *Server) Untag(key string) {
	s.change(key, func(p *project) { p.Tags = nil })
}

// AddHook adds a webhook to a project, as a person may.
func (s *Server) AddHook(key, url string) {
	s.change(key, func(p *project) {
		s.serial++
		p.Hooks = append(p.Hooks, Hook{Key: fmt.Sprintf("hook-%d", s.serial), Name: "another", URL: url})
	})
}

// AddPullRequest notes the analysis of a pull request.
func (s *Server) AddPullRequest(key, id string) {
	s.change(key, func(p *project) { p.pullRequests = append(p.pullRequests, id) })
}

func (s *Server) change(key string, do func(p *project)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.find(key)
	if p == nil {
		s.t.Errorf("fake sonarqube: there is no project %s", key)
		return
	}
	do(p)
}

func (s *Server) find(key string) *project {
	for _, p := range s.projects {
		if p.Key == key {
			return p
		}
	}
	return nil
}
