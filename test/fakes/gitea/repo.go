package gitea

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"opsbot/test/fakes/githttp"
)

// repo is a repository; its git data lies in git.
type repo struct {
	id            int64
	owner         *owner
	name          string
	former        []string // "owner/name" that lead here after a rename
	description   string
	website       string
	private       bool
	archived      bool
	readOnly      bool // our account may read only
	empty         bool // nothing was ever pushed
	defaultBranch string
	topics        []string
	teams         []string
	protection    map[string]object // branch -> what was put
	rule          string            // what refuses pushes, "" = nothing
	issues        int               // open ones
	hooks         []*hook
	statuses      []object
	pulls         []*pull // oldest first
	created       time.Time
	updated       time.Time
	git           githttp.Repository
}

func (r *repo) full() string { return r.owner.login + "/" + r.name }

func (s *Server) repo(full string) *repo {
	i := slices.IndexFunc(s.repos, func(r *repo) bool { return strings.EqualFold(r.full(), full) })
	if i < 0 {
		return nil
	}
	return s.repos[i]
}

// with finds the repository that the path names, if the caller may see it and, for
// a change, change it.
func (s *Server) with(handle func(*call, *repo) reply) func(*call) reply {
	return func(c *call) reply {
		r := s.repo(c.params["owner"] + "/" + c.params["repo"])
		if r == nil || r.private && !c.who.member(r.owner) {
			return s.notFound()
		}
		settings := strings.Contains(c.route.template, "/hooks") || strings.Contains(c.route.template, "_protections")
		switch {
		case (c.Method != http.MethodGet || settings) && (r.readOnly || !c.who.member(r.owner)):
			return s.problem(http.StatusForbidden, "user should be an owner or a collaborator with admin write of a repository")
		case c.Method != http.MethodGet && c.Method != http.MethodDelete && r.archived && c.route.template != "/repos/{owner}/{repo}":
			return s.problem(http.StatusLocked, "the repository is archived and cannot be modified")
		}
		return handle(c, r)
	}
}

// moved leads from a former name to the present one.
func (s *Server) moved(c *call) reply {
	full := c.params["owner"] + "/" + c.params["repo"]
	if full == "/" || s.repo(full) != nil {
		return reply{}
	}
	for _, r := range s.repos {
		if !slices.ContainsFunc(r.former, func(f string) bool { return strings.EqualFold(f, full) }) {
			continue
		}
		to := strings.Replace(c.URL.EscapedPath(), full, r.full(), 1)
		if c.URL.RawQuery != "" {
			to += "?" + c.URL.RawQuery
		}
		return reply{status: http.StatusTemporaryRedirect, header: http.Header{"Location": {to}}}
	}
	return reply{}
}

func (s *Server) createInOrg(c *call) reply {
	o := s.owner(c.params["org"])
	switch {
	case o == nil || !o.org || o.rules.Hidden && !c.who.member(o):
		return s.notFound()
	case !c.who.member(o) || !o.rules.MembersCreate:
		return s.problem(http.StatusForbidden, "Given user is not allowed to create repository in organization.")
	}
	return s.create(c, o)
}

func (s *Server) createMine(c *call) reply { return s.create(c, s.owner(c.who.login)) }

var notInNames = regexp.MustCompile(`[^A-Za-z0-9._-]`)

func (s *Server) create(c *call, o *owner) reply {
	name, low, owned := c.text("name"), strings.ToLower(c.text("name")), 0
	for _, r := range s.repos {
		if r.owner == o {
			owned++
		}
	}
	switch {
	case name == "":
		return s.problem(http.StatusUnprocessableEntity, "[Name]: Required")
	case notInNames.MatchString(name):
		return s.problem(http.StatusUnprocessableEntity, "[Name]: AlphaDashDot")
	case len(name) > 100:
		return s.problem(http.StatusUnprocessableEntity, "[Name]: MaxSize")
	case slices.Contains([]string{".", "..", "-"}, name):
		return s.problem(http.StatusUnprocessableEntity, "name is reserved [name: %s]", name)
	case strings.HasSuffix(low, ".git"), strings.HasSuffix(low, ".wiki"), strings.HasSuffix(low, ".rss"), strings.HasSuffix(low, ".atom"):
		return s.problem(http.StatusUnprocessableEntity, "name pattern is not allowed [pattern: *%s]", filepath.Ext(low))
	case s.repo(o.login+"/"+name) != nil:
		return s.problem(http.StatusConflict, "The repository with the same name already exists.")
	case o.rules.Limit > 0 && owned >= o.rules.Limit:
		return s.problem(max(o.rules.LimitStatus, http.StatusForbidden), "user has reached maximum limit of repositories [limit: %d]", o.rules.Limit)
	}
	r, err := s.newRepo(o, name, c.text("default_branch"), c.now)
	if err != nil {
		return s.problem(http.StatusInternalServerError, "%v", err)
	}
	r.description, r.private = c.text("description"), c.flag("private")
	return created(s.view(r))
}

func (s *Server) newRepo(o *owner, name, branch string, now time.Time) (*repo, error) {
	if branch == "" {
		branch = "main"
	}
	r := &repo{
		id: s.newID(), owner: o, name: name, defaultBranch: branch, created: now, updated: now, empty: true, protection: map[string]object{},
	}
	var err error
	if r.git, err = githttp.Init(filepath.Join(s.dir, fmt.Sprintf("%d.git", r.id)), branch); err != nil {
		return nil, err
	}
	for _, other := range s.repos { // a name that is taken again leads nowhere else
		other.former = slices.DeleteFunc(other.former, func(f string) bool { return strings.EqualFold(f, r.full()) })
	}
	s.repos = append(s.repos, r)
	return r, nil
}

// view is a "Repository".
func (s *Server) view(r *repo) object {
	web, api := s.URL+"/"+r.full(), s.URL+apiRoot+"repos/"+r.full()
	open := 0
	for _, p := range r.pulls {
		if p.state == "open" {
			open++
		}
	}
	return object{
		"id": r.id, "owner": s.account(r.owner), "name": r.name, "full_name": r.full(), "description": r.description, "empty": r.empty,
		"private": r.private, "fork": false, "template": false, "parent": nil, "mirror": false, "size": 23, "language": "",
		"languages_url": api + "/languages", "html_url": web, "url": api, "link": "", "ssh_url": "git@localhost:" + r.full() + ".git",
		"clone_url": web + ".git", "original_url": "", "website": r.website, "stars_count": 0, "forks_count": 0, "watchers_count": 1,
		"open_issues_count": r.issues, "open_pr_counter": open, "release_counter": 0, "default_branch": r.defaultBranch, "archived": r.archived,
		"created_at": stamp(r.created), "updated_at": stamp(r.updated), "archived_at": "1970-01-01T00:00:00Z",
		"permissions": object{"admin": !r.readOnly, "push": !r.readOnly, "pull": true}, "has_issues": true,
		"internal_tracker": object{"enable_time_tracker": true, "allow_only_contributors_to_track_time": true, "enable_issue_dependencies": true},
		"has_wiki":         true, "has_pull_requests": true, "has_projects": true, "projects_mode": "all", "has_releases": true,
		"has_packages": true, "has_actions": true, "ignore_whitespace_conflicts": false, "allow_merge_commits": true, "allow_rebase": true,
		"allow_rebase_explicit": true, "allow_squash_merge": true, "allow_fast_forward_only_merge": true, "allow_rebase_update": true,
		"default_delete_branch_after_merge": false, "default_merge_style": "merge", "default_allow_maintainer_edit": false, "avatar_url": "",
		"internal": false, "mirror_interval": "", "object_format_name": "sha1", "mirror_updated": "0001-01-01T00:00:00Z",
		"topics": append([]string{}, r.topics...), "licenses": nil,
	}
}

func (s *Server) getRepo(_ *call, r *repo) reply { return ok(s.view(r)) }

func (s *Server) getByID(c *call) reply {
	for _, r := range s.repos {
		if strconv.FormatInt(r.id, 10) == c.params["id"] && (!r.private || c.who.member(r.owner)) {
			return ok(s.view(r))
		}
	}
	return s.notFound()
}

// editRepo passes over a default branch that is not there, as Gitea does, unless
// the repository is empty.
func (s *Server) editRepo(c *call, r *repo) reply {
	if branch := c.text("default_branch"); branch != "" && (r.empty || r.git.Heads()[branch] != "") {
		r.defaultBranch = branch
	}
	for key, field := range map[string]*string{"description": &r.description, "website": &r.website} {
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

func (s *Server) deleteRepo(c *call, r *repo) reply {
	if r.owner.org && !r.owner.rules.MembersOwn {
		return s.problem(http.StatusForbidden, "user should be the owner of the repo")
	}
	s.repos = slices.DeleteFunc(s.repos, func(other *repo) bool { return other == r })
	return done()
}
