package localgit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"opsbot/bot"
)

// sessionKind is the kind of the sessions that are git tokens.
const sessionKind = "git"

// usedEvery is how precisely a token's last use is kept: writing it with every
// request would make each clone a write.
const usedEvery = time.Hour

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// IssueToken makes a token that stands for userID at this forge until it is revoked.
// name is for people: "laptop". The secret is returned once and stored nowhere.
func (f *Forge) IssueToken(ctx context.Context, userID, name string) (secret string, err error) {
	secret = bot.NewToken()
	err = f.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		if _, err := tx.Users.ByID(ctx, userID); err != nil {
			return err
		}
		return tx.Sessions.Put(ctx, bot.Session{
			Hash: hashOf(secret), Kind: sessionKind, UserID: userID,
			Name: name, CreatedAt: f.env.Clock.Now(),
		})
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// Tokens lists a person's tokens; the Hash names one for RevokeToken.
func (f *Forge) Tokens(ctx context.Context, userID string) (out []bot.Session, err error) {
	err = f.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		out, err = tx.Sessions.List(ctx, sessionKind, userID)
		return err
	})
	return out, err
}

// RevokeToken ends a token at once. Absent is success.
func (f *Forge) RevokeToken(ctx context.Context, hash string) error {
	return f.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		return tx.Sessions.Revoke(ctx, sessionKind, hash)
	})
}

var errLogin = bot.Errorf(bot.CodeUnauthenticated,
	"The user name or token is wrong, or the token was revoked. Ask OpsBot for a new one.")

// identify tells who sends r: nil without credentials, errLogin with wrong ones.
func (f *Forge) identify(r *http.Request) (*bot.User, error) {
	if r.Header.Get("Authorization") == "" {
		return nil, nil
	}
	name, secret, ok := r.BasicAuth()
	if !ok || secret == "" {
		return nil, errLogin
	}
	hash := hashOf(secret)
	var user bot.User
	var session bot.Session
	var mine bool
	err := f.env.Work.Read(r.Context(), func(ctx context.Context, tx *bot.Tx) (err error) {
		if session, err = tx.Sessions.Get(ctx, sessionKind, hash, f.env.Clock.Now()); err != nil {
			return err
		}
		if user, err = tx.Users.ByID(ctx, session.UserID); err != nil {
			return err
		}
		mine, err = called(ctx, tx, user, name)
		return err
	})
	if bot.CodeOf(err) == bot.CodeNotFound || err == nil && !mine {
		return nil, errLogin
	}
	if err != nil {
		return nil, err
	}
	f.markUsed(r.Context(), session)
	return &user, nil
}

// called reports whether a person goes by the name in one of their chats: a login that
// git has kept works on after two accounts were found to be one person's.
func called(ctx context.Context, tx *bot.Tx, user bot.User, name string) (bool, error) {
	if strings.EqualFold(name, user.Name) {
		return true, nil
	}
	logins, err := tx.Logins.Of(ctx, user.ID)
	for _, l := range logins {
		if strings.EqualFold(name, l.Name) {
			return true, nil
		}
	}
	return false, err
}

// markUsed is of no consequence for the request. It reads again inside its own
// transaction: writing the row it was given could bring a revoked token back.
func (f *Forge) markUsed(ctx context.Context, s bot.Session) {
	now := f.env.Clock.Now()
	if now.Sub(s.UsedAt) < usedEvery {
		return
	}
	err := f.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		s, err := tx.Sessions.Get(ctx, sessionKind, s.Hash, now)
		if err != nil {
			return err
		}
		s.UsedAt = now
		return tx.Sessions.Put(ctx, s)
	})
	if err != nil && bot.CodeOf(err) != bot.CodeNotFound {
		f.env.Log.Warn("the use of a git token was not noted", "error", err)
	}
}
