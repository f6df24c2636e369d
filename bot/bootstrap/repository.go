package bootstrap

import (
	"context"

	"opsbot/bot"
)

// runner has the steps' functions for one operation's input.
type runner struct {
	s  *Service
	in input
}

func (r *runner) project(ctx context.Context, op *bot.Operation) (p bot.Project, err error) {
	err = r.s.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		p, err = tx.Projects.ByID(ctx, op.ProjectID)
		return err
	})
	return p, err
}

func (r *runner) repoSpec(p bot.Project, op *bot.Operation) bot.RepoSpec {
	name := p.Slug
	if r.in.Name != "" {
		name = r.in.Name
	}
	return bot.RepoSpec{
		ProjectID: p.ID, Owner: p.Owner, Name: name, Description: p.Description, Private: p.Private,
		DefaultBranch: p.DefaultBranch, Operation: op.ID,
	}
}

func (r *runner) forge(p bot.Project) (bot.RepoHost, error) {
	return bot.Find[bot.RepoHost](r.s.s.Integrations, p.Forge, "repositories")
}

// resource is the row of something that a step made; its id is stable over retries
// because it is made of the operation's own.
func resource(run bot.StepRun, p bot.Project, kind bot.ResourceKind, instance string) bot.Resource {
	return bot.Resource{
		ProjectID: p.ID, Kind: kind, Instance: instance, MadeBy: run.Operation.ID, State: "active",
		CreatedAt: run.Operation.CreatedAt, ID: bot.SubID(run.Operation.ID, run.Key),
	}
}

// ---- repository

func (r *runner) findRepository(ctx context.Context, run bot.StepRun) (bot.Presence, bot.StepResult, error) {
	p, err := r.project(ctx, run.Operation)
	if err != nil {
		return "", bot.StepResult{}, err
	}
	forge, err := r.forge(p)
	if err != nil {
		return "", bot.StepResult{}, err
	}
	found, repo, err := forge.FindRepository(ctx, r.repoSpec(p, run.Operation))
	if err != nil {
		return "", bot.StepResult{}, err
	}
	if found == bot.PresenceForeign {
		return found, bot.StepResult{}, bot.Errorf(bot.CodeConflict, "There is a repository %s/%s on %s already that OpsBot did not make: %s",
			repo.Owner, repo.Name, r.s.name(p.Forge), repo.URL)
	}
	return found, r.repository(run, p, repo), nil
}

func (r *runner) makeRepository(ctx context.Context, run bot.StepRun) (bot.StepResult, error) {
	p, err := r.project(ctx, run.Operation)
	if err != nil {
		return bot.StepResult{}, err
	}
	forge, err := r.forge(p)
	if err != nil {
		return bot.StepResult{}, err
	}
	repo, err := forge.EnsureRepository(ctx, r.repoSpec(p, run.Operation))
	if err != nil {
		return bot.StepResult{}, err
	}
	return r.repository(run, p, repo), nil
}

func (r *runner) repository(run bot.StepRun, p bot.Project, repo bot.Repository) bot.StepResult {
	row := resource(run, p, bot.ResourceRepository, p.Forge)
	row.ExternalID, row.Name, row.URL, row.CloneURL = repo.ExternalID, repo.Owner+"/"+repo.Name, repo.URL, repo.CloneURL
	if r.in.Name != "" {
		row.MadeBy, row.Adopted = "", true
	}
	return bot.StepResult{URL: repo.URL, Detail: bot.Text(repo.URL), Output: map[string]string{
		"id": repo.ExternalID, "owner": repo.Owner, "name": repo.Name, "url": repo.URL, "clone": repo.CloneURL, "resource": row.ID,
	}, Commit: func(ctx context.Context, tx *bot.Tx) error {
		if err := tx.Resources.Put(ctx, row); err != nil || p.Private || !repo.Private {
			return err
		}
		return hide(ctx, tx, p.ID)
	}}
}

// hide has a project count as private that the forge's own rules have made so: what other
// services make for it shows the code, too.
func hide(ctx context.Context, tx *bot.Tx, id string) error {
	now, err := tx.Projects.ByID(ctx, id)
	if err != nil {
		return err
	}
	now.Private = true
	return tx.Projects.Put(ctx, now)
}

// repo is the repository that the first step made.
func repo(run bot.StepRun, p bot.Project) bot.Repository {
	out := run.Outputs["repository"]
	return bot.Repository{
		ExternalID: out["id"], Owner: out["owner"], Name: out["name"], URL: out["url"], CloneURL: out["clone"],
		DefaultBranch: p.DefaultBranch,
	}
}

// removeRepository undoes the first step, but never loses other people's commits.
func (r *runner) removeRepository(ctx context.Context, run bot.StepRun) error {
	p, err := r.project(ctx, run.Operation)
	if err != nil {
		return err
	}
	forge, err := r.forge(p)
	if err != nil {
		return err
	}
	found, have, err := forge.FindRepository(ctx, r.repoSpec(p, run.Operation))
	if err != nil || found == bot.PresenceAbsent {
		return err
	}
	if found != bot.PresenceOurs {
		return bot.Errorf(bot.CodeConflict, "The repository %s is not the one that this operation made; it is left alone.", have.URL)
	}
	if retirer, ok := forge.(bot.Retirer); ok { // it knows best what is only ours
		_, err := retirer.RetireRepository(ctx, have, run.Operation.ID)
		return err
	}
	if reader, ok := forge.(bot.CommitReader); ok {
		branches, err := reader.Branches(ctx, have)
		if err != nil {
			return err
		}
		for name, head := range branches {
			if head != run.Outputs["push"]["commit"] && run.Outputs["push"]["commit"] != "" {
				return bot.Errorf(bot.CodeConflict, "The repository %s has commits beyond OpsBot's (branch %s); it is left alone. `delete-project %s` archives it.",
					have.URL, name, p.Slug)
			}
		}
	}
	return forge.RemoveRepository(ctx, have)
}

// ---- first commit

func (r *runner) push(ctx context.Context, run bot.StepRun) (bot.StepResult, error) {
	p, err := r.project(ctx, run.Operation)
	if err != nil {
		return bot.StepResult{}, err
	}
	forge, err := r.forge(p)
	if err != nil {
		return bot.StepResult{}, err
	}
	tree, err := r.s.s.Blueprints.Render(ctx, r.in.Render)
	if err != nil {
		return bot.StepResult{}, err
	}
	by := run.Operation.Requester
	commit, err := forge.Push(ctx, bot.PushRequest{
		Repository: repo(run, p), Branch: p.DefaultBranch, Tree: tree,
		Author: bot.Signature{Name: by.Name, Email: by.Name + "@users.noreply.opsbot"}, Message: firstCommit,
		At: run.Operation.CreatedAt, Operation: run.Operation.ID,
	})
	return bot.StepResult{Output: map[string]string{"commit": commit}, Commit: func(ctx context.Context, tx *bot.Tx) error {
		// No webhook was there yet that could have told of it.
		_, err := tx.Changes.Ensure(ctx, bot.Change{
			ProjectID: p.ID, Branch: p.DefaultBranch, Commit: commit, Title: firstCommit, Author: by.Name,
			CreatedAt: run.Operation.CreatedAt, Cause: run.Operation.Cause,
		})
		return err
	}}, err
}

const firstCommit = "Initial commit"
