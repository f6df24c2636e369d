package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written as a whole number with an optional unit: B,
// kB, MB, GB (powers of 1000) or KiB, MiB, GiB (powers of 1024).
type Size int64

// String gives the largest unit that fits without a remainder.
func (s Size) String() string {
	for _, u := range units() {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

type unit struct {
	name  string
	bytes int64
}

func units() []unit {
	return []unit{
		{"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3}, {"B", 1},
	}
}

// UnmarshalText reads a Size.
func (s *Size) UnmarshalText(text []byte) error {
	digits := strings.TrimRight(string(text), "GMKikB ")
	name := strings.TrimSpace(string(text)[len(digits):])
	factor := int64(0)
	for _, u := range units() {
		if u.name == name || name == "" {
			factor = u.bytes // the last one is B
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || factor == 0 || n > math.MaxInt64/factor {
		return errors.New("must be a size like 512kB, 20MB or 1GiB")
	}
	*s = Size(n * factor)
	return nil
}
