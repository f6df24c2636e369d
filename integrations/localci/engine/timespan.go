package engine

import (
	"fmt"
	"strconv"
	"time"
)

// timeSpan writes a duration as Jenkins does: the two largest units, the smaller
// one only below ten of the larger.
func timeSpan(d time.Duration) string {
	ms := d.Milliseconds()
	const day = 24 * 60 * 60 * 1000
	units := []struct {
		size  int64
		label func(n int64) string
	}{
		{365 * day, plural("yr")},
		{30 * day, plural("mo")},
		{day, days},
		{day / 24, plural("hr")},
		{60_000, plural("min")},
		{1000, plural("sec")},
	}
	for i, u := range units[:len(units)-1] {
		if n := ms / u.size; n > 0 {
			text := u.label(n)
			if small := units[i+1]; n < 10 {
				text += " " + small.label(ms%u.size/small.size)
			}
			return text
		}
	}
	switch {
	case ms >= 10_000:
		return fmt.Sprintf("%d sec", ms/1000)
	case ms >= 1000:
		return trimmed(float64(ms/100)/10) + " sec"
	case ms >= 100:
		return trimmed(float64(ms/10)/100) + " sec"
	}
	return fmt.Sprintf("%d ms", ms)
}

func plural(unit string) func(int64) string {
	return func(n int64) string { return fmt.Sprintf("%d %s", n, unit) }
}

func days(n int64) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

func trimmed(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// timeUnit is the length of a Java TimeUnit.
func timeUnit(name string) (time.Duration, bool) {
	switch name {
	case "NANOSECONDS":
		return time.Nanosecond, true
	case "MICROSECONDS":
		return time.Microsecond, true
	case "MILLISECONDS":
		return time.Millisecond, true
	case "SECONDS":
		return time.Second, true
	case "MINUTES":
		return time.Minute, true
	case "HOURS":
		return time.Hour, true
	case "DAYS":
		return 24 * time.Hour, true
	}
	return 0, false
}
