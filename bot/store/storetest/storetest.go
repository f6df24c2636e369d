// Package storetest gives tests a real store quickly, and holds the conformance
// suite that SQLite and PostgreSQL both pass.
package storetest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"opsbot/bot/store"
)

// template is the migrated, empty database, made once per test process: migrating
// takes longer than most tests.
//
//nolint:gochecknoglobals // written once, never changed
var template = sync.OnceValues(makeTemplate)

func makeTemplate() (data []byte, err error) {
	dir, err := os.MkdirTemp("", "storetest-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // of the machine's temporary files
	s, err := store.Open(context.Background(), store.Options{DataDir: dir, NoSync: true})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, "opsbot.db"))
}

// Open gives a SQLite store in a folder of its own, closed at the test's end. It
// does not wait for the disk. Change the options with with, e.g. to set the clock.
func Open(t testing.TB, with ...func(*store.Options)) *store.Store {
	t.Helper()
	data, err := template()
	if err != nil {
		t.Fatalf("make the template database: %v", err)
	}
	opt := store.Options{DataDir: t.TempDir(), NoSync: true}
	for _, w := range with {
		w(&opt)
	}
	if err := os.WriteFile(filepath.Join(opt.DataDir, "opsbot.db"), data, 0o600); err != nil {
		t.Fatalf("copy the template database: %v", err)
	}
	return open(t, opt)
}

// open opens a store and closes it at the test's end.
func open(t testing.TB, opt store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), opt)
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return s
}
