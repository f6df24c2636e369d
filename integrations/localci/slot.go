package localci

import (
	"context"
	"sync"
)

// slot is a build's hold on an executor. While the build does nothing but wait for a
// person it lets go of it, and takes one again before its next process. It is safe
// for concurrent use: parallel stages share it.
type slot struct {
	free  chan struct{} // the executors that nobody holds
	freed func()        // tells who starts builds that there is one

	mu     sync.Mutex
	held   bool
	turned chan struct{} // closed once held is true
	users  int           // processes
	asks   int           // questions
}

// newSlot is a slot that holds one of the executors of free already.
func newSlot(free chan struct{}, freed func()) *slot {
	turned := make(chan struct{})
	close(turned)
	return &slot{free: free, freed: freed, held: true, turned: turned}
}

// use waits for an executor unless the build holds one; done must follow.
func (s *slot) use(ctx context.Context) error {
	for {
		s.mu.Lock()
		if s.held {
			s.users++
			s.mu.Unlock()
			return nil
		}
		turned := s.turned
		s.mu.Unlock()
		select {
		case <-s.free:
			s.take()
		case <-turned:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// take keeps an executor that was free.
func (s *slot) take() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held { // another branch was quicker
		s.free <- struct{}{}
		return
	}
	s.held = true
	close(s.turned)
}

// done ends a use.
func (s *slot) done() { s.change(-1, 0) }

// ask and answered stand around the wait for a person.
func (s *slot) ask() { s.change(0, 1) }

func (s *slot) answered() { s.change(0, -1) }

func (s *slot) change(users, asks int) {
	s.mu.Lock()
	s.users += users
	s.asks += asks
	idle := s.held && s.users == 0 && s.asks > 0
	if idle {
		s.release()
	}
	s.mu.Unlock()
	if idle {
		s.freed()
	}
}

func (s *slot) release() {
	s.held, s.turned = false, make(chan struct{})
	s.free <- struct{}{}
}

// end lets go of the executor for good.
func (s *slot) end() {
	s.mu.Lock()
	if s.held {
		s.release()
	}
	s.mu.Unlock()
	s.freed()
}
