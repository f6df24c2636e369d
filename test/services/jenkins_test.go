package services_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"opsbot/test/fakes/github"
	"opsbot/test/fakes/github/openapi"
	"opsbot/test/fakes/jenkins"
	"opsbot/test/fakes/slack"
	"opsbot/test/program"
	"opsbot/test/talk"
)

// packed is a static site in an archive.
func packed(t *testing.T, page string) string {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	files := tar.NewWriter(zip)
	if err := files.WriteHeader(&tar.Header{Name: "index.html", Mode: 0o644, Size: int64(len(page))}); err != nil {
		t.Fatal(err)
	}
	for _, do := range []func() error{func() error { _, err := io.WriteString(files, page); return err }, files.Close, zip.Close} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

// deployers has a Jenkins that does that with a site, and has a job that deploys.
func deployers(t *testing.T, does *jenkins.Program) (w *team, apps int) {
	t.Helper()
	w = &team{hub: openapi.New(t, github.WithDir(t.TempDir())), ci: jenkins.New(t, jenkins.Quiet(200*time.Millisecond)), chat: talk.InSlack(slack.New(t))}
	w.hub.AddOrg("foo-org", github.OrgRules{MembersCreate: true}, w.hub.Login)
	w.ci.AddUser(jenkins.User{Name: "opsbot", Token: ciToken})
	w.ci.AddRepo(w.hub.URL+"/foo-org/hello-world.git").Follow(func() map[string]string {
		repo, _ := w.hub.Repo("foo-org/hello-world")
		return repo.Branches
	}, does)
	w.ci.AddJob("team/deploy", jenkins.Plain{
		Parameters: []jenkins.Parameter{{Name: "APP"}, {Name: "VERSION"}, {Name: "ARTIFACT_URL"}, {Name: "DEPLOYMENT"}},
		Run:        func(map[string]string) *jenkins.Program { return &jenkins.Program{Stages: []string{"Fetch", "Switch"}} },
	})
	c := program.Configuration{Forge: "github", Pipeline: "jenkins", Deployer: "jenkins"}
	w.chat.Configure(&c)
	c.Chats = append(
		c.Chats,
		fmt.Sprintf("github: { type: github, owners: [foo-org], url: %s, token: env:GITHUB_TOKEN, webhook_secret: env:GITHUB_WEBHOOK_SECRET }", w.hub.URL),
		fmt.Sprintf(`jenkins: { type: jenkins, url: %s, user: opsbot, token: env:JENKINS_TOKEN, poll_min: 200ms, poll_max: 1s, deploy: { job: team/deploy,
    parameters: { APP: "{{.Project}}", VERSION: "{{.Version}}", ARTIFACT_URL: "{{.ArtifactURL}}", DEPLOYMENT: "{{.DeploymentID}}" } } }`, w.ci.URL),
	)
	c.Environment = append(c.Environment, "GITHUB_TOKEN="+w.hub.Token, "GITHUB_WEBHOOK_SECRET="+hookSecret, "JENKINS_TOKEN="+ciToken)
	fixed, err := ports.Fixed(c)
	if err != nil {
		t.Fatal(err)
	}
	w.bot = binary.Folder(t, t.TempDir(), fixed)
	return w, fixed.Apps
}

// TestJenkinsBuildsAndDeploys: what Jenkins has archived runs on the embedded deployer,
// and the same version goes to production by a job that the team has.
func TestJenkinsBuildsAndDeploys(t *testing.T) {
	t.Parallel()
	w, apps := deployers(t, &jenkins.Program{Files: map[string]string{"dist/hello-world.tar.gz": packed(t, "<p>made by Jenkins</p>")}})
	s := w.bot.Serve(t)
	defer func() {
		if t.Failed() {
			t.Log(s.Log())
		}
	}()
	w.chat.Say("alice", "@opsbot new-project hello-world", "")
	w.wait(t, `staging +0\.1\.0-1-g[0-9a-f]{7} +succeeded`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/", apps), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = fmt.Sprintf("hello-world.staging.localhost:%d", apps)
	client := http.Client{}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if page, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(page), "made by Jenkins") {
		t.Errorf("%s: %s, %v", resp.Status, page, err)
	}
	w.chat.Say("alice", "@opsbot promote hello-world to production", "")
	w.wait(t, `run the Jenkins job team/deploy(?s:.*)with APP = hello-world`)
	w.press(t, "alice", "Confirm")
	w.wait(t, `Success! hello-world 0\.1\.0-1-g[0-9a-f]{7} runs in production: `+regexp.QuoteMeta(w.ci.URL+"/job/team/job/deploy/1/"))
	ran := w.ci.Builds("team/deploy")
	if len(ran) != 1 || !strings.HasPrefix(ran[0].Parameters["VERSION"], "0.1.0-1-g") || ran[0].Parameters["DEPLOYMENT"] == "" ||
		ran[0].Parameters["ARTIFACT_URL"] != w.ci.URL+"/job/hello-world/job/main/1/artifact/dist/hello-world.tar.gz" {
		t.Errorf("%+v", ran)
	}
}

// TestJenkinsAsks: what a build asks is a button on its card, and the answer goes back.
func TestJenkinsAsks(t *testing.T) {
	t.Parallel()
	w, _ := deployers(t, &jenkins.Program{Input: &jenkins.Input{Message: "Publish it?", OK: "Go on"}})
	s := w.bot.Serve(t)
	defer func() {
		if t.Failed() {
			t.Log(s.Log())
		}
	}()
	w.chat.Say("alice", "@opsbot new-project hello-world", "")
	w.wait(t, `Publish it\?`)
	w.press(t, "alice", "Go on")
	w.wait(t, `Build #1 +SUCCESS`)
}

// press presses the newest button of a label.
func (w *team) press(t *testing.T, user, label string) {
	t.Helper()
	shown := w.chat.Shown(user)
	for i := len(shown) - 1; i >= 0; i-- {
		for _, b := range shown[i].Buttons {
			if b.Label == label {
				if err := w.chat.Press(user, b.Action); err != nil {
					t.Fatal(err)
				}
				return
			}
		}
	}
	t.Fatalf("there is no button %s", label)
}
