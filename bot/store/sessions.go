package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

type sessionRow struct {
	bun.BaseModel `bun:"table:sessions"`
	Kind          string `bun:"kind,pk"`
	Hash          string `bun:"hash,pk"`
	UserID        string `bun:"user_id"`
	Name          string `bun:"name"`
	CreatedAt     micros `bun:"created_at"`
	ExpiresAt     micros `bun:"expires_at"`
	UsedAt        micros `bun:"used_at"`
}

func (r sessionRow) noun() bot.Session {
	return bot.Session{
		Hash: r.Hash, Kind: r.Kind, UserID: r.UserID, Name: r.Name,
		CreatedAt: r.CreatedAt.time(), ExpiresAt: r.ExpiresAt.time(), UsedAt: r.UsedAt.time(),
	}
}

type sessions struct{ *work }

var _ bot.Sessions = sessions{}

// errNoSession says no more than needed: which of kind, hash and time was wrong is
// nobody's business.
var errNoSession = bot.Errorf(bot.CodeNotFound, "This login is not known, or has expired.")

// Put implements bot.Sessions.
func (r sessions) Put(ctx context.Context, s bot.Session) error {
	return upsert(ctx, r.work, &sessionRow{
		Kind: s.Kind, Hash: s.Hash, UserID: s.UserID, Name: s.Name,
		CreatedAt: us(s.CreatedAt), ExpiresAt: us(s.ExpiresAt), UsedAt: us(s.UsedAt),
	}, "kind, hash")
}

// Get implements bot.Sessions.
func (r sessions) Get(ctx context.Context, kind, hash string, now time.Time) (bot.Session, error) {
	row, err := first[sessionRow](ctx, r.work, errNoSession,
		where("kind = ? AND hash = ? AND (expires_at = 0 OR expires_at > ?)", kind, hash, us(now)))
	return row.noun(), err
}

// Take implements bot.Sessions.
func (r sessions) Take(ctx context.Context, kind, hash string, now time.Time) (bot.Session, error) {
	rows, err := returning[sessionRow](ctx, r.work, "take a session",
		"DELETE FROM sessions WHERE kind = ? AND hash = ? AND (expires_at = 0 OR expires_at > ?) RETURNING *",
		kind, hash, us(now))
	if err != nil {
		return bot.Session{}, err
	}
	if len(rows) == 0 {
		return bot.Session{}, errNoSession
	}
	return rows[0].noun(), nil
}

// List implements bot.Sessions.
func (r sessions) List(ctx context.Context, kind, userID string) ([]bot.Session, error) {
	return list(ctx, r.work, sessionRow.noun, where("kind = ? AND user_id = ?", kind, userID), order("created_at, hash"))
}

// Revoke implements bot.Sessions; absent is success.
func (r sessions) Revoke(ctx context.Context, kind, hash string) error {
	_, err := r.raw(ctx, "revoke a session", "DELETE FROM sessions WHERE kind = ? AND hash = ?", kind, hash)
	return err
}
