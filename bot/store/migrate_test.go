package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"opsbot/bot"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
)

// TestDialectsInStep compares the tables, columns and indexes of both databases.
func TestDialectsInStep(t *testing.T) {
	t.Parallel()
	lite, pg := storetest.Open(t), storetest.OpenPostgres(t)
	ours := func(rows [][]string) (out []string) {
		for _, r := range rows {
			if line := strings.Join(r, " "); !strings.HasPrefix(line, "river") && !strings.HasPrefix(line, "goose") {
				out = append(out, line)
			}
		}
		slices.Sort(out)
		return out
	}
	compare := func(what string, a, b []string) {
		if len(a) < 20 {
			t.Errorf("only %d %s: the query is wrong", len(a), what)
		}
		for _, x := range a {
			if !slices.Contains(b, x) {
				t.Errorf("%s only in SQLite: %s", what, x)
			}
		}
		for _, x := range b {
			if !slices.Contains(a, x) {
				t.Errorf("%s only in PostgreSQL: %s", what, x)
			}
		}
	}
	compare("columns",
		ours(lite.Texts(t, `SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c
			WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'`)),
		ours(pg.Texts(t, `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'`)))
	compare("indexes",
		ours(lite.Texts(t, `SELECT tbl_name, name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL`)),
		ours(pg.Texts(t, `SELECT tablename, indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%pkey'`)))
}

func TestMigrationCopiesFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old, err := store.Open(t.Context(), store.Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	room := bot.Room{Ref: bot.RoomRef{Instance: "console", ID: "r"}, Name: "r"}
	if err := old.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error { return tx.Rooms.Put(ctx, room) }); err != nil {
		t.Fatal(err)
	}
	old.DowngradeTo(t, 1)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to migrate, and nothing to copy
		s, err := store.Open(t.Context(), store.Options{DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Read(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
			if _, err := tx.Projects.List(ctx); err != nil {
				return err
			}
			got, err := tx.Rooms.Get(ctx, room.Ref)
			if got != room {
				t.Errorf("got %+v", got)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	copies, err := filepath.Glob(filepath.Join(dir, "backups", "*.db"))
	if err != nil || len(copies) != 1 {
		t.Fatalf("copies: %v (%v), want one", copies, err)
	}
	db, err := sql.Open("sqlite", copies[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var rooms, projects int
	err = db.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM rooms),
		(SELECT count(*) FROM sqlite_master WHERE name = 'projects')`).Scan(&rooms, &projects)
	if err != nil || rooms != 1 || projects != 0 {
		t.Errorf("the copy has %d rooms and %d tables named projects (%v), want 1 and 0: the state before", rooms, projects, err)
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	for name, open := range databases() {
		for table, statement := range map[string]string{
			"ours":  "INSERT INTO " + store.GooseTable + " (version_id, is_applied) VALUES (9999, TRUE)",
			"river": "INSERT INTO river_migration (line, version) VALUES ('main', 9999)",
		} {
			t.Run(name+"/"+table, func(t *testing.T) {
				t.Parallel()
				var opt store.Options
				s := open(t, func(o *store.Options) { opt = *o })
				if err := s.Exec(t, statement); err != nil {
					t.Fatal(err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				_, err := store.Open(t.Context(), opt)
				said := bot.MessageOf(err)
				if bot.CodeOf(err) != bot.CodeConflict || !strings.Contains(said, "9999") || !strings.Contains(said, "up to version") {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

func TestFormatOfTheDataFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "format")
	s, err := store.Open(t.Context(), store.Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "1\n" {
		t.Fatalf("format is %q (%v)", b, err)
	}
	for content, want := range map[string]string{"7\n": "has version 7, this OpsBot knows up to version 1", "seven": `holds "seven"`, "": "holds"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := store.Open(t.Context(), store.Options{DataDir: dir})
		if bot.CodeOf(err) != bot.CodeConflict || !strings.Contains(bot.MessageOf(err), want) {
			t.Errorf("format %q: %v", content, err)
		}
	}
}

// TestReplicasMigrateOnce starts several replicas on an empty database.
func TestReplicasMigrateOnce(t *testing.T) {
	t.Parallel()
	url := storetest.EmptyDatabase(t)
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			s, err := store.Open(context.Background(), store.Options{URL: url, DataDir: filepath.Join(t.TempDir(), fmt.Sprint(i))})
			if err != nil {
				t.Errorf("replica %d: %v", i, err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
