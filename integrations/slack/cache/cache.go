// Package cache keeps what Slack was asked a moment ago: bounded, and for a while.
package cache

import (
	"container/list"
	"sync"
	"time"

	"opsbot/bot"
)

// Cache is a bounded map whose entries get old; the least used go first. Safe for
// concurrent use.
type Cache[K comparable, V any] struct {
	clock bot.Clock
	life  time.Duration // 0 = for ever
	most  int

	mu    sync.Mutex
	order *list.List // of *entry, the least used at the back
	by    map[K]*list.Element
	drops int64
}

type entry[K comparable, V any] struct {
	key   K
	value V
	at    time.Time
}

// New makes a cache of at most most entries that live for life, 0 for ever.
func New[K comparable, V any](clock bot.Clock, most int, life time.Duration) *Cache[K, V] {
	return &Cache[K, V]{clock: clock, life: life, most: most, order: list.New(), by: map[K]*list.Element{}}
}

// Get gives an entry that is not too old.
func (c *Cache[K, V]) Get(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var none V
	at, ok := c.by[key]
	if !ok {
		return none, false
	}
	e := at.Value.(*entry[K, V])
	if c.life > 0 && c.clock.Now().Sub(e.at) >= c.life {
		c.remove(at)
		return none, false
	}
	c.order.MoveToFront(at)
	return e.value, true
}

// Put keeps an entry.
func (c *Cache[K, V]) Put(key K, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(key, value)
}

func (c *Cache[K, V]) put(key K, value V) {
	if at, ok := c.by[key]; ok {
		c.remove(at)
	}
	c.by[key] = c.order.PushFront(&entry[K, V]{key, value, c.clock.Now()})
	if c.order.Len() > c.most {
		c.remove(c.order.Back())
	}
}

func (c *Cache[K, V]) remove(at *list.Element) {
	delete(c.by, at.Value.(*entry[K, V]).key)
	c.order.Remove(at)
}

// Drop forgets an entry, and what is being looked up at this moment.
func (c *Cache[K, V]) Drop(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	if at, ok := c.by[key]; ok {
		c.remove(at)
	}
}

// Learn keeps an entry that is newer than what is being looked up at this moment.
func (c *Cache[K, V]) Learn(key K, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	c.put(key, value)
}

// Begin starts a look-up: what it finds is kept by the returned func, unless something
// was dropped or learned meanwhile, which it may not have seen.
func (c *Cache[K, V]) Begin() (keep func(key K, value V)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	drops := c.drops
	return func(key K, value V) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.drops == drops {
			c.put(key, value)
		}
	}
}

// Len is how many entries are kept, old ones too.
func (c *Cache[K, V]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order.Len()
}
