package secret

import (
	"context"
	"strings"

	"opsbot/bot"
)

// List is the command secrets.
type List struct{ s *bot.Services }

var _ bot.Command = (*List)(nil)

// NewList makes the command.
func NewList(s *bot.Services) *List { return &List{s} }

// Spec describes the command.
func (c *List) Spec() bot.Spec {
	return bot.Spec{
		Verb: "secrets", Role: bot.RoleDeveloper, Secondary: true, Summary: "which secrets a project has, without their values",
		Params: []bot.Param{{Name: "name", Type: bot.ParamProject, Help: "the project", Example: "hello-world"}},
	}
}

// Run lists them.
func (c *List) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	return listed(ctx, c.s, req)
}

// listed describes a project's secrets to who asks.
func listed(ctx context.Context, s *bot.Services, req *bot.Request) (*bot.Outcome, error) {
	var all []bot.ProjectSecret
	err := s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		all, err = s.Secrets.List(ctx, tx, req.Project.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		text := bot.Escape(req.Project.Slug) + " has no secrets. `secret set " + bot.Text(req.Project.Slug) + " KEY [in ENV]` sets one."
		return &bot.Outcome{Reply: &bot.Post{Text: []bot.Text{text}}, Private: true}, nil
	}
	t := &bot.Table{Head: []string{"Key", "For", "Kind", "Variables", "Set (UTC)", "By"}}
	for _, one := range all {
		where := one.Environment
		if where == "" {
			where = "builds, everywhere"
		}
		t.Rows = append(t.Rows, []bot.Text{
			bot.Escape(one.Key), bot.Escape(where), bot.Text(one.Kind), bot.Escape(strings.Join(one.Variables(), " ")),
			bot.Text(one.UpdatedAt.Format("2006-01-02 15:04")), bot.Escape(one.ByName),
		})
	}
	return &bot.Outcome{Reply: &bot.Post{Title: "Secrets of " + bot.Escape(req.Project.Slug), Table: t}, Private: true}, nil
}
