package github

import "slices"

// table lists what is answered. openapi.json must have each.
func (s *Server) table() []route {
	repo, hook, public := []string{"repo"}, []string{"admin:repo_hook", "repo"}, []string{"repo", "public_repo"}
	const (
		r     = "/repos/{owner}/{repo}"
		admin = "administration=write"
		hooks = "repository_hooks=write"

		contents = "contents=write"
	)
	return slices.Concat([]route{
		{method: "GET", template: "/app", app: true, handle: s.getApp},
		{method: "POST", template: "/app/installations/{installation_id}/access_tokens", app: true, handle: s.makeInstallationToken},
		{method: "GET", template: "/user", handle: s.getMe},
		{method: "GET", template: "/users/{username}", handle: s.getUser},
		{method: "GET", template: "/orgs/{org}", handle: s.getOrg},
		{method: "GET", template: "/rate_limit", handle: s.getRateLimit},

		{method: "POST", template: "/orgs/{org}/repos", scopes: public, permission: admin, handle: s.createInOrg},
		{method: "POST", template: "/user/repos", scopes: public, permission: admin, handle: s.createMine},
		{method: "GET", template: r, permission: "metadata=read", handle: s.with(s.getRepo)},
		{method: "PATCH", template: r, scopes: public, permission: admin, handle: s.with(s.editRepo)},
		{method: "DELETE", template: r, scopes: []string{"delete_repo"}, permission: admin, handle: s.with(s.deleteRepo)},
		{method: "PUT", template: r + "/topics", scopes: public, permission: admin, handle: s.with(s.putTopics)},
		{method: "PUT", template: "/orgs/{org}/teams/{team_slug}/repos/{owner}/{repo}", scopes: repo, permission: admin, handle: s.with(s.putTeam)},
		{method: "GET", template: r + "/branches/{branch}/protection", scopes: repo, permission: "administration=read", handle: s.with(s.getProtection)},
		{method: "PUT", template: r + "/branches/{branch}/protection", scopes: repo, permission: admin, handle: s.with(s.putProtection)},
		{method: "DELETE", template: r + "/branches/{branch}/protection", scopes: repo, permission: admin, handle: s.with(s.deleteProtection)},
	}, []route{
		{method: "GET", template: r + "/hooks", scopes: hook, permission: "repository_hooks=read", handle: s.with(s.listHooks)},
		{method: "POST", template: r + "/hooks", scopes: hook, permission: hooks, handle: s.with(s.createHook)},
		{method: "PATCH", template: r + "/hooks/{hook_id}", scopes: hook, permission: hooks, handle: s.with(s.editHook)},
		{method: "DELETE", template: r + "/hooks/{hook_id}", scopes: hook, permission: hooks, handle: s.with(s.deleteHook)},
		{method: "POST", template: r + "/hooks/{hook_id}/pings", scopes: hook, permission: "repository_hooks=read", handle: s.with(s.pingHook)},
		{method: "GET", template: r + "/hooks/{hook_id}/deliveries", scopes: hook, permission: "repository_hooks=read", handle: s.with(s.listDeliveries)},
		{method: "POST", template: r + "/hooks/{hook_id}/deliveries/{delivery_id}/attempts", scopes: hook, permission: hooks, handle: s.with(s.redeliver)},
	}, []route{
		{method: "GET", template: r + "/git/ref/{ref}", permission: "contents=read", handle: s.with(filled(s.getRef))},
		{method: "GET", template: r + "/git/commits/{commit_sha}", permission: "contents=read", handle: s.with(filled(s.getGitCommit))},
		{method: "POST", template: r + "/git/blobs", scopes: public, permission: contents, handle: s.with(filled(s.createBlob))},
		{method: "POST", template: r + "/git/trees", scopes: public, permission: contents, handle: s.with(filled(s.createTree))},
		{method: "POST", template: r + "/git/commits", scopes: public, permission: contents, handle: s.with(filled(s.createGitCommit))},
		{method: "POST", template: r + "/git/refs", scopes: public, permission: contents, handle: s.with(filled(s.createRef))},
		{method: "DELETE", template: r + "/git/refs/{ref}", scopes: public, permission: contents, handle: s.with(filled(s.deleteRef))},
		{method: "GET", template: r + "/pulls", permission: "pull_requests=read", handle: s.with(s.listPulls)},
		{method: "POST", template: r + "/pulls", scopes: public, permission: "pull_requests=write", handle: s.with(s.createPull)},
		{method: "PATCH", template: r + "/pulls/{pull_number}", scopes: public, permission: "pull_requests=write", handle: s.with(s.editPull)},
		{method: "GET", template: r + "/pulls/{pull_number}/commits", permission: "pull_requests=read", handle: s.with(s.listPullCommits)},
	}, []route{
		{method: "GET", template: r + "/branches", permission: "contents=read", handle: s.with(s.listBranches)},
		{method: "GET", template: r + "/commits", permission: "contents=read", handle: s.with(s.listCommits)},
		{method: "GET", template: r + "/compare/{basehead}", permission: "contents=read", handle: s.with(s.compare)},
		{method: "GET", template: r + "/contents/{path}", permission: "contents=read", handle: s.with(s.getContents)},
		{method: "GET", template: r + "/git/blobs/{file_sha}", permission: "contents=read", handle: s.with(s.getBlob)},
		{method: "GET", template: r + "/tags", permission: "contents=read", handle: s.with(s.listTags)},
		{method: "POST", template: r + "/statuses/{sha}", scopes: []string{"repo", "repo:status"}, permission: "statuses=write", handle: s.with(s.createStatus)},
		{method: "GET", template: r + "/deployments", permission: "deployments=read", handle: s.with(s.listDeployments)},
		{method: "POST", template: r + "/deployments", scopes: []string{"repo", "repo_deployment"}, permission: "deployments=write", handle: s.with(s.createDeployment)},
		{method: "GET", template: r + "/deployments/{deployment_id}/statuses", permission: "deployments=read", handle: s.with(s.listDeploymentStatuses)},
		{method: "POST", template: r + "/deployments/{deployment_id}/statuses", scopes: []string{"repo", "repo_deployment"}, permission: "deployments=write", handle: s.with(s.createDeploymentStatus)},
	})
}
