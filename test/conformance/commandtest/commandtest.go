// Package commandtest gives the tests of commands what a command stands on: a real
// store and operation engine with a project in it, people, an in-memory forge, and
// a pipeline and a deployer that keep what they were asked for.
package commandtest

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/bootstrap"
	"opsbot/bot/operation"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
	"opsbot/test/conformance/forgetest"
)

// Rig is the world of one test.
type Rig struct {
	T        testing.TB
	DB       *store.Store
	Clock    bot.Clock
	Services *bot.Services
	Alice    bot.User // who asks
	Project  bot.Project
	Forge    *forgetest.Fake
	CI       *Pipeline
	Runner   *Deployer
	Chat     *Chat

	mu     sync.Mutex
	hidden map[string]bool // projects that nobody may see
}

// quick is a clock on which time runs a hundred times as fast, so that the engine's
// pauses take milliseconds.
type quick struct{ start time.Time }

const speed = 100

func (c quick) Now() time.Time {
	return c.start.Add(time.Since(c.start) * speed).UTC().Truncate(time.Microsecond)
}
func (c quick) After(d time.Duration) <-chan time.Time { return time.After(d / speed) }

// Instances are integrations by name.
type Instances map[string]any

// Get implements bot.Integrations.
func (i Instances) Get(name string) any { return i[name] }

// Names implements bot.Integrations.
func (i Instances) Names() []string { return []string{"git", "ci", "run", "chat"} }

// New makes a rig with one active project "hello" without any resources.
func New(t testing.TB) *Rig {
	t.Helper()
	r := &Rig{T: t, DB: storetest.Open(t), Clock: quick{time.Now()}, CI: newPipeline(), Runner: newDeployer(), Chat: &Chat{}, hidden: map[string]bool{}}
	_, r.Forge = forgetest.NewRig()
	r.Services = &bot.Services{
		Clock: r.Clock, Work: r.DB, Blobs: r.DB.Blobs(), Integrations: Instances{"git": r.Forge, "ci": r.CI, "run": r.Runner, "chat": r.Chat},
		Blueprints: Blueprints{}, Authorizer: judge{r}, Deliveries: noDeliveries{},
		Environments: []bot.Environment{{Name: "staging", Deployer: "run", Auto: "main"}, {Name: "production", Deployer: "run", After: "staging"}},
		Defaults: bot.Defaults{
			Forge: "git", Pipeline: "ci", Blueprint: "tiny", Owner: "acme", Owners: []string{"acme", "Umbrella"}, BotName: "opsbot",
			PublicURL: "http://ops.test",
		},
	}
	r.Services.Bootstraps = bootstrap.New(r.Services)
	r.Write(func(ctx context.Context, tx *bot.Tx) (err error) {
		r.Alice, err = tx.Users.ByAccount(ctx, bot.Account{Instance: "console", ID: "alice", Name: "alice"}, r.Clock.Now())
		return err
	})
	r.Project = r.NewProject("hello")
	return r
}

// NewProject stores an active project.
func (r *Rig) NewProject(slug string) bot.Project {
	r.T.Helper()
	p := bot.Project{
		ID: bot.NewID(r.Clock.Now()), Slug: slug, Owner: "acme", State: bot.ProjectActive, Blueprint: "tiny", BlueprintVer: "1.0.0",
		DefaultBranch: "main", Forge: "git", Pipeline: "ci", CreatedBy: r.Alice.ID, CreatedByName: "alice", CreatedAt: r.Clock.Now(),
		Room: bot.RoomRef{Instance: "console", ID: "general"},
	}
	r.Write(func(ctx context.Context, tx *bot.Tx) error { return tx.Projects.Put(ctx, p) })
	return p
}

// Hide has the policy refuse everything about a project.
func (r *Rig) Hide(slug string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hidden[slug] = true
}

type judge struct{ r *Rig }

func (j judge) Authorize(_ context.Context, a bot.Access) (bot.Decision, error) {
	j.r.mu.Lock()
	defer j.r.mu.Unlock()
	if j.r.hidden[a.Project] || j.r.hidden[a.Verb] {
		return bot.Decision{Reason: "Forbidden by the policy hidden.", Policies: []string{"hidden"}}, nil
	}
	return bot.Decision{Allowed: true}, nil
}

// noDeliveries is for commands that only hand on what they were asked: a plan
// repeats the request.
type noDeliveries struct{}

func (noDeliveries) Plan(_ context.Context, req bot.DeliveryRequest) (*bot.Plan, error) {
	if req.Environment == "moon" {
		return nil, bot.Errorf(bot.CodeNotFound, "There is no environment %q.", req.Environment)
	}
	return &bot.Plan{
		Title:       bot.Text(strings.TrimSpace(req.Verb + " " + req.Project.Slug + " " + req.Environment + " " + req.Version)),
		Environment: req.Environment,
	}, nil
}

func (noDeliveries) Start(ctx context.Context, tx *bot.Tx, req bot.DeliveryRequest, plan *bot.Plan) (*bot.Operation, error) {
	_, err := tx.Documents.Put(ctx, bot.Document{Instance: "deliveries", Kind: "started", Key: string(plan.Title) + " by " + req.User.Name, Body: []byte("{}")})
	return nil, err
}

// Serve runs the engine with the commands' operation kinds until the test's end.
// Operations are filed through it.
func (r *Rig) Serve(commands ...bot.Command) {
	r.T.Helper()
	kinds := bootstrap.New(r.Services).Kinds()
	for _, c := range commands {
		if k, ok := c.(interface{ Kinds() []bot.OperationKind }); ok {
			kinds = append(kinds, k.Kinds()...)
		}
	}
	e, err := operation.New(operation.Options{Work: r.DB, Waker: r.DB, Clock: r.Clock, Log: slog.New(slog.DiscardHandler), Owner: "node:1", Lease: 2 * time.Hour}, kinds...)
	if err != nil {
		r.T.Fatal(err)
	}
	r.Services.Operations = e
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	r.T.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.T.Error(err)
		}
	})
}

// Ended waits for the newest operation of a kind to rest: ended, or in need of a
// person.
func (r *Rig) Ended(kind string) *bot.Operation {
	r.T.Helper()
	deadline := time.After(60 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		var op *bot.Operation
		r.Read(func(ctx context.Context, tx *bot.Tx) error {
			all, err := tx.Operations.Find(ctx, bot.OperationFilter{Kind: kind, Limit: 1})
			if err == nil && len(all) == 1 {
				op = all[0]
			}
			return err
		})
		if op != nil && (op.Final() || op.State == bot.OperationFailed) {
			return op
		}
		select {
		case <-deadline:
			r.T.Fatalf("no %s operation came to rest: %+v", kind, op)
		case <-tick.C:
		}
	}
}

// Write runs fn in a transaction.
func (r *Rig) Write(fn func(ctx context.Context, tx *bot.Tx) error) {
	r.T.Helper()
	if err := r.DB.Write(context.Background(), fn); err != nil {
		r.T.Fatal(err)
	}
}

// Read runs fn on a snapshot.
func (r *Rig) Read(fn func(ctx context.Context, tx *bot.Tx) error) {
	r.T.Helper()
	if err := r.DB.Read(context.Background(), fn); err != nil {
		r.T.Fatal(err)
	}
}
