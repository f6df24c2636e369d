package mattermost

func (s *Server) allRoutes() []route {
	var out []route
	for _, routes := range [][]route{
		s.systemRoutes(), s.userRoutes(), s.teamRoutes(), s.channelRoutes(), s.postRoutes(), s.fileRoutes(), s.roleRoutes(),
		s.actionRoutes(), s.commandRoutes(), s.tokenRoutes(),
	} {
		out = append(out, routes...)
	}
	return out
}

func (s *Server) systemRoutes() []route {
	return []route{
		{method: "GET", path: "/system/ping", serve: (*call).ping, query: []string{"get_server_status"}, public: true},
		{method: "GET", path: "/config/client", serve: (*call).config, query: []string{"format"}, public: true},
		{method: "GET", path: "/license/client", serve: (*call).license, query: []string{"format"}, public: true},
		{method: "GET", path: "/emoji/name/{emoji_name}", serve: (*call).emoji},
	}
}

func (c *call) ping() (any, error) {
	out := map[string]string{
		"ActiveSearchBackend": "database", "AndroidLatestVersion": "", "AndroidMinVersion": "", "IosLatestVersion": "",
		"IosMinVersion": "", "status": "OK",
	}
	if c.r.URL.Query().Get("get_server_status") == "true" {
		for _, part := range []string{"database_status", "filestore_status"} {
			out[part] = "OK"
			c.w.Header().Set(part, "OK")
		}
		c.w.Header().Set("Status", "OK")
	}
	return out, nil
}

// config gives the few of the recorded keys that a bot may look at; an anonymous
// caller gets fewer.
func (c *call) config() (any, error) {
	out := map[string]string{
		"BuildNumber": "11.2.0-rig", "Version": version, "BuildHash": "dbcfd0c90e", "BuildEnterpriseReady": "false",
		"DefaultClientLocale": "en", "EnableBotAccountCreation": "true", "SiteName": "Mattermost", "SiteURL": c.URL,
		"EnableUserAccessTokens": "true", "DiagnosticsEnabled": "false", "EnableCustomEmoji": "true",
	}
	if c.who != nil {
		out["EnableCommands"], out["CollapsedThreads"] = "true", "always_on"
		out["EnablePostUsernameOverride"], out["EnablePostIconOverride"] = "true", "false"
		out["MaxFileSize"], out["EnableCustomUserStatuses"] = "104857600", "true"
	}
	return out, nil
}

func (c *call) license() (any, error) { return map[string]string{"IsLicensed": "false"}, nil }

// emoji: the system's own are not in the API.
func (c *call) emoji() (any, error) {
	return nil, fail(404, "app.emoji.get_by_name.no_result", "We couldn’t find the emoji.")
}
