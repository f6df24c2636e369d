// Package integrations is the visible list of the outside systems that OpsBot can
// work with: one folder each.
package integrations

import (
	"context"

	"opsbot/bot"
	"opsbot/integrations/artifactory"
	"opsbot/integrations/console"
	"opsbot/integrations/gitea"
	"opsbot/integrations/github"
	"opsbot/integrations/gitlab"
	"opsbot/integrations/jenkins"
	"opsbot/integrations/localci"
	"opsbot/integrations/localgit"
	"opsbot/integrations/localrun"
	"opsbot/integrations/mattermost"
	"opsbot/integrations/slack"
	"opsbot/integrations/sonarqube"
)

// Allow decides about git access; see localgit.Options.
type Allow func(ctx context.Context, user bot.User, owner, name string, write bool) error

// All lists the kinds that a section of the configuration can name.
func All(allow Allow) []bot.IntegrationKind {
	return []bot.IntegrationKind{
		artifactory.Kind(),
		console.Kind(),
		gitea.Kind(),
		github.Kind(),
		gitlab.Kind(),
		jenkins.Kind(),
		localgit.Kind(localgit.Options{Allow: allow}),
		localci.Kind(),
		localrun.Kind(),
		mattermost.Kind(),
		slack.Kind(),
		sonarqube.Kind(),
	}
}
