package github

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pull is a pull request within a repository.
type pull struct {
	id                      int64
	number                  int
	title, body, head, base string
	sha, from               string // newest commit of head; base's when it was made
	author                  string
	open, merged            bool
	at                      time.Time
}

// Pull is a pull request as it is now.
type Pull struct {
	Number      int
	Title, Body string
	Head, Base  string // branches
	SHA         string
	Open        bool
	Merged      bool
}

func (r *repo) pullList() (out []Pull) {
	for _, p := range r.pulls {
		out = append(out, Pull{Number: p.number, Title: p.title, Body: p.body, Head: p.head, Base: p.base, SHA: p.sha, Open: p.open, Merged: p.merged})
	}
	return out
}

func (r *repo) pull(number string) *pull {
	i := slices.IndexFunc(r.pulls, func(p *pull) bool { return strconv.Itoa(p.number) == number })
	if i < 0 {
		return nil
	}
	return r.pulls[i]
}

// follow brings open pull requests in line with a branch that moved; one whose
// branch is gone is closed. The lock is held.
func (s *Server) follow(r *repo, branch, id string) {
	for _, p := range r.pulls {
		switch {
		case !p.open || p.head != branch:
		case id == "":
			s.closePull(r, p, false)
		default:
			p.sha = id
		}
	}
}

// closePull is told to the hooks. The lock is held.
func (s *Server) closePull(r *repo, p *pull, merged bool) {
	p.open, p.merged = false, merged
	s.tellPull(r, p, "closed")
}

func (s *Server) tellPull(r *repo, p *pull, action string) {
	for _, h := range r.hooks {
		if slices.Contains(h.events, "pull_request") || slices.Contains(h.events, "*") {
			s.send(r, h, "pull_request", object{
				"action": action, "number": p.number, "pull_request": s.pullView(r, p), "repository": s.view(r), "sender": s.person(r.owner),
			}, s.clock.Now())
		}
	}
}

// pullView is a "pull-request-simple", which is part of a "pull-request".
func (s *Server) pullView(r *repo, p *pull) object {
	api, web := s.URL+apiRoot+"repos/"+r.full(), s.URL+"/"+r.full()+"/pull/"+strconv.Itoa(p.number)
	self, issue := api+"/pulls/"+strconv.Itoa(p.number), api+"/issues/"+strconv.Itoa(p.number)
	side := func(branch, id string) object {
		return object{"label": r.owner.login + ":" + branch, "ref": branch, "sha": id, "user": s.person(r.owner), "repo": s.view(r)}
	}
	out := object{
		"id": p.id, "node_id": "P", "number": p.number, "title": p.title, "body": orNull(p.body), "state": "closed", "locked": false,
		"url": self, "html_url": web, "diff_url": web + ".diff", "patch_url": web + ".patch", "issue_url": issue,
		"commits_url": self + "/commits", "review_comments_url": self + "/comments", "review_comment_url": api + "/pulls/comments{/number}",
		"comments_url": issue + "/comments", "statuses_url": api + "/statuses/" + p.sha, "created_at": stamp(p.at), "updated_at": stamp(p.at),
		"closed_at": nil, "merged_at": nil, "merge_commit_sha": nil, "assignee": nil, "assignees": []any{}, "labels": []any{}, "milestone": nil,
		"requested_reviewers": []any{}, "requested_teams": []any{}, "draft": false, "user": s.person(r.owner), "author_association": "MEMBER",
		"auto_merge": nil, "head": side(p.head, p.sha), "base": side(p.base, p.from),
	}
	links := object{}
	for name, to := range map[string]string{
		"self": self, "html": web, "issue": issue, "comments": issue + "/comments", "review_comments": self + "/comments",
		"review_comment": api + "/pulls/comments{/number}", "commits": self + "/commits", "statuses": api + "/statuses/" + p.sha,
	} {
		links[name] = object{"href": to}
	}
	out["_links"] = links
	switch {
	case p.open:
		out["state"] = "open"
	case p.merged:
		out["merged_at"] = stamp(p.at)
		fallthrough
	default:
		out["closed_at"] = stamp(p.at)
	}
	return out
}

func (s *Server) wholePullView(r *repo, p *pull) object {
	out := s.pullView(r, p)
	for _, name := range []string{"additions", "changed_files", "comments", "deletions", "review_comments"} {
		out[name] = 0
	}
	out["commits"], out["mergeable"], out["mergeable_state"], out["merged"] = len(history(r, p.from+".."+p.sha)), nil, "unknown", p.merged
	out["maintainer_can_modify"], out["merged_by"] = false, nil
	return out
}

func (s *Server) listPulls(c *call, r *repo) reply {
	state := c.query.Get("state")
	var all []any
	for _, p := range r.pulls {
		fits := state == "all" || p.open == (state == "" || state == "open")
		if head := c.query.Get("head"); head != "" {
			fits = fits && strings.EqualFold(head, r.owner.login+":"+p.head)
		}
		if base := c.query.Get("base"); base != "" {
			fits = fits && base == p.base
		}
		if fits {
			all = append(all, s.pullView(r, p))
		}
	}
	if sort := c.query.Get("sort"); sort != "" && sort != "created" {
		s.surprises = append(s.surprises, "pull requests are sorted by "+sort+", which is not offered here")
	}
	if direction := c.query.Get("direction"); direction != "asc" { // newest first, unless asked otherwise
		slices.Reverse(all)
	}
	return s.paged(c, all)
}

func (s *Server) createPull(c *call, r *repo) reply {
	head, base := strings.TrimPrefix(c.text("head"), r.owner.login+":"), c.text("base")
	have := heads(r)
	const failed = "Validation Failed"
	switch {
	case have[head] == "":
		return invalid(failed, "PullRequest", "head", "invalid", "")
	case have[base] == "":
		return invalid(failed, "PullRequest", "base", "invalid", "")
	case c.text("title") == "":
		return invalid(failed, "PullRequest", "title", "missing_field", "")
	case slices.ContainsFunc(r.pulls, func(p *pull) bool { return p.open && p.head == head && p.base == base }):
		return invalid(failed, "PullRequest", "", "custom", "A pull request already exists for "+r.owner.login+":"+head+".")
	case len(history(r, have[base]+".."+have[head])) == 0:
		return invalid(failed, "PullRequest", "", "custom", "No commits between "+base+" and "+head)
	}
	p := &pull{
		id: s.newID(), number: len(r.pulls) + 1, title: c.text("title"), body: c.text("body"), head: head, base: base,
		sha: have[head], from: have[base], author: c.who.login, open: true, at: c.now,
	}
	r.pulls = append(r.pulls, p)
	s.tellPull(r, p, "opened")
	return created(s.wholePullView(r, p))
}

func (s *Server) editPull(c *call, r *repo) reply {
	p := r.pull(c.params["pull_number"])
	if p == nil {
		return notFound()
	}
	switch state := c.text("state"); {
	case state == "closed" && p.open:
		s.closePull(r, p, false)
	case state == "open" && !p.open:
		if p.merged || heads(r)[p.head] == "" {
			return invalid("Validation Failed", "PullRequest", "state", "custom", "state cannot be changed. The pull request cannot be reopened.")
		}
		p.open = true
	}
	for key, field := range map[string]*string{"title": &p.title, "body": &p.body} {
		if c.body[key] != nil {
			*field = c.text(key)
		}
	}
	return ok(s.wholePullView(r, p))
}

// listPullCommits gives the oldest first.
func (s *Server) listPullCommits(c *call, r *repo) reply {
	p := r.pull(c.params["pull_number"])
	if p == nil {
		return notFound()
	}
	var all []any
	for _, l := range slices.Backward(history(r, "-n", "250", p.from+".."+p.sha)) {
		all = append(all, s.commitView(r, l))
	}
	return s.paged(c, all)
}

// ClosePull closes a pull request as a person would, merged or not; its branch stays.
func (s *Server) ClosePull(full string, number int, merge bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repo(full)
	if r == nil || r.pull(strconv.Itoa(number)) == nil {
		return fmt.Errorf("fake github: there is no pull request %s#%d", full, number)
	}
	p := r.pull(strconv.Itoa(number))
	if merge {
		before := heads(r)
		if err := mergeInto(r, p, stamp(s.clock.Now())); err != nil {
			return err
		}
		s.notice(r, before)
	}
	s.closePull(r, p, merge)
	return nil
}

// mergeInto makes a merge commit: head's tree, as nobody else has changed base here.
func mergeInto(r *repo, p *pull, at string) error {
	env := []string{
		"GIT_AUTHOR_NAME=Dev", "GIT_AUTHOR_EMAIL=dev@example.com", "GIT_COMMITTER_NAME=Dev", "GIT_COMMITTER_EMAIL=dev@example.com",
		"GIT_AUTHOR_DATE=" + at, "GIT_COMMITTER_DATE=" + at,
	}
	out, err := git(r.dir, env, nil, "commit-tree", "-m", fmt.Sprintf("Merge pull request #%d", p.number), "-p", heads(r)[p.base], "-p", p.sha, p.sha+"^{tree}")
	if err == nil {
		_, err = git(r.dir, nil, nil, "update-ref", "refs/heads/"+p.base, strings.TrimSpace(string(out)))
	}
	return err
}

// DeleteBranch deletes a branch as a person would.
func (s *Server) DeleteBranch(full, branch string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repo(full)
	if r == nil {
		return fmt.Errorf("fake github: there is no %s", full)
	}
	before := heads(r)
	_, err := git(r.dir, nil, nil, "update-ref", "-d", "refs/heads/"+branch)
	s.notice(r, before)
	return err
}
