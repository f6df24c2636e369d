package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"opsbot/bot"
	"opsbot/bot/router"
	"opsbot/integrations/console"
)

// hashSecret is how a secret that stands for a person is kept.
func hashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// roomRef reads INSTANCE:ROOM.
func roomRef(text string) (bot.RoomRef, error) {
	instance, room, ok := strings.Cut(text, ":")
	if !ok || instance == "" || room == "" {
		return bot.RoomRef{}, bot.Errorf(bot.CodeInvalid, "%q is no room; write INTEGRATION:ROOM.", text)
	}
	return bot.RoomRef{Instance: instance, ID: strings.TrimPrefix(room, "#")}, nil
}

// console finds the built-in chat, nil if the configuration has none.
func (a *app) console() *console.Console {
	for _, name := range a.instances.Names() {
		if c, ok := a.instances.Get(name).(*console.Console); ok {
			return c
		}
	}
	return nil
}

// local is what the owner can do over the socket.
func (a *app) local() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("POST /login", a.answer(func(ctx context.Context, in localRequest) (any, error) {
		link, err := a.login(ctx, in.As)
		return localAnswer{Text: link}, err
	}))
	m.HandleFunc("POST /token/new", a.answer(a.newToken))
	m.HandleFunc("POST /token/list", a.answer(a.listTokens))
	m.HandleFunc("POST /token/revoke", a.answer(a.revokeToken))
	m.HandleFunc("POST /policy/question", a.answer(a.question))
	m.HandleFunc("POST /operations/{what}", func(w http.ResponseWriter, r *http.Request) {
		a.answer(func(ctx context.Context, in localRequest) (any, error) {
			return a.operations(ctx, r.PathValue("what"), in)
		})(w, r)
	})
	m.HandleFunc("POST /doctor", a.answer(func(ctx context.Context, _ localRequest) (any, error) { return a.findings(ctx), nil }))
	m.HandleFunc("POST /outcome", a.answer(a.outcome))
	m.HandleFunc("POST /backup", a.answer(a.backup))
	m.HandleFunc("POST /secret", a.serveSecret)
	if c := a.console(); c != nil {
		m.Handle("POST /say", c.SayHandler())
	}
	return m
}

// localRequest is the body of every call but /say.
type localRequest struct {
	As   string `json:"as,omitempty"`
	For  string `json:"for,omitempty"` // of a token: git or say
	Name string `json:"name,omitempty"`
	ID   string `json:"id,omitempty"`
	Text string `json:"text,omitempty"`
}

// localAnswer is a simple answer; Error is the sentence when it failed.
type localAnswer struct {
	Text  string `json:"text,omitempty"`
	Note  string `json:"note,omitempty"` // for the person, not for a script
	Error string `json:"error,omitempty"`
}

func (a *app) answer(do func(ctx context.Context, in localRequest) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in localRequest
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in); err != nil {
			http.Error(w, "the body is no JSON of the expected form", http.StatusBadRequest)
			return
		}
		out, err := do(r.Context(), in)
		w.Header().Set("Content-Type", "application/json")
		if err != nil {
			a.log.Warn("socket", "path", r.URL.Path, "error", err)
			w.WriteHeader(http.StatusConflict)
			out = localAnswer{Error: bot.MessageOf(err)}
		}
		_ = json.NewEncoder(w).Encode(out) // a caller that is gone is no fault
	}
}

// person finds or makes the user of a console account; "" is the owner.
func (a *app) person(ctx context.Context, as string) (user bot.User, err error) {
	c := a.console()
	if c == nil {
		return user, bot.Errorf(bot.CodeUnsupported, "The configuration has no console, so nobody can log in to it.")
	}
	account, err := c.Speaker(as, ownerName())
	if err != nil {
		return user, err
	}
	err = a.store.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		user, err = tx.Users.ByAccount(ctx, account, a.services.Clock.Now())
		return err
	})
	return user, err
}

// accountID is the console account of somebody; "" is the owner.
func accountID(as string) string {
	if as == "" {
		return router.OwnerAccount
	}
	return as
}

// login makes a one-time link for somebody.
func (a *app) login(ctx context.Context, as string) (string, error) {
	user, err := a.person(ctx, as)
	if err != nil {
		return "", err
	}
	secret, now := bot.NewToken(), a.services.Clock.Now()
	err = a.store.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		return tx.Sessions.Put(ctx, bot.Session{Hash: hashSecret(secret), Kind: "login", UserID: user.ID, Name: accountID(as), CreatedAt: now, ExpiresAt: now.Add(15 * time.Minute)})
	})
	return a.services.Defaults.ConsoleURL + "/login?token=" + secret, err
}

// firstLogin makes the link for a console where nobody has logged in yet.
func (a *app) firstLogin(ctx context.Context) (string, error) {
	if a.console() == nil {
		return "", nil
	}
	user, err := a.person(ctx, "")
	if err != nil {
		return "", err
	}
	var have []bot.Session
	err = a.store.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		have, err = tx.Sessions.List(ctx, "cookie", user.ID)
		return err
	})
	if err != nil || len(have) > 0 {
		return "", err
	}
	return a.login(ctx, "")
}

// newToken makes a token for git or say; it is shown this once.
func (a *app) newToken(ctx context.Context, in localRequest) (any, error) {
	user, err := a.person(ctx, in.As)
	if err != nil {
		return nil, err
	}
	if in.Name == "" || len(in.Name) > 60 {
		return nil, bot.Errorf(bot.CodeInvalid, "A token needs a name of at most 60 characters, such as the computer it is for.")
	}
	secret := bot.NewToken() + bot.NewToken()
	err = a.store.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		return tx.Sessions.Put(ctx, bot.Session{Hash: hashSecret(secret), Kind: tokenKind(in), UserID: user.ID, Name: in.Name, CreatedAt: a.services.Clock.Now()})
	})
	if err != nil {
		return nil, err
	}
	return localAnswer{Text: secret, Note: a.tokenUse(in, user)}, nil
}

// tokenUse tells a person what to do with a new token.
func (a *app) tokenUse(in localRequest, user bot.User) string {
	if in.For == console.TokenKind {
		return fmt.Sprintf("It opens `opsbot say --server %s` as %s: put it into the variable %s.", a.services.Defaults.ConsoleURL, user.Name, tokenVariable)
	}
	return fmt.Sprintf("git asks for a user name, which is %s, and for a password, which is this token. It is not shown again.", user.Name)
}

// tokenKind is the kind of session that a token of the request is.
func tokenKind(in localRequest) string {
	if in.For == console.TokenKind {
		return console.TokenKind
	}
	return "git"
}

func (a *app) listTokens(ctx context.Context, in localRequest) (any, error) {
	user, err := a.person(ctx, in.As)
	if err != nil {
		return nil, err
	}
	var list []bot.Session
	err = a.store.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		list, err = tx.Sessions.List(ctx, tokenKind(in), user.ID)
		return err
	})
	return list, err
}

func (a *app) revokeToken(ctx context.Context, in localRequest) (any, error) {
	user, err := a.person(ctx, in.As)
	if err != nil {
		return nil, err
	}
	return localAnswer{Text: "Revoked " + in.Name + "."}, a.store.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		list, err := tx.Sessions.List(ctx, tokenKind(in), user.ID)
		if err != nil {
			return err
		}
		for _, s := range list {
			if s.Name == in.Name || strings.HasPrefix(s.Hash, in.Name) && len(in.Name) >= 8 {
				return tx.Sessions.Revoke(ctx, tokenKind(in), s.Hash)
			}
		}
		return bot.Errorf(bot.CodeNotFound, "%s has no %s token named %q.", user.Name, tokenKind(in), in.Name)
	})
}
