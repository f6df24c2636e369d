package gitea

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// pull is a pull request within its repository.
type pull struct {
	id, number        int64
	base, head        string
	sha               string // of the head, kept when the branch is deleted
	title, body       string
	state             string // "open" or "closed"
	merged            bool
	created, modified time.Time
}

// pullView is a "PullRequest". The head's ref is the branch while it is there.
func (s *Server) pullView(r *repo, p *pull) object {
	heads := r.git.Heads()
	ref, sha := "refs/pull/"+strconv.FormatInt(p.number, 10)+"/head", p.sha
	if id := heads[p.head]; id != "" && !p.merged {
		ref, sha, p.sha = p.head, id, id
	}
	side := func(label, ref, sha string) object {
		return object{"label": label, "ref": ref, "sha": sha, "repo_id": r.id, "repo": s.view(r)}
	}
	web := s.URL + "/" + r.full() + "/pulls/" + strconv.FormatInt(p.number, 10)
	out := object{
		"id": p.id, "url": web, "number": p.number, "user": s.account(s.owner(s.Login)), "title": p.title, "body": p.body, "labels": []any{},
		"milestone": nil, "assignee": nil, "assignees": nil, "requested_reviewers": nil, "requested_reviewers_teams": nil, "state": p.state,
		"draft": false, "is_locked": false, "comments": 0, "html_url": web, "diff_url": web + ".diff", "patch_url": web + ".patch",
		"mergeable": p.state == "open", "merged": p.merged, "merged_at": nil, "merge_commit_sha": nil, "merged_by": nil,
		"allow_maintainer_edit": false, "base": side(p.base, p.base, heads[p.base]), "head": side(p.head, ref, sha), "merge_base": heads[p.base],
		"due_date": nil, "created_at": stamp(p.created), "updated_at": stamp(p.modified), "closed_at": nil, "pin_order": 0,
	}
	if p.merged {
		out["merged_at"], out["merge_commit_sha"] = stamp(p.modified), heads[p.base]
	}
	return out
}

func (s *Server) listPulls(c *call, r *repo) reply {
	var all []any
	for _, p := range slices.Backward(r.pulls) {
		if state := or(c.query.Get("state"), "open"); state == "all" || state == p.state {
			all = append(all, s.pullView(r, p))
		}
	}
	return s.paged(c, all)
}

func (s *Server) createPull(c *call, r *repo) reply {
	head, base, heads := c.text("head"), c.text("base"), r.git.Heads()
	switch {
	case head == base:
		return s.problem(http.StatusUnprocessableEntity, "Invalid PullRequest: There are no changes between the head and the base")
	case heads[head] == "" || heads[base] == "":
		return s.notFound()
	case c.text("title") == "":
		return s.problem(http.StatusUnprocessableEntity, "[Title]: Required")
	}
	for _, p := range r.pulls {
		if p.state == "open" && p.head == head && p.base == base {
			return s.problem(http.StatusConflict, "pull request already exists for these targets [id: %d, issue_id: %d, head_repo_id: %d, base_repo_id: %d, head_branch: %s, base_branch: %s]",
				p.id, p.number, r.id, r.id, head, base)
		}
	}
	p := &pull{
		id: s.newID(), number: int64(len(r.pulls)) + 1, base: base, head: head, sha: heads[head], title: c.text("title"), body: c.text("body"),
		state: "open", created: c.now, modified: c.now,
	}
	r.pulls = append(r.pulls, p)
	s.sendAll(r, "pull_request", object{
		"action": "opened", "number": p.number, "pull_request": s.pullView(r, p), "repository": s.view(r), "sender": s.account(s.owner(c.who.login)),
	})
	return created(s.pullView(r, p))
}

// editPull answers with 201, as Gitea does.
func (s *Server) editPull(c *call, r *repo) reply {
	number, _ := strconv.Atoi(c.params["index"])
	if number < 1 || number > len(r.pulls) {
		return s.notFound()
	}
	p := r.pulls[number-1]
	if state := c.text("state"); state != "" {
		if p.merged {
			return s.problem(http.StatusPreconditionFailed, "cannot change state of this pull request, it was already merged")
		}
		p.state, p.modified = state, c.now
	}
	return created(s.pullView(r, p))
}
