//go:build dev

package main

import (
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"opsbot/test/fakes/gitea"
	"opsbot/test/fakes/github"
	"opsbot/test/fakes/gitlab"
	"opsbot/test/fakes/jenkins"
)

// devForge is one stand-in for a forge, as far as they are alike.
type devForge struct {
	name, url, token string
	heads            func(path string) map[string]string
	commit           func(path, branch, message string) (string, error)
	calls            func() []devCall // all so far
	close            func()
}

// devCall is a request that was answered.
type devCall struct {
	method, path string
	status       int
}

func (f *standIns) startGitHub() (devForge, error) {
	s, err := github.Start(github.WithDir(f.reposDir()), github.OnUnexpected(f.refused("github")), github.WithDeliveries(f.deliveries("github")))
	if err != nil {
		return devForge{}, err
	}
	s.AddOrg("foo-org", github.OrgRules{MembersCreate: true, Teams: []string{"developers"}}, s.Login)
	return devForge{
		name: "github", url: s.URL, token: s.Token, commit: s.Commit, close: s.Close,
		heads: func(path string) map[string]string { r, _ := s.Repo(path); return r.Branches },
		calls: func() (out []devCall) {
			for _, c := range s.Calls() {
				out = append(out, devCall{c.Method, c.Path, c.Status})
			}
			return out
		},
	}, nil
}

func (f *standIns) startGitea() (devForge, error) {
	s, err := gitea.Start(gitea.WithDir(f.reposDir()), gitea.OnUnexpected(f.refused("gitea")), gitea.WithDeliveries(f.deliveries("gitea")))
	if err != nil {
		return devForge{}, err
	}
	s.AddOrg("foo-org", gitea.OrgRules{MembersCreate: true}, s.Login)
	return devForge{
		name: "gitea", url: s.URL, token: s.Token, commit: s.Commit, close: s.Close,
		heads: func(path string) map[string]string { r, _ := s.Repo(path); return r.Branches },
		calls: func() (out []devCall) {
			for _, c := range s.Calls() {
				out = append(out, devCall{c.Method, c.Path, c.Status})
			}
			return out
		},
	}, nil
}

func (f *standIns) startGitLab() (devForge, error) {
	s, err := gitlab.Start(gitlab.WithDir(f.reposDir()), gitlab.OnUnexpected(f.refused("gitlab")), gitlab.WithDeliveries(f.deliveries("gitlab")))
	if err != nil {
		return devForge{}, err
	}
	s.AddGroup("foo-org", gitlab.GroupRules{}, map[string]int{s.Login: gitlab.Owner})
	return devForge{
		name: "gitlab", url: s.URL, token: s.Token, commit: s.Commit, close: s.Close,
		heads: func(path string) map[string]string { p, _ := s.Project(path); return p.Branches },
		calls: func() (out []devCall) {
			for _, c := range s.Calls() {
				out = append(out, devCall{c.Method, c.Path, c.Status})
			}
			return out
		},
	}, nil
}

// startForges starts them all.
func (f *standIns) startForges() error {
	for _, start := range []func() (devForge, error){f.startGitHub, f.startGitea, f.startGitLab} {
		forge, err := start()
		if err != nil {
			return err
		}
		f.forges = append(f.forges, forge)
		f.ends = append(f.ends, forge.close)
	}
	return nil
}

func (f *standIns) reposDir() string { return filepath.Join(f.dir, "repositories") }

// find shows Jenkins what is on the forges.
func (f *standIns) find(address string) (heads func() map[string]string, p *jenkins.Program) {
	for _, forge := range f.forges {
		path, ours := strings.CutPrefix(strings.TrimSuffix(address, ".git"), forge.url+"/")
		if !ours {
			continue
		}
		return func() map[string]string { return forge.heads(path) }, &jenkins.Program{
			Stages: []string{"Build", "Test"}, Lines: []string{"Building " + path}, Lasts: 3 * time.Second,
			Tests: &jenkins.Tests{Passed: []string{"app.starts", "app.answers"}},
		}
	}
	return nil, nil
}

// hosts names the forges in Jenkins' section.
func (f *standIns) hosts() (string, error) {
	var out []string
	for _, forge := range f.forges {
		u, err := url.Parse(forge.url)
		if err != nil {
			return "", err
		}
		out = append(out, `{ host: "`+u.Host+`", source: git }`)
	}
	return strings.Join(out, ", "), nil
}

// push commits as a developer would.
func (f *standIns) push(forge, repository, branch, message string) error {
	i := max(0, slices.IndexFunc(f.forges, func(o devForge) bool { return o.name == forge }))
	_, err := f.forges[i].commit(repository, branch, message)
	return err
}

// deliveries sends a forge's webhooks, and says how it went.
func (f *standIns) deliveries(forge string) http.RoundTripper {
	via := &http.Transport{DisableKeepAlives: true}
	return deliverer(func(r *http.Request) (*http.Response, error) {
		resp, err := via.RoundTrip(r)
		if err != nil {
			f.note(forge, "webhook to %s failed: %v", r.URL.Redacted(), err)
			return nil, err
		}
		f.note(forge, "webhook to %s %d", r.URL.Redacted(), resp.StatusCode)
		return resp, nil
	})
}

type deliverer func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (d deliverer) RoundTrip(r *http.Request) (*http.Response, error) { return d(r) }
