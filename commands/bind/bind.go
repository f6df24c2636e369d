// Package bind is the command bind: a room that is about one project.
package bind

import (
	"context"

	"opsbot/bot"
)

// Command is bind.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "bind", Role: bot.RoleDeveloper, Secondary: true, Summary: "make this room a project's: its cards come here, its name goes without saying",
		Help:   "After `bind hello-world` it is enough to say `deploy to staging` here. `unbind` ends it.",
		Params: []bot.Param{{Name: "name", Type: bot.ParamProject, Help: "the project", Example: "hello-world"}},
	}
}

// Run binds the room in which it is said.
func (c *Command) Run(_ context.Context, req *bot.Request) (*bot.Outcome, error) {
	reply := &bot.Post{Tone: bot.ToneGood, Text: []bot.Text{
		"This room is about " + bot.Escape(req.Project.Slug) + " now: its cards come here, and commands need no name.",
	}}
	return &bot.Outcome{Reply: reply, Commit: func(ctx context.Context, tx *bot.Tx) error {
		return bot.ChangeRoom(ctx, tx, req.Message.Room, func(r *bot.Room) {
			r.ProjectID = req.Project.ID
			if r.Name == "" {
				r.Name = req.Message.Room.ID
			}
		})
	}}, nil
}
