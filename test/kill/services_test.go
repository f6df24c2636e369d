package kill_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/test/fakes/github"
	"opsbot/test/fakes/github/openapi"
	"opsbot/test/fakes/jenkins"
)

const ciToken = "11a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7"

// team is what lives on while the program is killed: a forge and a CI server.
type team struct {
	hub *github.Server
	ci  *jenkins.Server
}

// onServices is a project on GitHub and Jenkins that stays, with two builds, and one
// that is taken back. prepare, if it is not nil, may spoil the services before.
func onServices(prepare func(*team)) scene {
	return scene{
		patience: 2 * patience,
		// GitHub sends a webhook that nobody takes no second time for minutes; what is shown
		// at its commits is not waited for, see openRows.
		omit: []string{"documents relay event", "operation forge-status", "step forge-status"},
		said: []line{
			{text: "@opsbot new-project hello-world", goal: "SELECT count(*) " + finished},
			{text: "@opsbot buildNow hello-world", goal: "SELECT count(*) - 1 " + finished},
			{text: "@opsbot new-project second", goal: "SELECT count(*) - 2 " + finished},
			{
				text: "@opsbot undo %s", goal: "SELECT count(*) FROM plans",
				of: "SELECT o.id FROM operations AS o JOIN projects AS p ON p.id = o.project_id WHERE o.kind = 'new-project' AND p.slug = 'second'",
			},
			{text: "@opsbot confirm %s", goal: "SELECT count(*) FROM operations WHERE state = 'undone'", of: "SELECT id FROM plans"},
		},
		open: func(t *testing.T, r *trial) string {
			t.Helper()
			w := found(t)
			if prepare != nil {
				prepare(w)
			}
			r.outside = w.look
			host, err := url.Parse(w.hub.URL)
			if err != nil {
				t.Fatal(err)
			}
			r.env = append(r.env, "GITHUB_TOKEN="+w.hub.Token, "GITHUB_WEBHOOK_SECRET=a secret that is long enough", "JENKINS_TOKEN="+ciToken)
			return fmt.Sprintf(`
integrations:
  console: { type: console }
  github: { type: github, owners: [foo-org], url: %s, token: env:GITHUB_TOKEN, webhook_secret: env:GITHUB_WEBHOOK_SECRET, topics: [opsbot], teams: { developers: push }, protection: { enabled: true, check: ci } }
  jenkins: { type: jenkins, url: %s, user: opsbot, token: env:JENKINS_TOKEN, poll_min: 200ms, poll_max: 1s, forges: [{ host: %q, source: git }] }
  localrun: { type: localrun }
defaults: { forge: github, pipeline: jenkins, room: "console:general", blueprint: static-site }
environments:
  - { name: staging, deployer: localrun }
  - { name: production, deployer: localrun, after: staging }
`, w.hub.URL, w.ci.URL, host.Host)
		},
	}
}

// found makes the services. GitHub's limits are out of the way: a run with many kills
// asks more often than a minute allows.
func found(t *testing.T) *team {
	t.Helper()
	w := &team{
		hub: openapi.New(t, github.WithDir(t.TempDir()), github.WithLimits(50_000, 10_000, 10_000), github.WithDeliveries(&http.Transport{DisableKeepAlives: true})),
		ci:  jenkins.New(t, jenkins.Quiet(200*time.Millisecond)),
	}
	w.hub.AddOrg("foo-org", github.OrgRules{MembersCreate: true, Teams: []string{"developers"}}, w.hub.Login)
	w.ci.AddUser(jenkins.User{Name: "opsbot", Token: ciToken})
	for _, name := range []string{"hello-world", "second"} {
		w.ci.AddRepo(w.hub.URL+"/foo-org/"+name+".git").Follow(func() map[string]string {
			repo, _ := w.hub.Repo("foo-org/" + name)
			return repo.Branches
		}, &jenkins.Program{Stages: []string{"Build", "Test"}, Lines: []string{"hello"}})
	}
	return w
}

// look lists what the services hold.
func (w *team) look(ctx context.Context) ([]string, error) {
	var out []string
	for _, r := range w.hub.Repos("foo-org") {
		out = append(out, fmt.Sprintf("GitHub: %s, archived %v, default branch %s, topics %v, teams %v, %d hooks, %d protected",
			r.Name, r.Archived, r.DefaultBranch, r.Topics, r.Teams, len(r.Hooks), len(r.Protection)))
		for branch := range r.Branches {
			out = append(out, fmt.Sprintf("GitHub: %s %s has %q", r.Name, branch, w.hub.History("foo-org/"+r.Name, branch)))
		}
	}
	jobs, err := w.names(ctx, "/api/json?tree=jobs[name]")
	if err != nil {
		return nil, err
	}
	for _, job := range jobs {
		out = append(out, "Jenkins: job "+job)
		branches, err := w.names(ctx, "/job/"+job+"/api/json?tree=jobs[name]")
		if err != nil {
			return nil, err
		}
		for _, branch := range branches {
			builds, err := w.names(ctx, "/job/"+job+"/job/"+branch+"/api/json?tree=builds[number,result]")
			if err != nil {
				return nil, err
			}
			out = append(out, fmt.Sprintf("Jenkins: %s/%s has builds %v", job, branch, builds))
		}
	}
	slices.Sort(out)
	return out, nil
}

// names asks Jenkins for a list.
func (w *team) names(ctx context.Context, path string) (out []string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.ci.URL+strings.NewReplacer("[", "%5B", "]", "%5D").Replace(path), nil)
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth("opsbot", ciToken)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var got struct {
		Jobs   []struct{ Name string }
		Builds []struct {
			Number int
			Result string
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", path, resp.Status, err)
	}
	for _, j := range got.Jobs {
		out = append(out, j.Name)
	}
	for _, b := range got.Builds {
		out = append(out, fmt.Sprintf("#%d %s", b.Number, b.Result))
	}
	return out, nil
}

// TestKilledOnServices kills at every moment while a project is made on GitHub and
// Jenkins, built, and another one made and taken back: there is one of everything.
func TestKilledOnServices(t *testing.T) {
	t.Parallel()
	everyBoundary(t, onServices(nil), onServices(nil), stores...)
}

// TestKilledAfterLostAnswers does so while Jenkins loses two answers on their way, after
// it has done what it was asked: to make a job, and to build.
func TestKilledAfterLostAnswers(t *testing.T) {
	t.Parallel()
	on := stores
	if !soak() { // the answers are lost to the same code on both
		on = stores[:1]
	}
	everyBoundary(t, onServices(nil), onServices(func(w *team) {
		w.ci.AddFault(jenkins.Fault{Method: http.MethodPost, Path: "createItem", Done: true, Reset: true, Times: 1})
		w.ci.AddFault(jenkins.Fault{Method: http.MethodPost, Path: "/build", Done: true, Reset: true, Times: 1})
	}), on...)
}
