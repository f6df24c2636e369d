package main

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"opsbot/test/fakes/github"
	"opsbot/test/fakes/jenkins"
)

// What GitHub takes for a call, roughly, and a Jenkins in the next room.
const (
	hubReads  = 120 * time.Millisecond
	hubMakes  = 600 * time.Millisecond
	hubWrites = 250 * time.Millisecond
	hubGit    = 350 * time.Millisecond
	ciReads   = 15 * time.Millisecond
	ciWrites  = 80 * time.Millisecond
)

// far is a service as slow as over a network, which remembers each call.
type far struct {
	name  string
	takes func(r *http.Request) time.Duration
	wire  *wire

	mu      sync.Mutex
	refused []string // what the limits refused
}

func newHub(w *wire) *far {
	return &far{name: "GitHub", wire: w, takes: func(r *http.Request) time.Duration {
		switch {
		case strings.Contains(r.URL.Path, ".git/"):
			return hubGit
		case r.Method == http.MethodGet:
			return hubReads
		case strings.HasSuffix(r.URL.Path, "/repos"):
			return hubMakes
		}
		return hubWrites
	}}
}

func newCI(w *wire) *far {
	return &far{name: "Jenkins", wire: w, takes: func(r *http.Request) time.Duration {
		if r.Method == http.MethodGet {
			return ciReads
		}
		return ciWrites
	}}
}

// through is the network: half of the time on the way there, half on the way back.
func (f *far) through(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		path := r.URL.Path
		half := f.takes(r) / 2
		wait(r, half)
		status := &remembered{ResponseWriter: w, status: http.StatusOK}
		held := &http.Request{}
		*held = *r // the server may change its own
		next.ServeHTTP(status, held)
		if status.status == http.StatusForbidden || status.status == http.StatusTooManyRequests {
			f.mu.Lock()
			f.refused = append(f.refused, r.Method+" "+path)
			f.mu.Unlock()
		}
		wait(r, half)
		f.wire.add(span{f.name + " " + r.Method + " " + path, began, time.Now()})
	})
}

func wait(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

// remembered keeps an answer's status. What it says is sent with the handler's end,
// as it is short: the wait behind it is the way back.
type remembered struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (r *remembered) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap gives what a fault of the stand-in takes over.
func (r *remembered) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// remotes are the stand-ins beside the program.
type remotes struct {
	wire        *wire
	far, farCI  *far
	hub         *github.Server
	ci          *jenkins.Server
	unexpected  []string
	unexpectedM sync.Mutex
}

const remoteToken = "11a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7"

// openRemotes starts GitHub and Jenkins; names are the projects that are going to be.
func openRemotes(dir string, names []string) (*remotes, error) {
	w := &wire{}
	r := &remotes{wire: w, far: newHub(w), farCI: newCI(w)}
	note := func(what string) {
		r.unexpectedM.Lock()
		defer r.unexpectedM.Unlock()
		r.unexpected = append(r.unexpected, what)
	}
	var err error
	if r.hub, err = github.Start(github.WithDir(dir), github.OnUnexpected(note), github.Through(r.far.through)); err != nil {
		return nil, err
	}
	if r.ci, err = jenkins.Start(jenkins.OnUnexpected(note), jenkins.Through(r.farCI.through)); err != nil {
		r.hub.Close()
		return nil, err
	}
	r.hub.AddOrg("foo-org", github.OrgRules{MembersCreate: true, Teams: []string{"developers"}}, r.hub.Login)
	r.ci.AddUser(jenkins.User{Name: "opsbot", Token: remoteToken})
	for _, name := range names {
		r.ci.AddRepo(r.hub.URL+"/foo-org/"+name+".git").Follow(func() map[string]string {
			repo, _ := r.hub.Repo("foo-org/" + name)
			return repo.Branches
		}, &jenkins.Program{Stages: []string{"Build"}})
	}
	return r, nil
}

func (r *remotes) close() {
	r.hub.Close()
	r.ci.Close()
}
