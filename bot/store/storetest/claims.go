package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"opsbot/bot"
)

func claimProperties() []rule {
	return []rule{
		{"claims/nothing twice within a lease, nothing lost", claimsModel},
		{"claims/several workers at once share, never double", claimsConcurrent},
	}
}

// claimed is what the model knows of one delivery.
type claimed struct {
	until, notBefore time.Time
	attempts         int
	done             bool
}

func (c *claimed) free(now time.Time) bool {
	return !c.done && !c.until.After(now) && !c.notBefore.After(now)
}

// claimsModel runs random additions, claims, ends, postponements and passing time
// against a model of the inbox.
func claimsModel(t *testing.T, e *env) {
	prefix := 0
	rapid.Check(t, func(rt *rapid.T) {
		prefix++
		m := &inboxModel{env: e, rt: rt, prefix: fmt.Sprintf("%04d", prefix), rows: map[string]*claimed{}}
		rt.Repeat(map[string]func(*rapid.T){
			"add": m.add, "claim": m.claim, "done": m.done, "postpone": m.postpone,
			"wait": func(rt *rapid.T) {
				e.clock.Advance(time.Duration(rapid.IntRange(1, 40).Draw(rt, "seconds")) * time.Second)
			},
		})
		m.drain()
	})
}

type inboxModel struct {
	*env
	rt     *rapid.T
	prefix string
	order  []string
	rows   map[string]*claimed
}

func (m *inboxModel) must(err error) {
	if err != nil {
		m.rt.Fatalf("%v", err)
	}
}

func (m *inboxModel) add(rt *rapid.T) {
	n := rapid.IntRange(1, 12).Draw(rt, "number")
	id := fmt.Sprintf("%s-%d", m.prefix, n)
	var added int
	m.must(m.Write(m.t.Context(), func(ctx context.Context, tx *bot.Tx) (err error) {
		added, err = tx.Inbox.Add(ctx, bot.InboxRow{ID: id, Instance: "g", Key: id})
		return err
	}))
	if _, known := m.rows[id]; known != (added == 0) {
		rt.Fatalf("%s: added %d, known %v", id, added, known)
	} else if !known {
		m.rows[id] = &claimed{}
		m.order = append(m.order, id)
	}
}

func (m *inboxModel) claim(rt *rapid.T) { m.take(rt, rapid.IntRange(1, 5).Draw(rt, "limit")) }

// take claims and compares with what the model would give.
func (m *inboxModel) take(rt *rapid.T, limit int) []string {
	var want []string
	for _, id := range m.order {
		if c := m.rows[id]; c.free(m.now()) && len(want) < limit {
			want = append(want, id)
			c.until, c.attempts = m.now().Add(lease), c.attempts+1
		}
	}
	var rows []bot.InboxRow
	m.must(m.Write(m.t.Context(), func(ctx context.Context, tx *bot.Tx) (err error) {
		rows, err = tx.Inbox.Claim(ctx, "w", m.now(), lease, limit)
		return err
	}))
	var got []string
	for _, r := range rows {
		got = append(got, r.ID)
		if c := m.rows[r.ID]; c != nil && c.attempts != r.Attempts {
			rt.Fatalf("%s: %d attempts, want %d", r.ID, r.Attempts, c.attempts)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		rt.Fatalf("claimed %v, want %v", got, want)
	}
	return got
}

func (m *inboxModel) some(rt *rapid.T) (string, *claimed) {
	if len(m.order) == 0 {
		rt.Skip("nothing there yet")
	}
	id := rapid.SampledFrom(m.order).Draw(rt, "row")
	return id, m.rows[id]
}

func (m *inboxModel) done(rt *rapid.T) {
	id, c := m.some(rt)
	err := m.Write(m.t.Context(), doneInbox(id, "done"))
	if (bot.CodeOf(err) == bot.CodeStale) != c.done || err != nil && !c.done {
		rt.Fatalf("done %s (done before: %v): %v", id, c.done, err)
	}
	c.done = true
}

func (m *inboxModel) postpone(rt *rapid.T) {
	id, c := m.some(rt)
	if c.done {
		rt.Skip("has ended")
	}
	c.notBefore, c.until = m.now().Add(time.Duration(rapid.IntRange(0, 90).Draw(rt, "seconds"))*time.Second), time.Time{}
	m.must(m.Write(m.t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		return tx.Inbox.Postpone(ctx, id, c.notBefore, "")
	}))
}

// drain ends everything: whatever happened, no row may be lost.
func (m *inboxModel) drain() {
	m.clock.Advance(time.Hour)
	for _, id := range m.take(m.rt, 1000) {
		m.must(m.Write(m.t.Context(), doneInbox(id, "done")))
		m.rows[id].done = true
	}
	for id, c := range m.rows {
		if !c.done {
			m.rt.Fatalf("%s was lost", id)
		}
	}
}

// claimsConcurrent lets several workers empty all three queues at once.
func claimsConcurrent(t *testing.T, e *env) {
	const rows, workers = 24, 4
	e.write(func(ctx context.Context, tx *bot.Tx) error {
		for i := range rows {
			key := fmt.Sprint(i)
			if _, err := tx.Inbox.Add(ctx, bot.InboxRow{ID: key, Instance: "g", Key: key}); err != nil {
				return err
			}
			if _, _, err := tx.Messages.Add(ctx, bot.Message{ID: key, Room: room("r"), Thread: fmt.Sprint(i % 5)}, e.now()); err != nil {
				return err
			}
			if err := tx.Posts.Put(ctx, post(fmt.Sprint(i%3), key, "x")); err != nil {
				return err
			}
		}
		return nil
	})
	tally := &tally{seen: map[string]int{}, last: map[string]int64{}}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for more := true; more && !t.Failed(); {
				more = work(t, e, fmt.Sprint("w", w), tally)
			}
		})
	}
	wg.Wait()
	if len(tally.seen) != 3*rows {
		t.Errorf("%d of %d were worked on", len(tally.seen), 3*rows)
	}
	for key, n := range tally.seen {
		if n != 1 {
			t.Errorf("%s was claimed %d times", key, n)
		}
	}
}

type tally struct {
	mu   sync.Mutex
	seen map[string]int
	last map[string]int64 // by room
}

func (y *tally) count(key string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.seen[key]++
}

// inOrder notes the sending of a post.
func (y *tally) inOrder(t *testing.T, p bot.PostRow) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.last[p.Room.ID] >= p.Seq {
		t.Errorf("room %s: %d sent after %d", p.Room.ID, p.Seq, y.last[p.Room.ID])
	}
	y.last[p.Room.ID] = p.Seq
}

// work claims a little of everything and finishes it; false when nothing is left.
func work(t *testing.T, e *env, owner string, y *tally) (more bool) {
	var rows []bot.InboxRow
	var list []bot.Message
	var due []bot.PostRow
	var open int
	err := e.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) (err error) {
		if rows, err = tx.Inbox.Claim(ctx, owner, e.now(), lease, 3); err != nil {
			return err
		}
		if list, err = tx.Messages.Claim(ctx, owner, e.now(), lease, 3); err != nil {
			return err
		}
		if due, err = tx.Posts.Claim(ctx, bot.PostClaim{Owner: owner, Now: e.now(), Lease: lease, Limit: 3}); err != nil {
			return err
		}
		open, err = tx.Causes.Open(ctx, "root")
		return err
	})
	if err != nil {
		t.Error(err)
		return false
	}
	for _, p := range due {
		y.inOrder(t, p)
	}
	err = e.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error { return finish(ctx, tx, rows, list, due) })
	if err != nil {
		t.Error(err)
		return false
	}
	for _, r := range rows {
		y.count("inbox " + r.ID)
	}
	for _, m := range list {
		y.count("message " + m.ID)
	}
	for _, p := range due {
		y.count("post " + p.Key)
	}
	return open > 0 || len(rows)+len(list)+len(due) > 0
}

func finish(ctx context.Context, tx *bot.Tx, rows []bot.InboxRow, list []bot.Message, due []bot.PostRow) error {
	for _, r := range rows {
		if err := tx.Inbox.Done(ctx, r.ID, "done", ""); err != nil {
			return err
		}
	}
	for _, m := range list {
		if err := tx.Messages.Done(ctx, m.Room, m.ID); err != nil {
			return err
		}
	}
	for _, p := range due {
		p.Delivered = p.Wanted
		if err := tx.Posts.Delivered(ctx, p); err != nil {
			return err
		}
	}
	return nil
}
