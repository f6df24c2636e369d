// Package newproject is the command new-project: repository from a blueprint,
// webhook, pipeline job and environments, as one operation that can be resumed
// and undone.
package newproject

import (
	"context"
	"encoding/json"
	"fmt"
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
			{Name: "private", Help: "make the repository private"},
			{Name: "dry-run", Help: "only show what would be done"},
		},
		Pairs: "the blueprint's parameters",
	}
}

// Access asks the policy about the owner and the blueprint.
func (c *Command) Access(req *bot.Request) bot.Access {
	return bot.Access{OwnerName: c.owner(req), Blueprint: c.blueprint(req)}
}

func (c *Command) owner(req *bot.Request) string {
	if o := req.Args.Flags["owner"]; o != "" {
		return o
	}
	return c.s.Defaults.Owner
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
	in, p, err := c.prepare(req)
	if err != nil {
		return nil, err
	}
	if err := c.free(ctx, p.Slug); err != nil {
		return nil, err
	}
	if req.Flag("dry-run") {
		return c.dryRun(ctx, in, p)
	}
	input, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("new-project %s: input: %w", p.Slug, err)
	}
	op := &bot.Operation{
		ID: bot.NewID(req.Now), Kind: Kind, ProjectID: p.ID, Subject: p.Slug, Input: input,
		Requester: req.User, Message: req.Message, CreatedAt: req.Now, Cause: req.Cause,
	}
	return &bot.Outcome{Commit: func(ctx context.Context, tx *bot.Tx) error {
		if err := taken(ctx, tx, p.Slug); err != nil {
			return err
		}
		if err := tx.Projects.Put(ctx, p); err != nil {
			return err
		}
		return c.s.Operations.Start(ctx, tx, op)
	}}, nil
}

// prepare turns the request into the operation's input.
func (c *Command) prepare(req *bot.Request) (input, bot.Project, error) {
	name := req.Value("name")
	if err := bot.CheckSlug(name); err != nil {
		return input{}, bot.Project{}, err
	}
	owner, err := c.allowedOwner(c.owner(req))
	if err != nil {
		return input{}, bot.Project{}, err
	}
	for _, instance := range []string{c.s.Defaults.Forge, c.s.Defaults.Pipeline} {
		if rules, ok := c.s.Integrations.Get(instance).(bot.NameRules); ok {
			if err := rules.CheckName(name); err != nil {
				return input{}, bot.Project{}, err
			}
		}
	}
	answers := map[string]string{}
	for _, pair := range req.Args.Pairs {
		if _, twice := answers[pair.Key]; twice {
			return input{}, bot.Project{}, bot.Errorf(bot.CodeInvalid, "The parameter %s is given twice.", pair.Key)
		}
		answers[pair.Key] = pair.Value
	}
	render, err := c.s.Blueprints.Resolve(bot.RenderRequest{Blueprint: c.blueprint(req), Owner: owner, Name: name, Answers: answers})
	if err != nil {
		return input{}, bot.Project{}, err
	}
	room := c.s.Defaults.Room
	if room.ID == "" {
		room = req.Message.Room
	}
	p := bot.Project{
		ID: bot.NewID(req.Now), Slug: name, Description: render.Answers["description"], Owner: owner,
		CreatedBy: req.User.ID, CreatedByName: req.User.Name, State: bot.ProjectCreating,
		Blueprint: render.Blueprint, BlueprintVer: render.Version, DefaultBranch: "main", Forge: c.s.Defaults.Forge,
		Pipeline: c.s.Defaults.Pipeline, Private: req.Flag("private"), Room: room, CreatedAt: req.Now,
	}
	in := input{Render: render, Private: p.Private, HookID: bot.NewID(req.Now), Note: c.note(req)}
	return in, p, nil
}

// note says why the default blueprint was taken, when that is worth saying.
func (c *Command) note(req *bot.Request) string {
	if req.Args.Flags["blueprint"] != "" {
		return ""
	}
	return c.s.Defaults.BlueprintNote
}

// allowedOwner refuses owners that the configuration doesn't list, before any
// remote call.
func (c *Command) allowedOwner(owner string) (string, error) {
	for _, o := range c.s.Defaults.Owners {
		if strings.EqualFold(o, owner) {
			return o, nil
		}
	}
	return "", bot.Errorf(bot.CodeInvalid, "There is no owner %q in the configuration%s",
		bot.Shorten(owner, 40), bot.Instead(owner, c.s.Defaults.Owners))
}

// free refuses a name that is taken, before anything is prepared.
func (c *Command) free(ctx context.Context, slug string) error {
	return c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error { return taken(ctx, tx, slug) })
}

// taken says who has the name, and where it is.
func taken(ctx context.Context, tx *bot.Tx, slug string) error {
	p, err := tx.Projects.BySlug(ctx, slug)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if p.State == bot.ProjectCreating {
		ops, err := tx.Operations.Find(ctx, bot.OperationFilter{ProjectID: p.ID, Kind: Kind, Open: true, Limit: 1})
		if err != nil {
			return err
		}
		if len(ops) > 0 {
			return bot.Errorf(bot.CodeConflict, "%s is being made already, by %s (operation %s, %s). Its card shows how far it is.",
				p.Slug, p.CreatedByName, ops[0].ID[max(len(ops[0].ID)-12, 0):], ops[0].State)
		}
	}
	where := ""
	all, err := tx.Resources.Of(ctx, p.ID)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.Kind == bot.ResourceRepository {
			where = ": " + r.URL
		}
	}
	if p.State == bot.ProjectArchived {
		return bot.Errorf(bot.CodeConflict, "There is an archived project %s, made by %s%s. `delete-project %s --purge` frees the name.",
			p.Slug, p.CreatedByName, where, p.Slug)
	}
	return bot.Errorf(bot.CodeConflict, "There is a project %s already, made by %s and owned by %s%s", p.Slug, p.CreatedByName, p.Owner, where)
}

// dryRun shows each call's effect.
func (c *Command) dryRun(ctx context.Context, in input, p bot.Project) (*bot.Outcome, error) {
	tree, err := c.s.Blueprints.Render(ctx, in.Render)
	if err != nil {
		return nil, err
	}
	visibility := "public"
	if p.Private {
		visibility = "private"
	}
	post := &bot.Post{Title: "Plan for " + bot.Escape(p.Slug) + " (nothing is changed)", Text: []bot.Text{
		bot.Escape(fmt.Sprintf("1. %s: make the %s repository %s/%s.", c.name(p.Forge), visibility, p.Owner, p.Slug)),
		bot.Escape(fmt.Sprintf("2. %s: push one commit with %d files from %s %s to %s.", c.name(p.Forge), len(tree.Files), p.Blueprint, p.BlueprintVer, p.DefaultBranch)),
		bot.Escape(fmt.Sprintf("3. %s: install one webhook to %s/hooks/%s.", c.name(p.Forge), c.s.Defaults.PublicURL, p.Forge)),
		bot.Escape(fmt.Sprintf("4. %s: make the multibranch job %s, which builds every branch with a Jenkinsfile.", c.name(p.Pipeline), p.Slug)),
		bot.Escape("5. Environments: " + c.environments() + "."),
	}}
	if in.Note != "" {
		post.Text = append(post.Text, bot.Escape(in.Note))
	}
	var names strings.Builder
	for _, f := range tree.Files {
		names.WriteString(f.Path + "\n")
	}
	post.Code = names.String()
	return &bot.Outcome{Reply: post}, nil
}

func (c *Command) name(instance string) string { return bot.NameOf(c.s.Integrations, instance) }

func (c *Command) environments() string {
	names := make([]string, len(c.s.Environments))
	for i, e := range c.s.Environments {
		names[i] = e.Name
	}
	return strings.Join(names, ", ")
}
