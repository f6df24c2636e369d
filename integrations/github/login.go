package github

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v88/github"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// login knows the token to use: the configured one, or that of the App's
// installation, which lives for an hour.
type login struct {
	cfg   Config
	api   string
	mask  *rest.Mask
	next  *http.Client // without credentials
	forge *Forge

	mu  sync.Mutex
	app *ghinstallation.Transport
}

// token gives a valid token; it renews that of an installation a minute early.
func (l *login) token(ctx context.Context) (string, error) {
	if l.cfg.App.ID == 0 {
		value, err := l.cfg.Token.Resolve(ctx)
		l.mask.Add(value)
		return value, err
	}
	app, err := l.installation(ctx)
	if err != nil {
		return "", err
	}
	value, err := app.Token(ctx)
	if err != nil {
		return "", l.refused(ctx, err)
	}
	l.mask.Add(value)
	return value, nil
}

func (l *login) installation(ctx context.Context) (*ghinstallation.Transport, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.app != nil {
		return l.app, nil
	}
	key, err := l.cfg.App.Key.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	l.mask.Add(key)
	made, err := ghinstallation.New(l.next.Transport, l.cfg.App.ID, l.cfg.App.Installation, []byte(key))
	if err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "The private key of the GitHub App %d is no PEM file of an RSA key.", l.cfg.App.ID)
	}
	// Without options the library sends "null", which GitHub's description does not allow.
	made.InstallationTokenOptions = &github.InstallationTokenOptions{}
	made.BaseURL, made.Client = strings.TrimRight(l.api, "/"), l.next
	l.app = made
	return made, nil
}

// forget drops an installation's token that was refused before its time.
func (l *login) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.app = nil
}

// refused says why an installation gave no token.
func (l *login) refused(ctx context.Context, err error) error {
	var http *ghinstallation.HTTPError
	id, inst := l.cfg.App.ID, l.cfg.App.Installation
	if !errors.As(err, &http) || http.RootCause != nil || http.Response == nil {
		return l.forge.wire(ctx, err)
	}
	defer func() { _ = http.Response.Body.Close() }()
	cause := &rest.StatusError{
		Method: "POST", URL: l.api + "app/installations/access_tokens", Status: http.Response.StatusCode, Header: http.Response.Header,
	}
	out := rest.Classify(l.forge.DisplayName(), cause, true, l.forge.env.Clock.Now())
	if out.Retry != bot.RetryNever {
		return out
	}
	text := "GitHub gives no token to the App %d for its installation %d"
	switch cause.Status {
	case 401:
		text = "GitHub does not accept the key of the App %d (installation %d): is it the App's newest, and is this machine's clock right?"
	case 403:
		text = "The App %d is suspended for its installation %d: an owner of the organisation can lift that."
	case 404:
		text = "GitHub knows no installation of the App %d with the number %d: was it uninstalled?"
	}
	return bot.Errorf(bot.CodeUnauthenticated, text, id, inst).Because(cause)
}

// forGit gives what git logs in with.
func (l *login) forGit(ctx context.Context) (user, secret string, err error) {
	secret, err = l.token(ctx)
	return "x-access-token", secret, err
}

// authorized adds the token to requests to the API, and to no other server.
type authorized struct {
	login *login
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (a *authorized) RoundTrip(req *http.Request) (*http.Response, error) {
	base, err := url.Parse(a.login.api)
	if err != nil || base.Scheme != req.URL.Scheme || !strings.EqualFold(base.Host, req.URL.Host) {
		return a.next.RoundTrip(req)
	}
	token, err := a.login.token(req.Context())
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // RoundTrip must, whatever happens
		}
		return nil, err
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := a.next.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		a.login.forget()
	}
	return resp, err
}
