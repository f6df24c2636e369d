// Package artifactory is a strict, stateful stand-in for a JFrog Artifactory: local
// repositories and what they hold.
//
// A request that no client should send (an unknown path, a body with unknown fields)
// fails the test; so does an expectation that was not met. What Artifactory refuses is
// refused in its words, and with its statuses: 400 for a repository that is not there.
package artifactory

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
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

// Repository is a repository as it is now.
type Repository struct {
	Key, Class, PackageType, Description string
	Files                                []string
}

// Server is a fake Artifactory. Safe for concurrent use.
type Server struct {
	// URL is where the API is, with /artifactory at its end.
	URL string
	// Token is an administrator's access token.
	Token string

	t    TB
	http *httptest.Server

	mu           sync.Mutex
	openSource   bool
	noAdmin      bool
	repositories []*Repository
	faults       []*Fault
	counts       map[string]int
	expected     map[string]int
}

// New starts a server that is closed, and whose expectations are checked, when the
// test ends.
func New(t TB) *Server {
	t.Helper()
	s := &Server{t: t, Token: strings.Repeat("0123456789abcdef", 4), counts: map[string]int{}, expected: map[string]int{}}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = s.http.URL + root
	t.Cleanup(s.close)
	return s
}

func (s *Server) close() {
	s.http.CloseClientConnections()
	s.http.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for operation, times := range s.expected {
		if n := s.counts[operation]; n < times {
			s.t.Errorf("fake artifactory: %s was called %d times, expected %d", operation, n, times)
		}
	}
}

// Expect wants an operation ("PUT /api/repositories") to be called with success at least
// that often before the test ends.
func (s *Server) Expect(operation string, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expected[operation] = times
}

// Count tells how many calls of an operation were answered below 300.
func (s *Server) Count(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[operation]
}

// OpenSource makes it the edition that manages no repositories by its API.
func (s *Server) OpenSource() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.openSource = true
}

// NoAdmin takes the administrator's rights from the token's user.
func (s *Server) NoAdmin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noAdmin = true
}

// AddRepository makes a repository as somebody else would.
func (s *Server) AddRepository(r Repository) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repositories = append(s.repositories, &r)
}

// Deploy puts a file into a repository.
func (s *Server) Deploy(key, file string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(key)
	if r == nil {
		s.t.Errorf("fake artifactory: there is no repository %s", key)
		return
	}
	r.Files = append(r.Files, file)
}

// Repository returns a repository as it is; false if there is none.
func (s *Server) Repository(key string) (Repository, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(key)
	if r == nil {
		return Repository{}, false
	}
	out := *r
	out.Files = slices.Clone(r.Files)
	return out, true
}

func (s *Server) find(key string) *Repository {
	for _, r := range s.repositories {
		if r.Key == key {
			return r
		}
	}
	return nil
}

func (s *Server) similar(key string) bool {
	return slices.ContainsFunc(s.repositories, func(r *Repository) bool { return strings.EqualFold(r.Key, key) })
}
