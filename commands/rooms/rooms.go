// Package rooms is the command rooms: where the bot is.
package rooms

import (
	"context"

	"opsbot/bot"
)

// Command is rooms.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "rooms", Role: bot.RoleOperator, Secondary: true, Summary: "list the rooms that OpsBot knows",
		Help: "`join ROOM` and `leave ROOM` change where it is, `bind NAME` ties a room to a project.",
	}
}

// Run lists the rooms of every chat.
func (c *Command) Run(ctx context.Context, _ *bot.Request) (*bot.Outcome, error) {
	t := &bot.Table{Head: []string{"Room", "ID", "Project", "Style", "State"}}
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		t.Rows = nil
		for _, instance := range c.s.Integrations.Names() {
			if _, chat := c.s.Integrations.Get(instance).(bot.Chat); !chat {
				continue
			}
			all, err := tx.Rooms.List(ctx, instance)
			if err != nil {
				return err
			}
			for _, r := range all {
				row, err := row(ctx, tx, r)
				if err != nil {
					return err
				}
				t.Rows = append(t.Rows, row)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(t.Rows) == 0 {
		return &bot.Outcome{Reply: &bot.Post{Text: []bot.Text{"I am in no room yet. Invite me to one."}}}, nil
	}
	return &bot.Outcome{Reply: &bot.Post{Title: "Rooms", Table: t}}, nil
}

func row(ctx context.Context, tx *bot.Tx, r bot.Room) ([]bot.Text, error) {
	project := bot.Project{}
	if r.ProjectID != "" {
		var err error
		if project, err = tx.Projects.ByID(ctx, r.ProjectID); err != nil && bot.CodeOf(err) != bot.CodeNotFound {
			return nil, err
		}
	}
	state, style := r.State, r.Style
	if state == "" {
		state = "in"
	}
	if style == "" {
		style = "cards"
	}
	return []bot.Text{
		bot.Escape(bot.Shorten(r.Name, 60)), bot.Escape(r.Ref.String()), bot.Escape(project.Slug), bot.Escape(style), bot.Escape(state),
	}, nil
}
