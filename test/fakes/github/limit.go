package github

import (
	"net/http"
	"strconv"
	"time"
)

// meter counts what a token asked for.
type meter struct {
	reset  time.Time // the primary window's end
	used   int
	writes []time.Time // content writes of the last hour
}

func (s *Server) meterOf(c *call) *meter {
	m := s.meters[c.who.value]
	if m == nil {
		m = &meter{}
		s.meters[c.who.value] = m
	}
	if !c.now.Before(m.reset) {
		m.reset, m.used = c.now.Add(time.Hour).Truncate(time.Second), 0
	}
	for len(m.writes) > 0 && !m.writes[0].After(c.now.Add(-time.Hour)) {
		m.writes = m.writes[1:]
	}
	return m
}

// meterCall counts a call and refuses what is over a limit.
func (s *Server) meterCall(c *call) reply {
	if c.who.jwt || c.route.template == "/rate_limit" {
		return reply{}
	}
	m := s.meterOf(c)
	if m.used >= s.cfg.primary {
		return problem(http.StatusForbidden, "API rate limit exceeded for user ID 1001. If you reach out to GitHub Support for help, please include the request ID.")
	}
	m.used++
	if c.Method == http.MethodGet {
		return reply{}
	}
	minute := 0
	for _, at := range m.writes {
		if at.After(c.now.Add(-time.Minute)) {
			minute++
		}
	}
	if minute >= s.cfg.perMinute || len(m.writes) >= s.cfg.perHour {
		out := problem(http.StatusForbidden, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
		out.body.(object)["documentation_url"] = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
		out.header = http.Header{"Retry-After": {"60"}}
		return out
	}
	m.writes = append(m.writes, c.now)
	return reply{}
}

// giveBack: what was not modified costs nothing.
func (s *Server) giveBack(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.meters[c.who.value]; m != nil && m.used > 0 {
		m.used--
	}
}

func (s *Server) limitHeader(c *call, h http.Header) {
	if c.who == nil || c.who.jwt {
		return
	}
	m := s.meterOf(c)
	for name, value := range map[string]int64{
		"Limit": int64(s.cfg.primary), "Remaining": int64(max(s.cfg.primary-m.used, 0)), "Used": int64(m.used), "Reset": m.reset.Unix(),
	} {
		h.Set("X-RateLimit-"+name, strconv.FormatInt(value, 10))
	}
	h.Set("X-RateLimit-Resource", "core")
}

func (s *Server) getRateLimit(c *call) reply {
	m := s.meterOf(c)
	one := object{"limit": s.cfg.primary, "remaining": max(s.cfg.primary-m.used, 0), "used": m.used, "reset": m.reset.Unix()}
	return ok(object{"rate": one, "resources": object{"core": one, "search": one}})
}

// Writes tells how many content writes a token made in the last hour.
func (s *Server) Writes(value string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.meters[value]; m != nil {
		return len(m.writes)
	}
	return 0
}
