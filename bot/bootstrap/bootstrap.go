// Package bootstrap makes projects: repository, webhook, pipeline job, environments
// and what else the services of an installation have for each, as one operation
// that can be resumed and undone; or it puts all that around a repository that is
// there already.
package bootstrap

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"opsbot/bot"
)

// Service implements bot.Bootstraps. Safe for concurrent use.
type Service struct{ s *bot.Services }

var _ bot.Bootstraps = (*Service)(nil)

// New makes a Service; s is complete when the first method is called.
func New(s *bot.Services) *Service { return &Service{s} }

// Kinds are the operation kinds that the service runs.
func (s *Service) Kinds() []bot.OperationKind {
	return []bot.OperationKind{&kind{s, KindNew}, &kind{s, KindAdopt}}
}

// Check implements bot.Bootstraps. All services of the plan are asked about the
// name first: what one of them would refuse at its turn would leave half a project.
func (s *Service) Check(ctx context.Context, b bot.Bootstrap) error {
	p := b.Project
	if err := bot.CheckSlug(p.Slug); err != nil {
		return err
	}
	if _, err := bot.Find[bot.RepoHost](s.s.Integrations, p.Forge, "repositories"); err != nil {
		return err
	}
	if _, err := bot.Find[bot.HookInstaller](s.s.Integrations, p.Forge, "webhooks"); err != nil {
		return err
	}
	if _, err := bot.Find[bot.Pipeline](s.s.Integrations, p.Pipeline, "builds"); err != nil {
		return err
	}
	for _, name := range s.s.Defaults.Provision {
		if _, err := bot.Find[bot.Provisioner](s.s.Integrations, name, "provisions"); err != nil {
			return err
		}
	}
	if err := s.named(b); err != nil {
		return err
	}
	return s.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error { return taken(ctx, tx, p.Slug) })
}

// named asks the rules of every service of the plan, each once.
func (s *Service) named(b bot.Bootstrap) error {
	services := []string{b.Project.Pipeline}
	if b.Adopt == nil {
		services = append(services, b.Project.Forge)
	}
	for _, e := range s.s.Environments {
		services = append(services, e.Deployer)
	}
	asked := map[string]bool{}
	for _, name := range append(services, s.s.Defaults.Provision...) {
		rules, has := s.s.Integrations.Get(name).(bot.NameRules)
		if !has || asked[name] {
			continue
		}
		asked[name] = true
		if err := rules.CheckName(b.Project.Slug); err != nil {
			return err
		}
	}
	return nil
}

// Start implements bot.Bootstraps.
func (s *Service) Start(ctx context.Context, tx *bot.Tx, b bot.Bootstrap, req *bot.Request) error {
	p := b.Project
	if err := taken(ctx, tx, p.Slug); err != nil {
		return err
	}
	if err := tx.Projects.Put(ctx, p); err != nil {
		return err
	}
	body, err := json.Marshal(s.input(b, req))
	if err != nil {
		return fmt.Errorf("bootstrap %s: input: %w", p.Slug, err)
	}
	op := &bot.Operation{
		ID: bot.NewID(req.Now), Kind: KindNew, ProjectID: p.ID, Subject: p.Slug, Input: body,
		Requester: req.User, Message: req.Message, CreatedAt: req.Now, Cause: req.Cause,
	}
	if b.Adopt != nil {
		op.Kind = KindAdopt
	}
	return s.s.Operations.Start(ctx, tx, op)
}

// input is what the operation keeps: everything that makes it the same again after
// a restart, also one with another configuration.
type input struct {
	Render   bot.RenderRequest `json:"render"`
	Private  bool              `json:"private,omitempty"`
	HookID   string            `json:"hook_id"`
	Note     string            `json:"note,omitempty"`
	Pipeline string            `json:"pipeline,omitempty"` // instance
	// Owner and Name are an adopted repository's.
	Owner string `json:"owner,omitempty"`
	Name  string `json:"name,omitempty"`
	// Protect: the default branch is guarded.
	Protect bool `json:"protect,omitempty"`
	// Join: the room's chat is asked to let the bot in.
	Join bool `json:"join,omitempty"`
	// Provision: instance -> id of the resource row that it gets.
	Provision []provision `json:"provision,omitempty"`
}

// provision is what one service makes.
type provision struct {
	Instance string `json:"instance"`
	Title    string `json:"title"`
	ID       string `json:"id"` // of the resource row: part of the hook's URL
}

func (s *Service) input(b bot.Bootstrap, req *bot.Request) input {
	in := input{Render: b.Render, Private: b.Project.Private, HookID: bot.NewID(req.Now), Note: b.Note, Pipeline: b.Project.Pipeline}
	if b.Adopt != nil {
		in.Owner, in.Name = b.Adopt.Owner, b.Adopt.Name
	} else {
		_, in.Protect = s.s.Integrations.Get(b.Project.Forge).(bot.Protector)
	}
	_, keeps := s.s.Integrations.Get(b.Project.Room.Instance).(bot.RoomKeeper)
	in.Join = keeps && b.Project.Room != req.Message.Room // where it was asked the bot is
	for _, name := range s.s.Defaults.Provision {
		if p, ok := s.s.Integrations.Get(name).(bot.Provisioner); ok {
			in.Provision = append(in.Provision, provision{name, p.ProvisionTitle(), bot.NewID(req.Now)})
		}
	}
	return in
}

func (s *Service) name(instance string) string { return bot.NameOf(s.s.Integrations, instance) }

func (s *Service) environments() string {
	names := make([]string, len(s.s.Environments))
	for i, e := range s.s.Environments {
		names[i] = e.Name
	}
	return strings.Join(names, ", ")
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
		for _, kind := range []string{KindNew, KindAdopt} {
			ops, err := tx.Operations.Find(ctx, bot.OperationFilter{ProjectID: p.ID, Kind: kind, Open: true, Limit: 1})
			if err != nil {
				return err
			}
			if len(ops) > 0 {
				return bot.Errorf(bot.CodeConflict, "%s is being made already, by %s (operation %s, %s). Its card shows how far it is.",
					p.Slug, p.CreatedByName, ops[0].ID[max(len(ops[0].ID)-12, 0):], ops[0].State)
			}
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
