package router

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"opsbot/bot"
)

// Options configure a Router. All fields without a default must be set.
type Options struct {
	Clock      bot.Clock
	Work       bot.UnitOfWork
	Waker      bot.Waker
	Authorizer bot.Authorizer
	Log        *slog.Logger
	Owner      string // of leases, "node:incarnation"
	Commands   []bot.Command
	Prefixes   []string // "!": a message that starts with one is for the bot
	BotName    string   // "opsbot"; "" = "opsbot"
	People     bot.People
	// Names are the names that the configuration gives, by the type of the parameters
	// that take them: environments, blueprints.
	Names   map[bot.ParamType][]string
	PlanTTL time.Duration // how long a plan waits for its confirmation; 0 = 30 min
	Poll    time.Duration // 0 = 5 s
	// Patience is how long a command may take to answer, less than a minute; 0 = 45 s.
	Patience time.Duration
	// Sealer keeps what is secret of a form until it is run; nil: no form can ask for it.
	Sealer bot.Sealer
	// Opens reports whether a chat can open forms; nil = none can.
	Opens func(instance string) bool
	// Outlet, if set, sends a reply as soon as it is stored; nil leaves that to
	// whoever looks for posts.
	Outlet bot.Outlet
	// AtBoundary, if set, is called when a command's effect is about to be stored.
	AtBoundary func(verb string)
}

// Router runs what people say. Safe for concurrent use.
type Router struct {
	opt   Options
	verbs map[string]bot.Command // lower-case verb or alias
	names []string               // canonical verbs, in the order of the list
	slots chan struct{}          // one for each message that is run, or may be
	freed chan struct{}          // a slot became free

	mu    sync.Mutex
	start func(m bot.Message) // runs a claimed message in a slot; nil while Run does not
}

// parallel bounds how many messages are run at a time, and lease for how long one
// is ours.
const (
	parallel = 8
	lease    = time.Minute
)

var (
	_ bot.Inbound = (*Router)(nil)
	_ bot.Desk    = (*Router)(nil)
	_ bot.Service = (*Router)(nil)
)

// New makes a router; a verb or alias that is there twice is an error.
func New(opt Options) (*Router, error) {
	if opt.PlanTTL == 0 {
		opt.PlanTTL = 30 * time.Minute
	}
	if opt.Poll == 0 {
		opt.Poll = 5 * time.Second
	}
	if opt.Patience == 0 {
		opt.Patience = 45 * time.Second
	}
	if opt.BotName == "" {
		opt.BotName = "opsbot"
	}
	r := &Router{opt: opt, verbs: map[string]bot.Command{}, slots: make(chan struct{}, parallel), freed: make(chan struct{}, 1)}
	for _, c := range opt.Commands {
		spec := c.Spec()
		r.names = append(r.names, spec.Verb)
		for _, name := range append([]string{spec.Verb}, spec.Aliases...) {
			name = strings.ToLower(name)
			if r.verbs[name] != nil {
				return nil, bot.Errorf(bot.CodeInternal, "the verb %q is there twice", name)
			}
			r.verbs[name] = c
		}
	}
	return r, nil
}

// Specs lists the commands' specs in the order of the list.
func (r *Router) Specs() []bot.Spec {
	out := make([]bot.Spec, len(r.opt.Commands))
	for i, c := range r.opt.Commands {
		out[i] = c.Spec()
	}
	return out
}

// Receive stores a message; nil means it is on disk and will be run once. When a
// slot is free the message is claimed in the same commit and run at once. What is
// stored is what Redact leaves of it.
func (r *Router) Receive(ctx context.Context, m bot.Message, with ...func(ctx context.Context, tx *bot.Tx) error) (root string, err error) {
	if m, err = r.Redact(ctx, m); err != nil {
		return "", err
	}
	start := r.reserve()
	var mine []bot.Message
	idle := start != nil
	defer func() {
		if idle { // also after a panic of what came with it
			r.release()
		}
	}()
	err = r.opt.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		var added bool
		mine = nil
		root, added, err = tx.Messages.Add(ctx, m, r.opt.Clock.Now())
		if err != nil || !added {
			return err
		}
		for _, fn := range with {
			if err := fn(ctx, tx); err != nil {
				return err
			}
		}
		if start != nil {
			mine, err = tx.Messages.Claim(ctx, r.opt.Owner, r.opt.Clock.Now(), lease, 1)
		}
		return err
	})
	if err == nil && len(mine) == 1 {
		idle = false
		start(mine[0])
	}
	return root, err
}

// reserve takes a slot for a message that is about to be claimed and gives what
// runs it there; nil when no slot is free or Run does not run.
func (r *Router) reserve() func(m bot.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.start == nil {
		return nil
	}
	select {
	case r.slots <- struct{}{}:
		return r.start
	default:
		return nil
	}
}

// release gives a slot back. Only when none was free may a message wait for one: it
// must not be taken between the look and the giving back.
func (r *Router) release() {
	r.mu.Lock()
	full := len(r.slots) == parallel
	<-r.slots
	r.mu.Unlock()
	if !full {
		return
	}
	select {
	case r.freed <- struct{}{}:
	default:
	}
}

// open lets messages be run until the returned func is called, which waits for
// those under way.
func (r *Router) open(ctx context.Context) (shut func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start = func(m bot.Message) {
		go func() {
			defer r.release()
			r.process(ctx, m)
		}()
	}
	return func() {
		r.mu.Lock()
		r.start = nil
		r.mu.Unlock()
		for range parallel { // whoever holds a slot gives it back
			r.slots <- struct{}{}
		}
		for range parallel {
			<-r.slots
		}
	}
}

// Run runs stored messages until ctx ends, then waits for those under way.
func (r *Router) Run(ctx context.Context) error {
	wake, stop := r.opt.Waker.Listen(bot.QueueMessages)
	defer stop()
	defer r.open(ctx)()
	for {
		r.claim(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-r.freed:
		case <-r.opt.Clock.After(r.opt.Poll):
		}
	}
}

// claim fills the free slots with stored messages.
func (r *Router) claim(ctx context.Context) {
	var start func(m bot.Message)
	free := 0
	for ; free < parallel; free++ {
		next := r.reserve()
		if next == nil {
			break
		}
		start = next
	}
	if free == 0 {
		return
	}
	var got []bot.Message
	err := r.opt.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		got, err = tx.Messages.Claim(ctx, r.opt.Owner, r.opt.Clock.Now(), lease, free)
		return err
	})
	if err != nil {
		got = nil
		if ctx.Err() == nil {
			r.opt.Log.Error("router: claim", "error", err)
		}
	}
	for _, m := range got {
		start(m)
	}
	for range free - len(got) {
		<-r.slots // as they were: nobody is to look again because of it
	}
}

// process runs one message and writes what came of it. A message whose outcome
// can't be written stays claimed and is run again after its lease.
func (r *Router) process(ctx context.Context, m bot.Message) {
	log := r.opt.Log.With("room", m.Room.String(), "message", m.ID, "author", m.Author.String())
	c := &call{m: m, thread: m.Under()}
	res, err := r.guarded(ctx, c)
	if err == nil {
		err = r.commit(ctx, c, res)
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, errRunAlready) {
		if r.passes(m, err) {
			log.Warn("router: will be tried again", "error", err)
			r.later(ctx, m)
			return
		}
		if isOurs(err) && bot.CodeOf(err) != bot.CodeInternal {
			log.Info("router: command refused or failed", "verb", c.spec.Verb, "error", err)
		} else {
			log.Error("router: command failed", "verb", c.spec.Verb, "error", err)
		}
		if err := r.commit(ctx, c, c.problem(err)); err != nil && ctx.Err() == nil {
			log.Error("router: reply", "error", err)
		}
	}
}

// passes reports an error that may be gone soon: something outside did not answer.
// After retryFor the person is told; a full disk could not keep even that.
func (r *Router) passes(m bot.Message, err error) bool {
	class, _ := bot.RetryOf(err)
	code := bot.CodeOf(err)
	if class == bot.RetryNever || code == bot.CodeInternal || !isOurs(err) {
		return false
	}
	return code == bot.CodeStorageFull || r.opt.Clock.Now().Sub(m.SentAt) < retryFor
}

const retryFor = 15 * time.Minute

// retryPause is how long a message waits that could not be run because something
// outside did not answer.
const retryPause = 3 * time.Second

// later gives a message back to be run again soon, in its place.
func (r *Router) later(ctx context.Context, m bot.Message) {
	then := r.opt.Clock.Now().Add(retryPause)
	err := r.opt.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		return tx.Messages.Postpone(ctx, m.Room, m.ID, r.opt.Owner, then)
	})
	if err != nil && ctx.Err() == nil { // its lease ends by itself
		r.opt.Log.Error("router: postpone", "message", m.ID, "error", err)
	}
}

func isOurs(err error) bool { var e *bot.Error; return errors.As(err, &e) }

// guarded is handle with a panic turned into an error, and an end: a command that
// outlasted its message's lease would be run by somebody else beside us.
func (r *Router) guarded(ctx context.Context, c *call) (res *result, err error) {
	defer r.recovered(c, &err)
	bounded, cancel := context.WithTimeout(ctx, r.opt.Patience)
	defer cancel()
	res, err = r.handle(bounded, c)
	if err != nil && errors.Is(bounded.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, bot.Errorf(bot.CodeUnavailable, "`%s` took longer than %s and was stopped before it changed anything. Try again; if it stays so, tell the operator.",
			c.spec.Verb, bot.Span(r.opt.Patience)).Because(err)
	}
	return res, err
}

// recovered turns a command's panic into an error for the person, and leaves the
// stack in the log; deferred.
func (r *Router) recovered(c *call, err *error) {
	if p := recover(); p != nil {
		r.opt.Log.Error("router: panic", "verb", c.spec.Verb, "message", c.m.ID, "panic", p, "stack", string(debug.Stack()))
		*err = bot.Errorf(bot.CodeInternal, "OpsBot made a mistake while working on this; the operator finds it in the log.")
	}
}
