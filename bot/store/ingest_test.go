package store_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"opsbot/bot"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
)

// callers is the number of connections that send at once.
const callers = 32

// BenchmarkIngest compares Accept with the least that a durable acknowledgement
// can cost: bytes appended to one file, many callers in one fsync.
func BenchmarkIngest(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 7700)
	b.Run("fsync", func(b *testing.B) {
		log := newSyncedLog(b)
		atOnce(b, func(string) error { return log.write(body) })
	})
	b.Run("accept", func(b *testing.B) {
		s := storetest.Open(b, func(o *store.Options) { o.NoSync = false })
		atOnce(b, func(id string) error {
			_, err := s.Accept(b.Context(), bot.InboxRow{Instance: "g", Key: id, Delivery: &bot.Delivery{
				ID: id, Body: body,
				Header: map[string][]string{"X-Github-Delivery": {id}, "X-Github-Event": {"push"}},
			}})
			return err
		})
	})
}

// atOnce shares b.N calls between the callers.
func atOnce(b *testing.B, call func(id string) error) {
	var n atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
				if err := call(fmt.Sprint("delivery-", i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// syncedLog is the baseline: a file and a group commit.
type syncedLog struct {
	mu   sync.Mutex
	file *os.File
	wait []chan error
	wake chan struct{}
}

func newSyncedLog(b *testing.B) *syncedLog {
	b.Helper()
	file, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	l := &syncedLog{file: file, wake: make(chan struct{}, 1)}
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-l.wake:
				l.sync()
			case <-stop:
				return
			}
		}
	}()
	b.Cleanup(func() {
		close(stop)
		_ = file.Close() // a benchmark's litter
	})
	return l
}

func (l *syncedLog) write(body []byte) error {
	done := make(chan error, 1)
	l.mu.Lock()
	_, err := l.file.Write(body)
	l.wait = append(l.wait, done)
	l.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return <-done
}

func (l *syncedLog) sync() {
	l.mu.Lock()
	waiting := l.wait
	l.wait = nil
	l.mu.Unlock()
	err := l.file.Sync()
	for _, done := range waiting {
		done <- err
	}
}

// BenchmarkOpen measures what a test of another package pays for its store.
func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		s := storetest.Open(b)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWrite is one small transaction that waits for the disk.
func BenchmarkWrite(b *testing.B) {
	s := storetest.Open(b, func(o *store.Options) { o.NoSync = false })
	i := 0
	for b.Loop() {
		i++
		if _, err := s.Accept(b.Context(), bot.InboxRow{Instance: "g", Key: strings.Repeat("k", i%7) + fmt.Sprint(i)}); err != nil {
			b.Fatal(err)
		}
	}
}
