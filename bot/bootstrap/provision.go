package bootstrap

import (
	"context"
	"time"

	"opsbot/bot"
)

// provisionSteps make what the services have for every project.
func (r *runner) provisionSteps(after []string) (steps []bot.Step) {
	taken := map[string]bool{}
	for _, p := range r.in.Provision {
		name := "provision-" + stepName(p.Instance)
		for taken[name] { // sonar-1 and sonar-2
			name += "-again"
		}
		taken[name] = true
		steps = append(steps, r.provisionStep(p, name, after))
	}
	return steps
}

func (r *runner) provisionStep(p provision, name string, after []string) bot.Step {
	return bot.Step{
		Name: name, Title: p.Title, After: after, Skippable: true, Timeout: time.Minute,
		Check: func(ctx context.Context, run bot.StepRun) (bot.Presence, bot.StepResult, error) {
			return r.findProvision(ctx, run, p)
		},
		Apply: func(ctx context.Context, run bot.StepRun) (bot.StepResult, error) {
			return r.makeProvision(ctx, run, p)
		},
		Undo: func(ctx context.Context, run bot.StepRun) error { return r.removeProvision(ctx, run, p) },
	}
}

// stepName keeps of an instance's name what a step's name may hold.
func stepName(instance string) string {
	out := []byte(instance)
	for i, c := range out {
		switch {
		case c >= 'A' && c <= 'Z':
			out[i] = c + 'a' - 'A'
		case c < 'a' || c > 'z':
			out[i] = '-'
		}
	}
	return string(out)
}

func (r *runner) provisioner(ctx context.Context, run bot.StepRun, p provision) (bot.Project, bot.Provisioner, bot.ProvisionSpec, error) {
	project, err := r.project(ctx, run.Operation)
	if err != nil {
		return project, nil, bot.ProvisionSpec{}, err
	}
	service, err := bot.Find[bot.Provisioner](r.s.s.Integrations, p.Instance, "provisions")
	return project, service, bot.ProvisionSpec{
		ProjectID: project.ID, Name: project.Slug, Owner: project.Owner, Description: project.Description, Private: project.Private,
		DefaultBranch: project.DefaultBranch, Operation: run.Operation.ID, HookURL: r.s.s.Defaults.PublicURL + "/hooks/" + p.Instance + "/" + p.ID,
	}, err
}

func (r *runner) findProvision(ctx context.Context, run bot.StepRun, p provision) (bot.Presence, bot.StepResult, error) {
	project, service, spec, err := r.provisioner(ctx, run, p)
	if err != nil {
		return "", bot.StepResult{}, err
	}
	found, have, err := service.FindProvision(ctx, spec)
	if err == nil && found == bot.PresenceForeign {
		err = bot.Errorf(bot.CodeConflict, "There is a %s %s already that OpsBot did not make: %s", service.ProvisionTitle(), bot.Escape(have.Name), have.URL)
	}
	return found, provisioned(run, project, service, p, have), err
}

func (r *runner) makeProvision(ctx context.Context, run bot.StepRun, p provision) (bot.StepResult, error) {
	project, service, spec, err := r.provisioner(ctx, run, p)
	if err != nil {
		return bot.StepResult{}, err
	}
	have, err := service.EnsureProvision(ctx, spec)
	if err != nil {
		return bot.StepResult{}, err
	}
	return provisioned(run, project, service, p, have), nil
}

func provisioned(run bot.StepRun, project bot.Project, service bot.Provisioner, p provision, have bot.Provision) bot.StepResult {
	row := resource(run, project, service.ProvisionKind(), p.Instance)
	row.ID, row.ExternalID, row.Name, row.URL = p.ID, have.ExternalID, have.Name, have.URL
	return bot.StepResult{
		URL: have.URL, Detail: bot.Text(have.URL),
		Commit: func(ctx context.Context, tx *bot.Tx) error { return tx.Resources.Put(ctx, row) },
	}
}

func (r *runner) removeProvision(ctx context.Context, run bot.StepRun, p provision) error {
	_, service, spec, err := r.provisioner(ctx, run, p)
	if err != nil {
		return err
	}
	return service.RemoveProvision(ctx, spec)
}
