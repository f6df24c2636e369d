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
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

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
	defer func() {
		err = errors.Join(err, removeUnlessUsed(dir), os.RemoveAll(filepath.Join(dir, "repositories")))
	}()
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
	dir    string
	forges []devForge
	ci     *jenkins.Server
	slack  *slackRoom
	mm     *mattermostRoom
	ends   []func()

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
	if err := os.MkdirAll(f.reposDir(), 0o700); err != nil {
		return f, fmt.Errorf("make a folder for the repositories: %w", err)
	}
	if err := f.startForges(); err != nil {
		return f, err
	}
	f.ci, err = jenkins.Start(jenkins.OnUnexpected(f.refused("jenkins")), jenkins.Quiet(time.Second), jenkins.Finding(f.find))
	if err != nil {
		return f, err
	}
	f.ends = append(f.ends, f.ci.Close)
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

// tail logs what the other services were asked, until ctx ends.
func (f *standIns) tail(ctx context.Context) {
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	var ci, mm int
	seen := make([]int, len(f.forges))
	for {
		for i, forge := range f.forges {
			for _, c := range forge.calls()[seen[i]:] {
				f.note(forge.name, "%s %s %d", c.method, c.path, c.status)
				seen[i]++
			}
		}
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
# The secrets are files below %[1]s/secrets.
listen: 127.0.0.1:8082 # the forges' webhooks come here
console: 127.0.0.1:8080
apps: 127.0.0.1:8081
data: %[1]s/data
integrations:
  console: { type: console }
  slack: { type: slack, api_url: %[2]s/api/, bot_token: %[3]s, app_token: %[4]s }
  mattermost: { type: mattermost, url: %[5]s, token: %[6]s }
%[7]s  jenkins: { type: jenkins, url: %[8]s, user: opsbot, token: %[9]s, poll_min: 1s, poll_max: 5s, forges: [%[10]s] }
  localrun: { type: localrun }
defaults: { forge: github, pipeline: jenkins, room: "slack:#general" }
environments:
  - { name: staging, deployer: localrun }
  - { name: production, deployer: localrun, after: staging }
`

// configuration writes the secrets and the file, and gives its text.
func (f *standIns) configuration() (string, error) {
	ciToken := strings.ToLower(rand.Text())
	f.ci.AddUser(jenkins.User{Name: "opsbot", Token: ciToken})
	hosts, err := f.hosts()
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
	var forges strings.Builder
	for _, forge := range f.forges {
		fmt.Fprintf(&forges, "  %[1]s: { type: %[1]s, url: %[2]s, owners: [foo-org], token: %[3]s, webhook_secret: %[4]s }\n",
			forge.name, forge.url, secret(forge.name+"-token", forge.token), secret(forge.name+"-webhook-secret", rand.Text()))
	}
	text := fmt.Sprintf(
		devConfiguration, f.dir, f.slack.server.URL, secret("slack-bot-token", f.slack.server.BotToken), secret("slack-app-token", f.slack.server.AppToken),
		f.mm.server.URL, secret("mattermost-token", f.mm.bot.Token), forges.String(), f.ci.URL, secret("jenkins-token", ciToken), hosts,
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
