package store

import (
	"context"
	"database/sql"

	"opsbot/bot"
)

// batch bounds how many callers share a commit: enough to hide the disk's
// latency, few enough to keep the transaction short.
const batch = 256

// errClosed is what callers of a closed store get.
var errClosed = bot.Errorf(bot.CodeUnavailable, "OpsBot is stopping; send it again.").Backoff()

// door lets many callers share one commit: while one batch waits for the disk,
// the next one gathers.
type door struct {
	s     *Store
	in    chan *entrant
	stop  chan struct{}
	ended chan struct{}
}

// entrant is one caller's part of a batch. fn must do nothing but writes that are
// the same when done twice: a batch that fails is run again caller by caller.
type entrant struct {
	fn   func(ctx context.Context, tx *bot.Tx) error
	done chan error
}

func openDoor(s *Store) *door {
	d := &door{s: s, in: make(chan *entrant, batch), stop: make(chan struct{}), ended: make(chan struct{})}
	go d.run()
	return d
}

func (d *door) close() error {
	close(d.stop)
	<-d.ended
	return nil
}

// enter hands fn to the next batch and waits for its commit.
func (d *door) enter(ctx context.Context, fn func(ctx context.Context, tx *bot.Tx) error) error {
	if bot.InTransaction(ctx) {
		return errNested
	}
	e := &entrant{fn: fn, done: make(chan error, 1)}
	select {
	case d.in <- e:
	case <-d.stop:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-e.done:
		return err
	case <-d.ended: // it may have answered before
		select {
		case err := <-e.done:
			return err
		default:
			return errClosed
		}
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *door) run() {
	defer close(d.ended)
	for {
		select {
		case e := <-d.in:
			d.commit(d.gather(e))
		case <-d.stop:
			d.refuse()
			return
		}
	}
}

// refuse answers those that got in while the door closed.
func (d *door) refuse() {
	for {
		select {
		case e := <-d.in:
			e.done <- errClosed
		default:
			return
		}
	}
}

// gather takes whoever waits already: no one is made to wait for company.
func (d *door) gather(first *entrant) []*entrant {
	all := []*entrant{first}
	for len(all) < batch {
		select {
		case e := <-d.in:
			all = append(all, e)
		default:
			return all
		}
	}
	return all
}

// commit runs the batch in one transaction. The callers' contexts are not used:
// one who leaves must not take the others' writes along.
func (d *door) commit(all []*entrant) {
	err := d.s.writeAt(context.Background(), sql.LevelReadCommitted, func(ctx context.Context, tx *bot.Tx) error {
		for _, e := range all {
			if err := e.fn(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && len(all) > 1 && bot.CodeOf(err) != bot.CodeStorageFull && bot.CodeOf(err) != bot.CodeUnavailable {
		for _, e := range all {
			d.commit([]*entrant{e})
		}
		return
	}
	for _, e := range all {
		e.done <- err
	}
}

// Accept stores deliveries and events, many callers in one commit, and returns
// how many were new when they are on disk; those whose (Instance, Key) is known are
// left out. When
// it returns an error nothing may be acknowledged; the same rows may then be sent
// again. The inbox's listeners are woken.
func (s *Store) Accept(ctx context.Context, rows ...bot.InboxRow) (added int, err error) {
	for _, r := range rows {
		if r.Instance == "" || r.Key == "" {
			return 0, bot.Errorf(bot.CodeInvalid, "A delivery without its source and id can't be stored.")
		}
	}
	var got int // written by the door; never read after ctx has ended
	err = s.door.enter(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		got, err = tx.Inbox.Add(ctx, rows...)
		return err
	})
	if err != nil {
		return 0, err
	}
	return got, nil
}
