package gitea

import "slices"

// table lists what is answered, with the fields of Gitea's API description.
func (s *Server) table() []route {
	const r = "/repos/{owner}/{repo}"
	return slices.Concat(s.peopleRoutes(), s.repositoryRoutes(r), s.settingsRoutes(r), s.historyRoutes(r), s.pullRoutes(r))
}

func (s *Server) peopleRoutes() []route {
	create := fields{
		"name": "text", "description": "text", "private": "flag", "issue_labels": "text", "auto_init": "flag", "template": "flag",
		"gitignores": "text", "license": "text", "readme": "text", "default_branch": "text", "trust_model": "text", "object_format_name": "text",
	}
	return []route{
		{method: "GET", template: "/version", handle: s.getVersion},
		{method: "GET", template: "/user", scopes: []string{"user"}, handle: s.getMe},
		{method: "GET", template: "/users/{username}", scopes: []string{"user"}, handle: s.getUser},
		{method: "GET", template: "/orgs/{org}", scopes: []string{"organization"}, handle: s.getOrg},
		{method: "POST", template: "/orgs/{org}/repos", scopes: []string{"organization"}, fields: create, handle: s.createInOrg},
		{method: "POST", template: "/user/repos", scopes: []string{"user", "repository"}, fields: create, handle: s.createMine},
	}
}

func (s *Server) repositoryRoutes(r string) []route {
	repo := []string{"repository"}
	edit := fields{
		"name": "text", "description": "text", "website": "text", "private": "flag", "template": "flag", "default_branch": "text", "archived": "flag",
		"allow_fast_forward_only_merge": "flag", "projects_mode": "text", "default_delete_branch_after_merge": "flag",
	}
	return []route{
		{method: "GET", template: "/repositories/{id}", scopes: repo, handle: s.getByID},
		{method: "GET", template: r, scopes: repo, handle: s.with(s.getRepo)},
		{method: "PATCH", template: r, scopes: repo, fields: edit, handle: s.with(s.editRepo)},
		{method: "DELETE", template: r, scopes: repo, handle: s.with(s.deleteRepo)},
		{method: "GET", template: r + "/topics", scopes: repo, paged: true, handle: s.with(s.listTopics)},
		{method: "PUT", template: r + "/topics", scopes: repo, fields: fields{"topics": "texts"}, handle: s.with(s.putTopics)},
		{method: "GET", template: r + "/teams", scopes: repo, handle: s.with(s.listTeams)},
		{method: "PUT", template: r + "/teams/{team}", scopes: repo, handle: s.with(s.putTeam)},
	}
}

func (s *Server) settingsRoutes(r string) []route {
	repo := []string{"repository"}
	edited := fields{
		"enable_push": "flag", "enable_push_whitelist": "flag", "push_whitelist_usernames": "texts", "push_whitelist_teams": "texts",
		"push_whitelist_deploy_keys": "flag", "enable_merge_whitelist": "flag", "merge_whitelist_usernames": "texts",
		"merge_whitelist_teams": "texts", "enable_status_check": "flag", "status_check_contexts": "texts", "required_approvals": "number",
		"enable_approvals_whitelist": "flag", "approvals_whitelist_username": "texts", "approvals_whitelist_teams": "texts",
		"block_on_rejected_reviews": "flag", "block_on_official_review_requests": "flag", "block_on_outdated_branch": "flag",
		"dismiss_stale_approvals": "flag", "require_signed_commits": "flag", "protected_file_patterns": "text",
		"unprotected_file_patterns": "text", "block_admin_merge_override": "flag",
	}
	made := fields{"branch_name": "text", "rule_name": "text"}
	for name, kind := range edited {
		made[name] = kind
	}
	change := fields{"config": "object", "events": "texts", "branch_filter": "text", "active": "flag", "authorization_header": "text"}
	hook := fields{"type": "text"}
	for name, kind := range change {
		hook[name] = kind
	}
	return []route{
		{method: "GET", template: r + "/branch_protections/{name}", scopes: repo, handle: s.with(s.getProtection)},
		{method: "POST", template: r + "/branch_protections", scopes: repo, fields: made, handle: s.with(s.createProtection)},
		{method: "PATCH", template: r + "/branch_protections/{name}", scopes: repo, fields: edited, handle: s.with(s.editProtection)},
		{method: "DELETE", template: r + "/branch_protections/{name}", scopes: repo, handle: s.with(s.deleteProtection)},
		{method: "GET", template: r + "/hooks", scopes: repo, paged: true, handle: s.with(s.listHooks)},
		{method: "POST", template: r + "/hooks", scopes: repo, fields: hook, handle: s.with(s.createHook)},
		{method: "GET", template: r + "/hooks/{id}", scopes: repo, handle: s.with(s.getHook)},
		{method: "PATCH", template: r + "/hooks/{id}", scopes: repo, fields: change, handle: s.with(s.editHook)},
		{method: "DELETE", template: r + "/hooks/{id}", scopes: repo, handle: s.with(s.deleteHook)},
		{method: "POST", template: r + "/hooks/{id}/tests", scopes: repo, handle: s.with(s.testHook)},
	}
}

func (s *Server) historyRoutes(r string) []route {
	repo := []string{"repository"}
	return []route{
		{method: "GET", template: r + "/branches", scopes: repo, paged: true, handle: s.with(s.listBranches)},
		{method: "GET", template: r + "/branches/{branch}", scopes: repo, handle: s.with(s.getBranch)},
		{method: "DELETE", template: r + "/branches/{branch}", scopes: repo, handle: s.with(s.deleteBranch)},
		{method: "GET", template: r + "/commits", scopes: repo, paged: true, query: []string{"sha", "path", "stat", "verification", "files", "not"}, handle: s.with(s.listCommits)},
		{method: "GET", template: r + "/git/commits/{sha}", scopes: repo, handle: s.with(s.getCommit)},
		{method: "GET", template: r + "/contents/{filepath}", scopes: repo, query: []string{"ref"}, handle: s.with(s.getContents)},
		{method: "GET", template: r + "/tags", scopes: repo, paged: true, handle: s.with(s.listTags)},
		{method: "POST", template: r + "/statuses/{sha}", scopes: repo, fields: fields{"state": "text", "target_url": "text", "description": "text", "context": "text"}, handle: s.with(s.createStatus)},
	}
}

func (s *Server) pullRoutes(r string) []route {
	repo := []string{"repository"}
	change := fields{
		"files": "list", "message": "text", "branch": "text", "new_branch": "text", "force_push": "flag", "author": "object",
		"committer": "object", "dates": "object", "signoff": "flag",
	}
	made := fields{
		"head": "text", "base": "text", "title": "text", "body": "text", "assignee": "text", "assignees": "texts", "reviewers": "texts",
		"team_reviewers": "texts", "milestone": "number", "labels": "list", "due_date": "text",
	}
	edited := fields{
		"title": "text", "body": "text", "base": "text", "assignee": "text", "assignees": "texts", "milestone": "number", "labels": "list",
		"state": "text", "due_date": "text", "unset_due_date": "flag", "allow_maintainer_edit": "flag",
	}
	return []route{
		{method: "POST", template: r + "/contents", scopes: repo, fields: change, handle: s.with(s.changeFiles)},
		{method: "GET", template: r + "/pulls", scopes: repo, paged: true, query: []string{"state", "sort", "milestone"}, handle: s.with(s.listPulls)},
		{method: "POST", template: r + "/pulls", scopes: repo, fields: made, handle: s.with(s.createPull)},
		{method: "PATCH", template: r + "/pulls/{index}", scopes: repo, fields: edited, handle: s.with(s.editPull)},
	}
}
