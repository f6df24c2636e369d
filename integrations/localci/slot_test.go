package localci

import (
	"context"
	"errors"
	"sync"
	"testing"
)

// freed counts how often an executor was given back.
type freed struct {
	mu sync.Mutex
	n  int
}

func (f *freed) add() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
}

// A slot is held while something runs, given back while only people are waited for, and
// taken again before the next process.
func TestSlot(t *testing.T) {
	t.Parallel()
	free, count := make(chan struct{}, 1), &freed{}
	s := newSlot(free, count.add)
	ctx := t.Context()
	if err := s.use(ctx); err != nil {
		t.Fatal(err)
	}
	s.ask()
	if len(free) != 0 {
		t.Error("given back beside a process")
	}
	s.done()
	if len(free) != 1 || count.n != 1 {
		t.Errorf("%d executors free, told %d times", len(free), count.n)
	}
	<-free // another build
	s.answered()
	ended, cancel := context.WithCancelCause(ctx)
	why := errors.New("stopped")
	cancel(why)
	if err := s.use(ended); !errors.Is(err, why) {
		t.Errorf("waiting in vain ends with %v", err)
	}
	got := make(chan error, 2)
	for range 2 { // two branches, one executor
		go func() { got <- s.use(ctx) }()
	}
	free <- struct{}{} // the other build has ended
	for range 2 {
		if err := <-got; err != nil {
			t.Error(err)
		}
	}
	s.done()
	s.done()
	s.end()
	if len(free) != 1 || count.n != 2 {
		t.Errorf("%d executors free at the end, told %d times", len(free), count.n)
	}
}

// However branches ask and run beside one another, no executor is lost or made.
func TestSlotUnderLoad(t *testing.T) {
	t.Parallel()
	const executors, builds, branches = 2, 8, 4
	free := make(chan struct{}, executors)
	for range executors {
		free <- struct{}{}
	}
	var all sync.WaitGroup
	for range builds {
		all.Go(func() {
			<-free
			s := newSlot(free, func() {})
			var inside sync.WaitGroup
			for range branches {
				inside.Go(func() {
					for range 50 {
						if err := s.use(t.Context()); err != nil {
							t.Error(err)
							return
						}
						s.done()
						s.ask()
						s.answered()
					}
				})
			}
			inside.Wait()
			s.end()
		})
	}
	all.Wait()
	if len(free) != executors {
		t.Errorf("%d executors are free, there were %d", len(free), executors)
	}
}
