package services_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"opsbot/test/fakes/github"
	"opsbot/test/fakes/github/openapi"
	"opsbot/test/fakes/jenkins"
	"opsbot/test/fakes/mattermost"
	"opsbot/test/fakes/slack"
	"opsbot/test/program"
	"opsbot/test/talk"
)

var (
	binary program.Binary
	ports  program.Ports
)

func TestMain(m *testing.M) { os.Exit(binary.Main(m)) }

const (
	patience   = 90 * time.Second
	hookSecret = "a secret that is long enough to be one"
	ciToken    = "11a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7"
)

// team is what a team has.
type team struct {
	hub  *github.Server
	ci   *jenkins.Server
	chat talk.Chat
	bot  program.Folder
}

// hire connects the program to all of it.
func hire(t *testing.T, chat talk.Chat) *team {
	t.Helper()
	w := &team{hub: openapi.New(t, github.WithDir(t.TempDir())), ci: jenkins.New(t, jenkins.Quiet(200*time.Millisecond)), chat: chat}
	w.hub.AddOrg("foo-org", github.OrgRules{MembersCreate: true}, w.hub.Login)
	w.ci.AddUser(jenkins.User{Name: "opsbot", Token: ciToken})
	w.ci.AddRepo(w.hub.URL+"/foo-org/hello-world.git").Follow(func() map[string]string {
		repo, _ := w.hub.Repo("foo-org/hello-world")
		return repo.Branches
	}, &jenkins.Program{Stages: []string{"Build", "Test"}, Lines: []string{"hello"}})

	c := program.Configuration{Forge: "github", Pipeline: "jenkins", Manual: true}
	chat.Configure(&c)
	host, err := url.Parse(w.hub.URL)
	if err != nil {
		t.Fatal(err)
	}
	c.Chats = append(
		c.Chats,
		fmt.Sprintf("github: { type: github, owners: [foo-org], url: %s, token: env:GITHUB_TOKEN, webhook_secret: env:GITHUB_WEBHOOK_SECRET }", w.hub.URL),
		fmt.Sprintf("jenkins: { type: jenkins, url: %s, user: opsbot, token: env:JENKINS_TOKEN, poll_min: 200ms, poll_max: 1s, forges: [{ host: %q, source: git }] }", w.ci.URL, host.Host),
	)
	c.Environment = append(c.Environment, "GITHUB_TOKEN="+w.hub.Token, "GITHUB_WEBHOOK_SECRET="+hookSecret, "JENKINS_TOKEN="+ciToken)
	fixed, err := ports.Fixed(c)
	if err != nil {
		t.Fatal(err)
	}
	w.bot = binary.Folder(t, t.TempDir(), fixed)
	return w
}

// TestNewProject is the conversation that must work, in every chat: a repository with
// one commit and one webhook on GitHub, a job on Jenkins, its first build on the card,
// in the words that people know.
func TestNewProject(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) talk.Chat{
		"slack":      func(t *testing.T) talk.Chat { t.Helper(); return talk.InSlack(slack.New(t)) },
		"mattermost": func(t *testing.T) talk.Chat { t.Helper(); return talk.InMattermost(mattermost.New(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := hire(t, open(t))
			s := w.bot.Serve(t)
			defer func() {
				if t.Failed() {
					t.Log(s.Log())
				}
			}()
			w.chat.Say("alice", "@opsbot new-project hello-world", "")
			for _, want := range []string{
				`@alice Success! Your project is available on GitHub: ` + regexp.QuoteMeta(w.hub.URL+"/foo-org/hello-world"),
				`Success! Your Jenkins job is available at: ` + regexp.QuoteMeta(w.ci.URL+"/job/hello-world"),
				"To start the Jenkins job use `buildNow hello-world`",
				`hello-world · main · [0-9a-f]{7} "Initial commit" by alice`,
				`Build #1 +SUCCESS`,
			} {
				w.wait(t, want)
			}
			w.check(t)
			w.chat.Say("alice", "@opsbot buildNow hello-world", "")
			w.wait(t, `Build #2 +SUCCESS`)
		})
	}
}

// check looks at the services themselves.
func (w *team) check(t *testing.T) {
	t.Helper()
	repo, there := w.hub.Repo("foo-org/hello-world")
	if !there || len(repo.Branches) != 1 || len(repo.Hooks) != 1 {
		t.Errorf("on GitHub there is %+v", repo)
	}
	if config := w.ci.Config("hello-world"); !strings.Contains(config, w.hub.URL+"/foo-org/hello-world.git") {
		t.Errorf("the job is %s", config)
	}
}

// wait looks until what alice is shown matches.
func (w *team) wait(t *testing.T, pattern string) {
	t.Helper()
	until(t, pattern, func() string {
		var all strings.Builder
		for _, e := range w.chat.Shown("alice") {
			all.WriteString(strings.Join(e.Lines(), "\n") + "\n--\n")
		}
		return all.String()
	})
}

// until looks until what there is matches.
func until(t *testing.T, pattern string, look func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	want := regexp.MustCompile(pattern)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		there := look()
		if want.MatchString(there) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s is not shown:\n%s", pattern, there)
		}
	}
}
