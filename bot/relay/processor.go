package relay

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"opsbot/bot"
)

// Bounds of one round of the processor. The lease is short because rows of a
// process that was killed wait for its end; a round that outlives it is safe,
// ending a row that another ended undoes our part.
const (
	inboxLease   = 20 * time.Second
	inboxBatch   = 64
	parseTimeout = 5 * time.Second
	parallel     = 4
)

// ProcessorOptions configure a Processor. All fields without a remark are required.
type ProcessorOptions struct {
	Work         bot.UnitOfWork
	Waker        bot.Waker
	Clock        bot.Clock
	Log          *slog.Logger
	Integrations bot.Integrations
	Owner        string // of the leases: this process
	// Handlers are asked in this order, inside the transaction of the row.
	Handlers []bot.EventHandler
	// Rooms says who hears of an event; nil = ProjectRooms.
	Rooms RoomsFunc
	// Zone is the time zone of the lines' times; nil = UTC.
	Zone *time.Location
}

// Processor turns inbox rows into changes, builds and due cards. Rows of one
// project are processed in the order they came; projects side by side. Any
// number of replicas may run one: a row is leased to one of them, though the
// order holds only among the rows that one replica got.
type Processor struct {
	o    ProcessorOptions
	face clockFace

	mu      sync.Mutex
	blocked map[string]block // by lane: what waits for a retry
}

// block is a row that is tried again later; what came after it waits.
type block struct {
	row   string
	until time.Time
}

var _ bot.Service = (*Processor)(nil)

// NewProcessor makes the service.
func NewProcessor(o ProcessorOptions) *Processor {
	if o.Rooms == nil {
		o.Rooms = ProjectRooms
	}
	return &Processor{o: o, face: newClockFace(o.Zone), blocked: map[string]block{}}
}

// Run processes what is in the inbox until ctx ends.
func (p *Processor) Run(ctx context.Context) error {
	woken, stop := p.o.Waker.Listen(bot.QueueInbox)
	defer stop()
	for {
		n, err := p.round(ctx)
		if err != nil && ctx.Err() == nil {
			p.o.Log.Error("relay: process inbox", "error", err)
		}
		if err == nil && n == inboxBatch && ctx.Err() == nil {
			continue // there may be more
		}
		select {
		case <-ctx.Done():
			return nil
		case <-woken:
		case <-p.o.Clock.After(poll):
		}
	}
}

// round processes one batch and returns its size.
func (p *Processor) round(ctx context.Context) (int, error) {
	var rows []bot.InboxRow
	err := p.o.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		rows, err = tx.Inbox.Claim(ctx, p.o.Owner, p.o.Clock.Now(), inboxLease, inboxBatch)
		return err
	})
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	tasks := p.read(ctx, rows)
	if err := p.o.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		return p.sort(ctx, tx, tasks)
	}); err != nil {
		return 0, err
	}
	var g errgroup.Group
	g.SetLimit(parallel)
	for _, lane := range lanes(tasks) {
		g.Go(func() error {
			for _, t := range lane {
				p.run(ctx, t)
			}
			return nil
		})
	}
	return len(rows), g.Wait()
}

// task is one row on its way.
type task struct {
	row    bot.InboxRow
	events []bot.Event
	err    error  // of parsing
	lane   string // project id, "" = none known
	many   bool   // events of several projects
}

// lanes groups tasks that must run one after another, keeping their order. A row
// about several projects makes one lane of all: it is rare, and order is sure.
func lanes(tasks []*task) [][]*task {
	at := map[string]int{}
	var out [][]*task
	for _, t := range tasks {
		if t.many {
			return [][]*task{tasks}
		}
		key := t.lane
		if key == "" {
			key = "row " + t.row.ID
		}
		i, known := at[key]
		if !known {
			i = len(out)
			at[key], out = i, append(out, nil)
		}
		out[i] = append(out[i], t)
	}
	return out
}
