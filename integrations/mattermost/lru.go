package mattermost

import (
	"container/list"
	"context"
	"sync"
)

// lru is a bounded map that forgets what was used least lately. Safe for concurrent
// use.
type lru[K comparable, V any] struct {
	mu    sync.Mutex
	most  int
	order *list.List // newest first
	at    map[K]*list.Element
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](most int) *lru[K, V] {
	return &lru[K, V]{most: most, order: list.New(), at: map[K]*list.Element{}}
}

func (l *lru[K, V]) get(key K) (value V, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.at[key]
	if !ok {
		return value, false
	}
	l.order.MoveToFront(e)
	p, _ := e.Value.(pair[K, V])
	return p.value, true
}

func (l *lru[K, V]) put(key K, value V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.at[key]; ok {
		e.Value = pair[K, V]{key, value}
		l.order.MoveToFront(e)
		return
	}
	l.at[key] = l.order.PushFront(pair[K, V]{key, value})
	for l.order.Len() > l.most {
		oldest := l.order.Back()
		p, _ := l.order.Remove(oldest).(pair[K, V])
		delete(l.at, p.key)
	}
}

func (l *lru[K, V]) drop(key K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.at[key]; ok {
		l.order.Remove(e)
		delete(l.at, key)
	}
}

func (l *lru[K, V]) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.order.Init()
	clear(l.at)
}

// keyed are locks by key; one that nobody holds or waits for takes no room. The zero
// value is ready.
type keyed struct {
	mu    sync.Mutex
	locks map[string]*lock
}

type lock struct {
	free  chan struct{} // holds one token while nobody has the lock
	users int
}

// take waits for the key's lock, not longer than ctx lives, and returns what gives it
// back.
func (k *keyed) take(ctx context.Context, key string) (release func(), err error) {
	k.mu.Lock()
	if k.locks == nil {
		k.locks = map[string]*lock{}
	}
	l := k.locks[key]
	if l == nil {
		l = &lock{free: make(chan struct{}, 1)}
		l.free <- struct{}{}
		k.locks[key] = l
	}
	l.users++
	k.mu.Unlock()
	leave := func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(k.locks, key)
		}
	}
	select {
	case <-l.free:
		return func() { l.free <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
}
