package github

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// repo is a repository; its git data lies in dir.
type repo struct {
	id            int64
	owner         *owner
	name          string
	former        []string // "owner/name" that lead here after a rename
	description   string
	homepage      string
	private       bool
	archived      bool
	defaultBranch string
	topics        []string
	teams         map[string]string // slug -> permission
	protection    map[string]object // branch -> what was put
	rule          string            // what refuses pushes, "" = nothing
	hooks         []*hook
	statuses      []object
	deployments   []*deployment
	pulls         []*pull
	created       time.Time
	pushed        time.Time
	dir           string
}

func (r *repo) full() string { return r.owner.login + "/" + r.name }

func (s *Server) repo(full string) *repo {
	i := slices.IndexFunc(s.repos, func(r *repo) bool { return strings.EqualFold(r.full(), full) })
	if i < 0 {
		return nil
	}
	return s.repos[i]
}

// with finds the repository that the path names, if the caller may see it.
func (s *Server) with(handle func(*call, *repo) reply) func(*call) reply {
	return func(c *call) reply {
		r := s.repo(c.params["owner"] + "/" + c.params["repo"])
		if r == nil || !s.sees(c.who, r) {
			return notFound()
		}
		if c.Method != http.MethodGet && c.Method != http.MethodDelete && r.archived && c.body["archived"] == nil {
			return problem(http.StatusForbidden, "Repository was archived so is read-only.")
		}
		if c.Method != http.MethodGet && !c.member(r.owner) {
			return problem(http.StatusForbidden, "Must have admin rights to Repository.")
		}
		return handle(c, r)
	}
}

func (s *Server) sees(t *token, r *repo) bool {
	if !r.private {
		return true
	}
	mine := (&call{who: t}).member(r.owner)
	return mine && (t.permissions != nil || t.covers("repo"))
}

// moved leads from a former name to the present one, by id.
func (s *Server) moved(c *call) reply {
	full := c.params["owner"] + "/" + c.params["repo"]
	if full == "/" || s.repo(full) != nil {
		return reply{}
	}
	for _, r := range s.repos {
		if !slices.ContainsFunc(r.former, func(f string) bool { return strings.EqualFold(f, full) }) {
			continue
		}
		below := strings.Join(strings.Split(strings.TrimPrefix(c.URL.EscapedPath(), apiRoot), "/")[3:], "/")
		to := strings.TrimSuffix(fmt.Sprintf("%s%srepositories/%d/%s", s.URL, apiRoot, r.id, below), "/")
		if c.URL.RawQuery != "" {
			to += "?" + c.URL.RawQuery
		}
		status := http.StatusMovedPermanently
		if c.Method != http.MethodGet {
			status = http.StatusTemporaryRedirect
		}
		return reply{status: status, header: http.Header{"Location": {to}}, body: object{"message": "Moved Permanently", "url": to, "documentation_url": docs}}
	}
	return reply{}
}

func (s *Server) createInOrg(c *call) reply {
	o := s.owner(c.params["org"])
	switch {
	case o == nil || o.kind != "Organization" || !c.member(o):
		return notFound()
	case !o.rules.MembersCreate && c.who.app == nil:
		return problem(http.StatusForbidden, "You need admin access to the organization before adding a repository to it.")
	}
	return s.create(c, o)
}

func (s *Server) createMine(c *call) reply {
	if c.who.app != nil {
		return problem(http.StatusForbidden, "Resource not accessible by integration")
	}
	return s.create(c, s.owner(c.who.login))
}

// notInNames are what GitHub replaces in names, without a word.
var notInNames = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

func (s *Server) create(c *call, o *owner) reply {
	name := notInNames.ReplaceAllString(c.text("name"), "-")
	owned := 0
	for _, r := range s.repos {
		if r.owner == o {
			owned++
		}
	}
	const failed = "Repository creation failed."
	switch {
	case name == "" || name == "." || name == ".." || len(name) > 100:
		return invalid(failed, "Repository", "name", "custom", "name is not valid")
	case s.repo(o.login+"/"+name) != nil:
		return invalid(failed, "Repository", "name", "custom", "name already exists on this account")
	case o.rules.Limit > 0 && owned >= o.rules.Limit:
		return invalid(failed, "Repository", "base", "custom", "You have reached the maximum number of repositories for this account")
	}
	r, err := s.newRepo(o, name, c.now)
	if err != nil {
		return problem(http.StatusInternalServerError, err.Error())
	}
	r.description, r.homepage = c.text("description"), c.text("homepage")
	r.private = c.flag("private") || c.text("visibility") == "private"
	return created(s.view(r))
}

func (s *Server) newRepo(o *owner, name string, now time.Time) (*repo, error) {
	r := &repo{
		id: s.newID(), owner: o, name: name, defaultBranch: o.rules.DefaultBranch, created: now, pushed: now,
		teams: map[string]string{}, protection: map[string]object{}, topics: []string{},
	}
	r.dir = filepath.Join(s.dir, fmt.Sprintf("%d.git", r.id))
	if err := initialise(r.dir, r.defaultBranch); err != nil {
		return nil, err
	}
	for _, other := range s.repos { // a name that is taken again leads nowhere else
		other.former = slices.DeleteFunc(other.former, func(f string) bool { return strings.EqualFold(f, r.full()) })
	}
	s.repos = append(s.repos, r)
	return r, nil
}

// view is a "full-repository".
func (s *Server) view(r *repo) object {
	api := s.URL + apiRoot + "repos/" + r.full()
	web := s.URL + "/" + r.full()
	visibility := "public"
	if r.private {
		visibility = "private"
	}
	out := object{
		"id": r.id, "node_id": "R", "name": r.name, "full_name": r.full(), "owner": s.person(r.owner), "private": r.private,
		"visibility": visibility, "description": orNull(r.description), "homepage": orNull(r.homepage), "fork": false, "url": api,
		"html_url": web, "clone_url": web + ".git", "svn_url": web, "mirror_url": nil, "default_branch": r.defaultBranch,
		"git_url": "git://" + strings.TrimPrefix(web, "http://") + ".git", "ssh_url": "git@localhost:" + r.full() + ".git",
		"language": nil, "license": nil, "archived": r.archived, "disabled": false, "topics": r.topics, "size": 0,
		"has_issues": true, "has_projects": true, "has_wiki": true, "has_pages": false, "has_downloads": true, "has_discussions": false,
		"forks": 0, "forks_count": 0, "stargazers_count": 0, "watchers": 0, "watchers_count": 0, "open_issues": 0,
		"open_issues_count": 0, "network_count": 0, "subscribers_count": 0, "allow_forking": true, "is_template": false,
		"created_at": stamp(r.created), "updated_at": stamp(r.pushed), "pushed_at": stamp(r.pushed),
		"permissions": object{"admin": true, "maintain": true, "push": true, "triage": true, "pull": true},
	}
	for name, below := range repoLinks() {
		out[name+"_url"] = api + "/" + below
	}
	return out
}

// repoLinks are the fields that end in _url and where they lead.
func repoLinks() map[string]string {
	out := map[string]string{
		"archive": "{archive_format}{/ref}", "assignees": "assignees{/user}", "blobs": "git/blobs{/sha}", "branches": "branches{/branch}",
		"collaborators": "collaborators{/collaborator}", "comments": "comments{/number}", "commits": "commits{/sha}",
		"compare": "compare/{base}...{head}", "contents": "contents/{+path}", "git_commits": "git/commits{/sha}", "git_refs": "git/refs{/sha}",
		"git_tags": "git/tags{/sha}", "issue_comment": "issues/comments{/number}", "issue_events": "issues/events{/number}",
		"issues": "issues{/number}", "keys": "keys{/key_id}", "labels": "labels{/name}", "milestones": "milestones{/number}",
		"notifications": "notifications{?since,all,participating}", "pulls": "pulls{/number}", "releases": "releases{/id}",
		"statuses": "statuses/{sha}", "trees": "git/trees{/sha}",
	}
	for _, plain := range []string{
		"contributors", "deployments", "downloads", "events", "forks", "hooks", "languages", "merges", "stargazers",
		"subscribers", "subscription", "tags", "teams",
	} {
		out[plain] = plain
	}
	return out
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func (s *Server) getRepo(_ *call, r *repo) reply { return ok(s.view(r)) }

func (s *Server) editRepo(c *call, r *repo) reply {
	if r.archived && c.body["archived"] != false {
		if c.body["archived"] == true && len(c.body) == 1 {
			return ok(s.view(r))
		}
		return problem(http.StatusForbidden, "Repository was archived so is read-only.")
	}
	if branch := c.text("default_branch"); branch != "" {
		if _, there := heads(r)[branch]; !there {
			return invalid("Validation Failed", "Repository", "default_branch", "invalid",
				"The branch "+branch+" was not found. Please push that ref first or create it via the Git Data API.")
		}
		r.defaultBranch = branch
	}
	for key, field := range map[string]*string{"description": &r.description, "homepage": &r.homepage} {
		if c.body[key] != nil {
			*field = c.text(key)
		}
	}
	if c.body["archived"] != nil {
		r.archived = c.flag("archived")
	}
	if c.body["private"] != nil {
		r.private = c.flag("private")
	}
	return ok(s.view(r))
}

func (s *Server) deleteRepo(_ *call, r *repo) reply {
	s.repos = slices.DeleteFunc(s.repos, func(other *repo) bool { return other == r })
	return done()
}
