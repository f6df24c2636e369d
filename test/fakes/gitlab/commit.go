package gitlab

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"opsbot/test/fakes/githttp"
)

// createCommit makes one commit of several actions on a new branch.
func (s *Server) createCommit(c *call, p *project) reply {
	branch, base := c.text("branch"), p.resolve(c.text("start_sha"))
	switch {
	case p.archived:
		return forbidden()
	case p.rule != "":
		return problem(http.StatusBadRequest, p.rule)
	case p.heads()[branch] != "" && c.text("start_sha") != "":
		return problem(http.StatusBadRequest, "A branch called '"+branch+"' already exists. Switch to that branch in order to make changes")
	case base == "":
		return problem(http.StatusBadRequest, "You can only create or edit files when you are on a branch")
	}
	actions, _ := c.body["actions"].([]any)
	tree, wrong := p.apply(base, actions)
	if wrong != "" {
		return problem(http.StatusBadRequest, wrong)
	}
	who := githttp.Person{Name: or(c.text("author_name"), c.who.login), Mail: or(c.text("author_email"), c.who.login+"@example.com"), At: c.now}
	committer := githttp.Person{Name: c.who.login, Mail: c.who.login + "@example.com", At: c.now}
	id, err := p.CommitTree(branch, base, tree, c.text("commit_message"), who, committer)
	if err != nil {
		return problem(http.StatusBadRequest, err.Error())
	}
	p.commits = nil
	s.tell(p, branch, "", id)
	commit, _ := s.oneCommit(p, id)
	return created(commit)
}

// apply gives the tree after the actions, or what is wrong with them.
func (p *project) apply(base string, actions []any) (tree, wrong string) {
	dir, err := os.MkdirTemp(filepath.Dir(p.Dir), "index-")
	if err != nil {
		return "", err.Error()
	}
	defer func() { _ = os.RemoveAll(dir) }()
	env := []string{"GIT_INDEX_FILE=" + filepath.Join(dir, "index")}
	if _, err := p.Git(env, nil, "read-tree", base); err != nil {
		return "", err.Error()
	}
	for _, a := range actions {
		action, _ := a.(object)
		if wrong := p.act(env, action); wrong != "" {
			return "", wrong
		}
	}
	out, err := p.Git(env, nil, "write-tree")
	if err != nil {
		return "", err.Error()
	}
	return strings.TrimSpace(string(out)), ""
}

// act does one action in the index.
func (p *project) act(env []string, action object) (wrong string) {
	text := func(key string) string { v, _ := action[key].(string); return v }
	path := text("file_path")
	staged, err := p.Git(env, nil, "ls-files", "--stage", "-z", "--", path)
	f := strings.Fields(string(staged))
	if err != nil || path == "" {
		return "You must provide a file path"
	}
	mode, id := "100644", ""
	switch kind := text("action"); {
	case kind == "create" && len(f) > 0:
		return "A file with this name already exists"
	case kind != "create" && len(f) == 0:
		return "A file with this name doesn't exist"
	case kind == "chmod":
		if mode, id = "100644", f[1]; action["execute_filemode"] == true {
			mode = "100755"
		}
	case kind == "update":
		mode = f[0]
	case kind != "create":
		return fmt.Sprintf("action %q does not have a valid value", kind)
	}
	if id == "" {
		data, err := base64.StdEncoding.DecodeString(text("content"))
		if err != nil || text("encoding") != "base64" {
			return "invalid base64"
		}
		out, err := p.Git(env, data, "hash-object", "-w", "--stdin")
		if err != nil {
			return err.Error()
		}
		id = strings.TrimSpace(string(out))
	}
	if _, err := p.Git(env, []byte(mode+" "+id+"\t"+path+"\n"), "update-index", "--index-info"); err != nil {
		return err.Error()
	}
	return ""
}
