package store

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

// attempts bounds how often a transaction that lost is run again.
const attempts = 50

// work is one transaction, as the repositories see it.
type work struct {
	s        *Store
	db       bun.Tx
	readOnly bool
	wakes    map[wake]bool
	fresh    map[string]bool // messages that were added here and not claimed: "instance id"
}

// Write runs fn in a transaction and wakes the listeners once it has committed.
// A transaction that lost against another is run again, one at a time, so that it
// gets through however many there are.
func (s *Store) Write(ctx context.Context, fn func(ctx context.Context, tx *bot.Tx) error) error {
	return s.writeAt(ctx, sql.LevelSerializable, fn)
}

// Read runs fn on a snapshot.
func (s *Store) Read(ctx context.Context, fn func(ctx context.Context, tx *bot.Tx) error) error {
	if bot.InTransaction(ctx) {
		return errNested
	}
	opt := &sql.TxOptions{ReadOnly: true}
	if s.pg != nil {
		opt.Isolation = sql.LevelRepeatableRead
	}
	db, err := s.read.BeginTx(ctx, opt)
	if err != nil {
		return s.problem("begin to read", err)
	}
	defer func() { _ = db.Rollback() }() // nothing was written
	w := &work{s: s, db: db, readOnly: true}
	return fn(bot.WithTransaction(ctx), w.tx())
}

// errNested is a programming error: on SQLite the inner transaction would wait
// for the outer one for ever.
var errNested = errors.New("store: a transaction inside a transaction")

func (s *Store) writeAt(ctx context.Context, level sql.IsolationLevel, fn func(ctx context.Context, tx *bot.Tx) error) error {
	if bot.InTransaction(ctx) {
		return errNested
	}
	err := s.try(ctx, level, fn)
	if err == nil || !lost(err) {
		return err
	}
	select {
	case s.gate <- struct{}{}:
		defer func() { <-s.gate }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for n := 1; n < attempts && err != nil && lost(err); n++ {
		// Not the store's clock: what passes here is the other transaction's time.
		pause := time.Duration(rand.Int64N(int64(n)*int64(time.Millisecond) + 1)) //nolint:gosec // no secret
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		err = s.try(ctx, level, fn)
	}
	return err
}

// lost reports that the transaction lost against another. fn may have dressed the
// driver's error; the cause is still in the chain.
func lost(err error) bool { return serialisation(err) }

// try runs fn once.
func (s *Store) try(ctx context.Context, level sql.IsolationLevel, fn func(ctx context.Context, tx *bot.Tx) error) error {
	opt := &sql.TxOptions{Isolation: level}
	if s.pg == nil {
		opt = nil // BEGIN IMMEDIATE on the one writer is serial by itself
	}
	db, err := s.write.BeginTx(ctx, opt)
	if err != nil {
		return s.problem("begin", err)
	}
	w := &work{s: s, db: db, wakes: map[wake]bool{}}
	done := false
	defer func() {
		if !done {
			_ = db.Rollback() // the error that led here is the one to report
		}
	}()
	if err := fn(bot.WithTransaction(ctx), w.tx()); err != nil {
		return err
	}
	if err := w.announce(ctx); err != nil {
		return err
	}
	if err := db.Commit(); err != nil {
		return s.problem("commit", err)
	}
	done = true
	s.committed(w.wakes)
	return nil
}

// tx gives the repositories of the transaction.
func (w *work) tx() *bot.Tx {
	return &bot.Tx{
		Users:        users{w},
		Logins:       logins{w},
		Sessions:     sessions{w},
		Rooms:        rooms{w},
		Bindings:     bindings{w},
		Inbox:        inbox{w},
		Messages:     messages{w},
		Posts:        posts{w},
		Threads:      threads{w},
		Actions:      actions{w},
		Plans:        plans{w},
		Projects:     projects{w},
		Resources:    resources{w},
		Operations:   operations{w},
		Steps:        steps{w},
		Changes:      changes{w},
		Builds:       builds{w},
		Versions:     versions{w},
		Deployments:  deployments{w},
		Environments: environments{w},
		Audit:        audits{w},
		Documents:    documents{w},
		Wakes:        wakes{w},
		Causes:       causes{w},
		Secrets:      secrets{w},
	}
}
