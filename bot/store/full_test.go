package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
)

// full checks that err says, for machines and people, that there is no space.
func full(t *testing.T, err error, dir string) {
	t.Helper()
	retry, _ := bot.RetryOf(err)
	if bot.CodeOf(err) != bot.CodeStorageFull || retry != bot.RetryBackoff || !strings.Contains(bot.MessageOf(err), dir) {
		t.Errorf("got %q (code %s, retry %v), want CodeStorageFull naming %s", err, bot.CodeOf(err), retry, dir)
	}
}

func big(key string) bot.InboxRow {
	return bot.InboxRow{Instance: "g", Key: key, Delivery: &bot.Delivery{Body: []byte(strings.Repeat("x", 20_000))}}
}

// known counts the deliveries that are stored.
func stored(t *testing.T, s *store.Store) int {
	t.Helper()
	return len(s.Texts(t, "SELECT id FROM inbox"))
}

// TestFullDatabase fills the database with writers in flight, and gives it space
// again: what was acknowledged is there, nothing else is, and work goes on.
func TestFullDatabase(t *testing.T) {
	t.Parallel()
	var dir string
	s := storetest.Open(t, func(o *store.Options) { dir = o.DataDir })
	run(t, s) // River writes, too, and must live on
	pages := s.Texts(t, "PRAGMA page_count")[0][0]
	if err := s.Exec(t, "PRAGMA max_page_count = "+pages+"0"); err != nil {
		t.Fatal(err)
	}
	var accepted atomic.Int64
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				_, err := s.Accept(t.Context(), big(fmt.Sprint(w, "-", i)))
				if err != nil {
					full(t, err, dir)
					return
				}
				accepted.Add(1)
			}
		})
	}
	wg.Wait()
	if accepted.Load() == 0 {
		t.Fatal("nothing went in at all")
	}
	// A batch that did not fit as a whole may have left room for one alone.
	for i := 0; ; i++ {
		err := s.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
			_, err := tx.Inbox.Add(ctx, big(fmt.Sprint("more-", i)))
			return err
		})
		if err != nil {
			full(t, err, dir)
			break
		}
		accepted.Add(1)
	}
	if got := stored(t, s); got != int(accepted.Load()) {
		t.Errorf("%d stored, %d acknowledged", got, accepted.Load())
	}
	if err := s.Exec(t, "PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accept(t.Context(), big("at last")); err != nil {
		t.Fatalf("after there was space again: %v", err)
	}
	if got := stored(t, s); got != int(accepted.Load())+1 {
		t.Errorf("%d stored, want %d", got, accepted.Load()+1)
	}
	if got := s.Texts(t, "PRAGMA integrity_check")[0][0]; got != "ok" {
		t.Errorf("integrity: %s", got)
	}
}

// smallDisk mounts a file system of a few megabytes; only root can.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=6m"); err != nil {
		t.Skipf("SKIPPED: mounting a small file system needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// ballast fills the disk up to the last byte.
func ballast(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it could not be written to the end anyway
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			size /= 2
		}
	}
	return path
}

// TestFullDisk does the same to a real file system: database, log and blobs.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	s := storetest.Open(t, func(o *store.Options) { o.DataDir, o.NoSync = dir, false })
	run(t, s)
	if _, err := s.Accept(t.Context(), big("before")); err != nil {
		t.Fatal(err)
	}
	weight := ballast(t, dir)
	full(t, acceptUntilFull(t, s), dir)
	acknowledged := stored(t, s)
	_, _, err := s.Blobs().Put(t.Context(), strings.NewReader(strings.Repeat("y", 1<<16)))
	full(t, err, dir)
	if err := os.Remove(weight); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accept(t.Context(), big("after")); err != nil {
		t.Fatalf("after there was space again: %v", err)
	}
	if got := stored(t, s); got != acknowledged+1 {
		t.Errorf("%d stored, want %d", got, acknowledged+1)
	}
	if _, _, err := s.Blobs().Put(t.Context(), strings.NewReader("z")); err != nil {
		t.Errorf("a blob after there was space again: %v", err)
	}
	left, err := os.ReadDir(filepath.Join(dir, "blobs", "incoming"))
	if err != nil || len(left) != 0 {
		t.Errorf("the failed put left %v (%v)", left, err)
	}
	if got := s.Texts(t, "PRAGMA integrity_check")[0][0]; got != "ok" {
		t.Errorf("integrity: %s", got)
	}
}

func acceptUntilFull(t *testing.T, s *store.Store) error {
	t.Helper()
	for i := range 2000 {
		if _, err := s.Accept(t.Context(), big(fmt.Sprint("fill-", i))); err != nil {
			return err
		}
	}
	t.Fatal("the disk never got full")
	return nil
}

// TestReadOnlyDisk turns the disk read-only under the open store and back.
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	remount := func(flags uintptr) error { return syscall.Mount("", dir, "", syscall.MS_REMOUNT|flags, "") }
	s, err := store.Open(t.Context(), store.Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := remount(syscall.MS_RDONLY); err != nil {
		t.Skipf("SKIPPED: can't remount read-only: %v", err)
	}
	_, err = store.Open(t.Context(), store.Options{DataDir: dir})
	full(t, err, dir)
	if !strings.Contains(bot.MessageOf(err), "read-only") {
		t.Errorf("the sentence does not say why: %s", bot.MessageOf(err))
	}
	if err := remount(0); err != nil {
		t.Fatal(err)
	}
	again, err := store.Open(t.Context(), store.Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// TestReadOnlyDatabase is the same for a database that refuses writes while open.
func TestReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	var dir string
	s := storetest.Open(t, func(o *store.Options) { dir = o.DataDir })
	if err := s.Exec(t, "PRAGMA query_only = 1"); err != nil {
		t.Fatal(err)
	}
	_, err := s.Accept(t.Context(), big("1"))
	full(t, err, dir)
	if err := s.Exec(t, "PRAGMA query_only = 0"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accept(t.Context(), big("1")); err != nil {
		t.Error(err)
	}
}

func TestUnreachablePostgres(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := store.Open(ctx, store.Options{DataDir: t.TempDir(), URL: "postgres://u:hidden@127.0.0.1:1/x?connect_timeout=2"})
	if bot.CodeOf(err) != bot.CodeUnavailable || strings.Contains(err.Error(), "hidden") {
		t.Errorf("got %v", err)
	}
	_, err = store.Open(ctx, store.Options{DataDir: t.TempDir(), URL: "postgres://u:hidden@host:port:x/%zz"})
	if bot.CodeOf(err) != bot.CodeInvalid || strings.Contains(err.Error(), "hidden") {
		t.Errorf("got %v", err)
	}
}

func TestClosedStore(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), store.Options{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accept(t.Context(), big("1")); bot.CodeOf(err) != bot.CodeUnavailable {
		t.Errorf("accepted by a closed store: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}
