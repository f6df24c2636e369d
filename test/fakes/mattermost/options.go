package mattermost

import "time"

// Timing are the server's clocks, at first as recorded. A test shortens what it
// would have to wait for.
type Timing struct {
	// AuthWait is how long an unauthenticated socket lives: it gets its 101 and dies
	// without a close frame.
	AuthWait time.Duration
	// Ping and PongWait: the server pings every Ping and drops who was silent for PongWait.
	Ping, PongWait time.Duration
	// WriteWait is how long one write to a slow reader may take.
	WriteWait time.Duration
	// Outgoing bounds a request to an integration, and the life of a trigger id.
	Outgoing time.Duration
	// Idle is how long a lost connection can be resumed.
	Idle time.Duration
	// PendingPost is how long a pending_post_id is remembered.
	PendingPost time.Duration
}

func recordedTiming() Timing {
	return Timing{
		AuthWait: 5 * time.Second, Ping: 60 * time.Second, PongWait: 100 * time.Second, WriteWait: 30 * time.Second,
		Outgoing: 30 * time.Second, Idle: 5 * time.Minute, PendingPost: 30 * time.Second,
	}
}

type options struct {
	unexpected func(string)
	now        func() time.Time
	timing     Timing
}

// Option changes a server before it starts.
type Option func(*options)

// OnUnexpected hears of every request that a strict server refuses to know, and at
// the end of every expectation that was not used. Without it New fails the test.
func OnUnexpected(f func(string)) Option { return func(o *options) { o.unexpected = f } }

// Clock is asked for the time of posts, triggers and limits; sockets' deadlines
// follow the real one.
func Clock(now func() time.Time) Option { return func(o *options) { o.now = now } }

// WithTiming changes the server's clocks.
func WithTiming(change func(*Timing)) Option { return func(o *options) { change(&o.timing) } }
