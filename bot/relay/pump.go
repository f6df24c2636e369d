package relay

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"opsbot/bot"
)

// Bounds of the pump. A call must end within the lease, so that no other replica
// sends the same post beside us; posts of a process that was killed wait for the
// lease's end.
const (
	postLease   = 30 * time.Second
	postBatch   = 100
	callTimeout = 15 * time.Second
)

// PumpOptions configure a Pump. All fields without a remark are required.
type PumpOptions struct {
	Work         bot.UnitOfWork
	Waker        bot.Waker
	Clock        bot.Clock
	Log          *slog.Logger
	Integrations bot.Integrations
	Owner        string // of the leases: this process
	// Cards render posts that have no fixed content, by their kind.
	Cards []bot.Card
	// FileURL gives the address of a file for chats that take no files; nil or ""
	// leaves the file out.
	FileURL func(f bot.File) string
}

// Pump is the way out: it shows every wanted post in its room, in order, no
// faster than the room's chat allows. What waits merges: only the newest content
// is sent. Rooms do not wait for each other. Any number of replicas may run one.
type Pump struct {
	o     PumpOptions
	cards map[string]bot.Card

	mu    sync.Mutex
	rooms map[bot.RoomRef]*lane
	begin func(work func(ctx context.Context)) // starts a worker; nil while Run does not run
	again chan struct{}                        // a room became free: look again
	work  sync.WaitGroup
}

var (
	_ bot.Service = (*Pump)(nil)
	_ bot.Outlet  = (*Pump)(nil)
)

// NewPump makes the service.
func NewPump(o PumpOptions) *Pump {
	p := &Pump{o: o, cards: map[string]bot.Card{}, rooms: map[bot.RoomRef]*lane{}, again: make(chan struct{}, 1)}
	for _, c := range o.Cards {
		p.cards[c.Kind()] = c
	}
	return p
}

// Run delivers posts until ctx ends; calls that are under way are finished first.
func (p *Pump) Run(ctx context.Context) error {
	woken, stop := p.o.Waker.Listen(bot.QueuePosts)
	defer stop()
	defer p.open(ctx)()
	for {
		if err := p.dispatch(ctx); err != nil && ctx.Err() == nil {
			p.o.Log.Error("relay: claim posts", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-woken:
		case <-p.again:
		case <-p.o.Clock.After(p.rest()):
		}
	}
}

// open lets workers start until the returned func is called, which waits for those
// that did.
func (p *Pump) open(ctx context.Context) (shut func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begin = func(work func(ctx context.Context)) { p.work.Go(func() { work(ctx) }) }
	return func() {
		p.mu.Lock()
		p.begin = nil
		p.mu.Unlock()
		p.work.Wait()
	}
}

// Take implements bot.Outlet. While Run does not run nothing is taken.
func (p *Pump) Take(ctx context.Context, tx *bot.Tx) (func(ctx context.Context), error) {
	p.mu.Lock()
	running := p.begin != nil
	p.mu.Unlock()
	if !running {
		return func(context.Context) {}, nil
	}
	now := p.o.Clock.Now()
	rows, err := p.claim(ctx, tx, now)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) { p.send(ctx, rows, now) }, nil
}

// send hands claimed posts to their rooms' workers.
func (p *Pump) send(ctx context.Context, rows []bot.PostRow, claimed time.Time) {
	for _, batch := range byRoom(rows) {
		if p.enqueue(batch, claimed) {
			continue
		}
		for _, row := range batch { // Run has ended meanwhile
			p.release(ctx, row, time.Time{})
		}
	}
}

// rest is how long to wait when nobody wakes us: until the next pause ends.
func (p *Pump) rest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, wait := p.o.Clock.Now(), poll
	for _, l := range p.rooms {
		if l.paused.After(now) {
			wait = min(wait, l.paused.Sub(now))
		}
	}
	return wait
}

// dispatch claims until nothing is left and hands every room's posts to a worker
// of its own.
func (p *Pump) dispatch(ctx context.Context) error {
	for ctx.Err() == nil {
		var rows []bot.PostRow
		now := p.o.Clock.Now()
		err := p.o.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
			rows, err = p.claim(ctx, tx, now)
			return err
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		p.send(ctx, rows, now)
	}
	return nil
}

// In the store every leased post is shownUnsure: whoever finds it so after a
// crash knows that a call may have reached the chat, but not with what content.
// After a call that failed it is followed by the hash of what was tried, if that
// is all that the chat can show.
const shownUnsure = "unsure"

// claim leases posts and journals the intent to show them, in one commit. The
// rows returned say what the chat showed before.
func (p *Pump) claim(ctx context.Context, tx *bot.Tx, now time.Time) ([]bot.PostRow, error) {
	return tx.Posts.Claim(ctx, bot.PostClaim{Owner: p.o.Owner, Now: now, Lease: postLease, Limit: postBatch, Mark: shownUnsure})
}

// byRoom splits rows by their rooms, keeping the order within each.
func byRoom(rows []bot.PostRow) [][]bot.PostRow {
	at := map[bot.RoomRef]int{}
	var out [][]bot.PostRow
	for _, r := range rows {
		i, known := at[r.Room]
		if !known {
			i = len(out)
			at[r.Room], out = i, append(out, nil)
		}
		out[i] = append(out[i], r)
	}
	return out
}

// release gives a post back as it is, not before then.
func (p *Pump) release(ctx context.Context, row bot.PostRow, then time.Time) {
	if then.After(row.NotBefore) {
		row.NotBefore = then
	}
	p.record(ctx, row)
}

// record writes what the chat shows now and frees the lease. It is done even
// when the pump stops: what was sent must not be sent again.
func (p *Pump) record(ctx context.Context, row bot.PostRow) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	err := p.o.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		return tx.Posts.Delivered(ctx, row)
	})
	if err != nil {
		// The lease ends by itself; the post is then sent again under its key.
		p.o.Log.Error("relay: record post", "room", row.Room.String(), "key", row.Key, "error", err)
	}
}
