package policy

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"opsbot/bot"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
)

// directory is a chat's list of accounts, by id. Ask it for another one and there is
// none.
type directory struct {
	of     bot.Account // what all accounts have in common
	mu     sync.Mutex
	facts  map[string]bot.Facts
	emails map[string]string // address -> id, as the chat's own search finds it
	down   error
	asked  int
}

var _ bot.Directory = (*directory)(nil)

func (d *directory) Facts(_ context.Context, a bot.Account) (bot.Facts, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	f, ok := d.facts[a.ID]
	switch {
	case d.down != nil:
		return bot.Facts{}, d.down
	case !ok:
		return f, bot.Errorf(bot.CodeNotFound, "There is no account %s.", a.ID)
	}
	return f, nil
}

func (d *directory) ByEmail(_ context.Context, email string) (bot.Account, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id, ok := d.emails[email]
	switch {
	case d.down != nil:
		return bot.Account{}, d.down
	case !ok:
		return bot.Account{}, bot.Errorf(bot.CodeNotFound, "Nobody has the address %s.", email)
	}
	a := d.of
	a.ID = id
	return a, nil
}

// set changes what is said of an account.
func (d *directory) set(id string, change func(f *bot.Facts)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.facts[id]
	change(&f)
	d.facts[id] = f
}

func (d *directory) drop(id string) { delete(d.facts, id) }

type chats map[string]any

func (c chats) Get(name string) any { return c[name] }
func (c chats) Names() []string     { return []string{"slack", "mm", "console"} }

// crowd is a People over a real store and three chats: slack and mm, which know their
// people, and the console, which does not.
type crowd struct {
	*People
	t         *testing.T
	db        *store.Store
	slack, mm *directory
}

func newCrowd(t *testing.T, change ...func(o *PeopleOptions)) *crowd {
	t.Helper()
	c := &crowd{t: t, db: storetest.Open(t)}
	c.slack = &directory{of: slackAccount(""), facts: map[string]bot.Facts{"U1": {Name: "alice", Email: "alice@acme.example"}, "U2": {Name: "bob"}}, emails: map[string]string{}}
	c.mm = &directory{of: mmAccount(""), facts: map[string]bot.Facts{"m1": {Name: "asmith"}, "m2": {Name: "rob"}}, emails: map[string]string{}}
	o := PeopleOptions{
		Work: c.db, Clock: storetest.NewClock(), Log: slog.New(slog.DiscardHandler), Policy: parsed(t, Default, groups()),
		Integrations: chats{"slack": c.slack, "mm": c.mm, "console": struct{}{}},
	}
	for _, f := range change {
		f(&o)
	}
	c.People = NewPeople(o)
	return c
}

// groups are the configuration's.
func groups() map[string][]string {
	return map[string][]string{
		"operators": {"slack:T1/U1", "mm:role/system_admin"},
		"here":      {"slack:U2"},
		"team":      {"slack:group/S06", "mm:channel/C9"},
		"locals":    {"carol"},
	}
}

func slackAccount(id string) bot.Account {
	return bot.Account{Instance: "slack", Workspace: "T1", ID: id}
}
func mmAccount(id string) bot.Account { return bot.Account{Instance: "mm", ID: id} }

// is identifies an account that must be let in.
func (c *crowd) is(a bot.Account) bot.User {
	c.t.Helper()
	u, err := c.Identify(c.t.Context(), a)
	if err != nil {
		c.t.Fatalf("%s: %v", a, err)
	}
	return u
}

// refused wants an account kept out, with a sentence that has a part.
func (c *crowd) refused(a bot.Account, part string) {
	c.t.Helper()
	u, err := c.Identify(c.t.Context(), a)
	if bot.CodeOf(err) != bot.CodeForbidden || !strings.Contains(bot.MessageOf(err), part) {
		c.t.Errorf("%s: %v, want a refusal with %q", a, err, part)
	}
	if u.ID != "" || u.Groups != nil {
		c.t.Errorf("%s is refused and yet %+v", a, u)
	}
}

func (c *crowd) link(from, into bot.User) {
	c.t.Helper()
	c.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Logins.Join(ctx, from.ID, into.ID) })
}

func (c *crowd) write(fn func(ctx context.Context, tx *bot.Tx) error) {
	c.t.Helper()
	if err := c.db.Write(c.t.Context(), fn); err != nil {
		c.t.Fatal(err)
	}
}

// everybody lists the names of the people who are known.
func (c *crowd) everybody() string {
	c.t.Helper()
	var names []string
	err := c.db.Read(c.t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		list, err := tx.Users.List(ctx)
		for _, u := range list {
			names = append(names, u.Name)
		}
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.Join(names, " ")
}
