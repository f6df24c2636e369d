//go:build dev

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"opsbot/test/fakes/github"
	"opsbot/test/fakes/jenkins"
	"opsbot/test/fakes/mattermost"
	"opsbot/test/fakes/slack"
)

// devFakes runs the stand-ins until ctx ends.
func (p *program) devFakes(ctx context.Context, page string) (err error) {
	address, err := net.ResolveTCPAddr("tcp", page)
	if err != nil || !address.IP.IsLoopback() {
		return usageError{fmt.Errorf("--page %s is no loopback address with a port", page)}
	}
	dir, err := os.MkdirTemp("", "opsbot-fakes-")
	if err != nil {
		return err
	}
	// A server that still runs on the data folder would lose it.
	defer func() { err = errors.Join(err, removeUnlessUsed(dir), os.RemoveAll(filepath.Join(dir, "github"))) }()
	f, err := startFakes(dir, p.s.err) //nolint:contextcheck // they live until they are closed
	if err != nil {
		return err
	}
	defer f.close()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", page)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: f.page(listener.Addr().String()), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	config, err := f.configuration()
	if err != nil {
		return errors.Join(err, server.Close())
	}
	fmt.Fprint(p.s.out, config)
	fmt.Fprintf(p.s.err, "The stand-ins run; the configuration is in %s too. People talk on http://%s/. Ctrl-C ends it.\n", filepath.Join(dir, "opsbot.yaml"), listener.Addr())
	f.tail(ctx)
	if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
		fmt.Fprintf(p.s.err, "What OpsBot has stored stays in %s.\n", dir)
	}
	return errors.Join(ignoreClosed(server.Close()), ignoreClosed(<-served))
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// removeUnlessUsed removes the folder of the stand-ins, except for what an OpsBot has
// put there.
func removeUnlessUsed(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
		return os.RemoveAll(filepath.Join(dir, "secrets"))
	}
	return os.RemoveAll(dir)
}

// standIns are the services that a team has, without the services.
type standIns struct {
	dir   string
	hub   *github.Server
	ci    *jenkins.Server
	slack *slackRoom
	mm    *mattermostRoom
	ends  []func()

	mu  sync.Mutex
	log io.Writer
}

// startFakes starts them all; what cannot start ends those before.
func startFakes(dir string, log io.Writer) (f *standIns, err error) {
	f = &standIns{dir: dir, log: log}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	if err := os.MkdirAll(filepath.Join(dir, "github"), 0o700); err != nil {
		return f, fmt.Errorf("make a folder for the repositories: %w", err)
	}
	f.ci, err = jenkins.Start(jenkins.OnUnexpected(f.refused("jenkins")), jenkins.Quiet(time.Second))
	if err != nil {
		return f, err
	}
	f.ends = append(f.ends, f.ci.Close)
	f.hub, err = github.Start(
		github.WithDir(filepath.Join(dir, "github")), github.OnUnexpected(f.refused("github")), github.OnCall(f.called),
		github.WithDeliveries(f.deliveries()),
	)
	if err != nil {
		return f, err
	}
	f.ends = append(f.ends, f.hub.Close)
	f.hub.AddOrg("foo-org", github.OrgRules{MembersCreate: true, Teams: []string{"developers"}}, f.hub.Login)
	workspace, err := slack.Start(slack.OnUnexpected(f.refused("slack")))
	if err != nil {
		return f, err
	}
	f.ends = append(f.ends, workspace.Close)
	f.slack = newSlackRoom(workspace)
	server, err := mattermost.Start(mattermost.OnUnexpected(f.refused("mattermost")))
	if err != nil {
		return f, err
	}
	f.ends = append(f.ends, server.Close)
	f.mm = newMattermostRoom(server)
	return f, nil
}

func (f *standIns) close() {
	for i := len(f.ends) - 1; i >= 0; i-- {
		f.ends[i]()
	}
	f.ends = nil
}

func (f *standIns) note(service, format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Fprintf(f.log, "%s %-10s %s\n", time.Now().Format(time.TimeOnly), service, fmt.Sprintf(format, args...))
}

func (f *standIns) refused(service string) func(string) {
	return func(what string) { f.note(service, "REFUSED: %s", what) }
}

// called logs a request to GitHub, and shows Jenkins what was made there.
func (f *standIns) called(c github.Call) {
	f.note("github", "%s %s %d", c.Method, c.Path, c.Status)
	name, _ := c.Body["name"].(string)
	if c.Method != http.MethodPost || c.Status != http.StatusCreated || !strings.HasSuffix(c.Operation, "/repos") || name == "" {
		return
	}
	owner := f.hub.Login
	if c.Operation == "/orgs/{org}/repos" {
		owner = strings.Split(c.Path, "/")[4] // /api/v3/orgs/NAME/repos
	}
	f.ci.AddRepo(f.hub.URL+"/"+owner+"/"+name+".git").Follow(func() map[string]string {
		r, _ := f.hub.Repo(owner + "/" + name)
		return r.Branches
	}, &jenkins.Program{
		Stages: []string{"Build", "Test"}, Lines: []string{"Building " + name}, Lasts: 3 * time.Second,
		Tests: &jenkins.Tests{Passed: []string{"app.starts", "app.answers"}},
	})
}

// deliveries sends webhooks, and says how it went.
func (f *standIns) deliveries() http.RoundTripper {
	via := &http.Transport{DisableKeepAlives: true}
	return deliverer(func(r *http.Request) (*http.Response, error) {
		resp, err := via.RoundTrip(r)
		if err != nil {
			f.note("github", "webhook %s to %s failed: %v", r.Header.Get("X-GitHub-Event"), r.URL.Redacted(), err)
			return nil, err
		}
		f.note("github", "webhook %s to %s %d", r.Header.Get("X-GitHub-Event"), r.URL.Redacted(), resp.StatusCode)
		return resp, nil
	})
}

type deliverer func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (d deliverer) RoundTrip(r *http.Request) (*http.Response, error) { return d(r) }

// tail logs what the other services were asked, until ctx ends.
func (f *standIns) tail(ctx context.Context) {
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	var ci, mm int
	for {
		for _, c := range f.ci.Calls()[ci:] {
			f.note("jenkins", "%s %s %d", c.Method, c.Path, c.Status)
			ci++
		}
		for _, c := range f.mm.server.Calls()[mm:] {
			f.note("mattermost", "%s %s %d", c.Method, c.Path, c.Status)
			mm++
		}
		calls := f.slack.server.Calls()
		f.slack.server.ForgetCalls()
		for _, c := range calls {
			f.note("slack", "%s %s %d %s", c.Method, c.Channel, c.Status, c.Error)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

const devConfiguration = `# Made by opsbot dev fakes: stand-ins on this machine, gone when that ends.
# The secrets are files below %[1]s.
listen: 127.0.0.1:8082 # GitHub's webhooks come here
console: 127.0.0.1:8080
apps: 127.0.0.1:8081
data: %[2]s
integrations:
  console: { type: console }
  slack: { type: slack, api_url: %[3]s/api/, bot_token: %[4]s, app_token: %[5]s }
  mattermost: { type: mattermost, url: %[6]s, token: %[7]s }
  github: { type: github, url: %[8]s, owners: [foo-org], token: %[9]s, webhook_secret: %[10]s }
  jenkins: { type: jenkins, url: %[11]s, user: opsbot, token: %[12]s, poll_min: 1s, poll_max: 5s, forges: [{ host: %[13]q, source: git }] }
  localrun: { type: localrun }
defaults: { forge: github, pipeline: jenkins, room: "slack:#general" }
environments:
  - { name: staging, deployer: localrun }
  - { name: production, deployer: localrun, after: staging }
`

// configuration writes the secrets and the file, and gives its text.
func (f *standIns) configuration() (string, error) {
	ciToken, hookSecret := strings.ToLower(rand.Text()), rand.Text()
	f.ci.AddUser(jenkins.User{Name: "opsbot", Token: ciToken})
	host, err := url.Parse(f.hub.URL)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Join(f.dir, "secrets"), 0o700); err != nil {
		return "", err
	}
	var failed error
	secret := func(name, value string) string {
		path := filepath.Join(f.dir, "secrets", name)
		if err := os.WriteFile(path, []byte(value), 0o600); err != nil {
			failed = err
		}
		return "file:" + path
	}
	text := fmt.Sprintf(
		devConfiguration, filepath.Join(f.dir, "secrets"), filepath.Join(f.dir, "data"),
		f.slack.server.URL, secret("slack-bot-token", f.slack.server.BotToken), secret("slack-app-token", f.slack.server.AppToken),
		f.mm.server.URL, secret("mattermost-token", f.mm.bot.Token),
		f.hub.URL, secret("github-token", f.hub.Token), secret("github-webhook-secret", hookSecret),
		f.ci.URL, secret("jenkins-token", ciToken), host.Host,
	)
	if failed != nil {
		return "", failed
	}
	return text, os.WriteFile(filepath.Join(f.dir, "opsbot.yaml"), []byte(text), 0o600)
}

// devPeople are the people of a room, made when they first do something. Safe for
// concurrent use.
type devPeople struct {
	add func(name string) (id string)

	mu  sync.Mutex
	ids map[string]string
}

func (p *devPeople) id(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids[name] == "" {
		if p.ids == nil {
			p.ids = map[string]string{}
		}
		p.ids[name] = p.add(name)
	}
	return p.ids[name]
}
