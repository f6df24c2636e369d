// Package deleteproject is the command delete-project: put a project out of use,
// or remove it for good.
package deleteproject

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"opsbot/bot"
)

// Command is delete-project.
type Command struct{ s *bot.Services }

var _ bot.Planner = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "delete-project", Aliases: []string{"deleteproject", "archive-project"}, Role: bot.RoleOperator, Confirm: true, Secondary: true,
		Summary: "archive a project, or remove it for good",
		Help:    "Archiving stops its apps, removes job and webhook and makes the repository read-only; `--purge` removes the repository too and frees the name.",
		Params:  []bot.Param{{Name: "name", Type: bot.ParamProject, Help: "the project", Example: "hello-world"}},
		Flags:   []bot.Flag{{Name: "purge", Help: "remove repository, builds and the name for good"}},
	}
}

// input is what the operation keeps.
type input struct {
	Purge     bool           `json:"purge"`
	Resources []bot.Resource `json:"resources"`
}

// Plan lists what would go.
func (c *Command) Plan(ctx context.Context, req *bot.Request) (*bot.Plan, error) {
	p := req.Project
	purge := req.Flag("purge")
	if p.State == bot.ProjectArchived && !purge {
		return nil, bot.Errorf(bot.CodeConflict, "%s is archived already; `--purge` removes it for good.", p.Slug)
	}
	if p.State == bot.ProjectCreating {
		return nil, bot.Errorf(bot.CodeConflict, "%s is still being made; `operations` shows its operation, `undo ID` takes it back.", p.Slug)
	}
	all, err := c.resources(ctx, p)
	if err != nil {
		return nil, err
	}
	plan := &bot.Plan{Title: "Plan: archive " + bot.Escape(p.Slug), Typed: p.Slug}
	if purge {
		plan.Title = "Plan: remove " + bot.Escape(p.Slug) + " for good"
		lost := bot.Text("The repository with all its commits, the builds and their artifacts can't be brought back.")
		if slices.ContainsFunc(all, func(r bot.Resource) bool { return r.Adopted }) {
			lost = "The builds and their artifacts can't be brought back."
		}
		plan.Warnings = append(plan.Warnings, lost)
	}
	for _, r := range all {
		plan.Lines = append(plan.Lines, effect(r, purge))
	}
	plan.Content, err = json.Marshal(map[string]any{"purge": purge, "resources": all})
	if err != nil {
		return nil, fmt.Errorf("delete-project %s: plan: %w", p.Slug, err)
	}
	return plan, nil
}

func (c *Command) resources(ctx context.Context, p *bot.Project) (all []bot.Resource, err error) {
	err = c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		all, err = tx.Resources.Of(ctx, p.ID)
		return err
	})
	return all, err
}

func effect(r bot.Resource, purge bool) bot.Text {
	name := bot.Escape(r.Name)
	switch {
	case r.Adopted:
		return "Leave the repository " + name + " as it is: OpsBot did not make it."
	case kept(r, purge):
		return bot.Escape(fmt.Sprintf("Keep what %s holds of %s; purging removes it.", r.Instance, r.Name))
	case r.Kind == bot.ResourceEnvironment:
		return "Stop what runs in " + name + "."
	case r.Kind == bot.ResourceRepository && purge:
		return "Remove the repository " + name + "."
	case r.Kind == bot.ResourceRepository:
		return "Make the repository " + name + " read-only."
	}
	return bot.Escape(fmt.Sprintf("Remove the %s %s.", r.Kind, r.Name))
}

// kept reports what an archived project keeps: it holds results, and starts nothing.
func kept(r bot.Resource, purge bool) bool {
	return !purge && (r.Kind == bot.ResourceQuality || r.Kind == bot.ResourcePackages)
}

// Run files the operation.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	all, err := c.resources(ctx, req.Project)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(input{Purge: req.Flag("purge"), Resources: all})
	if err != nil {
		return nil, fmt.Errorf("delete-project %s: input: %w", req.Project.Slug, err)
	}
	op := &bot.Operation{
		ID: bot.NewID(req.Now), Kind: "delete-project", ProjectID: req.Project.ID, Subject: req.Project.Slug, Input: body,
		Requester: req.User, Message: req.Message, CreatedAt: req.Now, Cause: req.Cause,
	}
	return &bot.Outcome{Commit: func(ctx context.Context, tx *bot.Tx) error { return c.s.Operations.Start(ctx, tx, op) }}, nil
}
