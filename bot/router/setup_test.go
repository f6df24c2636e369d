package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
)

// fake is a command made by a test.
type fake struct {
	spec bot.Spec
	run  func(ctx context.Context, req *bot.Request) (*bot.Outcome, error)
}

func (f *fake) Spec() bot.Spec { return f.spec }
func (f *fake) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	return f.run(ctx, req)
}

// planned is a fake that shows a plan first.
type planned struct {
	fake
	plan func(req *bot.Request) (*bot.Plan, error)
}

var _ bot.Planner = (*planned)(nil)

func (p *planned) Plan(_ context.Context, req *bot.Request) (*bot.Plan, error) { return p.plan(req) }

// judge is a policy made by a test: what refuse doesn't name is allowed.
type judge struct {
	mu     sync.Mutex
	refuse func(a bot.Access) string // id of the policy that forbids, "" = allowed
	err    error
	asked  []bot.Access
}

func (j *judge) Authorize(_ context.Context, a bot.Access) (bot.Decision, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked = append(j.asked, a)
	if j.err != nil {
		return bot.Decision{}, j.err
	}
	if j.refuse != nil {
		if id := j.refuse(a); id != "" {
			return bot.Decision{Policies: []string{id}, Reason: "Forbidden by the policy " + id + "."}, nil
		}
	}
	return bot.Decision{Allowed: true, Policies: []string{"all-" + a.Verb}}, nil
}

// people are the accounts of the store, each in a group of its own.
type people struct {
	work   bot.UnitOfWork
	clock  bot.Clock
	refuse map[string]error // by account id, and by user id
	mark   func(u *bot.User)
}

func (p *people) Identify(ctx context.Context, a bot.Account) (user bot.User, err error) {
	if err := p.refuse[a.ID]; err != nil {
		return user, err
	}
	err = p.work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		user, err = tx.Users.Known(ctx, a)
		return err
	})
	if bot.CodeOf(err) == bot.CodeNotFound {
		err = p.work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
			user, err = tx.Users.ByAccount(ctx, a, p.clock.Now())
			return err
		})
	}
	user.Account = a
	user.Groups = []string{"group-of-" + user.Name}
	if p.mark != nil {
		p.mark(&user)
	}
	return user, err
}

func (p *people) Complete(_ context.Context, u bot.User) (bot.User, error) { return u, p.refuse[u.ID] }

// dying is a unit of work that can be cut off from the store, or told to fail.
type dying struct {
	bot.UnitOfWork
	mu   sync.Mutex
	dead bool
	fail []error // of the next writes; nil lets one through
}

var errDead = errors.New("the process is dead")

func (d *dying) Write(ctx context.Context, fn func(context.Context, *bot.Tx) error) error {
	d.mu.Lock()
	var err error
	if len(d.fail) > 0 {
		err, d.fail = d.fail[0], d.fail[1:]
	}
	if d.dead {
		err = errDead
	}
	d.mu.Unlock()
	if err != nil {
		return err
	}
	return d.UnitOfWork.Write(ctx, fn)
}

func (d *dying) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
}

func (d *dying) failNext(errs ...error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = errs
}

// rig is a router over a real store.
type rig struct {
	t      *testing.T
	db     *store.Store
	dir    string // its data folder
	work   *dying
	clock  *storetest.Clock
	judge  *judge
	router *Router
	opt    Options
	n      int
	ran    []string // verbs that ran, with what they were given
	world  string   // what plans depend on
}

func room() bot.RoomRef { return bot.RoomRef{Instance: "console", ID: "general"} }

func person(name string) bot.Account {
	return bot.Account{Instance: "console", ID: "id-" + name, Name: name}
}

// newRig gives a router with these commands: echo, ship (asks first), confirm,
// cancel, boom, and more.
func newRig(t *testing.T, more ...bot.Command) *rig {
	t.Helper()
	r := &rig{t: t, clock: storetest.NewClock(), judge: &judge{}, world: "v1"}
	r.db = storetest.Open(t, func(o *store.Options) { r.dir = o.DataDir })
	r.work = &dying{UnitOfWork: r.db}
	r.opt = Options{
		Clock: r.clock, Work: r.work, Waker: r.db, Authorizer: r.judge, Log: slog.New(slog.DiscardHandler), Owner: "node:1",
		Commands: append(r.commands(), more...), Prefixes: []string{"!"},
		People: &people{work: r.work, clock: r.clock, refuse: map[string]error{}},
	}
	r.reopen()
	return r
}

// people are those that the router asks.
func (r *rig) people() *people { return r.opt.People.(*people) }

// reopen makes the router anew, as a restart does.
func (r *rig) reopen() {
	r.t.Helper()
	made, err := New(r.opt)
	if err != nil {
		r.t.Fatal(err)
	}
	r.router = made
}

func (r *rig) commands() []bot.Command {
	name := bot.Param{Name: "name", Type: bot.ParamProject, Example: "hello"}
	env := bot.Param{Name: "env", Type: bot.ParamEnvironment, Keyword: "to", Example: "production"}
	id := bot.Param{Name: "id", Type: bot.ParamWord, Example: "k3f9aa"}
	note := func(req *bot.Request) { r.ran = append(r.ran, req.Spec.Format(req.Args)) }
	ship := &planned{fake: fake{
		spec: bot.Spec{
			Verb: "ship", Aliases: []string{"send"}, Confirm: true, Params: []bot.Param{name, env},
			Flags: []bot.Flag{{Name: "yes"}, {Name: "typed"}, {Name: "approved", Value: "N"}},
		},
		run: func(_ context.Context, req *bot.Request) (*bot.Outcome, error) {
			return &bot.Outcome{Reply: &bot.Post{Text: []bot.Text{"shipped"}}, Commit: func(context.Context, *bot.Tx) error {
				note(req)
				return nil
			}}, nil
		},
	}, plan: r.plan}
	return []bot.Command{
		&fake{
			bot.Spec{Verb: "echo", Params: []bot.Param{{Name: "text", Type: bot.ParamText, Example: "hello"}}},
			func(_ context.Context, req *bot.Request) (*bot.Outcome, error) {
				note(req)
				return &bot.Outcome{Reply: &bot.Post{Text: []bot.Text{bot.Escape(req.Value("text"))}}}, nil
			},
		},
		&fake{bot.Spec{Verb: "look", Params: []bot.Param{name}}, func(_ context.Context, req *bot.Request) (*bot.Outcome, error) {
			note(req)
			return &bot.Outcome{Reply: &bot.Post{Text: []bot.Text{bot.Text(req.Project.Slug)}}}, nil
		}},
		ship,
		&fake{
			bot.Spec{Verb: "confirm", Aliases: []string{"yes"}, Params: []bot.Param{id, {Name: "typed", Type: bot.ParamText, Optional: true}}},
			func(_ context.Context, req *bot.Request) (*bot.Outcome, error) {
				return &bot.Outcome{Confirm: req.Value("id"), Typed: req.Value("typed")}, nil
			},
		},
		&fake{bot.Spec{Verb: "cancel", Params: []bot.Param{id}}, func(_ context.Context, req *bot.Request) (*bot.Outcome, error) {
			return &bot.Outcome{Cancel: req.Value("id")}, nil
		}},
		&fake{bot.Spec{Verb: "help"}, func(context.Context, *bot.Request) (*bot.Outcome, error) {
			return &bot.Outcome{Reply: &bot.Post{Text: []bot.Text{"the help"}}}, nil
		}},
	}
}

func (r *rig) plan(req *bot.Request) (*bot.Plan, error) {
	p := &bot.Plan{Title: bot.Text("Plan: " + r.world), Environment: req.Value("env"), Content: []byte(`"` + r.world + `"`)}
	if req.Flag("typed") {
		p.Typed = req.Project.Slug
	}
	if _, err := fmt.Sscan(req.Args.Flags["approved"]+" 0", &p.Approvals); err != nil {
		return nil, err
	}
	return p, nil
}

// message is the next message of a person, at the top level of the room.
func (r *rig) message(from, text string, with ...func(*bot.Message)) bot.Message {
	r.n++
	m := bot.Message{ID: fmt.Sprintf("m%d", r.n), Room: room(), Author: person(from), Text: text, SentAt: r.clock.Now()}
	for _, w := range with {
		w(&m)
	}
	return m
}

func inThread(id string) func(*bot.Message) { return func(m *bot.Message) { m.Thread = id } }
func press(action string) func(*bot.Message) {
	return func(m *bot.Message) { m.Action = action }
}

// said is what came of a message.
type said struct {
	m     bot.Message
	post  *bot.Post // nil: no answer under its own key
	audit []bot.AuditRow
}

func (s said) text() string {
	if s.post == nil {
		return ""
	}
	lines := []string{bot.Unescape(s.post.Title)}
	for _, l := range s.post.Text {
		lines = append(lines, bot.Unescape(l))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// say has the router run one message and returns its answer and audit rows.
func (r *rig) say(from, text string, with ...func(*bot.Message)) said {
	r.t.Helper()
	m := r.message(from, text, with...)
	r.receive(m)
	r.step()
	return r.answer(m)
}

func (r *rig) receive(m bot.Message) string {
	r.t.Helper()
	root, err := r.router.Receive(r.t.Context(), m)
	if err != nil {
		r.t.Fatal(err)
	}
	return root
}

// drain steps until nothing is left to run.
func (r *rig) drain() {
	for len(r.step()) > 0 {
		continue
	}
}

// step claims what is due and runs it, in order.
func (r *rig) step() (ids []string) {
	r.t.Helper()
	var got []bot.Message
	r.write(func(ctx context.Context, tx *bot.Tx) (err error) {
		got, err = tx.Messages.Claim(ctx, r.opt.Owner, r.clock.Now(), time.Minute, 8)
		return err
	})
	for _, m := range got {
		ids = append(ids, m.ID)
		r.router.process(r.t.Context(), m)
	}
	return ids
}

// answer reads what the store holds about a message.
func (r *rig) answer(m bot.Message) said {
	r.t.Helper()
	out := said{m: m}
	r.read(func(ctx context.Context, tx *bot.Tx) error {
		rows, err := tx.Audit.Find(ctx, bot.AuditFilter{Limit: 1000})
		if err != nil {
			return err
		}
		out.audit = slices.DeleteFunc(rows, func(a bot.AuditRow) bool { return a.Cause.Cause != m.ID })
		keys := []string{(&call{m: m}).key()}
		for _, a := range out.audit {
			if id, ok := strings.CutPrefix(a.Outcome, "planned "); ok {
				keys = append(keys, "plan:"+id)
			}
		}
		for _, key := range keys {
			row, err := tx.Posts.Get(ctx, m.Room, key)
			if err == nil {
				out.post = row.Content
			} else if bot.CodeOf(err) != bot.CodeNotFound {
				return err
			}
		}
		return nil
	})
	return out
}

func (r *rig) read(fn func(ctx context.Context, tx *bot.Tx) error) {
	r.t.Helper()
	if err := r.db.Read(r.t.Context(), fn); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) write(fn func(ctx context.Context, tx *bot.Tx) error) {
	r.t.Helper()
	if err := r.db.Write(r.t.Context(), fn); err != nil {
		r.t.Fatal(err)
	}
}

// project stores an active project.
func (r *rig) project(slug string) bot.Project {
	r.t.Helper()
	p := bot.Project{
		ID: bot.NewID(r.clock.Now()), Slug: slug, Owner: "acme", Team: "team-" + slug, State: bot.ProjectActive,
		DefaultBranch: "main", Room: room(), CreatedAt: r.clock.Now(),
	}
	r.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Projects.Put(ctx, p) })
	return p
}

// openPlan returns the newest open plan.
func (r *rig) openPlan() *bot.Plan {
	r.t.Helper()
	var plan *bot.Plan
	r.read(func(ctx context.Context, tx *bot.Tx) error {
		open, err := tx.Plans.Open(ctx, "")
		if err == nil && len(open) == 0 {
			return errors.New("no plan is open")
		}
		if err == nil {
			plan = open[0]
		}
		return err
	})
	return plan
}

// expect compares an answer: a part of its text and its audit row as "decision
// outcome".
func (r *rig) expect(got said, text, audit string) {
	r.t.Helper()
	if !strings.Contains(got.text(), text) || text == "" && got.post != nil {
		r.t.Errorf("%q is answered %q, want %q", got.m.Text, got.text(), text)
	}
	var rows []string
	for _, a := range got.audit {
		rows = append(rows, a.Verb+" "+a.Decision+" "+a.Outcome)
	}
	if all := strings.Join(rows, "; "); all != audit && (!strings.HasSuffix(audit, "*") || !strings.HasPrefix(all, strings.TrimSuffix(audit, "*"))) {
		r.t.Errorf("%q is audited as %q, want %q", got.m.Text, all, audit)
	}
}
