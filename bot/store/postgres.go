package store

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"opsbot/bot"
)

// channel carries "OWNER QUEUE" to the other replicas.
const channel = "opsbot_wake"

// connections bounds the pool where the URL does not (pool_max_conns).
const connections = 10

func (s *Store) openPostgres(ctx context.Context) error {
	cfg, err := pgxpool.ParseConfig(s.url)
	if err != nil {
		// The driver's text may quote the password.
		return bot.Errorf(bot.CodeInvalid, "The store's URL is not a valid postgres:// URL.")
	}
	if !strings.Contains(s.url, "pool_max_conns") {
		cfg.MaxConns = connections
	}
	// Two pools would double the connections: bun gets database/sql on top of pgx's.
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return s.problem("connect to PostgreSQL", err)
	}
	s.pg = pool
	s.closers = append(s.closers, func() error { pool.Close(); return nil })
	db := stdlib.OpenDBFromPool(pool)
	s.keep(db)
	s.write = bun.NewDB(db, pgDialect{pgdialect.New()})
	s.read = s.write
	if err := pool.Ping(ctx); err != nil {
		return bot.Errorf(bot.CodeUnavailable,
			"The database server does not answer; look at store.url and whether PostgreSQL runs.").Because(err).Backoff()
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	s.jobs, err = s.newJobs()
	return err
}

// hear passes on what other replicas announce, until ctx ends. ready is called
// once it does; on SQLite there is nobody to hear.
func (s *Store) hear(ctx context.Context, ready func()) {
	if s.pg == nil {
		ready()
		return
	}
	for ctx.Err() == nil {
		if err := s.hearOnce(ctx, ready); err != nil && ctx.Err() == nil {
			s.log.Warn("store: listening to the other replicas", "error", err)
		}
		select {
		case <-s.clock.After(time.Second):
		case <-ctx.Done():
		}
	}
}

func (s *Store) hearOnce(ctx context.Context, ready func()) error {
	conn, err := s.pg.Acquire(ctx)
	if err != nil {
		return err
	}
	// The connection listens for its rest of life: it must not go back to the pool.
	raw := conn.Hijack()
	defer func() { _ = raw.Close(context.WithoutCancel(ctx)) }()
	if _, err := raw.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	s.hub.notifyAll() // what was announced before is not told again
	ready()           // from here on who is woken is so for a reason
	for {
		note, err := raw.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		if owner, queue, ok := strings.Cut(note.Payload, " "); ok && owner != s.owner {
			s.hub.notify(bot.Queue(queue))
		}
	}
}

type pgDialect struct{ *pgdialect.Dialect }

// AppendString writes a text literal.
func (d pgDialect) AppendString(b []byte, text string) []byte {
	return d.Dialect.AppendString(b, withoutNUL(text))
}

func withoutNUL(s string) string { return strings.ReplaceAll(s, "\x00", "") }
