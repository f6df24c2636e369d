package gitlab

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	gl "gitlab.com/gitlab-org/api/client-go"

	"opsbot/bot"
)

const kindDeployment = "deployment"

// deploymentOf gives GitLab's word for a deployment's state.
func deploymentOf(s bot.DeploymentState) gl.DeploymentStatusValue {
	switch s {
	case bot.DeploymentPlanned, bot.DeploymentWaiting, bot.DeploymentApplying, bot.DeploymentWatching:
		return gl.DeploymentStatusRunning
	case bot.DeploymentSucceeded:
		return gl.DeploymentStatusSuccess
	case bot.DeploymentSuperseded:
		return gl.DeploymentStatusCanceled
	}
	return gl.DeploymentStatusFailed
}

// WriteDeployment implements bot.DeploymentWriter. GitLab's record has no room for
// our id, so that a document of ours names it; one that was made when the document
// was not yet written is found again by GitLab itself, which answers a repeated
// creation with the environment's last record. It has no room for text and log
// either; where the deployment runs is the environment's address.
func (f *Forge) WriteDeployment(ctx context.Context, s bot.DeploymentStatus) (string, error) {
	if !hashForm.MatchString(s.Commit) || s.ID == "" || s.Environment == "" {
		return "", bot.Errorf(bot.CodeInvalid, "A deployment of %s needs an id, a whole commit id and an environment.", bot.Escape(s.Repository.Name))
	}
	p, err := f.resolve(ctx, s.Repository)
	if err != nil {
		return "", err
	}
	d, err := f.deployment(ctx, p, s)
	if err != nil {
		return "", err
	}
	id, state := strconv.FormatInt(d.ID, 10), deploymentOf(s.State)
	if d.Status != string(state) && state != gl.DeploymentStatusRunning { // GitLab lets none begin again
		_, _, err = f.api.Deployments.UpdateProjectDeployment(p.ID, d.ID, &gl.UpdateProjectDeploymentOptions{Status: &state}, gl.WithContext(ctx))
		if err = f.explain(ctx, err, "note a deployment of "+full(p)); err != nil {
			return id, err
		}
	}
	return id, f.describeEnvironment(ctx, p, d, s)
}

// deployment finds the record of our id, or makes it.
func (f *Forge) deployment(ctx context.Context, p *gl.Project, s bot.DeploymentStatus) (*gl.Deployment, error) {
	id, err := f.recorded(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	if id != 0 {
		d, _, err := f.api.Deployments.GetProjectDeployment(p.ID, id, gl.WithContext(ctx))
		err = f.explain(ctx, err, "show a deployment of "+full(p))
		if bot.CodeOf(err) != bot.CodeNotFound {
			return d, err
		}
	}
	ref, tag, err := f.refOf(ctx, p, s.Commit)
	if err != nil {
		return nil, err
	}
	d, _, err := f.api.Deployments.CreateProjectDeployment(p.ID, &gl.CreateProjectDeploymentOptions{
		Environment: &s.Environment, Ref: &ref, SHA: &s.Commit, Tag: &tag, Status: gl.Ptr(gl.DeploymentStatusRunning),
	}, gl.WithContext(ctx))
	if err = f.explain(ctx, err, "note a deployment of "+full(p)); err != nil {
		return nil, err
	}
	if d.ID == 0 {
		return nil, f.odd("a deployment")
	}
	return d, f.record(ctx, s.ID, d.ID)
}

// refOf is a branch or tag that has the commit: the default branch rather than
// another, and any rather than none.
func (f *Forge) refOf(ctx context.Context, p *gl.Project, commit string) (ref string, tag bool, err error) {
	refs, _, err := f.api.Commits.GetCommitRefs(p.ID, commit, &gl.GetCommitRefsOptions{
		Type: gl.Ptr("all"), ListOptions: gl.ListOptions{PerPage: mostPage},
	}, gl.WithContext(ctx))
	if err != nil {
		return "", false, noCommit(f.explain(ctx, err, "show the branches of a commit of "+full(p)), p, commit)
	}
	for _, r := range refs {
		if r.Name == p.DefaultBranch && r.Type == "branch" {
			return r.Name, false, nil
		}
		if ref == "" || tag && r.Type == "branch" {
			ref, tag = r.Name, r.Type == "tag"
		}
	}
	return or(ref, commit), tag, nil
}

// document is what we remember of a deployment.
type document struct {
	ID int64 `json:"id"`
}

func (f *Forge) recorded(ctx context.Context, deployment string) (id int64, err error) {
	err = f.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		doc, err := tx.Documents.Get(ctx, f.env.Name, kindDeployment, deployment)
		if bot.CodeOf(err) == bot.CodeNotFound {
			return nil
		}
		var d document
		if err == nil {
			err = json.Unmarshal(doc.Body, &d)
		}
		id = d.ID
		return err
	})
	return id, err
}

func (f *Forge) record(ctx context.Context, deployment string, id int64) error {
	body, err := json.Marshal(document{ID: id})
	if err != nil {
		return err
	}
	err = f.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		doc, err := tx.Documents.Get(ctx, f.env.Name, kindDeployment, deployment)
		if err != nil && bot.CodeOf(err) != bot.CodeNotFound {
			return err
		}
		_, err = tx.Documents.Put(ctx, bot.Document{Instance: f.env.Name, Kind: kindDeployment, Key: deployment, Rev: doc.Rev, Body: body})
		return err
	})
	if bot.CodeOf(err) == bot.CodeStale {
		return nil // the same, written by another try at this moment
	}
	return err
}

// describeEnvironment says where the deployment runs, and that it is production.
func (f *Forge) describeEnvironment(ctx context.Context, p *gl.Project, d *gl.Deployment, s bot.DeploymentStatus) error {
	if d.Environment == nil || d.Environment.ID == 0 {
		return nil
	}
	change, any := &gl.EditEnvironmentOptions{}, false
	if web := strings.HasPrefix(s.AppURL, "http://") || strings.HasPrefix(s.AppURL, "https://"); web && s.AppURL != d.Environment.ExternalURL {
		change.ExternalURL, any = &s.AppURL, true
	}
	if s.Production && d.Environment.Tier != "production" {
		change.Tier, any = gl.Ptr("production"), true
	}
	if !any {
		return nil
	}
	_, _, err := f.api.Environments.EditEnvironment(p.ID, d.Environment.ID, change, gl.WithContext(ctx))
	return f.explain(ctx, err, "describe the environment "+s.Environment+" of "+full(p))
}
