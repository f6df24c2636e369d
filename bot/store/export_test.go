package store

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
)

// File is the open lock file.
func (l *DataLock) File() *os.File { return l.file }

// Exec runs a statement on the writer.
func (s *Store) Exec(t testing.TB, query string, args ...any) error {
	t.Helper()
	_, err := s.writer().ExecContext(t.Context(), query, args...)
	return err
}

// Texts runs a query whose columns are read as text.
func (s *Store) Texts(t testing.TB, query string) (out [][]string) {
	t.Helper()
	rows, err := s.writer().QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }() // Err below is what counts
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		row, into := make([]string, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// HotQueries are the statements that run for every event, with their arguments
// filled in.
func (s *Store) HotQueries() map[string]string {
	now := us(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
	fill := func(query string, args ...any) string { return s.write.NewRaw(query, args...).String() }
	all := map[string]string{
		"open causes":   fill(openSQL, "r", "r", "r", "r", "r", "r"),
		"failed causes": fill(failedSQL, "r", "r", "r", "r", "r"),
	}
	due := map[string][]any{
		"inbox": {now, now, 10}, "messages": {now, 10}, "posts": {now, now, now, now, 10},
		"operations": {now, now, "p:", 2, "p:", "o", 10},
	}
	for _, c := range claims() {
		if s.pg != nil {
			all["claim "+c.table] = fill(c.whole(), append(due[c.table], "o", now)...)
			continue
		}
		all["look for "+c.table] = fill(c.due, due[c.table]...)
		all["claim "+c.table] = fill(c.one(), "o", now, 1)
	}
	return all
}

// DowngradeTo takes the schema back to an earlier version, as an older OpsBot
// would have left it.
func (s *Store) DowngradeTo(t testing.TB, version int64) {
	t.Helper()
	provider, err := s.goose()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.DownTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
}

// GooseTable names what goose keeps its versions in.
const GooseTable = goose.DefaultTablename

// RiverJobs counts the timers that are set.
func (s *Store) RiverJobs(ctx context.Context) (n int, err error) {
	err = s.writer().QueryRowContext(ctx, "SELECT count(*) FROM river_job").Scan(&n)
	return n, err
}
