package gitlab

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"opsbot/test/fakes/githttp"
)

// project is a project; its git data is the embedded repository.
type project struct {
	githttp.Repository

	id           int64
	space        *namespace
	path, name   string
	former       []string // whole paths that lead here after a rename
	description  string
	visibility   string
	archived     bool
	condemned    time.Time // zero: not marked for deletion
	preferred    string    // default branch as the settings say
	topics       []any
	creator      int64
	created      time.Time
	pipelines    bool // only_allow_merge_if_pipeline_succeeds
	devops       bool
	issues       int
	rule         string // what refuses pushes, "" = nothing
	protected    map[string]*protection
	hooks        []*hook
	statuses     []*status
	deployments  []*deployment
	environments map[string]*environment
	merges       []*merge

	names   []string          // of branches, as last looked
	commits map[string]string // by branch, nil: look again
	seen    map[string]githttp.Commit
}

// resolve finds the commit that a branch, tag or hash means; "" for none. What is
// known is not asked for again.
func (p *project) resolve(ref string) string {
	if id := p.heads()[ref]; id != "" {
		return id
	}
	if _, known := p.seen[ref]; known {
		return ref
	}
	return p.Resolve(ref)
}

// commit reads one by its hash: it never changes.
func (p *project) commit(id string) (githttp.Commit, bool) {
	if c, known := p.seen[id]; known {
		return c, true
	}
	log := p.Log("-n", "1", id)
	if len(log) == 0 || log[0].ID != id {
		return githttp.Commit{}, false
	}
	if p.seen == nil {
		p.seen = map[string]githttp.Commit{}
	}
	p.seen[id] = log[0]
	return log[0], true
}

// refs are the branches and their commits; git is asked only after a change.
func (p *project) refs() (names []string, commits map[string]string) {
	if p.commits == nil {
		p.names, p.commits = p.Refs("refs/heads/")
	}
	return p.names, maps.Clone(p.commits)
}

func (p *project) heads() map[string]string {
	_, commits := p.refs()
	return commits
}

// set lets a branch lead to a commit, or removes it.
func (p *project) set(branch, commit string) error {
	args := []string{"update-ref", "refs/heads/" + branch, commit}
	if commit == "" {
		args = []string{"update-ref", "-d", "refs/heads/" + branch}
	}
	p.commits = nil
	_, err := p.Git(nil, nil, args...)
	return err
}

func (p *project) full() string { return p.space.path + "/" + p.path }

// project finds one by id or whole path. The lock is held.
func (s *Server) project(id string) *project {
	i := slices.IndexFunc(s.projects, func(p *project) bool { return number(p.id) == id || strings.EqualFold(p.full(), id) })
	if i < 0 {
		return nil
	}
	return s.projects[i]
}

// defaultBranch is worked out as GitLab does: what HEAD is, then main, then master,
// then any.
func (s *Server) defaultBranch(p *project) string {
	names, commits := p.refs()
	if len(names) == 0 || s.cfg.slow && commits[p.preferred] == "" {
		return p.preferred
	}
	for _, name := range []string{p.preferred, "main", "master"} {
		if commits[name] != "" {
			return name
		}
	}
	return names[0]
}

func (s *Server) projectView(p *project) object {
	web := s.URL + "/" + p.full()
	out := object{
		"id": p.id, "name": p.name, "path": p.path, "name_with_namespace": p.space.path + " / " + p.name, "path_with_namespace": p.full(),
		"description": orNull(p.description), "default_branch": s.defaultBranch(p), "visibility": p.visibility, "archived": p.archived,
		"topics": p.topics, "tag_list": p.topics, "web_url": web, "http_url_to_repo": web + ".git", "readme_url": nil,
		"ssh_url_to_repo": "git@localhost:" + p.full() + ".git", "namespace": s.spaceView(p.space), "creator_id": p.creator,
		"created_at": stamp(p.created), "last_activity_at": stamp(p.created), "empty_repo": len(p.heads()) == 0, "issues_enabled": true,
		"open_issues_count": p.issues, "only_allow_merge_if_pipeline_succeeds": p.pipelines, "auto_devops_enabled": p.devops,
		"marked_for_deletion_on": nil, "marked_for_deletion_at": nil, "import_status": "none", "forks_count": 0, "star_count": 0,
		"permissions": object{"project_access": nil, "group_access": nil},
	}
	if !p.condemned.IsZero() {
		day := p.condemned.Format(time.DateOnly)
		out["marked_for_deletion_on"], out["marked_for_deletion_at"] = day, day
	}
	return out
}

func (s *Server) getProject(_ *call, p *project) reply { return ok(s.projectView(p)) }

var pathForm = regexp.MustCompile(`^[A-Za-z0-9_](?:[._-]?[A-Za-z0-9_])*$`)

func (s *Server) createProject(c *call) reply {
	n := s.space(c.who.login)
	if id := c.number("namespace_id"); id != 0 {
		i := slices.IndexFunc(s.spaces, func(n *namespace) bool { return n.id == id })
		if i < 0 {
			return notFound("Namespace")
		}
		n = s.spaces[i]
	}
	if wrong, refused := s.refuseProject(c, n); refused {
		return wrong
	}
	p, err := s.newProject(n, c.text("path"), c.who.login)
	if err != nil {
		return problem(http.StatusInternalServerError, err.Error())
	}
	p.name, p.description, p.visibility = c.text("name"), c.text("description"), or(c.text("visibility"), "private")
	p.topics, _ = c.body["topics"].([]any)
	p.devops = c.body["auto_devops_enabled"] != false
	return created(s.projectView(p))
}

// refuseProject says why a project cannot be created.
func (s *Server) refuseProject(c *call, n *namespace) (reply, bool) {
	path, owned := c.text("path"), 0
	for _, p := range s.projects {
		if p.space == n {
			owned++
		}
	}
	switch {
	case !s.mayCreate(n, c.who.login):
		return invalid("namespace", "is not valid"), true
	case !pathForm.MatchString(path) || len(path) > 255:
		return invalid("path", "can contain only letters, digits, '_', '-' and '.'. Cannot start with '-', end in '.git' or end in '.atom'"), true
	case s.project(n.path+"/"+path) != nil:
		taken := []any{"has already been taken"}
		return problem(http.StatusBadRequest, object{"project_namespace.name": taken, "name": taken, "path": taken, "limit_reached": []any{}}), true
	case n.limit == 0:
		return invalid("limit_reached", "Personal project creation is not allowed. Please contact your administrator with questions"), true
	case n.limit > 0 && owned >= n.limit:
		return invalid("limit_reached", "Your project limit is "+number(int64(n.limit))+" projects! Please contact your administrator to increase it"), true
	case n.rules.Private && c.text("visibility") != "private":
		return invalid("visibility_level", c.text("visibility")+" is not allowed in a private group."), true
	}
	return reply{}, false
}

func (s *Server) editProject(c *call, p *project) reply {
	if branch := c.text("default_branch"); branch != "" {
		if p.heads()[branch] == "" {
			return invalid("base", "Could not set the default branch")
		}
		p.preferred = branch
	}
	if v, is := c.body["only_allow_merge_if_pipeline_succeeds"].(bool); is {
		p.pipelines = v
	}
	return ok(s.projectView(p))
}

func (s *Server) archiveProject(_ *call, p *project) reply {
	p.archived = true
	return created(s.projectView(p))
}

// deleteProject marks a project, or deletes a marked one at once.
func (s *Server) deleteProject(c *call, p *project) reply {
	accepted := problem(http.StatusAccepted, "202 Accepted")
	at := s.cfg.deletion
	switch {
	case c.flag("permanently_remove") && (at == DeleteLate || at == DeleteMarking):
		return problem(http.StatusForbidden, "403 Forbidden - Immediate deletion is disabled")
	case c.flag("permanently_remove") && p.condemned.IsZero():
		return problem(http.StatusBadRequest, "Project must be marked for deletion first.")
	case c.flag("permanently_remove") && c.text("full_path") != p.full():
		return problem(http.StatusBadRequest, "`full_path` is incorrect. You must enter the complete path for the project.")
	case c.flag("permanently_remove"), at == DeleteNow:
		s.projects = slices.DeleteFunc(s.projects, func(other *project) bool { return other == p })
	case !p.condemned.IsZero():
		return problem(http.StatusBadRequest, "Project has been already marked for deletion")
	default:
		p.condemned = c.now.AddDate(0, 0, 30)
		if at != DeleteMarking {
			p.former = append(p.former, p.full())
			suffix := "-deletion_scheduled-" + number(p.id)
			p.path, p.name = p.path+suffix, p.name+suffix
		}
	}
	return accepted
}
