package github

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

var refForm = regexp.MustCompile(`^refs/(heads|tags)/.+$`)

// filled wants a repository with a commit, as all of git's data API does.
func filled(handle func(*call, *repo) reply) func(*call, *repo) reply {
	return func(c *call, r *repo) reply {
		if len(heads(r)) == 0 {
			return problem(http.StatusConflict, "Git Repository is empty.")
		}
		return handle(c, r)
	}
}

func (s *Server) refView(r *repo, ref, id string) object {
	api := s.URL + apiRoot + "repos/" + r.full() + "/git/"
	return object{"ref": ref, "node_id": "R", "url": api + ref, "object": object{"type": "commit", "sha": id, "url": api + "commits/" + id}}
}

func (s *Server) getRef(c *call, r *repo) reply {
	ref := "refs/" + c.params["ref"]
	id := at(r, ref)
	if id == "" {
		return notFound()
	}
	return ok(s.refView(r, ref, id))
}

// at is what a whole ref points to; "" for none.
func at(r *repo, ref string) string {
	if branch, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
		return heads(r)[branch]
	}
	out, err := git(r.dir, nil, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", ref)
	if err != nil || !refForm.MatchString(ref) {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func (s *Server) createRef(c *call, r *repo) reply {
	ref, id := c.text("ref"), c.text("sha")
	switch {
	case !refForm.MatchString(ref):
		return problem(http.StatusUnprocessableEntity, "Reference name must start with 'refs' and have at least two slashes.")
	case at(r, ref) != "":
		return problem(http.StatusUnprocessableEntity, "Reference already exists")
	case !fullHash.MatchString(id) || !exists(r, id+"^{commit}"):
		return problem(http.StatusUnprocessableEntity, "Object does not exist")
	}
	before := heads(r)
	if _, err := git(r.dir, nil, nil, "update-ref", ref, id, zeros); err != nil {
		return problem(http.StatusUnprocessableEntity, "Reference name is not valid")
	}
	s.notice(r, before)
	return created(s.refView(r, ref, id))
}

func (s *Server) deleteRef(c *call, r *repo) reply {
	ref := "refs/" + c.params["ref"]
	if at(r, ref) == "" {
		return problem(http.StatusUnprocessableEntity, "Reference does not exist")
	}
	before := heads(r)
	if _, err := git(r.dir, nil, nil, "update-ref", "-d", ref); err != nil {
		return problem(http.StatusUnprocessableEntity, "Reference cannot be updated")
	}
	s.notice(r, before)
	return done()
}

func (s *Server) gitCommitView(r *repo, l logged) object {
	whole := s.commitView(r, l)
	inner, _ := whole["commit"].(object)
	return object{
		"sha": l.id, "node_id": "C", "url": inner["url"], "html_url": whole["html_url"], "author": inner["author"],
		"committer": inner["committer"], "tree": inner["tree"], "message": l.message, "parents": whole["parents"], "verification": inner["verification"],
	}
}

func (s *Server) getGitCommit(c *call, r *repo) reply {
	id := c.params["commit_sha"]
	if !fullHash.MatchString(id) {
		return notFound()
	}
	found := history(r, "-n", "1", id)
	if len(found) == 0 {
		return notFound()
	}
	return ok(s.gitCommitView(r, found[0]))
}

func (s *Server) createBlob(c *call, r *repo) reply {
	data := []byte(c.text("content"))
	if c.text("encoding") == "base64" {
		var err error
		if data, err = base64.StdEncoding.DecodeString(c.text("content")); err != nil {
			return problem(http.StatusUnprocessableEntity, "content is not valid Base64")
		}
	}
	id, err := putBlob(r, data)
	if err != nil {
		return problem(http.StatusInternalServerError, err.Error())
	}
	return created(object{"sha": id, "url": s.URL + apiRoot + "repos/" + r.full() + "/git/blobs/" + id})
}

func putBlob(r *repo, data []byte) (string, error) {
	out, err := git(r.dir, nil, data, "hash-object", "-w", "--stdin")
	return strings.TrimSpace(string(out)), err
}

// createTree writes the entries over what the base tree has.
func (s *Server) createTree(c *call, r *repo) reply {
	base := c.text("base_tree")
	index := filepath.Join(r.dir, "index-of-api")
	defer func() { _ = os.Remove(index) }() // the next one is made anew
	env := []string{"GIT_INDEX_FILE=" + index}
	start := []string{"read-tree", "--empty"}
	if base != "" {
		start = []string{"read-tree", base}
	}
	if _, err := git(r.dir, env, nil, start...); err != nil {
		return problem(http.StatusUnprocessableEntity, "base_tree is not a valid tree oid")
	}
	lines, out := treeLines(c, r)
	if out.status != 0 {
		return out
	}
	if _, err := git(r.dir, env, []byte(lines), "update-index", "-z", "--add", "--replace", "--index-info"); err != nil {
		return problem(http.StatusUnprocessableEntity, "tree.path contains a malformed path component")
	}
	text, err := git(r.dir, env, nil, "write-tree")
	if err != nil {
		return problem(http.StatusUnprocessableEntity, "Invalid tree info")
	}
	id := strings.TrimSpace(string(text))
	return created(object{"sha": id, "url": s.URL + apiRoot + "repos/" + r.full() + "/git/trees/" + id, "truncated": false, "tree": []any{}})
}

// treeLines are the entries of a new tree, as git update-index reads them.
func treeLines(c *call, r *repo) (string, reply) {
	var lines strings.Builder
	entries, _ := c.body["tree"].([]any)
	for _, e := range entries {
		one, _ := e.(object)
		path, _ := one["path"].(string)
		mode, _ := one["mode"].(string)
		id, hashed := one["sha"].(string)
		content, inline := one["content"].(string)
		for _, part := range strings.Split(path, "/") {
			if part == "" || part == "." || part == ".." || strings.EqualFold(part, ".git") {
				return "", problem(http.StatusUnprocessableEntity, "tree.path contains a malformed path component")
			}
		}
		switch {
		case one["type"] != "blob" || mode != "100644" && mode != "100755":
			return "", problem(http.StatusUnprocessableEntity, "tree.mode and tree.type do not fit") // others are not offered here
		case hashed == inline:
			return "", problem(http.StatusUnprocessableEntity, "Must supply either tree.sha or tree.content, but not both.")
		case inline:
			var err error
			if id, err = putBlob(r, []byte(content)); err != nil {
				return "", problem(http.StatusInternalServerError, err.Error())
			}
		case !exists(r, id):
			return "", problem(http.StatusUnprocessableEntity, "tree.sha "+id+" is not a valid blob")
		}
		fmt.Fprintf(&lines, "%s %s\t%s\x00", mode, id, path)
	}
	return lines.String(), reply{}
}

func (s *Server) createGitCommit(c *call, r *repo) reply {
	args := []string{"commit-tree"}
	parents, _ := c.body["parents"].([]any)
	for _, p := range parents {
		id, _ := p.(string)
		if !fullHash.MatchString(id) {
			return problem(http.StatusUnprocessableEntity, "Parent SHA does not exist or is not a commit object")
		}
		args = append(args, "-p", id)
	}
	author := signatureOf(c.body["author"], [3]string{c.who.login, c.who.login + "@users.noreply.example.com", stamp(c.now)})
	committer := signatureOf(c.body["committer"], author)
	env := []string{
		"GIT_AUTHOR_NAME=" + author[0], "GIT_AUTHOR_EMAIL=" + author[1], "GIT_AUTHOR_DATE=" + author[2],
		"GIT_COMMITTER_NAME=" + committer[0], "GIT_COMMITTER_EMAIL=" + committer[1], "GIT_COMMITTER_DATE=" + committer[2],
	}
	out, err := git(r.dir, env, []byte(c.text("message")), append(args, c.text("tree"))...)
	if err != nil { // git itself looks for the tree and the parents
		return problem(http.StatusUnprocessableEntity, "Tree SHA or parent SHA does not exist")
	}
	return created(s.gitCommitView(r, history(r, "-n", "1", strings.TrimSpace(string(out)))[0]))
}

// signatureOf is name, mail and date as sent, with defaults.
func signatureOf(sent any, otherwise [3]string) [3]string {
	one, _ := sent.(object)
	for i, key := range []string{"name", "email", "date"} {
		if text, _ := one[key].(string); text != "" {
			otherwise[i] = text
		}
	}
	if at, err := time.Parse(time.RFC3339, otherwise[2]); err == nil {
		otherwise[2] = stamp(at)
	}
	return otherwise
}
