package mattermost

import (
	_ "embed" // the recorded configuration
	"encoding/json"
	"maps"
	"strings"
)

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
		{method: "GET", path: "/system/ping", serve: (*call).ping, query: []string{"get_server_status", "use_rest_semantics", "device_id"}, public: true},
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

//go:embed config.json
var recordedConfig []byte

// config is the recorded one, with our address; without a session it has fewer keys.
func (c *call) config() (any, error) {
	var in struct{ Session, Anybody map[string]string }
	if err := json.Unmarshal(recordedConfig, &in); err != nil {
		return nil, err
	}
	out := in.Anybody
	if c.who != nil {
		maps.Copy(out, in.Session)
	}
	for key, value := range out {
		out[key] = strings.ReplaceAll(value, "http://127.0.0.1:18065", c.URL)
	}
	return out, nil
}

func (c *call) license() (any, error) { return map[string]string{"IsLicensed": "false"}, nil }

// emoji: the system's own are not in the API.
func (c *call) emoji() (any, error) {
	return nil, fail(404, "app.emoji.get_by_name.no_result", "We couldn’t find the emoji.")
}
