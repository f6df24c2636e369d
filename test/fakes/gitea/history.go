package gitea

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"opsbot/test/fakes/githttp"
)

func (s *Server) branchView(r *repo, name, id string) object {
	view := object{
		"name": name, "commit": nil, "protected": r.protection[name] != nil, "required_approvals": 0, "enable_status_check": false,
		"status_check_contexts": []string{}, "user_can_push": !r.readOnly, "user_can_merge": !r.readOnly, "effective_branch_protection_name": "",
	}
	if log := r.git.Log("-n", "1", id); len(log) == 1 {
		view["commit"] = s.commitPayload(r, log[0])
	}
	return view
}

func (s *Server) listBranches(c *call, r *repo) reply {
	names, commits := r.git.Refs("refs/heads/")
	var all []any
	for _, name := range names {
		all = append(all, s.branchView(r, name, commits[name]))
	}
	return s.paged(c, all)
}

func (s *Server) getBranch(c *call, r *repo) reply {
	name := c.params["branch"]
	if id := r.git.Heads()[name]; id != "" {
		return ok(s.branchView(r, name, id))
	}
	return s.notFound()
}

func (s *Server) deleteBranch(c *call, r *repo) reply {
	name := c.params["branch"]
	before := r.git.Heads()
	switch {
	case before[name] == "":
		return s.notFound()
	case name == r.defaultBranch:
		return s.problem(http.StatusForbidden, "can not delete default or pull request target branch")
	case r.protection[name] != nil:
		return s.problem(http.StatusForbidden, "branch protected")
	}
	if _, err := r.git.Git(nil, nil, "update-ref", "-d", "refs/heads/"+name); err != nil {
		return s.problem(http.StatusInternalServerError, "%v", err)
	}
	s.tell(r, before)
	return done()
}

func (s *Server) listTags(c *call, r *repo) reply {
	names, commits := r.git.Refs("refs/tags/")
	slices.Reverse(names)
	api, web := s.URL+apiRoot+"repos/"+r.full(), s.URL+"/"+r.full()
	var all []any
	for _, name := range names {
		all = append(all, object{
			"name": name, "message": "", "id": commits[name], "zipball_url": web + "/archive/" + name + ".zip", "tarball_url": web + "/archive/" + name + ".tar.gz",
			"commit": object{"url": api + "/git/commits/" + commits[name], "sha": commits[name], "created": "2026-03-01T12:00:00Z"},
		})
	}
	return s.paged(c, all)
}

func (s *Server) commitView(r *repo, c githttp.Commit) object {
	api, web := s.URL+apiRoot+"repos/"+r.full(), s.URL+"/"+r.full()
	who := func(p githttp.Person) object { return object{"name": p.Name, "email": p.Mail, "date": stamp(p.At)} }
	parents := []any{}
	for _, p := range c.Parents {
		parents = append(parents, object{"url": api + "/git/commits/" + p, "sha": p, "created": "0001-01-01T00:00:00Z"})
	}
	return object{
		"url": api + "/git/commits/" + c.ID, "sha": c.ID, "created": stamp(c.Committer.At), "html_url": web + "/commit/" + c.ID,
		"commit": object{
			"url": api + "/git/commits/" + c.ID, "author": who(c.Author), "committer": who(c.Committer), "message": c.Message + "\n",
			"tree": object{"url": api + "/git/trees/" + c.Tree, "sha": c.Tree, "created": stamp(c.Committer.At)}, "verification": nil,
		},
		"author": nil, "committer": nil, "parents": parents, "files": nil, "stats": nil,
	}
}

func (s *Server) listCommits(c *call, r *repo) reply {
	if r.empty {
		return s.problem(http.StatusConflict, "Git Repository is empty.")
	}
	id, args := r.git.Resolve(or(c.query.Get("sha"), r.defaultBranch)), []string{}
	if id == "" {
		return s.notFound()
	}
	if not := c.query.Get("not"); not != "" {
		if r.git.Resolve(not) == "" {
			return s.problem(http.StatusInternalServerError, "exit status 128 - fatal: bad object %s", not)
		}
		args = append(args, "^"+not)
	}
	var all []any
	for _, one := range r.git.Log(append([]string{"-n", "5000", id}, args...)...) {
		all = append(all, s.commitView(r, one))
	}
	return s.paged(c, all)
}

func (s *Server) getCommit(c *call, r *repo) reply {
	id := r.git.Resolve(c.params["sha"])
	if id == "" {
		return s.notFound()
	}
	return ok(s.commitView(r, r.git.Log("-n", "1", id)[0]))
}

// mostContent is Gitea's DEFAULT_MAX_BLOB_SIZE: of larger files there is no content.
const mostContent = 10 << 20

// getContents gives a file, or the list of a folder's entries.
func (s *Server) getContents(c *call, r *repo) reply {
	id := r.git.Resolve(or(c.query.Get("ref"), r.defaultBranch))
	path := c.params["filepath"]
	out, err := r.git.Git(nil, nil, "ls-tree", "-l", "-z", "--full-tree", id, "--", path)
	meta, _, _ := strings.Cut(string(out), "\t")
	f := strings.Fields(meta)
	if id == "" || err != nil || len(f) != 4 {
		return s.notFound()
	}
	api := s.URL + apiRoot + "repos/" + r.full() + "/contents/" + path
	one := object{
		"name": path[strings.LastIndex(path, "/")+1:], "path": path, "sha": f[2], "last_commit_sha": id, "type": "file", "size": 0, "encoding": nil,
		"content": nil, "target": nil, "url": api, "html_url": s.URL + "/" + r.full() + "/src/commit/" + id + "/" + path,
		"git_url": api, "download_url": s.URL + "/raw", "submodule_git_url": nil, "_links": object{"self": api, "git": api, "html": api},
	}
	if f[1] == "tree" {
		one["type"] = "dir"
		return ok([]any{one}) // its entries; that it is a list is what matters
	}
	if f[0] == "120000" {
		one["type"] = "symlink"
	}
	size, _ := strconv.Atoi(f[3])
	one["size"] = size
	if size <= mostContent {
		data, _ := r.git.Git(nil, nil, "cat-file", "blob", f[2])
		one["encoding"], one["content"] = "base64", base64.StdEncoding.EncodeToString(data)
	}
	return ok(one)
}

var fullHash = regexp.MustCompile(`^[0-9a-f]{40}$`)

func (s *Server) createStatus(c *call, r *repo) reply {
	sha := c.params["sha"]
	switch {
	case !fullHash.MatchString(sha) || !r.git.Exists(sha):
		return s.notFound()
	case !slices.Contains([]string{"pending", "success", "error", "failure", "warning"}, c.text("state")):
		return s.problem(http.StatusInternalServerError, "invalid state")
	}
	one := object{
		"id": s.newID(), "status": c.text("state"), "target_url": c.text("target_url"), "description": c.text("description"),
		"url": s.URL + apiRoot + "repos/" + r.full() + "/statuses/" + sha, "context": or(c.text("context"), "default"),
		"creator": s.account(s.owner(c.who.login)), "created_at": stamp(c.now), "updated_at": stamp(c.now),
	}
	r.statuses = append(r.statuses, object{"sha": sha, "state": one["status"], "context": one["context"], "description": one["description"], "target_url": one["target_url"]})
	return created(one)
}
