package jenkins

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"opsbot/bot"
)

// deployDoc is a deployment: what was asked for once and for all, and what came of it.
type deployDoc struct {
	runSpec

	ProjectID   string    `json:"project_id"`
	Environment string    `json:"environment"`
	VersionID   string    `json:"version_id"`
	Commit      string    `json:"commit"`
	Branch      string    `json:"branch"`
	Previous    bool      `json:"previous"`      // something ran there before
	URL         string    `json:"url,omitempty"` // where the app answers
	At          time.Time `json:"at"`
	Queue       string    `json:"queue,omitempty"` // "" until Jenkins took it
	Number      int       `json:"number,omitempty"`
	Missing     time.Time `json:"missing,omitzero"` // since when Jenkins does not have the build
	Steps       []string  `json:"steps,omitempty"`
	// End is how it ended; Jenkins may forget it from then on.
	End *bot.Observation `json:"end,omitempty"`
}

// appDoc is a project in an environment.
type appDoc struct {
	Deployment string `json:"deployment"`        // applied last
	Removals   int    `json:"removals"`          // how many were begun since
	Removal    string `json:"removal,omitempty"` // the one under way, as if it were a deployment
}

func appKey(projectID, environment string) string { return esc(projectID) + "/" + esc(environment) }

// DeploysCommits implements bot.CommitDeployer: what the job needs it gets itself.
func (s *Service) DeploysCommits() bool { return s.config.Deploy.Job != "" }

// AppURL implements bot.Locator; "" if the configuration does not say.
func (s *Service) AppURL(p bot.Project, environment string) string {
	values := DeployValues{Project: p.Slug, Owner: p.Owner, Team: p.Team, Environment: environment}
	text, err := values.render(s.config.Deploy.in(environment).URL)
	if err != nil { // it was tried at the start
		return ""
	}
	return text
}

// run is what a deployment asks of Jenkins.
func (s *Service) run(req bot.DeployRequest) (runSpec, error) {
	c := s.config.Deploy.in(req.Environment)
	job := c.Job
	if req.Verb == "rollback" && c.RollbackJob != "" {
		job = c.RollbackJob
	}
	if job == "" {
		return runSpec{}, bot.Errorf(bot.CodeUnsupported, "The configuration of %s has no section `deploy`, so it cannot deploy.", s.env.Name)
	}
	return runOf(job, c.Parameters, valuesOf(req), req.Cause)
}

func runOf(job string, parameters map[string]string, v DeployValues, cause bot.Cause) (run runSpec, err error) {
	run.Deployment, run.Cause = v.DeploymentID, cause
	if run.Job, err = v.render(job); err != nil {
		return run, err
	}
	if err := checkFullName(run.Job); err != nil {
		return run, err
	}
	run.Parameters, err = v.renderAll(parameters)
	return run, err
}

func valuesOf(req bot.DeployRequest) DeployValues {
	v := DeployValues{
		Project: req.Project.Slug, Owner: req.Project.Owner, Team: req.Project.Team, Version: req.Version.Label, Environment: req.Environment,
		Commit: req.Version.Commit, Branch: req.Version.Branch, Number: req.Version.Number, Verb: req.Verb, DeploymentID: req.DeploymentID,
	}
	if req.Previous != nil {
		v.Previous = req.Previous.Label
	}
	if v.Verb == "" {
		v.Verb = "deploy"
	}
	for _, a := range req.Version.Artifacts {
		if a.Name == req.Version.Spec.Artifact || req.Version.Spec.Artifact == "" && len(req.Version.Artifacts) == 1 {
			v.ArtifactURL, v.ArtifactDigest = a.URI, a.Digest
		}
	}
	return v
}

// Plan implements bot.Deployer: it names the job and its parameters, and refuses what
// the job could not be run with.
func (s *Service) Plan(ctx context.Context, req bot.DeployRequest) (bot.DeployPlan, error) {
	const id = "(its id)" // every deployment has another one
	req.DeploymentID = id
	run, err := s.run(req)
	if err != nil {
		return bot.DeployPlan{}, err
	}
	b, err := s.deployJob(ctx, run.Job)
	if err != nil {
		return bot.DeployPlan{}, err
	}
	if err := s.takes(b, run.Job, run.Parameters); err != nil {
		return bot.DeployPlan{}, err
	}
	effects := []string{"run the Jenkins job " + run.Job}
	for _, name := range slices.Sorted(maps.Keys(run.Parameters)) {
		effects = append(effects, "with "+name+" = "+oneLine(run.Parameters[name]))
	}
	return bot.DeployPlan{Effects: effects, Strategy: "as the Jenkins job " + run.Job + " does it", URL: s.AppURL(req.Project, req.Environment)}, nil
}

func oneLine(text string) string {
	return bot.Shorten(strings.Join(strings.Fields(text), " "), 200)
}

// Apply implements bot.Deployer: it has the job run once for the deployment's id, and
// returns as soon as Jenkins has it in its queue. What is asked for is fixed by the
// first try, whatever the configuration becomes.
func (s *Service) Apply(ctx context.Context, req bot.DeployRequest) (string, error) {
	if req.DeploymentID == "" {
		return "", bot.Errorf(bot.CodeInvalid, "The deployment has no id, by which Jenkins could be asked for it once.")
	}
	d, err := s.fileDeployment(ctx, req)
	if err != nil {
		return "", err
	}
	if d.Queue == "" {
		if d.Queue, err = s.start(ctx, d.runSpec); err != nil {
			return "", err
		}
		err = change(ctx, s, kindDeploy, esc(req.DeploymentID), func(stored *deployDoc, _ bool) error {
			stored.Queue = d.Queue
			return nil
		})
	}
	return d.Job + "#" + d.Queue, err
}

// fileDeployment stores what a deployment asks for, or gives what was stored.
func (s *Service) fileDeployment(ctx context.Context, req bot.DeployRequest) (d deployDoc, err error) {
	d, known, err := read[deployDoc](ctx, s, kindDeploy, esc(req.DeploymentID))
	if err != nil || known {
		return d, err
	}
	run, err := s.run(req)
	if err != nil {
		return d, err
	}
	err = s.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		r, err := ensure[deployDoc](ctx, tx, s.env.Name, kindDeploy, esc(req.DeploymentID))
		if err != nil {
			return err
		}
		if d = r.body; !r.isNew() { // filed by somebody at the same time
			return nil
		}
		r.body = deployDoc{
			runSpec: run, ProjectID: req.Project.ID, Environment: req.Environment,
			VersionID: req.Version.ID, Commit: req.Version.Commit, Branch: req.Version.Branch, Previous: req.Previous != nil,
			URL: s.AppURL(req.Project, req.Environment), At: s.env.Clock.Now(),
		}
		d = r.body
		if err := r.save(ctx, tx); err != nil {
			return err
		}
		app, err := ensure[appDoc](ctx, tx, s.env.Name, kindApp, appKey(req.Project.ID, req.Environment))
		if err != nil {
			return err
		}
		app.body = appDoc{Deployment: req.DeploymentID}
		return app.save(ctx, tx)
	})
	return d, err
}
