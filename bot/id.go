package bot

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// NewID returns a UUIDv7 (RFC 9562) as text: 36 characters, ordered by t to the
// millisecond, the rest random. Safe for concurrent use.
func NewID(t time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails since Go 1.24
	ms := uint64(max(t.UnixMilli(), 0))
	binary.BigEndian.PutUint16(b[0:2], uint16(ms>>32))
	binary.BigEndian.PutUint32(b[2:6], uint32(ms))
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	var text [36]byte
	for i, group := 0, b[:]; i < 5; i++ {
		size := [5]int{4, 2, 2, 2, 6}[i]
		at := [5]int{0, 9, 14, 19, 24}[i]
		hex.Encode(text[at:], group[:size])
		group = group[size:]
		if i < 4 {
			text[at+size*2] = '-'
		}
	}
	return string(text[:])
}

// SubID returns the id of something that there is once for an id and a key: the same
// again after a restart.
func SubID(id, key string) string {
	const digits = "0123456789abcdef"
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	out := []byte(id[:min(len(id), 24)])
	for range 12 {
		out = append(out, digits[h&15])
		h >>= 4
	}
	return string(out)
}

const tokenAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// NewToken returns 22 random characters of [A-Za-z0-9], 130 bits: the form of a
// stored action's id, which every chat accepts, and of one-time secrets.
func NewToken() string {
	out := make([]byte, 0, 22)
	var b [32]byte
	for len(out) < 22 {
		_, _ = rand.Read(b[:])
		for _, c := range b {
			// 248 = 4*62: bytes above it would favour the first letters.
			if c < 248 && len(out) < 22 {
				out = append(out, tokenAlphabet[c%62])
			}
		}
	}
	return string(out)
}
