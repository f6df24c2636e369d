package slack

import "time"

// meters count calls against Slack's limits.
type meters struct {
	calls map[string][]time.Time // by method, of the last minute
	rooms map[string]*bucket     // of chat.postMessage, by channel
}

// bucket is a token bucket of a message a second.
type bucket struct {
	tokens float64
	at     time.Time
}

// workspacePosts is how many messages a minute one app may post in all channels
// together: "several hundred", says Slack.
const workspacePosts = 300

// limit counts a call and says how long to wait if it is one too many. The lock is held.
func (s *Server) limit(m *method, channel string) time.Duration {
	if !s.cfg.limits {
		return 0
	}
	now := s.clock.Now()
	perMinute := m.tier
	if m.name == "chat.postMessage" {
		perMinute = workspacePosts
		if wait := s.room(channel, now); wait > 0 {
			return wait
		}
	}
	if perMinute == 0 {
		return 0
	}
	recent := s.meters.calls[m.name]
	for len(recent) > 0 && now.Sub(recent[0]) >= time.Minute {
		recent = recent[1:]
	}
	if len(recent) >= perMinute {
		s.meters.calls[m.name] = recent
		return recent[0].Add(time.Minute).Sub(now)
	}
	s.meters.calls[m.name] = append(recent, now)
	return 0
}

func (s *Server) room(channel string, now time.Time) time.Duration {
	most := float64(max(s.cfg.burst, 1))
	b := s.meters.rooms[channel]
	if b == nil {
		b = &bucket{tokens: most, at: now}
		s.meters.rooms[channel] = b
	}
	b.tokens = min(most, b.tokens+now.Sub(b.at).Seconds())
	b.at = now
	if b.tokens < 1 {
		return time.Duration((1 - b.tokens) * float64(time.Second))
	}
	b.tokens--
	return 0
}
