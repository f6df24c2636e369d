package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"opsbot/bot"
	"opsbot/bot/operation"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
)

// scaled is a clock on which time runs a hundred times as fast.
type scaled struct{ start time.Time }

const speed = 100

func (c scaled) Now() time.Time {
	return c.start.Add(time.Since(c.start) * speed).UTC().Truncate(time.Microsecond)
}
func (c scaled) After(d time.Duration) <-chan time.Time { return time.After(d / speed) }

// instances finds the fakes.
type instances map[string]any

func (i instances) Get(name string) any { return i[name] }
func (i instances) Names() []string     { return nil }

// orchestrator is a strict bot.Deployer: it keeps what runs where, and complains
// about a deployment that changes under its id.
type orchestrator struct {
	t       *testing.T
	mu      sync.Mutex
	applied map[string]bot.DeployRequest // by deployment id
	order   []string                     // labels, in the order in which they were first applied
	looks   map[string]int
	ends    map[string]bot.Observation // by label; without one it succeeds
	fail    map[string]error           // Apply's, by label
	blind   map[string]error           // Observe's, by label
	held    map[string]bool            // labels that don't end
}

var _ bot.Deployer = (*orchestrator)(nil)

func (o *orchestrator) Plan(_ context.Context, req bot.DeployRequest) (bot.DeployPlan, error) {
	effect := "Starts " + req.Version.Label
	if req.Restart {
		effect = "Starts it afresh"
	}
	return bot.DeployPlan{Effects: []string{effect, "Switches *traffic*"}, Strategy: "blue/green"}, nil
}

func (o *orchestrator) Apply(_ context.Context, req bot.DeployRequest) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.fail[req.Version.Label]; err != nil {
		return "", err
	}
	if old, again := o.applied[req.DeploymentID]; !again {
		o.order = append(o.order, req.Version.Label)
	} else if old.Version.ID != req.Version.ID || old.Environment != req.Environment {
		o.t.Errorf("the deployment %s was of %s, and is of %s now", req.DeploymentID, old.Version.Label, req.Version.Label)
	}
	o.applied[req.DeploymentID] = req
	return "ext-" + req.DeploymentID, nil
}

func (o *orchestrator) Observe(_ context.Context, req bot.DeployRequest) (bot.Observation, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.applied[req.DeploymentID]; !ok {
		return bot.Observation{}, bot.Errorf(bot.CodeNotFound, "There is no such deployment.")
	}
	if err := o.blind[req.Version.Label]; err != nil {
		return bot.Observation{}, err
	}
	o.looks[req.DeploymentID]++
	if o.looks[req.DeploymentID] < 3 || o.held[req.Version.Label] {
		return bot.Observation{State: bot.DeploymentWatching, Message: "starting"}, nil
	}
	if end, ok := o.ends[req.Version.Label]; ok {
		return end, nil
	}
	return bot.Observation{State: bot.DeploymentSucceeded, URL: "http://hello." + req.Environment}, nil
}

func (o *orchestrator) Remove(context.Context, bot.Project, string) error {
	o.t.Error("nobody asked to remove anything")
	return nil
}

func (o *orchestrator) release(label string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.held, label)
}

func (o *orchestrator) applies() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.order, " ")
}

// forge is a strict bot.CommitReader over histories: commit -> parent.
type forge struct {
	parents map[string]string
	authors map[string]string
	heads   map[string]string
	files   map[string]string // commit -> project.yaml
	tags    map[string]string
	broken  error
}

var _ bot.CommitReader = (*forge)(nil)

func (f *forge) Branches(context.Context, bot.Repository) (map[string]string, error) {
	return f.heads, nil
}

func (f *forge) ancestors(commit string) (list []string, err error) {
	for c := commit; c != ""; c = f.parents[c] {
		if _, known := f.parents[c]; !known {
			return nil, bot.Errorf(bot.CodeNotFound, "There is no commit %s.", c)
		}
		list = append(list, c)
	}
	return list, nil
}

func (f *forge) Commits(_ context.Context, repo bot.Repository, from, to string, limit int) ([]bot.Commit, error) {
	if f.broken != nil || repo.Name != "hello" {
		return nil, errors.Join(f.broken, errors.New("asked about "+repo.Name))
	}
	have, err := f.ancestors(from)
	if err != nil {
		return nil, err
	}
	want, err := f.ancestors(to)
	if err != nil {
		return nil, err
	}
	var out []bot.Commit
	for _, c := range want {
		if !slices.Contains(have, c) && len(out) < limit {
			out = append(out, bot.Commit{ID: c, Author: f.authors[c]})
		}
	}
	return out, nil
}

func (f *forge) ReadFile(_ context.Context, _ bot.Repository, commit, path string) ([]byte, error) {
	if text, ok := f.files[commit]; ok && path == SpecPath {
		return []byte(text), nil
	}
	return nil, bot.Errorf(bot.CodeNotFound, "There is no %s.", path)
}

func (f *forge) NearestTag(_ context.Context, _ bot.Repository, commit string) (string, error) {
	return f.tags[commit], nil
}

// ci is a bot.Pipeline that can only be asked for builds.
type ci struct {
	bot.Pipeline
	mu     sync.Mutex
	builds map[int]bot.Build
}

func (c *ci) Status(_ context.Context, ref bot.BuildRef) (bot.Build, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.builds[ref.Number]
	if !ok {
		return b, bot.Errorf(bot.CodeNotFound, "There is no build #%d.", ref.Number)
	}
	return b, nil
}

// archive is a pipeline that keeps its artifacts, and breaks off as often as told.
type archive struct {
	*ci
	mu    sync.Mutex
	files map[string]string
	cuts  int
	opens int
}

var _ bot.ArtifactReader = (*archive)(nil)

func (a *archive) OpenArtifact(_ context.Context, _ bot.BuildRef, art bot.Artifact) (io.ReadCloser, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.opens++
	text, ok := a.files[art.Name]
	if !ok {
		return nil, bot.Errorf(bot.CodeNotFound, "There is no %s any more.", art.Name)
	}
	if a.opens <= a.cuts {
		return io.NopCloser(io.MultiReader(strings.NewReader(text[:1]), iotest.ErrReader(bot.Errorf(bot.CodeUnavailable, "It broke off.").Backoff()))), nil
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

// jobs is a deployer that needs only the commit.
type jobs struct{ *orchestrator }

func (jobs) DeploysCommits() bool { return true }

// process is one life of the program: killed, it writes nothing any more.
type process struct {
	bot.UnitOfWork
	dead    atomic.Bool
	cancel  context.CancelFunc
	done    chan error
	service *Service
}

var errDead = errors.New("the process is dead")

func (p *process) Write(ctx context.Context, fn func(context.Context, *bot.Tx) error) error {
	if p.dead.Load() {
		return errDead
	}
	return p.UnitOfWork.Write(ctx, fn)
}

func (p *process) kill() { p.dead.Store(true); p.cancel() }

// rig is a project with a forge, a pipeline and a deployer, and a card for commit c1.
type rig struct {
	t       *testing.T
	db      *store.Store
	clock   scaled
	deploy  *orchestrator
	forge   *forge
	ci      *ci
	archive *archive // nil: the pipeline keeps no artifacts
	project bot.Project
	user    bot.User
	envs    []bot.Environment
	process *process
	lives   int
}

const goodSpec = "version: 1\nartifact: dist/app.tar.gz\nrun: [./app]\n"

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{
		t: t, db: storetest.Open(t), clock: scaled{time.Now()},
		deploy: &orchestrator{t: t, applied: map[string]bot.DeployRequest{}, looks: map[string]int{}, ends: map[string]bot.Observation{}, fail: map[string]error{}, blind: map[string]error{}, held: map[string]bool{}},
		forge:  &forge{parents: map[string]string{}, authors: map[string]string{}, heads: map[string]string{}, files: map[string]string{}, tags: map[string]string{}},
		ci:     &ci{builds: map[int]bot.Build{}},
		envs: []bot.Environment{
			{Name: "staging", Deployer: "run", Auto: "main"},
			{Name: "production", Deployer: "run", After: "staging", Approvals: 1},
		},
	}
	now := r.clock.Now()
	r.project = bot.Project{
		ID: bot.NewID(now), Slug: "hello", Owner: "acme", State: bot.ProjectActive, DefaultBranch: "main",
		Forge: "git", Pipeline: "ci", Room: bot.RoomRef{Instance: "console", ID: "general"}, CreatedAt: now,
	}
	repo := bot.Resource{ID: bot.NewID(now), ProjectID: r.project.ID, Kind: bot.ResourceRepository, Instance: "git", ExternalID: "7", Name: "acme/hello", State: "active"}
	r.write(func(ctx context.Context, tx *bot.Tx) (err error) {
		if r.user, err = tx.Users.ByAccount(ctx, bot.Account{Instance: "console", ID: "a", Name: "alice"}, now); err != nil {
			return err
		}
		if err := tx.Projects.Put(ctx, r.project); err != nil {
			return err
		}
		return tx.Resources.Put(ctx, repo)
	})
	for i := 1; i <= 4; i++ { // a history c1 <- c2 <- c3 <- c4, long as real names are
		r.commit(i, i-1, "alice")
	}
	return r
}

// id is the commit number i.
func id(i int) string {
	if i == 0 {
		return ""
	}
	return fmt.Sprintf("c%d%s", i, strings.Repeat("0", 38))
}

// commit makes commit number i, child of parent.
func (r *rig) commit(i, parent int, author string) {
	r.forge.parents[id(i)], r.forge.authors[id(i)], r.forge.files[id(i)] = id(parent), author, goodSpec
	r.forge.heads["main"] = id(i)
}

// start begins a life of the program, with its engine.
func (r *rig) start(at func(p *process, point string)) *process {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	r.lives++
	p := &process{UnitOfWork: r.db, cancel: cancel, done: make(chan error, 1)}
	p.service = r.service(p)
	opt := operation.Options{Work: p, Waker: r.db, Clock: r.clock, Log: slog.New(slog.DiscardHandler), Owner: fmt.Sprintf("node:%d", r.lives), Lease: 2 * time.Hour}
	if at != nil {
		opt.AtBoundary = func(kind, step string, b operation.Boundary) { at(p, kind+"/"+step+"/"+string(b)) }
	}
	e, err := operation.New(opt, p.service.Kinds()...)
	if err != nil {
		r.t.Fatal(err)
	}
	p.service.SetOperations(e)
	go func() { p.done <- e.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-p.done; err != nil {
			r.t.Error(err)
		}
	})
	r.process = p
	return p
}

func (r *rig) pipeline() any {
	if r.archive == nil {
		return r.ci
	}
	return r.archive
}

// service is a service without an engine, for what only reads.
func (r *rig) service(work bot.UnitOfWork) *Service {
	return New(Options{
		Clock: r.clock, Work: work, Blobs: r.db.Blobs(), Log: slog.New(slog.DiscardHandler), Environments: r.envs, MaxArtifacts: 100,
		Integrations: instances{"run": r.deploy, "git": r.forge, "ci": r.pipeline(), "jobs": jobs{r.deploy}},
	})
}

func (r *rig) write(fn func(ctx context.Context, tx *bot.Tx) error) {
	r.t.Helper()
	if err := r.db.Write(r.t.Context(), fn); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) read(fn func(ctx context.Context, tx *bot.Tx) error) {
	r.t.Helper()
	if err := r.db.Read(r.t.Context(), fn); err != nil {
		r.t.Fatal(err)
	}
}

// version stores version number n, made of commit n on a branch.
func (r *rig) version(n int, branch string) bot.Version {
	r.t.Helper()
	v := bot.Version{
		ID: bot.NewID(r.clock.Now()), ProjectID: r.project.ID, Commit: id(n), BuildID: fmt.Sprintf("b%d-%s", n, branch), Number: n, Branch: branch,
		Label: Label("", n, id(n)), Artifacts: []bot.Artifact{{Name: "dist/app.tar.gz", Digest: "sha256:x"}}, Spec: bot.RunSpec{Artifact: "dist/app.tar.gz"}, CreatedAt: r.clock.Now(),
	}
	r.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Versions.Insert(ctx, v) })
	return v
}

// ran records a deployment that has ended, and what runs since.
func (r *rig) ran(verb, env string, v bot.Version, state bot.DeploymentState) {
	r.t.Helper()
	now := r.clock.Now()
	r.write(func(ctx context.Context, tx *bot.Tx) error {
		d := bot.Deployment{ID: bot.NewID(now), ProjectID: r.project.ID, Environment: env, Verb: verb, VersionID: v.ID, State: state, StartedAt: now, FinishedAt: now, By: r.user.ID}
		if err := tx.Deployments.Put(ctx, d); err != nil || state != bot.DeploymentSucceeded {
			return err
		}
		s, err := tx.Environments.Get(ctx, r.project.ID, env)
		s.DesiredID, s.ObservedID = v.ID, v.ID
		if err != nil {
			return err
		}
		return tx.Environments.Put(ctx, s)
	})
}

// request asks for a delivery of the project as alice.
func (r *rig) request(verb, env, version string) bot.DeliveryRequest {
	return bot.DeliveryRequest{
		Verb: verb, Project: r.project, Environment: env, Version: version, User: r.user, Cause: bot.Cause{Root: "root"},
		Message: bot.Message{ID: "m1", Room: r.project.Room, Author: r.user.Account},
	}
}

// await polls until ok says that what is stored is as it should be: the engine
// works on its own.
func (r *rig) await(what string, ok func(ctx context.Context, tx *bot.Tx) (bool, error)) {
	r.t.Helper()
	deadline := time.After(60 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		done := false
		r.read(func(ctx context.Context, tx *bot.Tx) (err error) {
			done, err = ok(ctx, tx)
			return err
		})
		if done {
			return
		}
		select {
		case <-deadline:
			r.t.Fatalf("%s: did not happen", what)
		case <-tick.C:
		}
	}
}

// ended waits for an operation to end and returns it.
func (r *rig) ended(operationID string) (op *bot.Operation) {
	r.t.Helper()
	r.await("the end of "+operationID, func(ctx context.Context, tx *bot.Tx) (_ bool, err error) {
		op, err = tx.Operations.Get(ctx, operationID)
		if err != nil {
			return false, err
		}
		return op.State == bot.OperationSucceeded || op.State == bot.OperationFailed, nil
	})
	return op
}
