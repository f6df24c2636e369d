package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"opsbot/bot"
	"opsbot/bot/policy"
	"opsbot/bot/relay"
	"opsbot/bot/router"
	"opsbot/commands"
	"opsbot/test/conformance/chattest"
)

// chatRig is a router and a pump with all commands, on a chat in memory that
// says when it is called.
type chatRig struct {
	*host
	services *bot.Services
	all      []bot.Command
	router   *router.Router
	sent     chan chattest.Call
	said     int
}

// openChat makes the rig. prepare may complete the services, and gives what else
// is to run and which cards there are.
func openChat(ctx context.Context, s settings, name string, prepare func(r *chatRig) ([]bot.Service, []bot.Card, error)) (*chatRig, error) {
	h, err := openHost(ctx, s, name)
	if err != nil {
		return nil, err
	}
	r := &chatRig{host: h, sent: make(chan chattest.Call, 1000)}
	chat := &chattest.Fake{After: func(_ context.Context, c chattest.Call) error { r.sent <- c; return nil }}
	r.services = &bot.Services{
		Clock: bot.SystemClock{}, Work: h, Blobs: h.Blobs(), Integrations: registry{"chat": chat},
		Defaults: bot.Defaults{BotName: "opsbot", Owner: "foo-org", Owners: []string{"foo-org"}},
	}
	if err := r.start(ctx, prepare); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return r, nil
}

func (r *chatRig) start(ctx context.Context, prepare func(r *chatRig) ([]bot.Service, []bot.Card, error)) error {
	r.all = commands.All(r.services)
	specs := make([]bot.Spec, len(r.all))
	for i, c := range r.all {
		specs[i] = c.Spec()
	}
	r.services.Catalogue = func() []bot.Spec { return specs }
	p, err := policy.Load("", specs, nil)
	if err != nil {
		return err
	}
	r.services.Authorizer = p
	services, cards, err := prepare(r)
	if err != nil {
		return err
	}
	people := policy.NewPeople(policy.PeopleOptions{Work: r, Clock: bot.SystemClock{}, Log: r.log, Integrations: r.services.Integrations, Policy: p})
	pump := relay.NewPump(relay.PumpOptions{Work: r, Waker: r, Clock: bot.SystemClock{}, Log: r.log, Integrations: r.services.Integrations, Owner: "bench:1", Cards: cards})
	r.router, err = router.New(router.Options{
		Clock: bot.SystemClock{}, Work: r, Waker: r, Authorizer: p, Log: r.log, Owner: "bench:1",
		Commands: r.all, BotName: "opsbot", People: people, Outlet: pump,
	})
	if err != nil {
		return err
	}
	r.run(ctx, append(services, r.router, pump)...)
	return nil
}

// say says a line in the room, as the same developer each time.
func (r *chatRig) say(ctx context.Context, text string) error {
	r.said++
	_, err := r.router.Receive(ctx, bot.Message{
		ID: fmt.Sprint("said-", r.said), Room: bot.RoomRef{Instance: "chat", ID: "dev"}, SentAt: time.Now(),
		Author: bot.Account{Instance: "chat", ID: "u1", Name: "alice"}, Text: "@opsbot " + text,
	})
	return err
}

// next waits for the chat to be called.
func (r *chatRig) next(ctx context.Context) (chattest.Call, error) {
	select {
	case c := <-r.sent:
		return c, nil
	case <-ctx.Done():
		return chattest.Call{}, ctx.Err()
	case <-time.After(time.Minute):
		return chattest.Call{}, errors.New("the chat was not called within a minute")
	}
}

// reply measures from a message's arrival to its answer's being sent: it is
// stored, run, answered, and the answer claimed by the pump, each on disk.
func reply(ctx context.Context, s settings) (rows []row, err error) {
	r, err := openChat(ctx, s, "reply", func(*chatRig) ([]bot.Service, []bot.Card, error) { return nil, nil, nil })
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	db, err := openSingle(ctx, filepath.Join(s.dir, "single.db"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	ours := func(ctx context.Context) error {
		if err := r.say(ctx, "projects"); err != nil {
			return err
		}
		c, err := r.next(ctx)
		if err == nil && c.Method != "Send" {
			err = fmt.Errorf("the first call was %s", c.Method)
		}
		return err
	}
	single := func(ctx context.Context) error {
		_, err := db.ExecContext(ctx, "INSERT INTO t (a, b) VALUES (?, ?)", time.Now().UnixMicro(), "one row")
		return err
	}
	n := s.scaled(100)
	a, b, err := alternate(ctx, s.runs, medianOf(n, ours), medianOf(n, single))
	if err != nil {
		return nil, err
	}
	ratio := a.median() / b.median()
	return []row{{
		what: "chat message to first reply, in process, beside one committed single-row transaction",
		ours: a.text(duration), base: b.text(duration), ratio: fmt.Sprintf("%.1f ×", ratio), bar: "≤ 4 ×", missed: ratio > 4,
	}}, nil
}

// medianOf does something n times, with a pause between: a person does not send the
// next message while the last answer is being filed.
func medianOf(n int, do func(ctx context.Context) error) func(ctx context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		var took sample
		for range n {
			began := time.Now()
			if err := do(ctx); err != nil {
				return 0, err
			}
			took = append(took, time.Since(began).Seconds())
			select {
			case <-ctx.Done():
				return 0, ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
		return took.median(), nil
	}
}

// openSingle opens the baseline's database with the store's own guarantees.
func openSingle(ctx context.Context, path string) (*sql.DB, error) {
	q := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+path+"?"+q.Encode()) // bot/store brings the driver
	if err != nil {
		return nil, fmt.Errorf("open the baseline's database: %w", err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT)"); err != nil {
		return nil, errors.Join(fmt.Errorf("make the baseline's table: %w", err), db.Close())
	}
	return db, nil
}
