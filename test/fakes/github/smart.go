package github

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/cgi" //nolint:gosec // its fault was mended in Go 1.6.3
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const maxPack = 256 << 20

// serveGit answers clones and pushes by git's own http-backend.
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request) {
	full, below, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), ".git/")
	write := strings.Contains(r.URL.RawQuery, "git-receive-pack") || below == "git-receive-pack"
	s.mu.Lock()
	fault := s.fault(r.Method, "git")
	s.mu.Unlock()
	if fault != nil && !fault.After && s.play(w, r, *fault) {
		return
	}
	rp, status, said := s.gitAccess(r, full, write)
	s.remember(Call{Method: r.Method, Operation: "git", Path: r.URL.RequestURI(), Status: status})
	if status != http.StatusOK {
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
		}
		http.Error(w, said, status)
		return
	}
	if fault != nil && fault.After {
		s.backend(&nowhere{header: http.Header{}}, r, rp, below)
		if s.play(w, r, *fault) {
			return
		}
	}
	s.backend(w, r, rp, below)
}

// gitAccess decides like GitHub: what may not be seen is not there.
func (s *Server) gitAccess(r *http.Request, full string, write bool) (*repo, int, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	who := s.credential(r)
	rp := s.repo(full)
	if rp == nil {
		i := slices.IndexFunc(s.repos, func(o *repo) bool { return slices.Contains(o.former, full) })
		if i >= 0 {
			rp = s.repos[i] // git is led on without a redirect that could be seen
		}
	}
	switch {
	case who == nil && (write || r.Header.Get("Authorization") != "" || rp == nil || rp.private):
		return nil, http.StatusUnauthorized, "remote: Invalid username or password."
	case rp == nil || who != nil && !s.sees(who, rp):
		return nil, http.StatusNotFound, "Repository not found."
	case !write:
		return rp, http.StatusOK, ""
	}
	out := s.signOn(&call{Request: r, params: map[string]string{"owner": rp.owner.login}, who: who})
	switch {
	case out.status != 0:
		return nil, out.status, "The '" + rp.owner.login + "' organization has enabled or enforced SAML SSO. To access this repository, you must re-authorize the OAuth Application."
	case rp.archived:
		return nil, http.StatusForbidden, "ERROR: This repository was archived so it is read-only."
	case !(&call{who: who}).member(rp.owner), who.permissions == nil && !who.covers("repo") && !who.covers("public_repo"),
		who.permissions != nil && who.permissions["contents"] != "write":
		return nil, http.StatusForbidden, "Permission to " + rp.full() + ".git denied to " + who.login + "."
	}
	return rp, http.StatusOK, ""
}

// backend runs http-backend and tells the hooks what a push changed.
func (s *Server) backend(w http.ResponseWriter, r *http.Request, rp *repo, below string) {
	body, err := wholeBody(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r = r.Clone(r.Context())
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	r.Header.Del("Content-Encoding")
	r.URL.Path = "/" + filepath.Base(rp.dir) + "/" + below
	program, err := exec.LookPath("git")
	if err != nil {
		http.Error(w, "no git", http.StatusInternalServerError)
		return
	}
	pushing := below == "git-receive-pack"
	s.mu.Lock()
	before := heads(rp) //nolint:contextcheck // what a client began goes on without it, as on GitHub
	if pushing && rp.rule != "" {
		s.mu.Unlock()
		refuse(w, body, rp.rule)
		return
	}
	s.mu.Unlock()
	h := &cgi.Handler{
		Path: program, Args: []string{"http-backend"}, Dir: s.dir,
		Env: append(gitEnv(), "GIT_PROJECT_ROOT="+s.dir, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=someone"),
	}
	h.ServeHTTP(w, r)
	if pushing {
		s.pushed(rp, before) //nolint:contextcheck // as above
	}
}

func wholeBody(r *http.Request) ([]byte, error) {
	var from io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		zipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		from = zipped
	}
	return io.ReadAll(io.LimitReader(from, maxPack))
}

// refuse answers a push as a rule of the repository does: the pack is taken, each
// ref declined.
func refuse(w http.ResponseWriter, body []byte, rule string) {
	ref := ""
	if i := bytes.Index(body, []byte("refs/")); i >= 0 {
		ref = string(body[i : i+bytes.IndexAny(body[i:], "\x00\n ")])
	}
	w.Header().Set("Content-Type", "application/x-git-receive-pack-result")
	report := packet("unpack ok\n") + packet("ng "+ref+" "+rule+"\n") + "0000"
	if bytes.Contains(body[:min(len(body), 1000)], []byte("side-band-64k")) {
		report = packet("\x02error: GH013: Repository rule violations found for "+ref+".\n") + packet("\x01"+report) + "0000"
	}
	_, _ = io.WriteString(w, report) //nolint:gosec // git's protocol, for git
}

func packet(text string) string {
	const digits = "0123456789abcdef"
	n := len(text) + 4
	return string([]byte{digits[n>>12&15], digits[n>>8&15], digits[n>>4&15], digits[n&15]}) + text
}

const zeros = "0000000000000000000000000000000000000000"

// pushed tells hooks of all branches that moved, and takes the first branch of an
// empty repository as its default.
func (s *Server) pushed(rp *repo, before map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notice(rp, before)
}

// notice does so with the lock held.
func (s *Server) notice(rp *repo, before map[string]string) {
	after := heads(rp)
	rp.pushed = s.clock.Now()
	if _, there := after[rp.defaultBranch]; !there && len(before) == 0 && len(after) == 1 {
		for name := range after {
			rp.defaultBranch = name
		}
	}
	for name, id := range after {
		if before[name] != id {
			s.follow(rp, name, id)
			s.tell(rp, name, before[name], id)
		}
	}
	for name, id := range before {
		if after[name] == "" {
			s.follow(rp, name, "")
			s.tell(rp, name, id, "")
		}
	}
}

// tell sends the push event. The lock is held.
func (s *Server) tell(rp *repo, branch, before, after string) {
	payload := object{
		"ref": "refs/heads/" + branch, "before": orZeros(before), "after": orZeros(after), "created": before == "", "deleted": after == "",
		"forced": false, "base_ref": nil, "compare": s.URL + "/" + rp.full(), "commits": []any{}, "head_commit": nil,
		"repository": s.view(rp), "pusher": object{"name": s.Login, "email": "opsbot@example.com"}, "sender": s.person(rp.owner),
	}
	payload["repository"].(object)["pushed_at"] = rp.pushed.Unix()
	if after != "" {
		span := []string{after}
		if before != "" {
			span = []string{before + ".." + after}
		}
		var list []any
		for _, l := range slices.Backward(history(rp, append([]string{"-n", "50"}, span...)...)) {
			list = append(list, object{
				"id": l.id, "tree_id": l.tree, "distinct": true, "message": l.message, "timestamp": l.committer[2],
				"url": s.URL + "/" + rp.full() + "/commit/" + l.id, "author": object{"name": l.author[0], "email": l.author[1]},
				"committer": object{"name": l.committer[0], "email": l.committer[1]}, "added": []any{}, "removed": []any{}, "modified": []any{},
			})
		}
		if len(list) > 0 {
			payload["commits"], payload["head_commit"] = list, list[len(list)-1]
		}
	}
	for _, h := range rp.hooks {
		if slices.Contains(h.events, "push") || slices.Contains(h.events, "*") {
			s.send(rp, h, "push", payload, rp.pushed)
		}
	}
}

func orZeros(hash string) string {
	if hash == "" {
		return zeros
	}
	return hash
}

// nowhere takes an answer that is lost.
type nowhere struct{ header http.Header }

// Header implements http.ResponseWriter.
func (n *nowhere) Header() http.Header { return n.header }

// Write implements http.ResponseWriter.
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader implements http.ResponseWriter.
func (n *nowhere) WriteHeader(int) {}
