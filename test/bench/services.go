package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"opsbot/integrations/console"
	tested "opsbot/test/program"
)

// whole is the program on GitHub's and Jenkins' stand-ins.
type whole struct {
	*remotes
	server *tested.Server
	client *http.Client
	link   string // to the data folder, beside the system's temporary files
}

const wholeConfiguration = `listen: %s
console: 127.0.0.1:0
apps: 127.0.0.1:0
integrations:
  console: { type: console }
  github: { type: github, owners: [foo-org], url: %s, token: env:GITHUB_TOKEN, webhook_secret: env:GITHUB_WEBHOOK_SECRET%s }
  jenkins: { type: jenkins, url: %s, user: opsbot, token: env:JENKINS_TOKEN, forges: [{ host: %q, source: git }] }
  localrun: { type: localrun }
defaults: { forge: github, pipeline: jenkins, room: "console:general", blueprint: static-site }
environments:
  - { name: staging, deployer: localrun }
  - { name: production, deployer: localrun, after: staging }
`

// openWhole builds and starts the program, for projects of these names. more is added
// to GitHub's section.
func openWhole(ctx context.Context, s settings, more string, names []string) (*whole, error) {
	dir, err := s.fresh("services")
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(dir, "opsbot")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", bin, "opsbot/cmd/opsbot").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w: %s", err, out)
	}
	remote, err := openRemotes(dir, names) //nolint:contextcheck // they live until they are closed
	if err != nil {
		return nil, err
	}
	w := &whole{remotes: remote}
	if err := w.start(ctx, dir, bin, more); err != nil {
		remote.close()
		return nil, err
	}
	return w, nil
}

func (w *whole) start(ctx context.Context, dir, bin, more string) error {
	host, err := url.Parse(w.hub.URL)
	if err != nil {
		return fmt.Errorf("read an address: %w", err)
	}
	var ports tested.Ports
	fixed, err := ports.Fixed(tested.Configuration{}) //nolint:contextcheck // only tries ports
	if err != nil {
		return err
	}
	listen := strings.TrimPrefix(fixed.PublicURL(), "http://")
	file, data := filepath.Join(dir, "opsbot.yaml"), filepath.Join(dir, "data")
	text := fmt.Sprintf(wholeConfiguration, listen, w.hub.URL, more, w.ci.URL, host.Host)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	link, err := os.MkdirTemp("", "opsbot-bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	w.link = link
	short := filepath.Join(link, "d") // a socket's path has to be short
	if err := errors.Join(os.MkdirAll(data, 0o700), os.Symlink(data, short)); err != nil {
		return err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), bin, "--config", file, "--data", short, "serve")
	cmd.Env = append(os.Environ(), "GITHUB_TOKEN="+w.hub.Token, "GITHUB_WEBHOOK_SECRET=a secret that is long enough", "JENKINS_TOKEN="+remoteToken)
	if w.server, err = tested.Start(cmd); err != nil {
		return err
	}
	w.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(short, "run", "opsbot.sock"))
	}}}
	return nil
}

// close ends all, and tells what the stand-ins did not expect.
func (w *whole) close() error {
	w.server.Stop()
	w.remotes.close()
	_ = os.RemoveAll(w.link) // a leftover in the system's temporary folder
	if len(w.unexpected) > 0 {
		return fmt.Errorf("the stand-ins refused: %s", strings.Join(w.unexpected, "; "))
	}
	return nil
}

// newProject says it and waits for the last message.
func (w *whole) newProject(ctx context.Context, name string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	body, err := json.Marshal(console.SayRequest{Text: "@opsbot new-project " + name, Name: "kim"})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://opsbot/say", bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return fmt.Errorf("say: %w", err)
	}
	defer resp.Body.Close()
	for dec := json.NewDecoder(resp.Body); ; {
		var line console.SayLine
		if err := dec.Decode(&line); err != nil {
			return errors.Join(fmt.Errorf("%s did not succeed: %w", name, err), errors.New(w.server.Log()))
		}
		if line.Error != "" || line.End != nil {
			return fmt.Errorf("%s did not succeed: %s%+v", name, line.Error, line.End)
		}
		if line.Entry == nil {
			continue
		}
		for _, text := range console.Lines(*line.Entry) { // of all that is said in the room
			if strings.Contains(text, "Success!") && strings.HasSuffix(strings.TrimSpace(text), "/foo-org/"+name) {
				return nil
			}
		}
	}
}

// remoteProject measures the time from the message to the last one through the whole
// program, and how much of it no call to GitHub or Jenkins accounts for.
func remoteProject(ctx context.Context, s settings) (rows []row, err error) {
	var names []string
	for i := range s.runs {
		names = append(names, fmt.Sprintf("hello-%d", i))
	}
	w, err := openWhole(ctx, s, "", names)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	var total, own, share, hub, ci sample
	for _, name := range names {
		began := time.Now()
		if err := w.newProject(ctx, name); err != nil {
			return nil, err
		}
		ended := time.Now()
		calls := w.wire.between(began, ended)
		// What was asked for another project, or by polling, is nothing of this one's.
		calls = slices.DeleteFunc(calls, func(c span) bool {
			return !strings.Contains(c.name, name) && !strings.HasSuffix(c.name, "/repos") && !strings.HasSuffix(c.name, "/createItem")
		})
		rest := ended.Sub(began) - covered(calls, began, ended)
		total, own, share = append(total, ended.Sub(began).Seconds()), append(own, rest.Seconds()), append(share, rest.Seconds()/ended.Sub(began).Seconds())
		atHub := len(slices.DeleteFunc(slices.Clone(calls), func(c span) bool { return !strings.HasPrefix(c.name, w.far.name) }))
		hub, ci = append(hub, float64(atHub)), append(ci, float64(len(calls)-atHub))
		if name == names[len(names)-1] {
			tellCalls(s.log, calls, began)
		}
	}
	count := func(v float64) string { return fmt.Sprintf("%.0f", v) }
	return []row{{
		what: "new-project through the whole program, on GitHub and Jenkins as slow as real ones: time besides their calls, beside all of it",
		ours: own.text(duration), base: total.text(duration), ratio: fmt.Sprintf("%.1f %%", 100*share.median()), bar: "≤ 10 %", missed: share.median() > 0.1,
	}, {what: "calls to GitHub and to Jenkins for one new-project", ours: hub.text(count) + " and " + ci.text(count)}}, nil
}

func tellCalls(log io.Writer, calls []span, began time.Time) {
	fmt.Fprintln(log, "bench: the calls of the last new-project:")
	for _, c := range calls {
		fmt.Fprintf(log, "  %5d ms to %5d ms  %s\n", c.begin.Sub(began).Milliseconds(), c.end.Sub(began).Milliseconds(), c.name)
	}
}

// manyProjects makes 25 projects at once under GitHub's limits on what makes content:
// with topics, a team and a protected branch they need more than the 80 a minute.
func manyProjects(ctx context.Context, s settings) (rows []row, err error) {
	many := 25
	if s.quick {
		many = 5
	}
	var names []string
	for i := range many {
		names = append(names, fmt.Sprintf("many-%d", i))
	}
	w, err := openWhole(ctx, s, ", topics: [opsbot], teams: { developers: push }, protection: { enabled: true, check: ci }", names)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	began := time.Now()
	errs := make([]error, many)
	took := make(sample, many)
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() {
			errs[i] = w.newProject(ctx, name)
			took[i] = time.Since(began).Seconds()
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	writes := w.hub.Writes(w.hub.Token)
	whole := true
	for _, r := range w.hub.Repos("foo-org") { //nolint:contextcheck // of the stand-in
		whole = whole && len(r.Hooks) == 1 && len(r.Protection) == 1 && len(r.Topics) == 1 && len(r.Branches) == 1
	}
	return []row{{
		what: fmt.Sprintf("%d projects at once, %d changes under GitHub's limit of 80 a minute: refused by GitHub; until the last one is done, and the median one", many, writes),
		ours: fmt.Sprintf("%d; %s and %s", len(w.far.refused), duration(slices.Max(took)), duration(took.median())),
		bar:  "0 refused, each whole", missed: len(w.far.refused) > 0 || !whole,
	}}, nil
}
