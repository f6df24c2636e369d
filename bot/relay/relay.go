// Package relay brings what happens outside into the rooms.
//
// The life of an event: the edge (or an embedded source) puts a row into the
// inbox; the Processor claims it, parses it into events, finds the project of
// each, writes change and build, asks the registered handlers and marks the
// change's card as due, all in one transaction per row. The Pump renders what is
// due and sends or edits it in its room, as fast as that chat allows.
//
// Between the two lies only the store: either may stop at any moment, on any
// replica, and another goes on without losing or repeating anything.
package relay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"opsbot/bot"
)

// CardKind is the kind of the card of a change.
const CardKind = "change"

// CardKey is the key of a change's card in every room that shows it. Whoever
// changes what the card shows touches it under this key.
func CardKey(changeID string) string { return "change:" + changeID }

// StyleLines is the Room.Style of rooms that want one line per event.
const StyleLines = "lines"

// RoomsFunc says which rooms hear of an event of a project. It runs inside the
// relay's transaction. e is never nil.
type RoomsFunc func(ctx context.Context, tx *bot.Tx, p bot.Project, e *bot.Event) ([]bot.Room, error)

// ProjectRooms is the RoomsFunc of the project's own room and those bound to it.
func ProjectRooms(ctx context.Context, tx *bot.Tx, p bot.Project, _ *bot.Event) ([]bot.Room, error) {
	return bot.RoomsOf(ctx, tx, p)
}

const (
	// poll is how long a lost wake-up can cost.
	poll = 5 * time.Second
	// maxTries is how often something is tried before it is given up.
	maxTries = 10
	maxPause = 5 * time.Minute
)

// pause is how long to wait after the n-th failed try (from 1): 1 s, 2 s, 4 s ...
func pause(n int) time.Duration {
	if n > 9 {
		return maxPause
	}
	return min(time.Second<<max(n-1, 0), maxPause)
}

// postKey makes a valid post key of parts that may come from outside.
func postKey(kind string, parts ...string) string {
	id := strings.Join(parts, ":")
	if len(kind)+1+len(id) > 200 || strings.IndexFunc(id, outsideKey) >= 0 {
		sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
		id = hex.EncodeToString(sum[:])
	}
	return kind + ":" + id
}

func outsideKey(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(":._-", r):
		return false
	}
	return true
}
