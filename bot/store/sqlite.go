package store

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// readers bounds the pool of read-only handles.
const readers = 4

func (s *Store) sqlitePath() string {
	if s.url == "" {
		return filepath.Join(s.dataDir, "opsbot.db")
	}
	return strings.TrimPrefix(s.url, "sqlite://")
}

// dsn names the file with settings for every connection. WAL lets readers go on
// while the writer commits; synchronous FULL makes each commit wait for the disk.
func dsn(path string, readOnly, noSync bool) string {
	q := url.Values{"_pragma": {"busy_timeout(10000)", "foreign_keys(1)"}}
	if readOnly {
		q.Add("_pragma", "query_only(1)")
	} else {
		q.Add("_pragma", "cache_size(-16000)") // kB: the indexes' upper pages stay in memory at a million events
		sync := "synchronous(FULL)"
		if noSync {
			sync = "synchronous(OFF)"
		}
		q.Add("_pragma", "journal_mode(WAL)")
		q.Add("_pragma", "wal_autocheckpoint(4000)") // 16 MB: under load fewer, larger write-backs
		q.Add("_pragma", "recursive_triggers(1)")    // REPLACE removes rows: the audit's trigger must see it
		q.Add("_pragma", sync)
		q.Set("_txlock", "immediate")
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

func (s *Store) openSQLite(ctx context.Context, noSync bool) error {
	path := s.sqlitePath()
	writer, err := sql.Open("sqlite", dsn(path, false, noSync))
	if err != nil {
		return s.problem("open "+path, err)
	}
	// One writer: SQLite has one anyway, and so bun and River never wait in vain.
	writer.SetMaxOpenConns(1)
	s.write = bun.NewDB(writer, liteDialect{sqlitedialect.New()})
	s.keep(writer)
	if err := writer.PingContext(ctx); err != nil {
		return s.problem("open "+path, err)
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	reader, err := sql.Open("sqlite", dsn(path, true, noSync))
	if err != nil {
		return s.problem("open "+path, err)
	}
	reader.SetMaxOpenConns(readers)
	s.read = bun.NewDB(reader, liteDialect{sqlitedialect.New()})
	s.keep(reader)
	s.jobs, err = s.newJobs()
	return err
}

// liteDialect and pgDialect drop NUL bytes from texts: foreign text may hold one,
// neither database stores it, and an event must not fail for ever because of it.
type liteDialect struct{ *sqlitedialect.Dialect }

// AppendString writes a text literal.
func (d liteDialect) AppendString(b []byte, text string) []byte {
	return d.Dialect.AppendString(b, withoutNUL(text))
}
