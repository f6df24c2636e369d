package mirror

import (
	"context"

	"opsbot/bot"
)

// deployment tells what the forge is to show of a deployment.
func (s *Service) deployment(ctx context.Context, id string) (v view, err error) {
	var d bot.Deployment
	var p bot.Project
	var repo *bot.Resource
	var version bot.Version
	err = s.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		if d, err = tx.Deployments.ByID(ctx, id); err != nil {
			return err
		}
		if p, repo, err = place(ctx, tx, d.ProjectID); err != nil || repo == nil {
			return err
		}
		version, err = tx.Versions.ByID(ctx, d.VersionID)
		return err
	})
	if bot.CodeOf(err) == bot.CodeNotFound || err == nil && repo == nil {
		return view{final: true}, nil // the project was removed
	}
	if err != nil {
		return view{}, err
	}
	writer, writes := s.s.Integrations.Get(p.Forge).(bot.DeploymentWriter)
	if !writes || p.State == bot.ProjectArchived {
		return view{final: true}, nil // the forge left the configuration, or takes no more
	}
	st := bot.DeploymentStatus{
		Repository: repo.Repository(p.DefaultBranch), ID: d.ID, Commit: version.Commit, Environment: d.Environment,
		Production: s.last(d.Environment), State: d.State, Text: d.Verb + " " + version.Label, AppURL: d.URL,
	}
	if d.Message != "" && d.State != bot.DeploymentSucceeded {
		st.Text += ": " + bot.OneLine(d.Message)
	}
	return view{
		state: string(d.State), final: d.State.Final(), busy: d.State == bot.DeploymentApplying || d.State == bot.DeploymentWatching,
		show: func(ctx context.Context) error {
			_, err := writer.WriteDeployment(ctx, st)
			return err
		},
	}, nil
}

// last reports the environment that nothing comes after: production.
func (s *Service) last(environment string) bool {
	for _, e := range s.s.Environments {
		if e.After == environment {
			return false
		}
	}
	return true
}
