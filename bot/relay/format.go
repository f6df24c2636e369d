package relay

import (
	"net/url"
	"strings"
	"time"
	"unicode"

	"opsbot/bot"
)

// foreign makes Text of something from outside, cut to n characters: it shows
// exactly that on one line and does nothing.
func foreign(s string, n int) bot.Text {
	return bot.Escape(bot.Shorten(oneLine(s), n))
}

// oneLine drops what could break a line or hide in it, beyond what Escape knows:
// C1 controls, the Unicode line separators and invisible format characters.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == 0x85 || r == 0x2028 || r == 0x2029:
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// firstLine is the first line with something on it.
func firstLine(s string) string {
	for line := range strings.SplitSeq(s, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

// link lets only plain web addresses through: no other scheme, no credentials.
func link(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return ""
	}
	return u.String()
}

func shortCommit(commit string) string { return commit[:min(len(commit), 7)] }

// clockFace writes moments of a room's time zone.
type clockFace struct{ zone *time.Location }

func newClockFace(zone *time.Location) clockFace {
	if zone == nil {
		zone = time.UTC
	}
	return clockFace{zone}
}

func (c clockFace) minute(t time.Time) string { return t.In(c.zone).Format("15:04") }
func (c clockFace) second(t time.Time) string { return t.In(c.zone).Format("15:04:05") }
