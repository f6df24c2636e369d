package localci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
)

// memory is a strict store: transactions are serial and roll back, a document is
// only written over the revision it was read at, and everything that localci has
// no business with is nil and panics when touched.
type memory struct {
	mu       sync.Mutex
	docs     map[string]bot.Document
	inbox    []bot.InboxRow
	ops      map[string]*bot.Operation
	fail     error         // every write fails with it
	failed   chan struct{} // hears of each write that failed
	changed  chan struct{} // closed and replaced after each commit
	wakes    map[bot.Queue][]chan struct{}
	readonly bool
}

func newMemory() *memory {
	return &memory{
		docs: map[string]bot.Document{}, ops: map[string]*bot.Operation{},
		changed: make(chan struct{}), failed: make(chan struct{}, 1000), wakes: map[bot.Queue][]chan struct{}{},
	}
}

var (
	_ bot.UnitOfWork = (*memory)(nil)
	_ bot.Waker      = (*memory)(nil)
)

func (m *memory) Write(ctx context.Context, fn func(context.Context, *bot.Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.fail != nil {
		select {
		case m.failed <- struct{}{}:
		default:
		}
		return m.fail
	}
	docs, inbox := maps.Clone(m.docs), slices.Clone(m.inbox)
	woken := map[bot.Queue]bool{}
	if err := fn(bot.WithTransaction(ctx), m.tx(woken)); err != nil {
		m.docs, m.inbox = docs, inbox
		return err
	}
	close(m.changed)
	m.changed = make(chan struct{})
	for q := range woken {
		for _, c := range m.wakes[q] {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}
	return nil
}

func (m *memory) Read(ctx context.Context, fn func(context.Context, *bot.Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	m.readonly = true
	defer func() { m.readonly = false }()
	return fn(bot.WithTransaction(ctx), m.tx(nil))
}

func (m *memory) tx(woken map[bot.Queue]bool) *bot.Tx {
	return &bot.Tx{
		Documents: documents{m}, Inbox: inbox{m: m}, Wakes: wakes(woken),
		Operations: operations{m: m},
	}
}

func (m *memory) Listen(q bot.Queue) (<-chan struct{}, func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := make(chan struct{}, 1)
	m.wakes[q] = append(m.wakes[q], c)
	return c, func() {}
}

type wakes map[bot.Queue]bool

func (w wakes) Wake(_ context.Context, q bot.Queue, _ time.Time) error {
	w[q] = true
	return nil
}

type documents struct{ m *memory }

func id(instance, kind, key string) string { return instance + "\x00" + kind + "\x00" + key }

func (d documents) Get(_ context.Context, instance, kind, key string) (bot.Document, error) {
	doc, ok := d.m.docs[id(instance, kind, key)]
	if !ok {
		return doc, bot.Errorf(bot.CodeNotFound, "no document %s %s", kind, key)
	}
	return doc, nil
}

func (d documents) Put(_ context.Context, doc bot.Document) (int64, error) {
	if d.m.readonly {
		return 0, errors.New("put within Read")
	}
	if !json.Valid(doc.Body) {
		return 0, fmt.Errorf("document %s %s is no JSON", doc.Kind, doc.Key)
	}
	key := id(doc.Instance, doc.Kind, doc.Key)
	if d.m.docs[key].Rev != doc.Rev {
		return 0, bot.Errorf(bot.CodeStale, "document %s %s is at %d, not %d", doc.Kind, doc.Key, d.m.docs[key].Rev, doc.Rev)
	}
	doc.Rev++
	d.m.docs[key] = doc
	return doc.Rev, nil
}

func (d documents) Delete(_ context.Context, instance, kind, key string) error {
	delete(d.m.docs, id(instance, kind, key))
	return nil
}

func (d documents) List(_ context.Context, instance, kind, prefix, after string, limit int) ([]bot.Document, error) {
	var found []bot.Document
	for _, doc := range d.m.docs {
		if doc.Instance == instance && doc.Kind == kind && strings.HasPrefix(doc.Key, prefix) && doc.Key > after {
			found = append(found, doc)
		}
	}
	slices.SortFunc(found, func(a, b bot.Document) int { return strings.Compare(a.Key, b.Key) })
	if limit > 0 && len(found) > limit {
		found = found[:limit]
	}
	return found, nil
}

type inbox struct {
	bot.Inbox
	m *memory
}

func (i inbox) Add(_ context.Context, rows ...bot.InboxRow) (int, error) {
	added := 0
	for _, row := range rows {
		known := slices.ContainsFunc(i.m.inbox, func(r bot.InboxRow) bool { return r.Instance == row.Instance && r.Key == row.Key })
		if known {
			continue
		}
		added++
		i.m.inbox = append(i.m.inbox, row)
	}
	return added, nil
}

type operations struct {
	bot.Operations
	m *memory
}

func (o operations) Get(_ context.Context, id string) (*bot.Operation, error) {
	if op, ok := o.m.ops[id]; ok {
		return op, nil
	}
	return nil, bot.Errorf(bot.CodeNotFound, "no operation %s", id)
}

// events lists what was handed to the relay, as "TYPE REF STATE RESULT".
func (m *memory) events() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for _, row := range m.inbox {
		e := row.Event
		text := string(e.Type)
		if b := e.Build; b != nil && e.Type != bot.EventChatMessage {
			text = strings.TrimSpace(fmt.Sprintf("%s %s#%d %s %s", e.Type, b.Ref.Branch, b.Ref.Number, b.State, b.Result))
		}
		all = append(all, text)
	}
	return all
}

// breakWith makes every write fail with err, or none with nil.
func (m *memory) breakWith(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// await returns once check is true, which it tries after every commit.
func (m *memory) await(t *testing.T, what string, check func() bool) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	for {
		m.mu.Lock()
		changed := m.changed
		m.mu.Unlock()
		if check() {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("waited in vain for %s; events %q", what, m.events())
		}
	}
}

// stubClock is moved by hand; nobody waits on it for real.
type stubClock struct {
	mu    sync.Mutex
	now   time.Time
	waits []stubWait
	asked chan struct{} // hears of a new wait
}

type stubWait struct {
	at time.Time
	c  chan time.Time
}

func newStubClock() *stubClock {
	return &stubClock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), asked: make(chan struct{}, 1)}
}

var _ bot.Clock = (*stubClock)(nil)

func (c *stubClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *stubClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := stubWait{at: c.now.Add(d), c: make(chan time.Time, 1)}
	c.waits = append(c.waits, w)
	select {
	case c.asked <- struct{}{}:
	default:
	}
	return w.c
}

func (c *stubClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.waits = slices.DeleteFunc(c.waits, func(w stubWait) bool {
		due := !w.at.After(c.now)
		if due {
			w.c <- c.now
		}
		return due
	})
}

// blobs keeps contents in memory.
type blobs struct {
	mu   sync.Mutex
	kept map[string]string
}

var _ bot.Blobs = (*blobs)(nil)

func (b *blobs) Put(_ context.Context, r io.Reader) (string, int64, error) {
	body, err := io.ReadAll(r)
	if err != nil {
		return "", 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	digest := fmt.Sprintf("sha256:%064x", len(b.kept)+1)
	for d, have := range b.kept {
		if have == string(body) {
			digest = d
		}
	}
	b.kept[digest] = string(body)
	return digest, int64(len(body)), nil
}

func (b *blobs) Open(_ context.Context, digest string) (io.ReadSeekCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	body, ok := b.kept[digest]
	if !ok {
		return nil, bot.Errorf(bot.CodeNotFound, "no blob %s", digest)
	}
	return nopCloser{strings.NewReader(body)}, nil
}

type nopCloser struct{ *strings.Reader }

func (nopCloser) Close() error { return nil }
