package store

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/uptrace/bun"

	"opsbot/bot"
)

// Options say where the store is. Only DataDir is needed.
type Options struct {
	// URL is "" (opsbot.db in DataDir), the path of a SQLite file (sqlite:// may stand
	// before it), or a postgres:// URL.
	URL string
	// DataDir holds the database, the blobs, the lock and the layout's version. It is
	// made (0700) when missing.
	DataDir string
	Clock   bot.Clock    // nil: the machine's
	Log     *slog.Logger // nil: discarded
	// Owner is this process ("node:incarnation"); "" = a random one.
	Owner string
	// Lock is the data folder's lock when the caller holds it already; nil: Open
	// takes it and Close gives it back.
	Lock *DataLock
	// NoSync lets commits return before they are on disk. For tests only.
	NoSync bool
}

// Store is the open database. Safe for concurrent use.
type Store struct {
	write   *bun.DB // the one writer on SQLite
	read    *bun.DB
	pg      *pgxpool.Pool // nil on SQLite
	url     string
	dataDir string
	clock   bot.Clock
	log     *slog.Logger
	owner   string
	jobs    *jobs
	hub     *hub
	// addDelivery is kept prepared: parsing it costs as much as running it.
	addDelivery *sql.Stmt
	prepared    prepared
	door        *door
	running     chan struct{} // closed once Run works
	started     sync.Once
	gate        chan struct{} // holds one token: transactions run again go one by one
	blobs       *FileBlobs
	closers     []func() error
}

var (
	_ bot.UnitOfWork = (*Store)(nil)
	_ bot.Waker      = (*Store)(nil)
	_ bot.Service    = (*Store)(nil)
)

// Open opens the store, migrating it when it is older than this program. Errors:
// CodeConflict when another process uses the data folder or a newer OpsBot wrote
// it, CodeStorageFull when it can't be written, CodeUnavailable when PostgreSQL
// does not answer.
func Open(ctx context.Context, opt Options) (*Store, error) {
	s := &Store{
		url: opt.URL, dataDir: opt.DataDir, clock: opt.Clock, log: opt.Log, owner: opt.Owner,
		gate: make(chan struct{}, 1), hub: newHub(), running: make(chan struct{}),
	}
	if s.clock == nil {
		s.clock = bot.SystemClock{}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.owner == "" {
		s.owner = "opsbot:" + bot.NewToken()
	}
	if err := s.open(ctx, opt); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, opt Options) error {
	if s.dataDir == "" {
		return bot.Errorf(bot.CodeInvalid, "The store needs a data folder.")
	}
	if opt.Lock == nil {
		lock, err := Lock(s.dataDir)
		if err != nil {
			return err
		}
		s.closers = append(s.closers, lock.Release)
	}
	if err := checkFormat(s.dataDir); err != nil {
		return err
	}
	blobs, err := OpenBlobs(filepath.Join(s.dataDir, "blobs"))
	if err != nil {
		return err
	}
	s.blobs = blobs
	if strings.HasPrefix(s.url, "postgres://") || strings.HasPrefix(s.url, "postgresql://") {
		err = s.openPostgres(ctx)
	} else {
		err = s.openSQLite(ctx, opt.NoSync)
	}
	if err != nil {
		return err
	}
	s.addDelivery, err = s.writer().PrepareContext(ctx, addDelivery)
	if err != nil {
		return s.problem("prepare to store deliveries", err)
	}
	s.keep(s.addDelivery)
	if err := s.prepare(ctx); err != nil {
		return err
	}
	s.door = openDoor(s) //nolint:contextcheck // lives until Close, not until the caller's context ends
	s.closers = append(s.closers, s.door.close)
	return nil
}

// Close ends everything that Open began; call it after Run has returned.
func (s *Store) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}

// Blobs gives the content store of the data folder.
func (s *Store) Blobs() bot.Blobs { return s.blobs }

// Backup writes a consistent copy of a SQLite database to path, which must not
// exist; CodeUnsupported on PostgreSQL (use its own tools).
func (s *Store) Backup(ctx context.Context, path string) error {
	if s.pg != nil {
		return bot.Errorf(bot.CodeUnsupported, "A PostgreSQL store is backed up with pg_dump.")
	}
	if _, err := os.Stat(path); err == nil {
		return bot.Errorf(bot.CodeConflict, "%s exists already.", path)
	}
	_, err := s.write.ExecContext(ctx, "VACUUM INTO ?", path)
	return s.wrap("copy the database to "+path, err)
}

func (s *Store) wrap(action string, err error) error {
	if err == nil {
		return nil
	}
	return s.problem(action, err)
}

// keep closes c with the store.
func (s *Store) keep(c io.Closer) { s.closers = append(s.closers, c.Close) }

// dialect names the folder of migrations.
func (s *Store) dialect() string {
	if s.pg != nil {
		return "postgres"
	}
	return "sqlite"
}

// writer is the handle that migrations and jobs use.
func (s *Store) writer() *sql.DB { return s.write.DB }
