// Package githttp is what the stand-ins of forges share: bare repositories, and git
// over smart HTTP by git's own http-backend. Who may do what is the stand-in's to
// decide, before it calls Serve.
package githttp

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi" //nolint:gosec // its fault was mended in Go 1.6.3
	"os/exec"
	"path/filepath"
	"strings"
)

const maxPack = 256 << 20

// Pushing tells whether a request, or the one that it prepares, is a push; below is
// its path below the repository's.
func Pushing(r *http.Request, below string) bool {
	return strings.Contains(r.URL.RawQuery, "git-receive-pack") || below == "git-receive-pack"
}

// Serve answers a clone or push of a repository by http-backend; below is the
// path below the repository's. It takes the body whole, packed or not.
func Serve(w http.ResponseWriter, r *http.Request, repo Repository, below string) {
	body, err := wholeBody(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	program, err := exec.LookPath("git")
	if err != nil {
		http.Error(w, "no git", http.StatusInternalServerError)
		return
	}
	r = r.Clone(r.Context())
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	r.Header.Del("Content-Encoding")
	r.URL.Path = "/" + filepath.Base(repo.Dir) + "/" + below
	h := &cgi.Handler{
		Path: program, Args: []string{"http-backend"}, Dir: filepath.Dir(repo.Dir),
		Env: append(environment(), "GIT_PROJECT_ROOT="+filepath.Dir(repo.Dir), "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=someone"),
	}
	h.ServeHTTP(w, r)
}

// Decline answers a push as a rule of the repository does: the pack is taken, the
// ref declined with why, and said is told on the side.
func Decline(w http.ResponseWriter, r *http.Request, why, said string) {
	body, err := wholeBody(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ref := ""
	if i := bytes.Index(body, []byte("refs/")); i >= 0 {
		if n := bytes.IndexAny(body[i:], "\x00\n "); n > 0 {
			ref = string(body[i : i+n])
		}
	}
	report := packet("unpack ok\n") + packet("ng "+ref+" "+why+"\n") + "0000"
	if bytes.Contains(body[:min(len(body), 1000)], []byte("side-band-64k")) {
		report = packet("\x02"+said+"\n") + packet("\x01"+report) + "0000"
	}
	w.Header().Set("Content-Type", "application/x-git-receive-pack-result")
	_, _ = io.WriteString(w, report)
}

func packet(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }

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

// Nowhere takes an answer that is lost on its way. Make one for each answer.
type Nowhere struct{ header http.Header }

// Header implements http.ResponseWriter.
func (n *Nowhere) Header() http.Header {
	if n.header == nil {
		n.header = http.Header{}
	}
	return n.header
}

// Write implements http.ResponseWriter.
func (n *Nowhere) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader implements http.ResponseWriter.
func (n *Nowhere) WriteHeader(int) {}
