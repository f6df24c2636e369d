package services_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/test/fakes/gitea"
	"opsbot/test/fakes/github"
	"opsbot/test/fakes/github/openapi"
	"opsbot/test/fakes/gitlab"
	"opsbot/test/fakes/jenkins"
	"opsbot/test/fakes/slack"
	"opsbot/test/program"
	"opsbot/test/talk"
)

// forge is one of the stand-ins, as far as they are alike.
type forge struct {
	name    string // as people know it
	url     string
	section string // of the configuration, with token: env:FORGE_TOKEN
	token   string
	owner   string
	commit  func(full, branch, message string) (string, error)
	add     func(full, branch string) error
	look    func(full string) (seen, bool)
}

// seen is a repository on a forge.
type seen struct {
	branches map[string]string
	hooks    int
	statuses map[string]string // commit and check -> newest state
	pulls    []string          // titles
	archived bool
}

func forges(t *testing.T) map[string]func(*testing.T) forge {
	t.Helper()
	return map[string]func(*testing.T) forge{"github": onGitHub, "gitea": onGitea, "gitlab": onGitLab}
}

func onGitHub(t *testing.T) forge {
	t.Helper()
	s := openapi.New(t, github.WithDir(t.TempDir()), github.WithDeliveries(new(http.Transport)))
	s.AddOrg("foo-org", github.OrgRules{MembersCreate: true}, s.Login)
	return forge{
		name: "GitHub", url: s.URL, section: "type: github, owners: [foo-org]", token: s.Token, owner: "foo-org", commit: s.Commit, add: s.AddRepo,
		look: func(full string) (seen, bool) {
			r, ok := s.Repo(full)
			out := seen{branches: r.Branches, hooks: len(r.Hooks), statuses: states(r.Statuses), archived: r.Archived}
			for _, p := range r.Pulls {
				out.pulls = append(out.pulls, p.Title)
			}
			return out, ok
		},
	}
}

func onGitea(t *testing.T) forge {
	t.Helper()
	s := gitea.New(t, gitea.WithDir(t.TempDir()), gitea.WithDeliveries(new(http.Transport)))
	s.AddOrg("foo-org", gitea.OrgRules{MembersCreate: true}, s.Login)
	return forge{
		name: "Gitea", url: s.URL, section: "type: gitea, owners: [foo-org]", token: s.Token, owner: "foo-org", commit: s.Commit, add: s.AddRepo,
		look: func(full string) (seen, bool) {
			r, ok := s.Repo(full)
			out := seen{branches: r.Branches, hooks: len(r.Hooks), statuses: states(r.Statuses), archived: r.Archived}
			for _, p := range r.Pulls {
				out.pulls = append(out.pulls, p.Title)
			}
			return out, ok
		},
	}
}

func onGitLab(t *testing.T) forge {
	t.Helper()
	s := gitlab.New(t, gitlab.WithDir(t.TempDir()), gitlab.WithDeliveries(new(http.Transport)))
	s.AddGroup("foo-org", gitlab.GroupRules{}, map[string]int{s.Login: gitlab.Owner})
	s.AddGroup("foo-org/sub", gitlab.GroupRules{}, map[string]int{s.Login: gitlab.Owner})
	return forge{
		name: "GitLab", url: s.URL, section: "type: gitlab, owners: [foo-org/sub]", token: s.Token, owner: "foo-org/sub", commit: s.Commit, add: s.AddProject,
		look: func(full string) (seen, bool) {
			p, ok := s.Project(full)
			out := seen{branches: p.Branches, hooks: len(p.Hooks), statuses: map[string]string{}, archived: p.Archived}
			for _, st := range p.Statuses {
				out.statuses[st.SHA+" "+st.Name] = st.State
			}
			for _, m := range p.MergeRequests {
				out.pulls = append(out.pulls, m.Title)
			}
			return out, ok
		},
	}
}

// states keeps the newest state of each commit and check.
func states(all []map[string]any) map[string]string {
	out := map[string]string{}
	for _, s := range all {
		state := s["state"]
		if state == nil {
			state = s["status"] // Gitea calls it so in its answers
		}
		out[fmt.Sprint(s["sha"], " ", s["context"])] = fmt.Sprint(state)
	}
	return out
}

// crew is what a team on such a forge has.
type crew struct {
	team
	forge forge
}

// hireJenkins makes a Jenkins that builds what a forge has, and its section.
func hireJenkins(t *testing.T, f forge, name string) (ci *jenkins.Server, section string) {
	t.Helper()
	ci = jenkins.New(t, jenkins.Quiet(200*time.Millisecond))
	ci.AddUser(jenkins.User{Name: "opsbot", Token: ciToken})
	host, err := url.Parse(f.url)
	if err != nil {
		t.Fatal(err)
	}
	return ci, fmt.Sprintf("%s: { type: jenkins, url: %s, user: opsbot, token: env:JENKINS_TOKEN, poll_min: 200ms, poll_max: 1s, forges: [{ host: %q, source: git }] }",
		name, ci.URL, host.Host)
}

// onForge connects the program to the forge, a Jenkins, and whatever more adds.
func onForge(t *testing.T, f forge, more ...func(*program.Configuration)) *crew {
	t.Helper()
	w := &crew{team: team{chat: talk.InSlack(slack.New(t))}, forge: f}
	c := program.Configuration{Forge: "forge", Pipeline: "jenkins", Manual: true}
	w.chat.Configure(&c)
	ci, section := hireJenkins(t, f, "jenkins")
	w.ci = ci
	c.Chats = append(c.Chats, fmt.Sprintf("forge: { %s, url: %s, token: env:FORGE_TOKEN, webhook_secret: env:FORGE_SECRET }", f.section, f.url), section)
	c.Environment = append(c.Environment, "FORGE_TOKEN="+f.token, "FORGE_SECRET=0123456789abcdefghijklmnop", "JENKINS_TOKEN="+ciToken)
	for _, add := range more {
		add(&c)
	}
	fixed, err := ports.Fixed(c)
	if err != nil {
		t.Fatal(err)
	}
	w.bot = binary.Folder(t, t.TempDir(), fixed)
	return w
}

// builds lets Jenkins build what the repository holds.
func (w *crew) builds(full string) { follow(w.ci, w.forge, full) }

func follow(ci *jenkins.Server, f forge, full string) {
	ci.AddRepo(f.url+"/"+full+".git").Follow(func() map[string]string {
		r, _ := f.look(full)
		return r.branches
	}, &jenkins.Program{Stages: []string{"Build", "Test"}, Lines: []string{"hello"}})
}

// TestEveryForge: a project is made, a developer pushes, and the forge shows how the
// builds went.
func TestEveryForge(t *testing.T) {
	t.Parallel()
	for name, open := range forges(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := onForge(t, open(t))
			full := w.forge.owner + "/hello-world"
			w.builds(full)
			s := w.bot.Serve(t)
			defer func() {
				if t.Failed() {
					t.Log(s.Log())
				}
			}()
			w.chat.Say("alice", "@opsbot new-project hello-world", "")
			w.wait(t, `Success! Your project is available on `+w.forge.name+`: `+regexp.QuoteMeta(w.forge.url+"/"+full))
			w.wait(t, `Build #1 +SUCCESS`)
			commit, err := w.forge.commit(full, "main", "Say it louder")
			if err != nil {
				t.Fatal(err)
			}
			w.wait(t, `hello-world · main · `+commit[:7]+` "Say it louder"(.|\n)*Build #2 +SUCCESS`)
			until(t, commit+` opsbot/jenkins=success`, func() string {
				r, _ := w.forge.look(full)
				var all []string
				for _, key := range slices.Sorted(maps.Keys(r.statuses)) {
					all = append(all, key+"="+r.statuses[key])
				}
				return strings.Join(all, "\n")
			})
			if r, there := w.forge.look(full); !there || len(r.branches) != 1 || r.hooks != 1 {
				t.Errorf("on %s there is %+v", w.forge.name, r)
			}
		})
	}
}

// TestAdopt: a repository of years gets a webhook and a job, and its Jenkinsfile by a
// pull request; taking that back leaves it as it was.
func TestAdopt(t *testing.T) {
	t.Parallel()
	for name, open := range forges(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := onForge(t, open(t))
			full := w.forge.owner + "/old-thing"
			if err := w.forge.add(full, "main"); err != nil {
				t.Fatal(err)
			}
			before, _ := w.forge.look(full)
			w.builds(full)
			s := w.bot.Serve(t)
			defer func() {
				if t.Failed() {
					t.Log(s.Log())
				}
			}()
			out, code := w.bot.Say(t.Context(), "adopt "+full+" --propose=go-service", "confirm")
			if code != 0 || !strings.Contains(out, "open a pull request into main that adds .opsbot/project.yaml and Jenkinsfile") ||
				!strings.Contains(out, "Nothing is built until the pull request with the Jenkinsfile is merged: "+w.forge.url) {
				t.Fatalf("%d: %s", code, out)
			}
			r, _ := w.forge.look(full)
			if r.hooks != 1 || len(r.pulls) != 1 || r.branches["main"] != before.branches["main"] || len(r.branches) != 2 || w.ci.Config("old-thing") == "" {
				t.Errorf("%+v", r)
			}
			id := regexp.MustCompile(`([0-9a-f-]{36})  adopt`).FindStringSubmatch(run(t, w, "operations", "list"))
			if id == nil {
				t.Fatal("there is no operation to undo")
			}
			run(t, w, "operations", "undo", id[1])
			until(t, ": undone", func() string { return run(t, w, "operations", "show", id[1]) })
			r, there := w.forge.look(full)
			if !there || r.hooks != 0 || r.archived || r.branches["main"] != before.branches["main"] || len(r.branches) != 1 || w.ci.Config("old-thing") != "" {
				t.Errorf("after undo: %+v", r)
			}
		})
	}
}

func run(t *testing.T, w *crew, args ...string) string {
	t.Helper()
	out, code := w.bot.Run(t.Context(), args...)
	if code != 0 {
		t.Fatalf("%v: %d %s", args, code, out)
	}
	return out
}

// TestSeveralAtOnce: two forges and two Jenkinses; the owner finds the forge, and each
// project stays with its own, also for the builds and the deletion that come later.
func TestSeveralAtOnce(t *testing.T) {
	t.Parallel()
	lab := onGitLab(t)
	ci, section := hireJenkins(t, lab, "ci2")
	w := onForge(t, onGitHub(t), func(c *program.Configuration) {
		c.Chats = append(c.Chats, fmt.Sprintf("lab: { %s, url: %s, token: env:LAB_TOKEN, webhook_secret: env:FORGE_SECRET }", lab.section, lab.url), section)
		c.Environment = append(c.Environment, "LAB_TOKEN="+lab.token)
	})
	w.builds("foo-org/one")
	follow(ci, lab, "foo-org/sub/two")
	s := w.bot.Serve(t)
	defer func() {
		if t.Failed() {
			t.Log(s.Log())
		}
	}()
	w.chat.Say("alice", "@opsbot new-project one", "")
	w.chat.Say("alice", "@opsbot new-project two --owner=foo-org/sub --pipeline=ci2", "")
	w.wait(t, `available on GitHub: `+regexp.QuoteMeta(w.forge.url+"/foo-org/one"))
	w.wait(t, `available on GitLab: `+regexp.QuoteMeta(lab.url+"/foo-org/sub/two"))
	w.wait(t, `one · main · [0-9a-f]{7} "Initial commit" by alice(.|\n)*Build #1 +SUCCESS`)
	w.wait(t, `two · main · [0-9a-f]{7} "Initial commit" by alice(.|\n)*Build #1 +SUCCESS`)
	if w.ci.Config("one") == "" || ci.Config("two") == "" || w.ci.Config("two") != "" || ci.Config("one") != "" {
		t.Error("the jobs are not where they should be")
	}
	w.chat.Say("alice", "@opsbot buildNow two", "")
	w.wait(t, `two · main · [0-9a-f]{7} "Initial commit" by alice(.|\n)*Build #2 +SUCCESS`)
	w.chat.Say("alice", "@opsbot new-project three --owner=nobody", "")
	w.wait(t, `There is no owner "nobody" in the configuration; there are: foo-org, foo-org/sub.`)
	if out, code := w.bot.Say(t.Context(), "delete-project two --purge", "confirm two"); code != 0 {
		t.Errorf("%d: %s", code, out)
	}
	_, there := lab.look("foo-org/sub/two")
	if _, one := w.forge.look("foo-org/one"); there || !one || ci.Config("two") != "" || w.ci.Config("one") == "" {
		t.Error("the wrong things were removed")
	}
}
