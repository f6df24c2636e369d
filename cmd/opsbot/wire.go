package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"

	"opsbot/bot"
	"opsbot/bot/bootstrap"
	"opsbot/bot/config"
	"opsbot/bot/delivery"
	"opsbot/bot/mirror"
	"opsbot/bot/operation"
	"opsbot/bot/policy"
	"opsbot/bot/relay"
	"opsbot/bot/router"
	"opsbot/bot/store"
	"opsbot/bot/vault"
	"opsbot/bot/webhook"
	"opsbot/commands"
)

// app is the whole program, put together.
type app struct {
	cfg    *config.Config
	dir    string
	log    *slog.Logger
	probe  func(point string) // nil unless a parent listens for moments to crash at
	clock  bot.Clock
	owner  string          // this process: "node:incarnation"
	lock   *store.DataLock // held as long as a lives: a lock that nobody refers to is collected, and with it given back
	store  *store.Store
	vault  *vault.Vault
	doors  *doors
	policy *policy.Policy
	people *policy.People

	services   *bot.Services
	commands   []bot.Command
	specs      []bot.Spec
	bootstraps *bootstrap.Service
	mirror     *mirror.Service
	deliveries *delivery.Service
	engine     *operation.Engine
	pump       *relay.Pump
	router     *router.Router
	edge       *webhook.Edge
	instances  *registry
	work       []named // what runs until the end, in starting order
}

// named is a service with a name for the log.
type named struct {
	name string
	bot.Service
}

// wire is the composition root: everything is made here, in dependency order.
func (p *program) wire(ctx context.Context, cfg *config.Config, dir string, log *slog.Logger, probe func(string)) (*app, error) {
	a := &app{cfg: cfg, dir: dir, log: log, probe: probe, clock: bot.SystemClock{}, instances: &registry{byName: map[string]any{}}}
	for _, part := range []func(context.Context) error{
		a.takeFolder,    // one process per data folder, before anything is looked at; then the store in it
		a.openVault,     // projects' secrets, and what is sealed until it is used
		a.takeDoors,     // early: other parts need to know where they can be reached
		a.makeServices,  // what commands get, and the commands
		a.makePolicy,    // who may do what
		a.makeEngine,    // operations and deployments, which know each other
		a.makePump,      // posts go out
		a.makeRouter,    // text becomes commands
		a.makeEdge,      // webhooks come in at one edge, embedded sources included
		a.makeInstances, // the outside systems that the configuration names
		a.makeWork,      // events become cards
	} {
		if err := part(ctx); err != nil {
			return nil, errors.Join(err, a.close())
		}
	}
	return a, nil
}

// takeFolder locks the data folder and opens the store: SQLite in it, or PostgreSQL.
func (a *app) takeFolder(ctx context.Context) (err error) {
	if a.lock, err = store.Lock(a.dir); err != nil {
		return err
	}
	node, err := nodeID(a.dir)
	if err != nil {
		return err
	}
	a.owner = node + ":" + bot.NewToken()
	address, err := storeURL(ctx, a.cfg)
	if err != nil {
		return err
	}
	a.store, err = store.Open(ctx, store.Options{URL: address, DataDir: a.dir, Clock: a.clock, Log: a.log, Owner: a.owner, Lock: a.lock})
	if err != nil {
		return err
	}
	return a.store.Reclaim(ctx)
}

func (a *app) openVault(ctx context.Context) error {
	a.vault = vault.New(vault.Options{
		Work: a.store, Clock: a.clock, Log: a.log, Key: a.cfg.Secrets.Key, OldKeys: a.cfg.Secrets.OldKeys,
		File: filepath.Join(a.dir, "secrets.key"),
	})
	return a.vault.Start(ctx)
}

func (a *app) takeDoors(ctx context.Context) (err error) {
	a.doors, err = openDoors(ctx, a.cfg)
	return err
}

func (a *app) makeServices(context.Context) error {
	catalogue, err := openCatalogue()
	if err != nil {
		return err
	}
	defaults, err := completeDefaults(a.cfg, a.doors)
	if err != nil {
		return err
	}
	a.services = &bot.Services{
		Clock: a.clock, Work: a.store, Blobs: a.store.Blobs(), Integrations: a.instances,
		Blueprints: catalogue, Defaults: defaults, Environments: a.cfg.BotEnvironments(), Secrets: a.vault,
		Catalogue: func() []bot.Spec { return a.specs },
	}
	a.bootstraps = bootstrap.New(a.services)
	a.services.Bootstraps = a.bootstraps
	a.commands = commands.All(a.services)
	a.specs = specsOf(a.commands)
	return nil
}

func (a *app) makePolicy(context.Context) (err error) {
	a.policy, err = policy.Load(a.cfg.Policy, a.specs, a.cfg.Groups)
	if err != nil {
		return err
	}
	a.services.Authorizer = a.policy
	a.people = policy.NewPeople(policy.PeopleOptions{
		Work: a.watched("policy"), Clock: a.clock, Log: a.log, Integrations: a.instances, Policy: a.policy, TrustEmail: a.cfg.TrustEmail,
	})
	return nil
}

func (a *app) makeEngine(context.Context) (err error) {
	a.mirror = mirror.New(a.services, a.log)
	a.deliveries = delivery.New(delivery.Options{
		Clock: a.clock, Work: a.watched("delivery"), Blobs: a.services.Blobs, Log: a.log,
		Integrations: a.instances, Environments: a.services.Environments, Watcher: a.mirror,
	})
	a.services.Deliveries = a.deliveries
	a.engine, err = operation.New(operation.Options{
		Work: a.watched("operation"), Waker: a.store, Clock: a.clock, Log: a.log, Owner: a.owner, AtBoundary: a.boundary,
	}, slices.Concat(commands.Kinds(a.commands), a.bootstraps.Kinds(), a.deliveries.Kinds(), a.mirror.Kinds())...)
	if err != nil {
		return err
	}
	a.services.Operations = a.engine
	a.deliveries.SetOperations(a.engine)
	return nil
}

func (a *app) makePump(context.Context) error {
	changes := relay.NewChangeCard(relay.ChangeCardOptions{Clock: a.clock, Environments: a.services.Environments, Catalogue: a.services.Catalogue})
	a.pump = relay.NewPump(relay.PumpOptions{
		Work: a.watched("pump"), Waker: a.store, Clock: a.clock, Log: a.log,
		Integrations: a.instances, Owner: a.owner, Cards: []bot.Card{a.engine.Card(), changes},
	})
	return nil
}

func (a *app) makeRouter(context.Context) (err error) {
	a.router, err = router.New(router.Options{
		Clock: a.clock, Work: a.watched("router"), Waker: a.store, Authorizer: a.policy, Log: a.log, Owner: a.owner,
		Commands: a.commands, Prefixes: []string{a.cfg.Prefix}, BotName: a.cfg.Defaults.BotName, People: a.people,
		Names:      a.names(),
		Sealer:     a.vault,
		Outlet:     a.pump,
		Opens:      a.opensForms,
		AtBoundary: func(verb string) { a.boundary("command", verb, operation.BoundaryIntent) },
	})
	return err
}

// opensForms reports whether a chat can open forms.
func (a *app) opensForms(instance string) bool {
	_, ok := a.instances.Get(instance).(bot.Forms)
	return ok
}

// names are the names that parameters of commands can have by the configuration.
func (a *app) names() map[bot.ParamType][]string {
	out := map[bot.ParamType][]string{}
	for _, e := range a.services.Environments {
		out[bot.ParamEnvironment] = append(out[bot.ParamEnvironment], e.Name)
	}
	for _, b := range a.services.Blueprints.List() {
		out[bot.ParamBlueprint] = append(out[bot.ParamBlueprint], b.Name)
	}
	return out
}

func (a *app) makeEdge(context.Context) error {
	a.edge = webhook.New(webhook.Options{Integrations: a.instances, Clock: a.clock, Log: a.log, Accepter: webhook.AcceptFunc(a.accept)})
	return nil
}

// makeWork makes what turns events into cards, and lists what runs: first what
// others wait for.
func (a *app) makeWork(context.Context) error {
	handlers := []bot.EventHandler{a.deliveries, a.mirror}
	var services []named
	for _, name := range a.instances.Names() {
		instance := a.instances.Get(name)
		if h, ok := instance.(bot.EventHandler); ok {
			handlers = append(handlers, h)
		}
		if s, ok := instance.(bot.Service); ok {
			services = append(services, named{name, s})
		}
	}
	processor := relay.NewProcessor(relay.ProcessorOptions{
		Work: a.watched("relay"), Waker: a.store, Clock: a.clock, Log: a.log,
		Integrations: a.instances, Owner: a.owner, Handlers: handlers,
	})
	a.work = append([]named{{"store", a.store}, {"pump", a.pump}, {"relay", processor}, {"operations", a.engine}, {"router", a.router}, {"plans", a.router.Expiry()}}, services...)
	return nil
}

// close gives everything back that wire took.
func (a *app) close() error {
	var errs []error
	if a.doors != nil {
		errs = append(errs, a.doors.close())
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.lock != nil { // last: until here nobody else may have the folder
		errs = append(errs, a.lock.Release())
	}
	return errors.Join(errs...)
}
