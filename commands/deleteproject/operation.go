package deleteproject

import (
	"context"
	"encoding/json"
	"fmt"

	"opsbot/bot"
)

// Kinds are the operation kinds that the command brings.
func (c *Command) Kinds() []bot.OperationKind { return []bot.OperationKind{&kind{c}} }

type kind struct{ c *Command }

var _ bot.OperationKind = (*kind)(nil)

func (*kind) Kind() string { return "delete-project" }

func decode(op *bot.Operation) (in input, err error) {
	if err := json.Unmarshal(op.Input, &in); err != nil {
		return in, bot.Errorf(bot.CodeInternal, "The operation %s can't be read.", op.ID).Because(err)
	}
	return in, nil
}

func (*kind) Title(op *bot.Operation) bot.Text {
	in, err := decode(op)
	if err == nil && in.Purge {
		return "Removing " + bot.Escape(op.Subject)
	}
	return "Archiving " + bot.Escape(op.Subject)
}

// Steps: what runs first, then what would start it again, the repository last.
func (k *kind) Steps(op *bot.Operation) ([]bot.Step, error) {
	in, err := decode(op)
	if err != nil {
		return nil, err
	}
	var steps []bot.Step
	var before []string
	for _, want := range order() {
		for i, r := range in.Resources {
			if r.Kind != want {
				continue
			}
			name := fmt.Sprintf("%s-%d", r.Kind, i)
			title := string(effect(r, in.Purge))
			steps = append(steps, bot.Step{
				Name: name, Title: bot.Unescape(bot.Text(title[:len(title)-1])), After: before, Idempotent: true, Skippable: r.Kind != bot.ResourceRepository,
				Apply: func(ctx context.Context, run bot.StepRun) (bot.StepResult, error) {
					return k.remove(ctx, run, r, in.Purge)
				},
			})
			before = append(before[:len(before):len(before)], name)
		}
	}
	if len(steps) == 0 {
		steps = []bot.Step{{
			Name: "nothing", Title: "Nothing is left outside", Idempotent: true,
			Apply: func(context.Context, bot.StepRun) (bot.StepResult, error) { return bot.StepResult{}, nil },
		}}
	}
	return steps, nil
}

// order is that in which resources go.
func order() []bot.ResourceKind {
	return []bot.ResourceKind{
		bot.ResourceHook, bot.ResourceJob, bot.ResourceEnvironment, bot.ResourceQuality, bot.ResourcePackages, bot.ResourceRepository,
	}
}

// remove takes one resource out of use.
func (k *kind) remove(ctx context.Context, run bot.StepRun, r bot.Resource, purge bool) (bot.StepResult, error) {
	var p bot.Project
	err := k.c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		p, err = tx.Projects.ByID(ctx, run.Operation.ProjectID)
		return err
	})
	if err != nil {
		return bot.StepResult{}, err
	}
	keep, err := k.act(ctx, p, r, purge)
	if err != nil || keep {
		return bot.StepResult{}, err
	}
	r.State = "removed"
	return bot.StepResult{Commit: func(ctx context.Context, tx *bot.Tx) error {
		if r.Kind == bot.ResourceEnvironment {
			if err := tx.Environments.Put(ctx, bot.EnvironmentState{ProjectID: p.ID, Environment: r.Name, UpdatedAt: run.Operation.CreatedAt}); err != nil {
				return err
			}
		}
		return tx.Resources.Put(ctx, r)
	}}, nil
}

// act makes the outward call; keep means that the resource stays ours.
func (k *kind) act(ctx context.Context, p bot.Project, r bot.Resource, purge bool) (keep bool, err error) {
	if kept(r, purge) {
		return true, nil
	}
	if r.Adopted {
		return !purge, nil
	}
	all := k.c.s.Integrations
	switch r.Kind {
	case bot.ResourceEnvironment:
		d, err := bot.Find[bot.Deployer](all, r.Instance, "deployments")
		if err != nil {
			return false, err
		}
		return false, d.Remove(ctx, p, r.Name)
	case bot.ResourceJob:
		c, err := bot.Find[bot.Pipeline](all, r.Instance, "builds")
		if err != nil {
			return false, err
		}
		return false, c.RemoveJob(ctx, bot.Job{ExternalID: r.ExternalID, URL: r.URL})
	case bot.ResourceHook:
		h, err := bot.Find[bot.HookInstaller](all, r.Instance, "webhooks")
		if err != nil {
			return false, err
		}
		repo, err := k.c.s.ResourceOf(ctx, p, bot.ResourceRepository)
		if err != nil {
			return false, err
		}
		return false, h.RemoveHook(ctx, bot.HookSpec{Repository: repo.Repository(p.DefaultBranch), ResourceID: r.ID, URL: r.Name})
	case bot.ResourceQuality, bot.ResourcePackages:
		service, err := bot.Find[bot.Provisioner](all, r.Instance, "provisions")
		if err != nil {
			return false, err
		}
		return false, service.RemoveProvision(ctx, bot.ProvisionSpec{
			ProjectID: p.ID, Name: p.Slug, Owner: p.Owner, Private: p.Private, DefaultBranch: p.DefaultBranch, Operation: r.MadeBy,
			HookURL: k.c.s.Defaults.PublicURL + "/hooks/" + r.Instance + "/" + r.ID,
		})
	case bot.ResourceRepository:
		return k.repository(ctx, p, r, purge)
	}
	return false, nil
}

func (k *kind) repository(ctx context.Context, p bot.Project, r bot.Resource, purge bool) (keep bool, err error) {
	if purge {
		forge, err := bot.Find[bot.RepoHost](k.c.s.Integrations, r.Instance, "repositories")
		if err != nil {
			return false, err
		}
		return false, forge.RemoveRepository(ctx, r.Repository(p.DefaultBranch))
	}
	forge, err := bot.Find[bot.Archiver](k.c.s.Integrations, r.Instance, "way to archive repositories")
	if err != nil {
		return false, err
	}
	err = forge.ArchiveRepository(ctx, r.Repository(p.DefaultBranch))
	if bot.CodeOf(err) == bot.CodeNotFound {
		return false, nil // somebody removed it: there is nothing left to keep
	}
	return true, err
}

// Finish archives the project's row, or removes it with its name.
func (k *kind) Finish(ctx context.Context, tx *bot.Tx, op *bot.Operation, _ []bot.StepRow) error {
	if op.State != bot.OperationSucceeded {
		return nil
	}
	in, err := decode(op)
	if err != nil {
		return err
	}
	if in.Purge {
		return tx.Projects.Purge(ctx, op.ProjectID)
	}
	p, err := tx.Projects.ByID(ctx, op.ProjectID)
	if err != nil {
		return err
	}
	p.State, p.ArchivedAt = bot.ProjectArchived, op.FinishedAt
	return tx.Projects.Put(ctx, p)
}
