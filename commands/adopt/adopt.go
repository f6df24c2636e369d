// Package adopt is the command adopt: take over a repository that is there.
package adopt

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"opsbot/bot"
)

// Command is adopt.
type Command struct{ s *bot.Services }

var (
	_ bot.Planner  = (*Command)(nil)
	_ bot.Accessor = (*Command)(nil)
)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "adopt", Role: bot.RoleOperator, Confirm: true, Secondary: true,
		Summary: "take over a repository that is there: add webhook, pipeline job and environments",
		Help: "Nothing is committed. With `--propose=BLUEPRINT` a pull request is opened that adds that blueprint's Jenkinsfile. " +
			"`undo` takes away what was added; the repository is never archived or removed.",
		Params: []bot.Param{{Name: "name", Type: bot.ParamWord, Help: "the repository, as NAME or OWNER/NAME", Example: "old-service"}},
		Flags: []bot.Flag{
			{Name: "as", Value: "N", Help: "what the project is called, if not like the repository", Example: "old-service"},
			{Name: "owner", Value: "O", Help: "organisation or user that has the repository"},
			{Name: "forge", Value: "F", Help: "where the repository is, if not at the owner's only forge"},
			{Name: "pipeline", Value: "P", Help: "what builds it"},
			{Name: "team", Value: "T", Help: "the team that it is for"},
			{Name: "propose", Value: "B", Help: "open a pull request with this blueprint's Jenkinsfile", Example: "go-service"},
		},
	}
}

// Access asks the policy about the owner.
func (c *Command) Access(req *bot.Request) bot.Access {
	owner, _ := where(req)
	if _, name, err := c.s.ForgeOf(req.Args.Flags["forge"], owner); err == nil {
		owner = name
	}
	return bot.Access{Team: c.team(req), OwnerName: owner, Blueprint: req.Args.Flags["propose"]}
}

// team is the team that is asked for, as the configuration writes it if it is there.
func (c *Command) team(req *bot.Request) string {
	if team, err := c.s.TeamOf(req.Args.Flags["team"]); err == nil {
		return team
	}
	return req.Args.Flags["team"]
}

// where splits OWNER/NAME at the last slash: groups may lie in groups.
func where(req *bot.Request) (owner, name string) {
	owner, name = req.Args.Flags["owner"], req.Value("name")
	if i := strings.LastIndex(name, "/"); i >= 0 && owner == "" {
		owner, name = name[:i], name[i+1:]
	}
	return owner, name
}

// Plan looks at the repository and says what would be added.
func (c *Command) Plan(ctx context.Context, req *bot.Request) (*bot.Plan, error) {
	b, err := c.prepare(ctx, req)
	if err != nil {
		return nil, err
	}
	lines, err := c.s.Bootstraps.Effects(ctx, b)
	if err != nil {
		return nil, err
	}
	content, err := json.Marshal(map[string]any{"repository": b.Adopt.ExternalID, "slug": b.Project.Slug, "effects": lines})
	if err != nil {
		return nil, fmt.Errorf("adopt %s: plan: %w", b.Project.Slug, err)
	}
	return &bot.Plan{Title: "Plan: adopt " + bot.Escape(b.Adopt.Owner+"/"+b.Adopt.Name), Lines: lines, Content: content}, nil
}

// Run files the project and its operation.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	b, err := c.prepare(ctx, req)
	if err != nil {
		return nil, err
	}
	return &bot.Outcome{Commit: func(ctx context.Context, tx *bot.Tx) error {
		return c.s.Bootstraps.Start(ctx, tx, b, req)
	}}, nil
}

// prepare finds the repository and makes the project of it.
func (c *Command) prepare(ctx context.Context, req *bot.Request) (bot.Bootstrap, error) {
	owner, name := where(req)
	forge, owner, err := c.s.ForgeOf(req.Args.Flags["forge"], owner)
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
	slug := req.Args.Flags["as"]
	if slug == "" {
		slug = name
	}
	if err := bot.CheckSlug(slug); err != nil {
		return bot.Bootstrap{}, bot.Errorf(bot.CodeInvalid, "%s Give the project another name with --as=NAME.", bot.MessageOf(err)).Because(err)
	}
	repo, err := c.find(ctx, forge, owner, name)
	if err != nil {
		return bot.Bootstrap{}, err
	}
	b := bot.Bootstrap{Adopt: &repo, Project: bot.Project{
		ID: bot.NewID(req.Now), Slug: slug, Owner: owner, CreatedBy: req.User.ID, CreatedByName: req.User.Name, State: bot.ProjectCreating,
		DefaultBranch: repo.DefaultBranch, Private: repo.Private, Forge: forge, Pipeline: pipeline, Team: team, Room: c.s.CardRoom(req), CreatedAt: req.Now,
	}}
	if from := req.Args.Flags["propose"]; from != "" {
		if _, err := bot.Find[bot.PullRequester](c.s.Integrations, forge, "pull requests"); err != nil {
			return bot.Bootstrap{}, err
		}
		if b.Render, err = c.s.Blueprints.Resolve(bot.RenderRequest{Blueprint: from, Owner: owner, Name: slug}); err != nil {
			return bot.Bootstrap{}, err
		}
		b.Project.Blueprint, b.Project.BlueprintVer = b.Render.Blueprint, b.Render.Version
	}
	return b, c.s.Bootstraps.Check(ctx, b)
}

// find looks the repository up. One that another project has is not adopted again.
func (c *Command) find(ctx context.Context, forge, owner, name string) (bot.Repository, error) {
	host, err := bot.Find[bot.RepoHost](c.s.Integrations, forge, "repositories")
	if err != nil {
		return bot.Repository{}, err
	}
	found, repo, err := host.FindRepository(ctx, bot.RepoSpec{Owner: owner, Name: name})
	if err != nil {
		return repo, err
	}
	if found == bot.PresenceAbsent {
		return repo, bot.Errorf(bot.CodeNotFound, "There is no repository %s/%s on %s, or OpsBot's account may not see it.",
			owner, bot.Shorten(name, 60), bot.NameOf(c.s.Integrations, forge))
	}
	if repo.Archived {
		return repo, bot.Errorf(bot.CodeConflict, "%s is archived: nothing can be added to it. Make it writable on %s first.", repo.URL, bot.NameOf(c.s.Integrations, forge))
	}
	if repo.DefaultBranch == "" {
		repo.DefaultBranch = "main"
	}
	return repo, c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		has, err := tx.Resources.ByExternal(ctx, forge, bot.ResourceRepository, repo.ExternalID)
		if bot.CodeOf(err) == bot.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		p, err := tx.Projects.ByID(ctx, has.ProjectID)
		if err != nil {
			return err
		}
		return bot.Errorf(bot.CodeConflict, "%s belongs to the project %s already.", repo.URL, p.Slug)
	})
}
