package gitlab

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"opsbot/test/fakes/githttp"
)

func firstLine(message string) string {
	line, _, _ := strings.Cut(message, "\n")
	return line
}

func (s *Server) commitView(p *project, l githttp.Commit) object {
	parents := []any{}
	for _, id := range l.Parents {
		parents = append(parents, id)
	}
	return object{
		"id": l.ID, "short_id": l.ID[:8], "created_at": l.Committer.At.Format(time.RFC3339), "parent_ids": parents, "title": firstLine(l.Message),
		"message": l.Message + "\n", "author_name": l.Author.Name, "author_email": l.Author.Mail, "authored_date": l.Author.At.Format(time.RFC3339),
		"committer_name": l.Committer.Name, "committer_email": l.Committer.Mail, "committed_date": l.Committer.At.Format(time.RFC3339),
		"trailers": object{}, "extended_trailers": object{}, "web_url": s.URL + "/" + p.full() + "/-/commit/" + l.ID,
	}
}

func (s *Server) oneCommit(p *project, id string) (object, bool) {
	l, there := p.commit(id)
	if !there {
		return nil, false
	}
	return s.commitView(p, l), true
}

func (s *Server) branchView(p *project, name, id string) object {
	commit, _ := s.oneCommit(p, id)
	return object{
		"name": name, "commit": commit, "merged": false, "protected": p.guarded(name), "default": name == s.defaultBranch(p),
		"developers_can_push": false, "developers_can_merge": false, "can_push": true, "web_url": s.URL + "/" + p.full() + "/-/tree/" + name,
	}
}

func (s *Server) listBranches(c *call, p *project) reply {
	names, commits := p.refs()
	var all []any
	for _, name := range names {
		all = append(all, s.branchView(p, name, commits[name]))
	}
	return paged(c, all)
}

func (s *Server) getBranch(c *call, p *project) reply {
	name := c.params["branch"]
	id := p.heads()[name]
	if id == "" {
		return notFound("Branch")
	}
	return ok(s.branchView(p, name, id))
}

func (s *Server) deleteBranch(c *call, p *project) reply {
	name := c.params["branch"]
	switch {
	case p.archived:
		return forbidden()
	case p.heads()[name] == "":
		return notFound("Branch")
	case p.guarded(name):
		return problem(http.StatusForbidden, "Protected branch can not be removed")
	}
	if err := p.set(name, ""); err != nil {
		return problem(http.StatusBadRequest, err.Error())
	}
	return done()
}

// listCommits lists a branch, tag, commit or range; of an unknown one nothing.
func (s *Server) listCommits(c *call, p *project) reply {
	revision := or(c.query.Get("ref_name"), s.defaultBranch(p))
	from, to, between := strings.Cut(revision, "..")
	if !between {
		to = revision
	}
	args := []string{p.resolve(to)}
	if between {
		args = append(args, "^"+p.resolve(from))
	}
	var all []any
	if !slices.Contains(args, "") && !slices.Contains(args, "^") {
		for _, l := range p.Log(append([]string{"-n", "5000"}, args...)...) {
			all = append(all, s.commitView(p, l))
		}
	}
	return paged(c, all)
}

func (s *Server) getCommit(c *call, p *project) reply {
	commit, there := s.oneCommit(p, p.resolve(c.params["sha"]))
	if !there {
		return notFound("Commit")
	}
	return ok(commit)
}

// listCommitRefs lists branches and tags that have a commit.
func (s *Server) listCommitRefs(c *call, p *project) reply {
	id := p.resolve(c.params["sha"])
	if id == "" {
		return notFound("Commit")
	}
	var all []any
	for _, kind := range [][2]string{{"branch", "refs/heads/"}, {"tag", "refs/tags/"}} {
		out, _ := p.Git(nil, nil, "for-each-ref", "--format=%(refname)", "--contains", id, kind[1])
		for line := range strings.Lines(string(out)) {
			all = append(all, object{"type": kind[0], "name": strings.TrimPrefix(strings.TrimSpace(line), kind[1])})
		}
	}
	return paged(c, all)
}

func (s *Server) listTags(c *call, p *project) reply {
	names, commits := p.Refs("refs/tags/")
	slices.Reverse(names)
	var all []any
	for _, name := range names {
		commit, _ := s.oneCommit(p, commits[name])
		all = append(all, object{"name": name, "message": "", "target": commits[name], "commit": commit, "release": nil, "protected": false})
	}
	return paged(c, all)
}

// entry is a line of ls-tree.
type entry struct{ mode, kind, id, size, path string }

func (p *project) list(commit, path string) (all []entry) {
	args := []string{"ls-tree", "-l", "-z", "--full-tree", commit}
	if path != "" {
		args = append(args, "--", path)
	}
	out, err := p.Git(nil, nil, args...)
	if err != nil {
		return nil
	}
	for line := range strings.SplitSeq(string(out), "\x00") {
		meta, name, _ := strings.Cut(line, "\t")
		if f := strings.Fields(meta); len(f) == 4 {
			all = append(all, entry{f[0], f[1], f[2], f[3], name})
		}
	}
	return all
}

func (s *Server) listTree(c *call, p *project) reply {
	id := p.resolve(or(c.query.Get("ref"), s.defaultBranch(p)))
	if id == "" {
		return notFound("Tree")
	}
	path := c.query.Get("path")
	if path != "" {
		path += "/"
	}
	entries := p.list(id, path)
	if len(entries) == 0 && path != "" {
		return problem(http.StatusNotFound, "404 invalid revision or path Not Found")
	}
	var all []any
	for _, e := range entries {
		all = append(all, object{"id": e.id, "name": last(e.path), "type": e.kind, "path": e.path, "mode": e.mode})
	}
	return paged(c, all)
}

func (s *Server) getFile(c *call, p *project) reply {
	id, path := p.resolve(c.query.Get("ref")), c.params["path"]
	if id == "" {
		return notFound("Commit")
	}
	entries := p.list(id, path)
	if len(entries) != 1 || entries[0].kind != "blob" || entries[0].path != path {
		return notFound("File")
	}
	data, err := p.Git(nil, nil, "cat-file", "blob", entries[0].id)
	if err != nil {
		return notFound("File")
	}
	size, _ := strconv.Atoi(entries[0].size)
	return ok(object{
		"file_name": last(path), "file_path": path, "size": size, "encoding": "base64", "content": base64.StdEncoding.EncodeToString(data),
		"ref": c.query.Get("ref"), "blob_id": entries[0].id, "commit_id": id, "last_commit_id": id, "execute_filemode": entries[0].mode == "100755",
		"content_sha256": "",
	})
}
