package mattermost

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// limiter is the server's rate limit, one for all who come from the same address.
type limiter struct {
	every   time.Duration // between two requests
	burst   int
	arrival time.Time // when the bucket is empty again
}

// RateLimit switches the limit on: perSec requests a second, burst more at once. It
// counts every request, pings and upgrades too. 0 switches it off.
func (s *Server) RateLimit(perSec, burst int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if perSec == 0 {
		s.limit = nil
		return
	}
	s.limit = &limiter{every: time.Second / time.Duration(perSec), burst: burst}
}

// refuse counts the request and sets the headers of the limit; when there is nothing
// left it answers, in plain text. The caller holds mu.
func (l *limiter) refuse(s *Server, w http.ResponseWriter, _ *http.Request) bool {
	if l == nil {
		return false
	}
	now := s.opt.now()
	start := l.arrival
	if start.Before(now) {
		start = now
	}
	next := start.Add(l.every)
	room := time.Duration(l.burst+1) * l.every
	h := w.Header()
	h.Set("X-Ratelimit-Limit", strconv.Itoa(l.burst+1))
	if over := next.Sub(now) - room; over > 0 {
		h.Set("X-Ratelimit-Remaining", "0")
		h.Set("X-Ratelimit-Reset", seconds(start.Sub(now)))
		h.Set("Retry-After", seconds(over))
		http.Error(w, "limit exceeded", http.StatusTooManyRequests)
		return true
	}
	l.arrival = next
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(int((room-next.Sub(now))/l.every)))
	h.Set("X-Ratelimit-Reset", seconds(next.Sub(now)))
	return false
}

// seconds rounds up: the headers count from now, in whole seconds.
func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }
