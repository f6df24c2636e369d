package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations/sqlite/*.sql migrations/postgres/*.sql
var migrations embed.FS

// Migrations gives the embedded migrations, a folder per dialect; for tests.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return migrations // can't be: the name is valid
	}
	return sub
}

// migrationLock is the PostgreSQL advisory lock under which replicas that start
// together migrate one after the other.
const migrationLock = 0x6f707362 // "opsb"

// versions of the schema: ours and River's.
type schemaVersion struct{ ours, river int64 }

// migrate brings the schema up to date. Nothing is done, and nothing locked, when
// it is: that is what nearly every start finds.
func (s *Store) migrate(ctx context.Context) error {
	target, err := s.newest()
	if err != nil {
		return err
	}
	found, err := s.found(ctx)
	if err != nil {
		return err
	}
	if found.ours > target.ours {
		return newer("The database", found.ours, target.ours)
	}
	if found.river > target.river {
		return newer("The database's job table", found.river, target.river)
	}
	if found == target {
		return nil
	}
	if found.ours > 0 && s.pg == nil {
		if err := s.copyBefore(ctx, found.ours, target.ours); err != nil {
			return err
		}
	}
	return s.locked(ctx, s.up)
}

// newest gives the versions that this program brings.
func (s *Store) newest() (schemaVersion, error) {
	provider, err := s.goose()
	if err != nil {
		return schemaVersion{}, err
	}
	sources := provider.ListSources()
	river, err := s.riverMigrator()
	if err != nil {
		return schemaVersion{}, err
	}
	return schemaVersion{sources[len(sources)-1].Version, int64(river.newest)}, nil
}

// found reads the versions of the database; zeros when it is empty.
func (s *Store) found(ctx context.Context) (v schemaVersion, err error) {
	for table, into := range map[string]*int64{"goose_db_version": &v.ours, "river_migration": &v.river} {
		column := "version"
		if into == &v.ours {
			column = "version_id"
		}
		exists, err := s.hasTable(ctx, table)
		if err != nil {
			return v, err
		}
		if !exists {
			continue
		}
		var max sql.NullInt64
		if err := s.writer().QueryRowContext(ctx, "SELECT max("+column+") FROM "+table).Scan(&max); err != nil {
			return v, s.problem("read the schema's version", err)
		}
		*into = max.Int64
	}
	return v, nil
}

func (s *Store) hasTable(ctx context.Context, name string) (bool, error) {
	query := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = $1"
	if s.pg != nil {
		query = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1"
	}
	var n int
	err := s.writer().QueryRowContext(ctx, query, name).Scan(&n)
	return n > 0, s.wrap("look for the table "+name, err)
}

func (s *Store) goose() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/"+s.dialect())
	if err != nil {
		return nil, fmt.Errorf("store: open the migrations: %w", err)
	}
	dialect := goose.DialectSQLite3
	if s.pg != nil {
		dialect = goose.DialectPostgres
	}
	provider, err := goose.NewProvider(dialect, s.writer(), files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("store: read the migrations: %w", err)
	}
	return provider, nil
}

// riverSchema migrates River's tables.
type riverSchema struct {
	newest int
	up     func(ctx context.Context) error
}

func (s *Store) riverMigrator() (riverSchema, error) {
	// Typed nil would do for the versions, but the handles are there anyway.
	var driver riverdriver.Driver[*sql.Tx] = riversqlite.New(s.writer())
	if s.pg != nil {
		driver = riverdatabasesql.New(s.writer())
	}
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(warnings{s.log.Handler()})})
	if err != nil {
		return riverSchema{}, fmt.Errorf("store: read the job table's migrations: %w", err)
	}
	all := m.AllVersions()
	return riverSchema{newest: all[len(all)-1].Version, up: func(ctx context.Context) error {
		_, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	}}, nil
}

// up runs both migrations.
func (s *Store) up(ctx context.Context) error {
	provider, err := s.goose()
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return s.problem("migrate the database", err)
	}
	river, err := s.riverMigrator()
	if err != nil {
		return err
	}
	return s.wrap("migrate the job table", river.up(ctx))
}

// locked runs fn while no other process migrates. On SQLite the data folder's lock
// is that already.
func (s *Store) locked(ctx context.Context, fn func(ctx context.Context) error) (err error) {
	if s.pg == nil {
		return fn(ctx)
	}
	conn, err := s.pg.Acquire(ctx)
	if err != nil {
		return s.problem("lock the schema", err)
	}
	// Closing the connection gives the lock back whatever happened to it.
	raw := conn.Hijack()
	defer func() { err = errors.Join(err, raw.Close(context.WithoutCancel(ctx))) }()
	if _, err := raw.Exec(ctx, "SELECT pg_advisory_lock($1)", migrationLock); err != nil {
		return s.problem("lock the schema", err)
	}
	return fn(ctx)
}

// copyBefore copies the database before it is changed.
func (s *Store) copyBefore(ctx context.Context, from, to int64) error {
	dir := filepath.Join(s.dataDir, "backups")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fileProblem("make", dir, err)
	}
	name := fmt.Sprintf("opsbot-%s-schema-%d-before-%d.db", s.clock.Now().Format("20060102T150405.000000"), from, to)
	path := filepath.Join(dir, name)
	if err := s.Backup(ctx, path); err != nil {
		return err
	}
	s.log.Info("store: copied the database before migrating it", "copy", path)
	return nil
}
