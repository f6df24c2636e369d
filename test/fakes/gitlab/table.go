package gitlab

import "slices"

// table lists what is answered, with the parameters that GitLab knows.
func (s *Server) table() []route {
	const p = "/projects/:id"
	const hook = "url! token push_events tag_push_events merge_requests_events enable_ssl_verification push_events_branch_filter"
	return slices.Concat([]route{
		{method: "GET", template: "/version", handle: s.getVersion},
		{method: "GET", template: "/user", handle: s.getMe},
		{method: "GET", template: "/users/:id", handle: s.getUser},
		{method: "GET", template: "/personal_access_tokens/self", free: true, handle: s.getToken},
		{method: "GET", template: "/namespaces/:id", handle: s.getNamespace},
		{method: "GET", template: "/groups/:id", params: "with_projects", handle: s.getGroup},

		{method: "POST", template: "/projects", params: "name path namespace_id description visibility topics auto_devops_enabled", handle: s.createProject},
		{method: "GET", template: p, handle: s.with(0, s.getProject)},
		{method: "PUT", template: p, params: "default_branch only_allow_merge_if_pipeline_succeeds", handle: s.with(Maintainer, s.editProject)},
		{method: "DELETE", template: p, params: "full_path permanently_remove", handle: s.with(Owner, s.deleteProject)},
		{method: "POST", template: p + "/archive", handle: s.with(Owner, s.archiveProject)},
	}, []route{
		{method: "GET", template: p + "/hooks", handle: s.with(Maintainer, s.listHooks)},
		{method: "POST", template: p + "/hooks", params: hook, handle: s.with(Maintainer, s.createHook)},
		{method: "GET", template: p + "/hooks/:hook_id", handle: s.with(Maintainer, s.getHook)},
		{method: "PUT", template: p + "/hooks/:hook_id", params: hook, handle: s.with(Maintainer, s.editHook)},
		{method: "DELETE", template: p + "/hooks/:hook_id", handle: s.with(Maintainer, s.deleteHook)},
		{method: "GET", template: p + "/hooks/:hook_id/events", handle: s.with(Maintainer, s.listEvents)},
		{method: "POST", template: p + "/hooks/:hook_id/events/:event_id/resend", handle: s.with(Maintainer, s.resend)},
	}, []route{
		{method: "GET", template: p + "/repository/branches", handle: s.with(0, s.listBranches)},
		{method: "GET", template: p + "/repository/branches/:branch", handle: s.with(0, s.getBranch)},
		{method: "DELETE", template: p + "/repository/branches/:branch", handle: s.with(Developer, s.deleteBranch)},
		{method: "GET", template: p + "/repository/commits", params: "ref_name", handle: s.with(0, s.listCommits)},
		{
			method: "POST", template: p + "/repository/commits", params: "branch! commit_message! actions! start_sha author_name author_email stats",
			handle: s.with(Developer, s.createCommit),
		},
		{method: "GET", template: p + "/repository/commits/:sha", params: "stats", handle: s.with(0, s.getCommit)},
		{method: "GET", template: p + "/repository/commits/:sha/refs", params: "type", handle: s.with(0, s.listCommitRefs)},
		{method: "GET", template: p + "/repository/commits/:sha/statuses", params: "name", handle: s.with(0, s.listStatuses)},
		{method: "GET", template: p + "/repository/tags", handle: s.with(0, s.listTags)},
		{method: "GET", template: p + "/repository/tree", params: "ref path", handle: s.with(0, s.listTree)},
		{method: "GET", template: p + "/repository/files/:path", params: "ref!", handle: s.with(0, s.getFile)},
		{method: "POST", template: p + "/statuses/:sha", params: "state! name description target_url", handle: s.with(Developer, s.createStatus)},
	}, []route{
		{method: "GET", template: p + "/protected_branches/:name", handle: s.with(Developer, s.getProtection)},
		{method: "POST", template: p + "/protected_branches", params: "name! push_access_level merge_access_level allow_force_push", handle: s.with(Maintainer, s.protect)},
		{method: "PATCH", template: p + "/protected_branches/:name", params: "allow_force_push", handle: s.with(Maintainer, s.editProtection)},
		{method: "DELETE", template: p + "/protected_branches/:name", handle: s.with(Maintainer, s.unprotect)},
		{method: "POST", template: p + "/deployments", params: "environment! sha! ref! tag! status!", handle: s.with(Developer, s.createDeployment)},
		{method: "GET", template: p + "/deployments/:deployment_id", handle: s.with(0, s.getDeployment)},
		{method: "PUT", template: p + "/deployments/:deployment_id", params: "status!", handle: s.with(Developer, s.editDeployment)},
		{method: "PUT", template: p + "/environments/:environment_id", params: "external_url tier", handle: s.with(Developer, s.editEnvironment)},
		{
			method: "GET", template: p + "/merge_requests", params: "source_branch target_branch state order_by sort",
			handle: s.with(0, s.listMerges),
		},
		{
			method: "POST", template: p + "/merge_requests", params: "title! source_branch! target_branch! description remove_source_branch",
			handle: s.with(Developer, s.createMerge),
		},
		{method: "PUT", template: p + "/merge_requests/:iid", params: "state_event", handle: s.with(Developer, s.editMerge)},
	})
}
