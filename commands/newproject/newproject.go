// Package newproject is the command new-project: repository from a blueprint,
// webhook, pipeline job and environments, as one operation that can be resumed
// and undone.
package newproject

import (
	"context"
	"strings"

	"opsbot/bot"
)

// Command is new-project.
type Command struct{ s *bot.Services }

var (
	_ bot.Command  = (*Command)(nil)
	_ bot.Accessor = (*Command)(nil)
)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "new-project", Aliases: []string{"newproject", "create-project"}, Role: bot.RoleDeveloper,
		Summary: "make a project: repository, webhook, pipeline job and environments",
		Help: "The repository is filled from a blueprint (`blueprints` lists them, `blueprints NAME` shows its parameters). " +
			"If a step fails, the card offers to retry it or to undo what was made.",
		Params: []bot.Param{{Name: "name", Type: bot.ParamNewName, Help: "what the project is called", Example: "hello-world"}},
		Flags: []bot.Flag{
			{Name: "blueprint", Value: "B", Help: "what to start from", Example: "go-service"},
			{Name: "owner", Value: "O", Help: "organisation or user that gets the repository"},
			{Name: "forge", Value: "F", Help: "where the repository goes, if not to the owner's only forge"},
			{Name: "pipeline", Value: "P", Help: "what builds it"},
			{Name: "team", Value: "T", Help: "the team that it is for"},
			{Name: "private", Help: "make the repository private"},
			{Name: "dry-run", Help: "only show what would be done"},
		},
		Pairs: "the blueprint's parameters",
	}
}

// Access asks the policy about the owner and the blueprint.
func (c *Command) Access(req *bot.Request) bot.Access {
	return bot.Access{Team: c.team(req), OwnerName: c.owner(req), Blueprint: c.blueprint(req)}
}

// owner is the owner that the request would end up with; one that can't be is asked
// about as it was written.
func (c *Command) owner(req *bot.Request) string {
	_, owner, err := c.s.ForgeOf(req.Args.Flags["forge"], req.Args.Flags["owner"])
	if err != nil {
		return req.Args.Flags["owner"]
	}
	return owner
}

// team is the team that is asked for, as the configuration writes it if it is there.
func (c *Command) team(req *bot.Request) string {
	if team, err := c.s.TeamOf(req.Args.Flags["team"]); err == nil {
		return team
	}
	return req.Args.Flags["team"]
}

func (c *Command) blueprint(req *bot.Request) string {
	if b := req.Args.Flags["blueprint"]; b != "" {
		return b
	}
	return c.s.Defaults.Blueprint
}

// Run checks everything that can be checked without changing anything, then files
// the project and its operation.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	b, err := c.prepare(req)
	if err != nil {
		return nil, err
	}
	if err := c.s.Bootstraps.Check(ctx, b); err != nil {
		return nil, err
	}
	if req.Flag("dry-run") {
		return c.dryRun(ctx, b)
	}
	return &bot.Outcome{Commit: func(ctx context.Context, tx *bot.Tx) error {
		return c.s.Bootstraps.Start(ctx, tx, b, req)
	}}, nil
}

// prepare turns the request into what is to be made.
func (c *Command) prepare(req *bot.Request) (bot.Bootstrap, error) {
	name := req.Value("name")
	if err := bot.CheckSlug(name); err != nil {
		return bot.Bootstrap{}, err
	}
	forge, owner, err := c.s.ForgeOf(req.Args.Flags["forge"], req.Args.Flags["owner"])
	if err != nil {
		return bot.Bootstrap{}, err
	}
	pipeline, err := c.s.PipelineOf(req.Args.Flags["pipeline"])
	if err != nil {
		return bot.Bootstrap{}, err
	}
	team, err := c.s.TeamOf(req.Args.Flags["team"])
	if err != nil {
		return bot.Bootstrap{}, err
	}
	answers, err := answersOf(req.Args.Pairs)
	if err != nil {
		return bot.Bootstrap{}, err
	}
	render, err := c.s.Blueprints.Resolve(bot.RenderRequest{Blueprint: c.blueprint(req), Owner: owner, Name: name, Answers: answers})
	if err != nil {
		return bot.Bootstrap{}, err
	}
	return bot.Bootstrap{Render: render, Note: c.note(req), Project: bot.Project{
		ID: bot.NewID(req.Now), Slug: name, Description: render.Answers["description"], Owner: owner,
		CreatedBy: req.User.ID, CreatedByName: req.User.Name, State: bot.ProjectCreating,
		Blueprint: render.Blueprint, BlueprintVer: render.Version, DefaultBranch: "main", Forge: forge,
		Pipeline: pipeline, Team: team, Private: req.Flag("private"), Room: c.s.CardRoom(req), CreatedAt: req.Now,
	}}, nil
}

func answersOf(pairs []bot.Pair) (map[string]string, error) {
	answers := map[string]string{}
	for _, pair := range pairs {
		if _, twice := answers[pair.Key]; twice {
			return nil, bot.Errorf(bot.CodeInvalid, "The parameter %s is given twice.", pair.Key)
		}
		answers[pair.Key] = pair.Value
	}
	return answers, nil
}

// note says why the default blueprint was taken, when that is worth saying.
func (c *Command) note(req *bot.Request) string {
	if req.Args.Flags["blueprint"] != "" {
		return ""
	}
	return c.s.Defaults.BlueprintNote
}

// dryRun shows each call's effect.
func (c *Command) dryRun(ctx context.Context, b bot.Bootstrap) (*bot.Outcome, error) {
	lines, err := c.s.Bootstraps.Effects(ctx, b)
	if err != nil {
		return nil, err
	}
	tree, err := c.s.Blueprints.Render(ctx, b.Render)
	if err != nil {
		return nil, err
	}
	post := &bot.Post{Title: "Plan for " + bot.Escape(b.Project.Slug) + " (nothing is changed)", Text: lines}
	if b.Note != "" {
		post.Text = append(post.Text, bot.Escape(b.Note))
	}
	var names strings.Builder
	for _, f := range tree.Files {
		names.WriteString(f.Path + "\n")
	}
	post.Code = names.String()
	return &bot.Outcome{Reply: post}, nil
}
