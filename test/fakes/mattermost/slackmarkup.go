package mattermost

import "regexp"

var (
	slackLink = regexp.MustCompile(`<((?:https?|mailto|ftp)[^|<>]*)\|([^|<>\n]+)>`)
	slackAll  = regexp.MustCompile(`<!(channel|here|all|everyone|group)>`)
	slackUser = regexp.MustCompile(`<@([a-z0-9]{26})>`)
)

// slackLinks turns Slack's links into Markdown's.
func slackLinks(text string) string { return slackLink.ReplaceAllString(text, "[$2]($1)") }

// slackNames turns Slack's mentions into ours.
func (s *Server) slackNames(text string) string {
	text = slackAll.ReplaceAllString(text, "@$1")
	return slackUser.ReplaceAllStringFunc(text, func(m string) string {
		if u := s.state.users[m[2:len(m)-1]]; u != nil {
			return "@" + u.Username
		}
		return m
	})
}
