package bootstrap

import (
	"context"

	"opsbot/bot"
)

func (r *runner) hook(run bot.StepRun, p bot.Project) (bot.HookInstaller, bot.HookSpec, error) {
	forge, err := bot.Find[bot.HookInstaller](r.s.s.Integrations, p.Forge, "webhooks")
	return forge, bot.HookSpec{
		Repository: repo(run, p), ResourceID: r.in.HookID,
		URL: r.s.s.Defaults.PublicURL + "/hooks/" + p.Forge + "/" + r.in.HookID,
	}, err
}

func (r *runner) findHook(ctx context.Context, run bot.StepRun) (bot.Presence, bot.StepResult, error) {
	p, err := r.project(ctx, run.Operation)
	if err != nil {
		return "", bot.StepResult{}, err
	}
	forge, spec, err := r.hook(run, p)
	if err != nil {
		return "", bot.StepResult{}, err
	}
	found, id, err := forge.FindHook(ctx, spec)
	return found, r.hooked(run, p, spec, id), err
}

func (r *runner) makeHook(ctx context.Context, run bot.StepRun) (bot.StepResult, error) {
	p, err := r.project(ctx, run.Operation)
	if err != nil {
		return bot.StepResult{}, err
	}
	forge, spec, err := r.hook(run, p)
	if err != nil {
		return bot.StepResult{}, err
	}
	id, err := forge.EnsureHook(ctx, spec)
	return r.hooked(run, p, spec, id), err
}

func (r *runner) hooked(run bot.StepRun, p bot.Project, spec bot.HookSpec, id string) bot.StepResult {
	row := resource(run, p, bot.ResourceHook, p.Forge)
	row.ID, row.ExternalID, row.Name = spec.ResourceID, id, spec.URL
	return bot.StepResult{Commit: func(ctx context.Context, tx *bot.Tx) error { return tx.Resources.Put(ctx, row) }}
}

func (r *runner) removeHook(ctx context.Context, run bot.StepRun) error {
	p, err := r.project(ctx, run.Operation)
	if err != nil {
		return err
	}
	forge, spec, err := r.hook(run, p)
	if err != nil {
		return err
	}
	return forge.RemoveHook(ctx, spec)
}

// ---- job

// job gives all of the job but where it clones from: that is asked for where it counts,
// as the repository may be gone when the job is to go, too.
func (r *runner) job(ctx context.Context, run bot.StepRun) (bot.Project, bot.Pipeline, bot.JobSpec, error) {
	p, err := r.project(ctx, run.Operation)
	if err != nil {
		return p, nil, bot.JobSpec{}, err
	}
	pipeline, err := bot.Find[bot.Pipeline](r.s.s.Integrations, p.Pipeline, "builds")
	return p, pipeline, bot.JobSpec{ProjectID: p.ID, Name: p.Slug, Folder: p.Team, Branch: p.DefaultBranch, Operation: run.Operation.ID}, err
}

func (r *runner) findJob(ctx context.Context, run bot.StepRun) (bot.Presence, bot.StepResult, error) {
	p, pipeline, spec, err := r.job(ctx, run)
	if err != nil {
		return "", bot.StepResult{}, err
	}
	found, job, err := pipeline.FindJob(ctx, spec)
	return found, r.jobbed(run, p, job), err
}

func (r *runner) makeJob(ctx context.Context, run bot.StepRun) (bot.StepResult, error) {
	p, pipeline, spec, err := r.job(ctx, run)
	if err != nil {
		return bot.StepResult{}, err
	}
	forge, err := r.forge(p)
	if err != nil {
		return bot.StepResult{}, err
	}
	if spec.Source, err = forge.CloneSource(ctx, repo(run, p)); err != nil {
		return bot.StepResult{}, err
	}
	job, err := pipeline.EnsureJob(ctx, spec)
	return r.jobbed(run, p, job), err
}

func (r *runner) jobbed(run bot.StepRun, p bot.Project, job bot.Job) bot.StepResult {
	row := resource(run, p, bot.ResourceJob, p.Pipeline)
	row.ExternalID, row.Name, row.URL = job.ExternalID, p.Slug, job.URL
	return bot.StepResult{
		URL: job.URL, Detail: bot.Text(job.URL), Output: map[string]string{"id": job.ExternalID, "url": job.URL},
		Commit: func(ctx context.Context, tx *bot.Tx) error { return tx.Resources.Put(ctx, row) },
	}
}

func (r *runner) removeJob(ctx context.Context, run bot.StepRun) error {
	_, pipeline, spec, err := r.job(ctx, run)
	if err != nil {
		return err
	}
	found, job, err := pipeline.FindJob(ctx, spec)
	if err != nil || found != bot.PresenceOurs { // one that took its name is not ours to remove
		return err
	}
	return pipeline.RemoveJob(ctx, job)
}

// ---- environments

func (r *runner) environments(ctx context.Context, run bot.StepRun) (bot.StepResult, error) {
	p, err := r.project(ctx, run.Operation)
	if err != nil {
		return bot.StepResult{}, err
	}
	var rows []bot.Resource
	for _, env := range r.s.s.Environments {
		deployer, err := bot.Find[bot.Deployer](r.s.s.Integrations, env.Deployer, "deployments")
		if err != nil {
			return bot.StepResult{}, err
		}
		run := run
		run.Key += "/" + env.Name
		row := resource(run, p, bot.ResourceEnvironment, env.Deployer)
		row.Name, row.ExternalID = env.Name, p.ID+"/"+env.Name
		if l, ok := deployer.(bot.Locator); ok {
			row.URL = l.AppURL(p, env.Name)
		}
		rows = append(rows, row)
	}
	return bot.StepResult{Detail: bot.Escape(r.s.environments()), Commit: func(ctx context.Context, tx *bot.Tx) error {
		for _, row := range rows {
			if err := tx.Resources.Put(ctx, row); err != nil {
				return err
			}
		}
		return nil
	}}, nil
}

// emptyEnvironments takes what was deployed meanwhile out again, also where the
// configuration has no such environment any more.
func (r *runner) emptyEnvironments(ctx context.Context, run bot.StepRun) error {
	var p bot.Project
	var all []bot.Resource
	err := r.s.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		if p, err = tx.Projects.ByID(ctx, run.Operation.ProjectID); err != nil {
			return err
		}
		all, err = tx.Resources.Of(ctx, p.ID)
		return err
	})
	if err != nil {
		return err
	}
	for _, env := range all {
		if env.Kind != bot.ResourceEnvironment {
			continue
		}
		deployer, err := bot.Find[bot.Deployer](r.s.s.Integrations, env.Instance, "deployments")
		if err != nil {
			return err
		}
		if err := deployer.Remove(ctx, p, env.Name); err != nil {
			return err
		}
	}
	return nil
}

// ---- protection, room

func (r *runner) protection(ctx context.Context, run bot.StepRun) (bot.Protector, bot.ProtectionSpec, error) {
	p, err := r.project(ctx, run.Operation)
	if err != nil {
		return nil, bot.ProtectionSpec{}, err
	}
	forge, err := bot.Find[bot.Protector](r.s.s.Integrations, p.Forge, "branch protection")
	spec := bot.ProtectionSpec{Repository: repo(run, p), Branch: p.DefaultBranch}
	if _, writes := forge.(bot.StatusWriter); writes {
		spec.Checks = []string{bot.StatusCheck(p.Pipeline)}
	}
	return forge, spec, err
}

// protect guards the default branch. A forge whose plan has no protection is not a
// reason to stop: the card says so.
func (r *runner) protect(ctx context.Context, run bot.StepRun) (bot.StepResult, error) {
	forge, spec, err := r.protection(ctx, run)
	if err != nil {
		return bot.StepResult{}, err
	}
	return bot.StepResult{}, forge.EnsureProtection(ctx, spec)
}

func (r *runner) unprotect(ctx context.Context, run bot.StepRun) error {
	forge, spec, err := r.protection(ctx, run)
	if err != nil {
		return err
	}
	return forge.RemoveProtection(ctx, spec)
}

// joinRoom enters the room of the project's cards. It is not left on undo: other
// projects may have theirs there.
func (r *runner) joinRoom(ctx context.Context, run bot.StepRun) (bot.StepResult, error) {
	p, err := r.project(ctx, run.Operation)
	if err != nil {
		return bot.StepResult{}, err
	}
	chat, err := bot.Find[bot.RoomKeeper](r.s.s.Integrations, p.Room.Instance, "rooms to join")
	if err != nil {
		return bot.StepResult{}, err
	}
	return bot.StepResult{}, chat.JoinRoom(ctx, p.Room)
}
