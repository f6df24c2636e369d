package bot

import "time"

// Clock tells the time and waits. Safe for concurrent use. Tests use a stub that
// is moved by hand, so nothing in OpsBot calls time.Now or time.Sleep itself.
type Clock interface {
	// Now returns the current time in UTC, truncated to the microsecond.
	Now() time.Time
	// After returns a channel that receives once d has passed; d <= 0 fires at once.
	After(d time.Duration) <-chan time.Time
}

// SystemClock is the Clock of the machine. The zero value is ready.
type SystemClock struct{}

var _ Clock = SystemClock{}

// Now returns the machine's time in UTC, truncated to the microsecond.
func (SystemClock) Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// After waits by the machine's monotonic clock.
func (SystemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }
