package github

import (
	"context"
	"encoding/json"
	"strconv"

	gh "github.com/google/go-github/v60/github"

	"opsbot/bot"
)

// maxDescription is GitHub's own bound.
const maxDescription = 140

// WriteStatus implements bot.StatusWriter.
func (f *Forge) WriteStatus(ctx context.Context, s bot.CommitStatus) error {
	if !hashForm.MatchString(s.Commit) || s.Check == "" {
		return bot.Errorf(bot.CodeInvalid, "A status of %s needs a whole commit id and a name.", bot.Escape(s.Repository.Name))
	}
	r, err := f.resolve(ctx, s.Repository)
	if err != nil {
		return err
	}
	status := &gh.RepoStatus{
		State: gh.String(string(s.State)), Context: &s.Check, Description: gh.String(bot.Shorten(bot.OneLine(s.Text), maxDescription)),
	}
	if s.URL != "" {
		status.TargetURL = &s.URL
	}
	_, _, err = f.api().Repositories.CreateStatus(ctx, r.GetOwner().GetLogin(), r.GetName(), s.Commit, status)
	return f.explain(ctx, err, "show the result of "+s.Check+" at "+full(r))
}

// payload marks a deployment as one of ours.
type payload struct {
	Deployment string `json:"opsbot_deployment"`
}

// stateOf gives GitHub's word for a deployment's state.
func stateOf(s bot.DeploymentState) string {
	switch s {
	case bot.DeploymentPlanned, bot.DeploymentWaiting:
		return "queued"
	case bot.DeploymentApplying, bot.DeploymentWatching:
		return "in_progress"
	case bot.DeploymentSucceeded:
		return "success"
	case bot.DeploymentFailed, bot.DeploymentRolledBack:
		return "failure"
	case bot.DeploymentSuperseded:
		return "inactive"
	default:
		return "error"
	}
}

// WriteDeployment implements bot.DeploymentWriter.
func (f *Forge) WriteDeployment(ctx context.Context, s bot.DeploymentStatus) (string, error) {
	if !hashForm.MatchString(s.Commit) || s.ID == "" || s.Environment == "" {
		return "", bot.Errorf(bot.CodeInvalid, "A deployment of %s needs an id, a whole commit id and an environment.", bot.Escape(s.Repository.Name))
	}
	r, err := f.resolve(ctx, s.Repository)
	if err != nil {
		return "", err
	}
	d, err := f.deployment(ctx, r, s)
	if err != nil {
		return "", err
	}
	owner, name, id := r.GetOwner().GetLogin(), r.GetName(), strconv.FormatInt(d.GetID(), 10)
	have, _, err := f.api().Repositories.ListDeploymentStatuses(ctx, owner, name, d.GetID(), &gh.ListOptions{PerPage: 1})
	if err != nil {
		return id, f.explain(ctx, err, "show a deployment of "+full(r))
	}
	text := bot.Shorten(bot.OneLine(s.Text), maxDescription)
	if len(have) > 0 && have[0].GetState() == stateOf(s.State) && have[0].GetDescription() == text {
		return id, nil
	}
	note := &gh.DeploymentStatusRequest{State: gh.String(stateOf(s.State)), Description: &text, AutoInactive: gh.Bool(true)}
	if s.LogURL != "" {
		note.LogURL = &s.LogURL
	}
	if s.AppURL != "" {
		note.EnvironmentURL = &s.AppURL
	}
	_, _, err = f.api().Repositories.CreateDeploymentStatus(ctx, owner, name, d.GetID(), note)
	return id, f.explain(ctx, err, "note a deployment of "+full(r))
}

// deployment finds the record with our id, or makes it.
func (f *Forge) deployment(ctx context.Context, r *gh.Repository, s bot.DeploymentStatus) (*gh.Deployment, error) {
	owner, name := r.GetOwner().GetLogin(), r.GetName()
	list := &gh.DeploymentsListOptions{SHA: s.Commit, Environment: s.Environment, ListOptions: gh.ListOptions{PerPage: mostPage}}
	for range 10 {
		page, resp, err := f.api().Repositories.ListDeployments(ctx, owner, name, list)
		if err != nil {
			return nil, f.explain(ctx, err, "list the deployments of "+full(r))
		}
		for _, d := range page {
			var p payload
			if json.Unmarshal(d.Payload, &p) == nil && p.Deployment == s.ID {
				return d, nil
			}
		}
		if list.Page = resp.NextPage; list.Page == 0 {
			break
		}
	}
	made, resp, err := f.api().Repositories.CreateDeployment(ctx, owner, name, &gh.DeploymentRequest{
		Ref: &s.Commit, Environment: &s.Environment, AutoMerge: gh.Bool(false), RequiredContexts: &[]string{},
		Payload: payload{s.ID}, Description: gh.String(bot.Shorten(bot.OneLine(s.Text), maxDescription)),
		ProductionEnvironment: &s.Production, TransientEnvironment: gh.Bool(false),
	})
	if err != nil {
		return nil, f.explain(ctx, err, "note a deployment of "+full(r))
	}
	if made.GetID() == 0 {
		return nil, f.odd(resp, "a deployment")
	}
	return made, nil
}
