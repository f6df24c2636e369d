package gitea

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"opsbot/test/fakes/githttp"
)

// changeFiles makes one commit of several changes, on a new branch if one is named.
func (s *Server) changeFiles(c *call, r *repo) reply {
	before := r.git.Heads()
	base, branch := or(c.text("branch"), r.defaultBranch), c.text("new_branch")
	parent := before[base]
	switch {
	case parent == "":
		return s.problem(http.StatusNotFound, "branch does not exist [repo_id: %d name: %s]", r.id, base)
	case branch == "":
		branch = base
	case before[branch] != "":
		return s.problem(http.StatusUnprocessableEntity, "branch already exists [name: %s]", branch)
	}
	tree, out := s.changed(c, r, parent)
	if out.status != 0 {
		return out
	}
	author := identity(c, "author", c.now)
	id, err := r.git.CommitTree(branch, parent, tree, strings.TrimSpace(c.text("message")), author, identity(c, "committer", c.now))
	if err != nil {
		return s.problem(http.StatusInternalServerError, "%v", err)
	}
	s.tell(r, before)
	view := s.commitView(r, r.git.Log("-n", "1", id)[0])
	commit := view["commit"].(object)
	return created(object{"files": []any{}, "verification": nil, "commit": object{
		"url": view["url"], "sha": id, "created": view["created"], "html_url": view["html_url"], "author": commit["author"],
		"committer": commit["committer"], "parents": view["parents"], "message": commit["message"], "tree": commit["tree"],
	}})
}

// identity reads an author or committer with its date.
func identity(c *call, key string, now time.Time) githttp.Person {
	who, _ := c.body[key].(object)
	dates, _ := c.body["dates"].(object)
	out := githttp.Person{At: now}
	out.Name, _ = who["name"].(string)
	out.Mail, _ = who["email"].(string)
	if out.Name == "" || out.Mail == "" {
		out.Name, out.Mail = c.who.login, c.who.login+"@noreply.localhost"
	}
	text, _ := dates[key].(string)
	if at, err := time.Parse(time.RFC3339, text); err == nil && !at.IsZero() {
		out.At = at.UTC()
	}
	return out
}

// changed makes the tree, in an index of its own.
func (s *Server) changed(c *call, r *repo, parent string) (string, reply) {
	dir, err := os.MkdirTemp(s.dir, "index-")
	if err != nil {
		return "", s.problem(http.StatusInternalServerError, "%v", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	env := []string{"GIT_INDEX_FILE=" + filepath.Join(dir, "index")}
	if _, err := r.git.Git(env, nil, "read-tree", parent); err != nil {
		return "", s.problem(http.StatusInternalServerError, "%v", err)
	}
	list, _ := c.body["files"].([]any)
	if len(list) == 0 {
		return "", s.problem(http.StatusUnprocessableEntity, "[Files]: Required")
	}
	for _, one := range list {
		change, _ := one.(object)
		if out := s.changeOne(r, env, parent, change); out.status != 0 {
			return "", out
		}
	}
	tree, err := r.git.Git(env, nil, "write-tree")
	if err != nil {
		return "", s.problem(http.StatusInternalServerError, "%v", err)
	}
	return strings.TrimSpace(string(tree)), reply{}
}

func (s *Server) changeOne(r *repo, env []string, parent string, change object) reply {
	path, _ := change["path"].(string)
	sha, _ := change["sha"].(string)
	content, _ := change["content"].(string)
	data, err := base64.StdEncoding.DecodeString(content)
	if err != nil {
		return s.problem(http.StatusUnprocessableEntity, "%v", err)
	}
	mode, have := "100644", ""
	if out, _ := r.git.Git(nil, nil, "ls-tree", "--full-tree", parent, "--", path); len(out) > 0 {
		f := strings.Fields(string(out))
		mode, have = f[0], f[2]
	}
	switch change["operation"] {
	case "create":
		if have != "" {
			return s.problem(http.StatusUnprocessableEntity, "repository file already exists [path: %s]", path)
		}
	case "update":
		switch sha {
		case "":
			return s.problem(http.StatusUnprocessableEntity, "a SHA or commit ID must be provided when updating a file")
		case have:
		default:
			return s.problem(http.StatusUnprocessableEntity, "sha does not match [given: %s, expected: %s]", sha, have)
		}
	default:
		return s.problem(http.StatusUnprocessableEntity, "[Files[0].Operation]: In")
	}
	blob, err := r.git.Git(nil, data, "hash-object", "-w", "--stdin")
	if err == nil {
		_, err = r.git.Git(env, nil, "update-index", "--add", "--cacheinfo", fmt.Sprintf("%s,%s,%s", mode, strings.TrimSpace(string(blob)), path))
	}
	if err != nil {
		return s.problem(http.StatusUnprocessableEntity, "path contains a malformed path component [path: %s]: %v", path, err)
	}
	return reply{}
}
