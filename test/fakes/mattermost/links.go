package mattermost

import (
	"regexp"
	"strings"
)

var (
	hashtag     = regexp.MustCompile(`(?:^|\s)(#[\p{L}][\p{L}\p{N}_.-]+)`)
	channelLink = regexp.MustCompile(`\B~([a-z0-9_-]+)`)
	permalink   = regexp.MustCompile(`(https?://[^\s/]+)/[a-z0-9-]+/pl/([a-z0-9]{26})`)
)

func hashtags(text string) string {
	var out []string
	for _, m := range hashtag.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return strings.Join(out, " ")
}

// channelLinks are the public channels that a text names with ~.
func (st *state) channelLinks(ch *channel, text string) map[string]any {
	var out map[string]any
	for _, m := range channelLink.FindAllStringSubmatch(text, -1) {
		for _, other := range st.rooms {
			if other.Name != m[1] || other.TeamID != ch.TeamID || other.Type != "O" {
				continue
			}
			if out == nil {
				out = map[string]any{}
			}
			out[other.Name] = map[string]any{"display_name": other.DisplayName, "team_name": st.team(other.TeamID).Name}
		}
	}
	return out
}

// previewed is the post that the message's first permalink leads to.
func (s *Server) previewed(p *post) *post {
	m := permalink.FindStringSubmatch(p.Message)
	if m == nil || m[1] != s.URL || s.state.posts[m[2]] == nil || s.state.posts[m[2]].DeleteAt != 0 {
		return nil
	}
	return s.state.posts[m[2]]
}

// preview is what the metadata says of it.
func (s *Server) preview(p *post) any {
	ch := s.state.channels[p.ChannelID]
	data := map[string]any{
		"post_id": p.ID, "post": s.postJSON(p), "channel_display_name": ch.DisplayName, "channel_type": ch.Type, "channel_id": ch.ID,
		"team_name": "",
	}
	if t := s.state.team(ch.TeamID); t != nil {
		data["team_name"] = t.Name
	}
	return map[string]any{"type": "permalink", "data": data}
}
