package storetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"opsbot/bot/store"
)

// server is where the tests find PostgreSQL.
func server() string {
	if v := os.Getenv("OPSBOT_TEST_POSTGRES"); v != "" {
		return v
	}
	return "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable"
}

// pgTemplate is the name of the migrated, empty database that the tests' own ones
// are copied from; it is kept on the server, named by the migrations' content.
//
//nolint:gochecknoglobals // written once, never changed
var pgTemplate = sync.OnceValues(makePGTemplate)

// OpenPostgres gives a store in a PostgreSQL database of its own, dropped at the
// test's end. Without a server the test is skipped, loudly; where CI=true it fails.
func OpenPostgres(t testing.TB, with ...func(*store.Options)) *store.Store {
	t.Helper()
	opt := store.Options{DataDir: t.TempDir(), URL: NewDatabase(t)}
	for _, w := range with {
		w(&opt)
	}
	return open(t, opt)
}

// NewDatabase makes a migrated PostgreSQL database for one test and returns its
// URL; see OpenPostgres.
func NewDatabase(t testing.TB) string {
	t.Helper()
	template, err := pgTemplate()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no PostgreSQL for the tests: %v", err)
		}
		t.Skipf("SKIPPED WITHOUT POSTGRESQL (set OPSBOT_TEST_POSTGRES): %v", err)
	}
	return database(t, " TEMPLATE "+template)
}

// EmptyDatabase makes an empty PostgreSQL database for one test, nothing migrated.
func EmptyDatabase(t testing.TB) string {
	t.Helper()
	NewDatabase(t) // skips or fails without a server
	return database(t, "")
}

func database(t testing.TB, options string) string {
	t.Helper()
	var random [6]byte
	_, _ = rand.Read(random[:])
	name := "opsbot_test_" + hex.EncodeToString(random[:])
	if err := onServer("CREATE DATABASE " + name + options); err != nil {
		t.Fatalf("make a database: %v", err)
	}
	t.Cleanup(func() {
		if err := onServer("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("drop the database: %v", err)
		}
	})
	return onDatabase(name)
}

// onDatabase is the server's URL with another database.
func onDatabase(name string) string {
	u, err := url.Parse(server())
	if err != nil {
		return server() // connecting tells what is wrong with it
	}
	u.Path = "/" + name
	q := u.Query()
	q.Set("synchronous_commit", "off") // a test's data need not survive the machine
	u.RawQuery = q.Encode()
	return u.String()
}

func onServer(statement string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server())
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// makePGTemplate migrates the template under a lock: several packages' tests start
// at once.
func makePGTemplate() (name string, err error) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(4242420001)"); err != nil {
		return "", err
	}
	name, err = templateName()
	if err != nil {
		return "", err
	}
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil || there {
		return name, err
	}
	// Made under another name first: one that a crash left half migrated is not used.
	building := name + "_new"
	if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+building+" WITH (FORCE)"); err != nil {
		return "", err
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+building); err != nil {
		return "", err
	}
	if err := migrateOnce(ctx, onDatabase(building)); err != nil {
		return "", err
	}
	_, err = conn.Exec(ctx, "ALTER DATABASE "+building+" RENAME TO "+name)
	return name, err
}

func migrateOnce(ctx context.Context, url string) error {
	dir, err := os.MkdirTemp("", "storetest-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // of the machine's temporary files
	s, err := store.Open(ctx, store.Options{DataDir: dir, URL: url})
	if err != nil {
		return err
	}
	return s.Close()
}

// templateName changes when a migration does.
func templateName() (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(store.Migrations(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(store.Migrations(), path)
		_, _ = fmt.Fprintf(sum, "%s %d\n%s", path, len(data), data) // a hash takes all
		return err
	})
	return "opsbot_template_" + hex.EncodeToString(sum.Sum(nil))[:12], err
}
