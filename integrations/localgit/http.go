package localgit

import (
	"errors"
	"net/http"
	"strings"

	"opsbot/bot"
)

const prefix = "/git/"

// Prefix implements bot.Routes.
func (f *Forge) Prefix() string { return prefix }

// Listener implements bot.Routes: people clone and push from their own machines.
func (f *Forge) Listener() bot.Listener { return bot.ListenPublic }

// Handler implements bot.Routes. Whoever pushes shows a token, and whoever reads a
// private repository; a public one can be cloned and looked at without. Without
// a valid token a private repository cannot be told from one that is not there.
func (f *Forge) Handler() http.Handler { return http.HandlerFunc(f.serve) }

// route is what a request asks for.
type route struct {
	owner, name string
	rest        string // below the repository, without leading slash
	service     string // "upload-pack" or "receive-pack"; "" = the page
	dotGit      bool   // the name was written with .git
}

// routeOf takes the path apart; ok is false for what is never there.
func routeOf(r *http.Request) (rt route, ok bool) {
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, prefix), "/", 3)
	if !strings.HasPrefix(r.URL.Path, prefix) || len(parts) < 2 {
		return rt, false
	}
	rt.owner, rt.name = parts[0], parts[1]
	rt.name, rt.dotGit = strings.CutSuffix(rt.name, ".git")
	if len(parts) == 3 {
		rt.rest = parts[2]
	}
	if checkName("n owner", rt.owner) != nil || checkName(" repository", rt.name) != nil {
		return rt, false
	}
	switch rt.rest {
	case "info/refs":
		rt.service = strings.TrimPrefix(r.URL.Query().Get("service"), "git-")
		return rt, r.Method == http.MethodGet && (rt.service == "upload-pack" || rt.service == "receive-pack")
	case "git-upload-pack", "git-receive-pack":
		rt.service = strings.TrimPrefix(rt.rest, "git-")
		return rt, r.Method == http.MethodPost
	}
	return rt, r.Method == http.MethodGet || r.Method == http.MethodHead
}

func (f *Forge) serve(w http.ResponseWriter, r *http.Request) {
	rt, ok := routeOf(r)
	if !ok {
		f.refuse(w, r, bot.Errorf(bot.CodeNotFound, "There is nothing here."))
		return
	}
	user, err := f.identify(r)
	if err == nil {
		err = f.atHome(r.Context())
	}
	var repo record
	if err == nil {
		repo, err = f.authorize(r, rt, user)
	}
	switch {
	case err != nil:
		f.refuse(w, r, err)
	case rt.service != "":
		f.serveGit(w, r, repo, rt, user)
	default:
		f.servePage(w, r, repo, rt)
	}
}

// authorize finds the repository and decides whether user (nil: nobody known) may do
// what the route asks for.
func (f *Forge) authorize(r *http.Request, rt route, user *bot.User) (record, error) {
	repo, err := f.named(r.Context(), rt.owner, rt.name)
	write := rt.service == "receive-pack"
	missing := bot.CodeOf(err) == bot.CodeNotFound
	switch {
	case err != nil && !missing:
		return repo, err
	case user == nil && (missing || write || repo.Private):
		return repo, bot.Errorf(bot.CodeUnauthenticated, "Log in with your user name and a git token. Ask OpsBot for a token.")
	case missing:
		return repo, err
	case user == nil, !write && !repo.Private:
		return repo, nil
	}
	if err := f.opts.Allow(r.Context(), *user, repo.Owner, repo.Name, write); err != nil {
		if !write {
			return repo, f.missing(rt.owner, rt.name)
		}
		if code := bot.CodeOf(err); code == bot.CodeInternal || code == bot.CodeUnavailable {
			return repo, err
		}
		return repo, bot.Errorf(bot.CodeForbidden, "You may not push to %s: %s", repo.full(), bot.MessageOf(err))
	}
	if write && repo.Archived {
		return repo, bot.Errorf(bot.CodeForbidden, "%s", bot.MessageOf(archived(repo)))
	}
	return repo, nil
}

// refuse answers with plain text, which the git program shows line by line as
// "remote: ...".
func (f *Forge) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var known *bot.Error
	if !errors.As(err, &known) {
		f.env.Log.Error("a git request failed", "path", r.URL.Path, "error", err)
	}
	status := map[bot.Code]int{
		bot.CodeInvalid: http.StatusBadRequest, bot.CodeNotFound: http.StatusNotFound, bot.CodeForbidden: http.StatusForbidden,
		bot.CodeUnauthenticated: http.StatusUnauthorized, bot.CodeUnavailable: http.StatusServiceUnavailable,
		bot.CodeTooLarge: http.StatusRequestEntityTooLarge, bot.CodeStorageFull: http.StatusInsufficientStorage,
	}[bot.CodeOf(err)]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="OpsBot git", charset="UTF-8"`)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-cache, no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(bot.Unescape(bot.Text(bot.MessageOf(err))) + "\n")) //nolint:gosec // plain text, nosniff
}
