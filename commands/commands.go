// Package commands is the visible list of OpsBot's chat commands: one folder each.
package commands

import (
	"opsbot/bot"
	"opsbot/commands/abort"
	"opsbot/commands/adopt"
	"opsbot/commands/audit"
	"opsbot/commands/bind"
	"opsbot/commands/blueprints"
	"opsbot/commands/buildnow"
	"opsbot/commands/builds"
	"opsbot/commands/cancel"
	"opsbot/commands/confirm"
	"opsbot/commands/deleteproject"
	"opsbot/commands/deploy"
	"opsbot/commands/diff"
	"opsbot/commands/help"
	"opsbot/commands/history"
	"opsbot/commands/join"
	"opsbot/commands/leave"
	"opsbot/commands/link"
	"opsbot/commands/lock"
	"opsbot/commands/log"
	"opsbot/commands/newproject"
	"opsbot/commands/operations"
	"opsbot/commands/proceed"
	"opsbot/commands/project"
	"opsbot/commands/projects"
	"opsbot/commands/promote"
	"opsbot/commands/restart"
	"opsbot/commands/retry"
	"opsbot/commands/rollback"
	"opsbot/commands/rooms"
	"opsbot/commands/secret"
	"opsbot/commands/secrets"
	"opsbot/commands/skip"
	"opsbot/commands/status"
	"opsbot/commands/unbind"
	"opsbot/commands/undo"
	"opsbot/commands/unlink"
	"opsbot/commands/unlock"
	"opsbot/commands/versions"
	"opsbot/commands/whoami"
)

// All lists the commands in the order of the help.
func All(s *bot.Services) []bot.Command {
	return []bot.Command{
		newproject.New(s),
		buildnow.New(s),
		deploy.New(s),
		promote.New(s),
		rollback.New(s),
		status.New(s),
		projects.New(s),
		project.New(s),
		blueprints.New(s),
		builds.New(s),
		log.New(s),
		versions.New(s),
		history.New(s),
		restart.New(s),
		abort.New(s),
		proceed.New(s),
		diff.New(s),
		lock.New(s),
		unlock.New(s),
		secret.New(s),
		secrets.New(s),
		confirm.New(s),
		cancel.New(s),
		operations.New(s),
		retry.New(s),
		skip.New(s),
		undo.New(s),
		adopt.New(s),
		deleteproject.New(s),
		bind.New(s),
		unbind.New(s),
		rooms.New(s),
		join.New(s),
		leave.New(s),
		audit.New(s),
		whoami.New(s),
		link.New(s),
		unlink.New(s),
		help.New(s),
	}
}

// Kinds collects the operation kinds that commands bring.
func Kinds(all []bot.Command) []bot.OperationKind {
	var out []bot.OperationKind
	for _, c := range all {
		if k, ok := c.(interface{ Kinds() []bot.OperationKind }); ok {
			out = append(out, k.Kinds()...)
		}
	}
	return out
}
