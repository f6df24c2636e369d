package github

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (s *Server) listBranches(c *call, r *repo) reply {
	names, commits := refs(r, "refs/heads/")
	var all []any
	for _, name := range names {
		all = append(all, object{
			"name": name, "protected": r.protection[name] != nil,
			"commit": object{"sha": commits[name], "url": s.URL + apiRoot + "repos/" + r.full() + "/commits/" + commits[name]},
		})
	}
	return s.paged(c, all)
}

func (s *Server) listTags(c *call, r *repo) reply {
	names, commits := refs(r, "refs/tags/")
	slices.Reverse(names)
	api := s.URL + apiRoot + "repos/" + r.full()
	var all []any
	for _, name := range names {
		all = append(all, object{
			"name": name, "node_id": "T", "zipball_url": api + "/zipball/" + name, "tarball_url": api + "/tarball/" + name,
			"commit": object{"sha": commits[name], "url": api + "/commits/" + commits[name]},
		})
	}
	return s.paged(c, all)
}

func (s *Server) commitView(r *repo, l logged) object {
	api, web := s.URL+apiRoot+"repos/"+r.full(), s.URL+"/"+r.full()
	who := func(p [3]string) object { return object{"name": p[0], "email": p[1], "date": p[2]} }
	parents := []any{}
	for _, p := range l.parents {
		parents = append(parents, object{"sha": p, "url": api + "/commits/" + p, "html_url": web + "/commit/" + p})
	}
	return object{
		"sha": l.id, "node_id": "C", "url": api + "/commits/" + l.id, "html_url": web + "/commit/" + l.id,
		"comments_url": api + "/commits/" + l.id + "/comments", "author": nil, "committer": nil, "parents": parents,
		"commit": object{
			"url": api + "/git/commits/" + l.id, "message": l.message, "comment_count": 0, "author": who(l.author), "committer": who(l.committer),
			"tree":         object{"sha": l.tree, "url": api + "/git/trees/" + l.tree},
			"verification": object{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil},
		},
	}
}

func (s *Server) listCommits(c *call, r *repo) reply {
	if len(heads(r)) == 0 {
		return problem(http.StatusConflict, "Git Repository is empty.")
	}
	ref := c.query.Get("sha")
	if ref == "" {
		ref = r.defaultBranch
	}
	id := resolve(r, ref)
	if id == "" {
		return notFound()
	}
	var all []any
	for _, l := range history(r, "-n", "5000", id) {
		all = append(all, s.commitView(r, l))
	}
	return s.paged(c, all)
}

// compare lists what head has beyond base, oldest first.
func (s *Server) compare(c *call, r *repo) reply {
	base, head, three := strings.Cut(c.params["basehead"], "...")
	from, to := resolve(r, base), resolve(r, head)
	if !three || from == "" || to == "" {
		return notFound()
	}
	ahead := history(r, from+".."+to)
	behind := history(r, to+".."+from)
	status := "identical"
	switch {
	case len(ahead) > 0 && len(behind) > 0:
		status = "diverged"
	case len(ahead) > 0:
		status = "ahead"
	case len(behind) > 0:
		status = "behind"
	}
	var all []any
	for _, l := range slices.Backward(ahead) {
		all = append(all, s.commitView(r, l))
	}
	page := s.paged(c, all)
	if c.query.Get("per_page") == "" && c.query.Get("page") == "" {
		page.body = append([]any{}, all[:min(len(all), 250)]...)
	}
	at := s.commitView(r, history(r, "-n", "1", from)[0])
	api := s.URL + apiRoot + "repos/" + r.full() + "/compare/" + base + "..." + head
	page.body = object{
		"url": api, "html_url": api, "permalink_url": api, "diff_url": api + ".diff", "patch_url": api + ".patch", "base_commit": at,
		"merge_base_commit": at, "status": status, "ahead_by": len(ahead), "behind_by": len(behind), "total_commits": len(ahead),
		"commits": page.body,
	}
	return page
}

// getContents gives a file as JSON; one of more than a megabyte without content.
func (s *Server) getContents(c *call, r *repo) reply {
	ref := c.query.Get("ref")
	if ref == "" {
		ref = r.defaultBranch
	}
	id := resolve(r, ref)
	if id == "" {
		return problem(http.StatusNotFound, "No commit found for the ref "+ref)
	}
	path := c.params["path"]
	out, err := git(r.dir, nil, nil, "ls-tree", "-l", "-z", "--full-tree", id, "--", path)
	meta, _, _ := strings.Cut(string(out), "\t")
	f := strings.Fields(meta)
	if err != nil || len(f) != 4 {
		return notFound()
	}
	api := s.URL + apiRoot + "repos/" + r.full()
	one := object{
		"type": "file", "name": path[strings.LastIndex(path, "/")+1:], "path": path, "sha": f[2], "size": 0, "url": api + "/contents/" + path,
		"git_url": api + "/git/blobs/" + f[2], "html_url": s.URL + "/" + r.full() + "/blob/" + ref + "/" + path, "download_url": s.URL + "/raw",
		"_links": object{"git": api, "html": api, "self": api},
	}
	if f[1] == "tree" {
		one["type"] = "dir"
		return ok([]any{one}) // its entries; that it is a list is what matters
	}
	size, _ := strconv.Atoi(f[3])
	one["size"], one["encoding"], one["content"] = size, "none", ""
	if size <= 1<<20 {
		data, _ := git(r.dir, nil, nil, "cat-file", "blob", f[2])
		one["encoding"], one["content"] = "base64", base64.StdEncoding.EncodeToString(data)
	}
	return ok(one)
}

func (s *Server) getBlob(c *call, r *repo) reply {
	data, err := git(r.dir, nil, nil, "cat-file", "blob", c.params["file_sha"])
	if err != nil {
		return notFound()
	}
	return ok(object{
		"sha": c.params["file_sha"], "node_id": "B", "size": len(data), "url": s.URL + apiRoot, "encoding": "base64",
		"content": base64.StdEncoding.EncodeToString(data),
	})
}
