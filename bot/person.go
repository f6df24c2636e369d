package bot

import (
	"context"
	"time"
)

// Users keeps people and their accounts.
type Users interface {
	// ByAccount returns the user of an account, making one for an account that is
	// new; a changed account name is updated.
	ByAccount(ctx context.Context, a Account, now time.Time) (User, error)
	// Known is ByAccount without a write, for a Read: CodeNotFound for an account that
	// is new or has changed its name.
	Known(ctx context.Context, a Account) (User, error)
	ByID(ctx context.Context, id string) (User, error)
	// ByName finds by name without regard to case within an instance; CodeConflict
	// when two people of two workspaces have it.
	ByName(ctx context.Context, instance, name string) (User, error)
	// List leaves out those who were joined to others.
	List(ctx context.Context) ([]User, error)
}

// Logins keeps which accounts are one person's.
type Logins interface {
	// Of returns a person's accounts, oldest first.
	Of(ctx context.Context, userID string) ([]Login, error)
	// Disable keeps whether an account is deactivated; one that is not known is left
	// out.
	Disable(ctx context.Context, a Account, disabled bool) error
	// Join makes one person of two: into gets the accounts and sessions of from, whose
	// id stands for into from then on.
	Join(ctx context.Context, from, into string) error
	// Part makes a person of their own of one of several accounts, and gives it;
	// CodeConflict when it is the only one.
	Part(ctx context.Context, a Account, now time.Time) (User, error)
}

// Session is a secret that stands for a person: a login link, a browser's cookie,
// a git token. Only its SHA-256 is stored.
type Session struct {
	Hash      string // hex SHA-256 of the secret
	Kind      string // "login", "cookie", "git", ...
	UserID    string
	Name      string // for people: "laptop"
	CreatedAt time.Time
	ExpiresAt time.Time // zero: until revoked
	UsedAt    time.Time
}

// Sessions keeps the hashes of secrets.
type Sessions interface {
	Put(ctx context.Context, s Session) error
	// Get returns the session; an expired one is CodeNotFound.
	Get(ctx context.Context, kind, hash string, now time.Time) (Session, error)
	// Take is Get that removes it: for one-time links.
	Take(ctx context.Context, kind, hash string, now time.Time) (Session, error)
	List(ctx context.Context, kind, userID string) ([]Session, error)
	Revoke(ctx context.Context, kind, hash string) error
}
