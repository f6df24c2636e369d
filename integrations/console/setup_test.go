package console

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
)

// stubClock is moved by hand. Every look at it takes a microsecond, so that what
// was said later has a later time.
type stubClock struct {
	mu      sync.Mutex
	now     time.Time
	waiting []waiter
	// onWait, if set, is told of every wait.
	onWait func(d time.Duration)
}

type waiter struct {
	at time.Time
	ch chan time.Time
}

func (c *stubClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Microsecond)
	return c.now
}

func (c *stubClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	ch := make(chan time.Time, 1)
	c.waiting = append(c.waiting, waiter{c.now.Add(d), ch})
	tell := c.onWait
	c.mu.Unlock()
	if tell != nil {
		tell(d)
	}
	return ch
}

// advance moves the time and ends the waits that are over.
func (c *stubClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	left := c.waiting[:0]
	for _, w := range c.waiting {
		if w.at.After(c.now) {
			left = append(left, w)
			continue
		}
		w.ch <- c.now
	}
	c.waiting = left
}

// inbox takes messages as the router does: once each.
type inbox struct {
	work bot.UnitOfWork
	mu   sync.Mutex
	got  []bot.Message
	then func(m bot.Message) // what follows from a message
	keep bool                // leaves it open, as one that was not run yet
}

func (*inbox) Wants(context.Context, bot.Message) (bool, error) { return true, nil }

func (i *inbox) Receive(ctx context.Context, m bot.Message, with ...func(ctx context.Context, tx *bot.Tx) error) (root string, err error) {
	var added bool
	err = i.work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		root, added, err = tx.Messages.Add(ctx, m, m.SentAt)
		if err != nil || !added {
			return err
		}
		for _, fn := range with {
			if err := fn(ctx, tx); err != nil {
				return err
			}
		}
		if i.keep {
			return nil
		}
		return tx.Messages.Done(ctx, m.Room, m.ID)
	})
	if err != nil || !added {
		return root, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.got = append(i.got, m)
	if i.then != nil {
		i.then(m)
	}
	return root, nil
}

func (i *inbox) messages() []bot.Message {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]bot.Message(nil), i.got...)
}

// people lets everybody in but whom a test refuses, by account id.
type people struct {
	mu     sync.Mutex
	refuse map[string]error
	asked  []bot.Account
}

func (p *people) Identify(_ context.Context, a bot.Account) (bot.User, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, a)
	return bot.User{}, p.refuse[a.ID]
}

func (p *people) Complete(_ context.Context, u bot.User) (bot.User, error) { return u, nil }

func (p *people) refused(id string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse[id] = err
}

// section is a configuration section that is empty but for its rooms.
type section []string

func (s section) Decode(into any) error {
	into.(*Config).Rooms = s
	return nil
}

// rig is a console over a real store, answering over HTTP.
type rig struct {
	t      *testing.T
	clock  *stubClock
	store  *store.Store
	inbox  *inbox
	people *people
	c      *Console
	url    string
	host   string
}

func setup(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, clock: &stubClock{now: time.Date(2026, 3, 4, 13, 52, 0, 0, time.UTC)}}
	r.store = storetest.Open(t, func(o *store.Options) { o.Clock = r.clock })
	r.inbox, r.people = &inbox{work: r.store}, &people{refuse: map[string]error{}}
	srv := httptest.NewUnstartedServer(nil)
	r.host = srv.Listener.Addr().String()
	r.url = "http://" + r.host
	r.c = r.console()
	if err := r.c.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = r.c.Guard(r.c.Handler())
	srv.Start()
	t.Cleanup(srv.Close)
	return r
}

// console makes one over the rig's store, as a restart does.
func (r *rig) console() *Console {
	r.t.Helper()
	c, err := New(bot.IntegrationEnv{
		Name: "console", Config: section{"general", "deployments"}, Clock: r.clock, Log: slog.New(slog.DiscardHandler),
		Work: r.store, Waker: r.store, Blobs: r.store.Blobs(), Inbound: r.inbox, Desk: desk{}, People: r.people, ConsoleURL: r.url, PublicURL: "http://public.example.com",
		Environments: []bot.Environment{{Name: "staging"}, {Name: "production"}},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// link makes a one-time login for an account and gives its secret.
func (r *rig) link(account string, life time.Duration) string {
	r.t.Helper()
	secret := bot.NewToken()
	now := r.clock.Now()
	r.session(account, bot.Session{Hash: hash(secret), Kind: "login", Name: account, CreatedAt: now, ExpiresAt: now.Add(life)})
	return secret
}

// session stores a session of an account's user.
func (r *rig) session(account string, s bot.Session) {
	r.t.Helper()
	err := r.store.Write(r.t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		user, err := tx.Users.ByAccount(ctx, bot.Account{Instance: "console", ID: account, Name: account}, r.clock.Now())
		if err != nil {
			return err
		}
		s.UserID = user.ID
		return tx.Sessions.Put(ctx, s)
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// login logs an account in and gives its cookie.
func (r *rig) login(account string) string {
	r.t.Helper()
	a := r.do(call{method: "POST", path: "/login", form: url.Values{"token": {r.link(account, time.Minute)}}})
	if a.cookie == "" {
		r.t.Fatalf("login gave no cookie: %d %s", a.status, a.body)
	}
	return a.cookie
}

// call is a request to the console; a POST comes from its own page unless site
// says otherwise.
type call struct {
	method, path, host, cookie string
	site                       string // Sec-Fetch-Site; "none" leaves it out
	header                     map[string]string
	form                       url.Values
	body                       string
}

type answer struct {
	status int
	header http.Header
	body   string
	cookie string
}

func (r *rig) do(c call) answer {
	r.t.Helper()
	body := c.body
	if c.form != nil {
		body = c.form.Encode()
	}
	if c.method == "" {
		c.method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(r.t.Context(), c.method, r.url+c.path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if c.form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if c.host != "" {
		req.Host = c.host
	}
	if c.cookie != "" {
		req.AddCookie(&http.Cookie{Name: CookieName, Value: c.cookie})
	}
	if c.site == "" && c.method == http.MethodPost {
		c.site = "same-origin"
	}
	if c.site != "" && c.site != "none" {
		req.Header.Set("Sec-Fetch-Site", c.site)
	}
	for k, v := range c.header {
		req.Header.Set(k, v)
	}
	client := &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(text)}
	for _, k := range resp.Cookies() {
		if k.Name == CookieName {
			a.cookie = k.Value
		}
	}
	return a
}

// post sends a post to general and fails the test if it can't.
func (r *rig) post(p bot.Post) string {
	r.t.Helper()
	p.Room = r.c.Room("general")
	id, err := r.c.Send(r.t.Context(), p)
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

// entries is what the room general holds.
func (r *rig) entries() (list []bot.RoomEntry) {
	r.t.Helper()
	err := r.store.Read(r.t.Context(), func(ctx context.Context, tx *bot.Tx) (err error) {
		list, err = tx.Rooms.Entries(ctx, r.c.Room("general"), 0, 1000)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}
