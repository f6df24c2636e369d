// Package sign proves where a webhook came from: the signature schemes and bare
// tokens of the services that OpsBot listens to, all behind one interface.
//
// Every comparison takes the same time whether it fails early or late, and every
// signature is computed over the raw bytes of the body as they arrived.
package sign

import (
	"net/http"

	"opsbot/bot"
)

// Scheme verifies and makes one kind of signature. Safe for concurrent use.
//
// A scheme holds one or more keys: all of them verify, so that a secret can be
// changed without losing a delivery; the first one signs.
type Scheme interface {
	// Verify returns nil when header proves that the sender of exactly these body
	// bytes knows one of the keys, otherwise a *bot.Error with CodeUnauthenticated
	// that says what is wrong (missing, repeated, malformed, too old, no match) and
	// never what would have been right.
	Verify(header http.Header, body []byte) error
	// Sign sets the header fields that Verify wants to see, replacing those there.
	Sign(header http.Header, body []byte)
}

// refuse is the one shape of every refusal; what is written for an operator who
// reads why deliveries bounce.
func refuse(format string, args ...any) error {
	return bot.Errorf(bot.CodeUnauthenticated, "webhook refused: "+format, args...)
}

// single returns the only value of a header field. A repeated field is refused:
// a proxy and we might each look at another one of them.
func single(header http.Header, name string) (string, error) {
	values := header.Values(name)
	switch {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", refuse("no %s header", name)
	case len(values) > 1:
		return "", refuse("%s header given %d times", name, len(values))
	}
	return values[0], nil
}

// checkKeys refuses what would make a signature worthless: with an empty key
// anybody can sign.
func checkKeys(scheme string, keys []string) ([][]byte, error) {
	if len(keys) == 0 {
		return nil, bot.Errorf(bot.CodeInvalid, "%s: a secret is required", scheme)
	}
	out := make([][]byte, 0, len(keys))
	for _, k := range keys {
		if k == "" {
			return nil, bot.Errorf(bot.CodeInvalid, "%s: the secret is empty", scheme)
		}
		out = append(out, []byte(k))
	}
	return out, nil
}
