package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"opsbot/blueprints"
	"opsbot/bot"
	"opsbot/bot/bootstrap"
	"opsbot/bot/operation"
	"opsbot/commands"
	"opsbot/templates"
	"opsbot/test/conformance/forgetest"
)

// What calls to GitHub and to a Jenkins in the next room take, roughly.
const (
	lookUp   = 120 * time.Millisecond
	makeRepo = 700 * time.Millisecond
	pushTree = 900 * time.Millisecond
	makeHook = 300 * time.Millisecond
	makeJob  = 250 * time.Millisecond
)

// span is one remote call.
type span struct {
	name       string
	begin, end time.Time
}

// wire makes calls take as long as over a network, and remembers them.
type wire struct {
	mu    sync.Mutex
	spans []span
}

func (w *wire) call(ctx context.Context, name string, takes time.Duration) {
	began := time.Now()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
	}
	w.add(span{name, began, time.Now()})
}

func (w *wire) add(s span) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spans = append(w.spans, s)
}

// between gives the calls of one story, in order of their beginning.
func (w *wire) between(from, to time.Time) []span {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []span
	for _, s := range w.spans {
		if s.begin.Before(to) && s.end.After(from) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b span) int { return a.begin.Compare(b.begin) })
	return out
}

// covered is how much of the time at least one of the calls was under way: they
// make up the critical path where no time is spent besides them.
func covered(calls []span, from, to time.Time) time.Duration {
	var sum time.Duration
	at := from
	for _, c := range calls { // sorted by beginning
		begin, end := c.begin, c.end
		if begin.Before(at) {
			begin = at
		}
		if end.After(to) {
			end = to
		}
		if end.After(begin) {
			sum += end.Sub(begin)
			at = end
		}
	}
	return sum
}

// farForge is a forge in memory, as far away as GitHub.
type farForge struct {
	*forgetest.Fake
	wire *wire
}

var (
	_ bot.RepoHost      = farForge{}
	_ bot.HookInstaller = farForge{}
)

// FindRepository implements bot.RepoHost.
func (f farForge) FindRepository(ctx context.Context, spec bot.RepoSpec) (bot.Presence, bot.Repository, error) {
	f.wire.call(ctx, "look for the repository", lookUp)
	return f.Fake.FindRepository(ctx, spec)
}

// EnsureRepository implements bot.RepoHost.
func (f farForge) EnsureRepository(ctx context.Context, spec bot.RepoSpec) (bot.Repository, error) {
	f.wire.call(ctx, "make the repository", makeRepo)
	return f.Fake.EnsureRepository(ctx, spec)
}

// Push implements bot.RepoHost.
func (f farForge) Push(ctx context.Context, req bot.PushRequest) (string, error) {
	f.wire.call(ctx, "push", pushTree)
	return f.Fake.Push(ctx, req)
}

// FindHook implements bot.HookInstaller.
func (f farForge) FindHook(ctx context.Context, spec bot.HookSpec) (bot.Presence, string, error) {
	f.wire.call(ctx, "look for the webhook", lookUp)
	return f.Fake.FindHook(ctx, spec)
}

// EnsureHook implements bot.HookInstaller.
func (f farForge) EnsureHook(ctx context.Context, spec bot.HookSpec) (string, error) {
	f.wire.call(ctx, "make the webhook", makeHook)
	return f.Fake.EnsureHook(ctx, spec)
}

// farPipeline makes jobs that nobody builds.
type farPipeline struct {
	bot.Pipeline // the rest is not called
	wire         *wire
}

// FindJob implements bot.Pipeline.
func (p farPipeline) FindJob(ctx context.Context, _ bot.JobSpec) (bot.Presence, bot.Job, error) {
	p.wire.call(ctx, "look for the job", lookUp)
	return bot.PresenceAbsent, bot.Job{}, nil
}

// EnsureJob implements bot.Pipeline.
func (p farPipeline) EnsureJob(ctx context.Context, spec bot.JobSpec) (bot.Job, error) {
	p.wire.call(ctx, "make the job", makeJob)
	return bot.Job{ExternalID: spec.Name, URL: "https://jenkins.example.com/job/" + spec.Name}, nil
}

// placeDeployer deploys nothing: new-project only asks it where apps would answer.
type placeDeployer struct{ bot.Deployer }

// newProject measures the time from the message to the final one's being sent, and
// how much of it no remote call accounts for.
func newProject(ctx context.Context, s settings) (rows []row, err error) {
	w := &wire{}
	r, err := openChat(ctx, s, "new-project", func(r *chatRig) ([]bot.Service, []bot.Card, error) { return withForge(r, w) })
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	var total, own, share sample
	var last []span
	var began time.Time
	for i := range s.runs {
		began = time.Now()
		if err := r.say(ctx, fmt.Sprintf("new-project hello-%d --blueprint static-site", i)); err != nil {
			return nil, err
		}
		if err := r.untilSuccess(ctx); err != nil {
			return nil, err
		}
		ended := time.Now()
		last = w.between(began, ended)
		rest := ended.Sub(began) - covered(last, began, ended)
		total, own = append(total, ended.Sub(began).Seconds()), append(own, rest.Seconds())
		share = append(share, rest.Seconds()/ended.Sub(began).Seconds())
	}
	fmt.Fprintln(s.log, "bench: the remote calls of the last new-project:")
	for _, c := range last {
		fmt.Fprintf(s.log, "  %5d ms to %5d ms  %s\n", c.begin.Sub(began).Milliseconds(), c.end.Sub(began).Milliseconds(), c.name)
	}
	return []row{{
		what: "new-project: time besides the remote calls on the critical path, beside all of it; calls as slow as GitHub's and Jenkins'",
		ours: own.text(duration), base: total.text(duration), ratio: fmt.Sprintf("%.1f %%", 100*share.median()), bar: "≤ 10 %", missed: share.median() > 0.1,
	}}, nil
}

// withForge adds what new-project needs.
func withForge(r *chatRig, w *wire) ([]bot.Service, []bot.Card, error) {
	files, err := templates.Blueprints()
	if err != nil {
		return nil, nil, err
	}
	if r.services.Blueprints, err = blueprints.Open(files, ""); err != nil {
		return nil, nil, err
	}
	all := r.services.Integrations.(registry)
	all["forge"], all["pipeline"], all["deployer"] = farForge{&forgetest.Fake{}, w}, farPipeline{wire: w}, placeDeployer{}
	r.services.Defaults.Forge, r.services.Defaults.Pipeline, r.services.Defaults.PublicURL = "forge", "pipeline", "https://opsbot.example.com"
	r.services.Environments = []bot.Environment{{Name: "staging", Deployer: "deployer"}, {Name: "production", Deployer: "deployer", After: "staging"}}
	made := bootstrap.New(r.services)
	r.services.Bootstraps = made
	engine, err := operation.New(operation.Options{Work: r, Waker: r, Clock: bot.SystemClock{}, Log: r.log, Owner: "bench:1"}, append(commands.Kinds(r.all), made.Kinds()...)...)
	if err != nil {
		return nil, nil, err
	}
	r.services.Operations = engine
	return []bot.Service{engine}, []bot.Card{engine.Card()}, nil
}

// untilSuccess waits for the last message of a new-project.
func (r *chatRig) untilSuccess(ctx context.Context) error {
	for {
		c, err := r.next(ctx)
		if err != nil {
			return err
		}
		if c.Post.Tone == bot.ToneBad {
			return fmt.Errorf("new-project failed: %v", c.Post.Text)
		}
		for _, line := range c.Post.Text {
			if strings.HasPrefix(string(line), "Success!") {
				return nil
			}
		}
	}
}
