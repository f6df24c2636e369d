package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"opsbot/bot"
)

// CookieName is the page's session cookie. Apps never see it.
const CookieName = "opsbot_session"

const sessionLife = 30 * 24 * time.Hour

type accountKey struct{}

// AccountFrom gives the account that Guard let in.
func AccountFrom(ctx context.Context) (bot.Account, bool) {
	a, ok := ctx.Value(accountKey{}).(bot.Account)
	return a, ok
}

// Guard protects everything on the console's listener: the Host must be ours (a
// rebound name is not), a request that changes something must come from our own
// page, and only the login is open to those who have not logged in.
func (c *Console) Guard(next http.Handler) http.Handler {
	hosts := c.hosts()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.headers(w)
		if !hosts[strings.ToLower(r.Host)] {
			http.Error(w, "This host name is not one of the console's. Set console_url in the configuration.", http.StatusMisdirectedRequest)
			return
		}
		if r.URL.Path == sayPath {
			c.guardToken(w, r, next)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !sameOrigin(r) {
			http.Error(w, "That did not come from this page.", http.StatusForbidden)
			return
		}
		if open(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		account, err := c.session(r)
		switch {
		case bot.CodeOf(err) == bot.CodeNotFound || bot.CodeOf(err) == bot.CodeUnauthenticated:
			c.sendToLogin(w, r)
		case err != nil:
			c.env.Log.Error("console: session", "error", err)
			http.Error(w, "The session can't be looked up now; try again.", http.StatusServiceUnavailable)
		default:
			c.admit(w, r, next, account)
		}
	})
}

// admit lets in whom a session or a token stands for, as long as they may do anything
// at all: it ends with the person's rights, in whatever chat they were taken.
func (c *Console) admit(w http.ResponseWriter, r *http.Request, next http.Handler, account bot.Account) {
	err := c.still(r.Context(), account)
	switch {
	case bot.CodeOf(err) == bot.CodeForbidden:
		http.Error(w, bot.MessageOf(err), http.StatusForbidden)
	case err != nil:
		c.env.Log.Error("console: who is it", "account", account.String(), "error", err)
		http.Error(w, "Nobody can tell now who you are; try again.", http.StatusServiceUnavailable)
	default:
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), accountKey{}, account)))
	}
}

// still is an error for an account that may do nothing any more.
func (c *Console) still(ctx context.Context, account bot.Account) error {
	_, err := c.env.People.Identify(ctx, account)
	return err
}

// sayPath is the only door for tokens; cookies don't open it.
const sayPath = "/say"

// TokenKind is the kind of the sessions that are tokens for POST /say.
const TokenKind = "say"

// guardToken lets those in whose request carries a token. No page can make a
// browser send one, so where the request comes from does not matter.
func (c *Console) guardToken(w http.ResponseWriter, r *http.Request, next http.Handler) {
	account, err := c.tokenAccount(r)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound || bot.CodeOf(err) == bot.CodeUnauthenticated:
		w.Header().Set("WWW-Authenticate", `Bearer realm="opsbot"`)
		http.Error(w, "This needs a token: opsbot token new --for say NAME makes one.", http.StatusUnauthorized)
	case err != nil:
		c.env.Log.Error("console: token", "error", err)
		http.Error(w, "The token can't be looked up now; try again.", http.StatusServiceUnavailable)
	default:
		c.admit(w, r, next, account)
	}
}

// tokenAccount finds whose token the request carries: the account of this console, of
// those that the person has.
func (c *Console) tokenAccount(r *http.Request) (account bot.Account, err error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") || secret == "" {
		return account, bot.Errorf(bot.CodeUnauthenticated, "no token")
	}
	err = c.env.Work.Read(r.Context(), func(ctx context.Context, tx *bot.Tx) error {
		s, err := tx.Sessions.Get(ctx, TokenKind, hash(secret), c.env.Clock.Now())
		if err != nil {
			return err
		}
		account, err = c.ours(ctx, tx, s.UserID, func(bot.Account) bool { return true })
		return err
	})
	return account, err
}

// open are the paths that need no session.
func open(path string) bool {
	return path == "/login" || strings.HasPrefix(path, "/static/")
}

// hosts are the values of Host that are ours.
func (c *Console) hosts() map[string]bool {
	out := map[string]bool{}
	u, err := url.Parse(c.env.ConsoleURL)
	if err != nil {
		return out
	}
	out[strings.ToLower(u.Host)] = true
	host, port, err := net.SplitHostPort(u.Host)
	if err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback()) {
		for _, name := range []string{"localhost", "127.0.0.1", "[::1]"} {
			out[name+":"+port] = true
		}
	}
	return out
}

// headers: nothing from elsewhere, nothing inline, no framing.
func (c *Console) headers(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// sameOrigin reports whether a browser says that our own page sent this.
func sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	u, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// session finds whose cookie it is.
func (c *Console) session(r *http.Request) (bot.Account, error) {
	cookie, err := r.Cookie(CookieName)
	if err != nil || cookie.Value == "" {
		return bot.Account{}, bot.Errorf(bot.CodeUnauthenticated, "not logged in")
	}
	var account bot.Account
	err = c.env.Work.Read(r.Context(), func(ctx context.Context, tx *bot.Tx) error {
		s, err := tx.Sessions.Get(ctx, "cookie", hash(cookie.Value), c.env.Clock.Now())
		if err != nil {
			return err
		}
		account, err = c.accountOf(ctx, tx, s)
		return err
	})
	return account, err
}

// accountOf is the console account that a session was made for; its id is the
// session's name.
func (c *Console) accountOf(ctx context.Context, tx *bot.Tx, s bot.Session) (bot.Account, error) {
	user, err := tx.Users.Known(ctx, bot.Account{Instance: c.env.Name, ID: s.Name})
	if err != nil {
		return bot.Account{}, err
	}
	return c.ours(ctx, tx, user.ID, func(a bot.Account) bool { return a.ID == s.Name })
}

// ours is the first of a person's accounts in this console that is the wanted one, by
// its own name: the person may be called after another.
func (c *Console) ours(ctx context.Context, tx *bot.Tx, userID string, wanted func(a bot.Account) bool) (bot.Account, error) {
	logins, err := tx.Logins.Of(ctx, userID)
	if err != nil {
		return bot.Account{}, err
	}
	for _, l := range logins {
		if l.Instance == c.env.Name && wanted(l.Account) {
			return l.Account, nil
		}
	}
	return bot.Account{}, bot.Errorf(bot.CodeUnauthenticated, "the session is not of this console")
}

func (c *Console) sendToLogin(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("HX-Request") != "" || strings.HasSuffix(r.URL.Path, "/events") {
		w.Header().Set("HX-Redirect", "/login")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// login shows the form that redeems a one-time link. Opening the link alone does
// nothing: previews and prefetches must not use it up.
func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	c.page(w, r, http.StatusOK, "login", map[string]any{"Token": r.URL.Query().Get("token"), "Used": r.URL.Query().Get("used") != ""})
}

// redeem turns the one-time secret into a session.
func (c *Console) redeem(w http.ResponseWriter, r *http.Request) {
	secret, now := bot.NewToken()+bot.NewToken(), c.env.Clock.Now()
	err := c.env.Work.Write(r.Context(), func(ctx context.Context, tx *bot.Tx) error {
		link, err := tx.Sessions.Take(ctx, "login", hash(r.PostFormValue("token")), now)
		if err != nil {
			return err
		}
		return tx.Sessions.Put(ctx, bot.Session{Hash: hash(secret), Kind: "cookie", UserID: link.UserID, Name: link.Name, CreatedAt: now, ExpiresAt: now.Add(sessionLife)})
	})
	if bot.CodeOf(err) == bot.CodeNotFound {
		http.Redirect(w, r, "/login?used=1", http.StatusSeeOther)
		return
	}
	if err != nil {
		c.fail(w, r, err)
		return
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever the console is https; on loopback it is not
		Name: CookieName, Value: secret, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: strings.HasPrefix(c.env.ConsoleURL, "https:"), MaxAge: int(sessionLife.Seconds()),
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// logout ends this browser's session.
func (c *Console) logout(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(CookieName); err == nil {
		err := c.env.Work.Write(r.Context(), func(ctx context.Context, tx *bot.Tx) error {
			return tx.Sessions.Revoke(ctx, "cookie", hash(cookie.Value))
		})
		if err != nil && bot.CodeOf(err) != bot.CodeNotFound {
			c.fail(w, r, err)
			return
		}
	}
	http.SetCookie(w, &http.Cookie{Name: CookieName, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode}) //nolint:gosec // it only ends the cookie
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}
