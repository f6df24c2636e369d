package localrun

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path"
	"strings"
	"time"

	"opsbot/bot/sandbox"
	"opsbot/integrations/localrun/applog"
	"opsbot/integrations/localrun/proxy"
)

const (
	// appDir is where an app finds its files.
	appDir = "/app"
	// stopGrace is the time between TERM and KILL of an app.
	stopGrace = 10 * time.Second
	// healthTime bounds one question for an app's health.
	healthTime = 5 * time.Second
	// dyingTime is how long a process that does not answer may take to be seen dead.
	dyingTime = 250 * time.Millisecond
	// sick is how many failures in a row count as unhealthy.
	sick = 3
)

// instance is one running process of an app.
type instance struct {
	release release
	host    string
	proc    *sandbox.Process
	out     *applog.Writer
	probe   *http.Transport
	secrets *given
}

// start starts an instance of r. It is not healthy yet.
func (s *Service) start(ctx context.Context, a *appDoc, r release, log *applog.Log) (*instance, error) {
	secrets, err := s.give(ctx, a, r)
	if err != nil {
		return nil, err
	}
	i := &instance{release: r, host: s.host(a.Slug, a.Environment), out: log.Writer(secrets.mask.String), secrets: secrets}
	log.Printf("%s starting %s", s.env.Clock.Now().Format(time.RFC3339), r.Label)
	if note := secrets.note(); note != "" {
		log.Printf("%s", note)
	}
	dir := appDir
	if s.runner.Unsafe() {
		dir = s.versionDir(r)
	}
	spec := sandbox.Spec{
		Name: "app " + a.Slug + " in " + a.Environment, Args: r.Spec.Run, Dir: dir, Stdout: i.out, Stderr: i.out, Grace: stopGrace,
		Env: append([]string{"OPSBOT_PROJECT=" + a.Slug, "OPSBOT_ENVIRONMENT=" + a.Environment, "OPSBOT_VERSION=" + r.Label}, secrets.env...),
		Isolation: &sandbox.Isolation{
			ReadOnly: append([]sandbox.Mount{{Host: s.versionDir(r), Inside: appDir}}, secrets.mounts...),
		},
		Service: &sandbox.Service{PortVar: r.Spec.PortEnv},
		Limits:  sandbox.Limits{Processes: 1024, FileSize: 4 << 30, Memory: uint64(s.config.Memory)},
	}
	if s.config.Network {
		spec.Isolation.Network = sandbox.NetworkHost
	}
	if len(r.Spec.Run) == 0 {
		spec.Self, spec.Args = true, sandbox.Files(path.Join(dir, path.Clean("/"+r.Spec.Static)))
		spec.Service.PortVar = ""
	}
	// An instance outlives the step that starts it; stop ends it.
	if i.proc, err = s.runner.Start(context.WithoutCancel(ctx), spec); err != nil {
		secrets.forget()
		return nil, err
	}
	i.probe = &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return i.proc.Dial(ctx) },
		DisableKeepAlives: true,
	}
	return i, nil
}

// route gives the proxy a new way to the instance.
func (i *instance) route() *proxy.Instance {
	return proxy.NewInstance(i.host+" "+i.release.Label, i.proc.Dial)
}

// alive reports whether the process runs.
func (i *instance) alive() bool {
	if i == nil {
		return false
	}
	select {
	case <-i.proc.Done():
		return false
	default:
		return true
	}
}

// check asks once for the app's health; the error is a line for the person.
func (i *instance) check(ctx context.Context) error {
	if !i.alive() {
		return i.death()
	}
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	health := i.release.Spec.Health
	if health == "" {
		health = "/"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+i.host+health, nil)
	if err != nil {
		return fmt.Errorf("the health path %q can't be asked: %w", health, err)
	}
	res, err := i.probe.RoundTrip(req)
	if err != nil {
		// A process that dies refuses connections a moment before its end is seen, and
		// how it ended says more than that.
		select {
		case <-i.proc.Done():
			return i.death()
		case <-time.After(dyingTime):
			return fmt.Errorf("GET %s got no answer", health)
		}
	}
	defer res.Body.Close()
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("GET %s answered %d", health, res.StatusCode)
	}
	return nil
}

// death says how the process ended.
func (i *instance) death() error {
	res, err := i.proc.Wait()
	i.out.End()
	text := fmt.Sprintf("it ended with status %d", res.ExitCode)
	if res.Signal != 0 {
		text = fmt.Sprintf("it was ended by the signal %q", res.Signal)
	}
	if err != nil {
		text = err.Error()
	}
	if last := i.out.Last(); last != "" {
		text += "; the last line of its log: " + last
	}
	return errors.New(oneLine(text))
}

// stop ends the process and returns when it is gone.
func (i *instance) stop() {
	if i == nil {
		return
	}
	i.proc.Stop()
	_, _ = i.proc.Wait() // how it ended is in its log; here it only must be gone
	i.out.End()
	i.secrets.forget()
	i.probe.CloseIdleConnections()
}

// oneLine makes foreign text fit for a message.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if r := []rune(s); len(r) > 300 {
		s = string(r[:299]) + "…"
	}
	return s
}
