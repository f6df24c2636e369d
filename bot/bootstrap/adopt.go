package bootstrap

import (
	"context"
	"slices"

	"opsbot/bot"
)

// proposalBranch is where what OpsBot proposes lies until it is merged.
const proposalBranch = "opsbot/pipeline"

// adoptRepository looks the repository up once more and files it as adopted: no
// undo, purge or archiving touches it.
func (r *runner) adoptRepository(ctx context.Context, run bot.StepRun) (bot.StepResult, error) {
	p, err := r.project(ctx, run.Operation)
	if err != nil {
		return bot.StepResult{}, err
	}
	forge, err := r.forge(p)
	if err != nil {
		return bot.StepResult{}, err
	}
	found, repo, err := forge.FindRepository(ctx, r.repoSpec(p, run.Operation))
	if err != nil {
		return bot.StepResult{}, err
	}
	if found == bot.PresenceAbsent {
		return bot.StepResult{}, bot.Errorf(bot.CodeNotFound, "There is no repository %s/%s on %s any more.", r.in.Owner, r.in.Name, r.s.name(p.Forge))
	}
	return r.repository(run, p, repo), nil
}

func (r *runner) proposing(ctx context.Context, run bot.StepRun) (bot.PullRequester, bot.PullRequestSpec, error) {
	p, err := r.project(ctx, run.Operation)
	if err != nil {
		return nil, bot.PullRequestSpec{}, err
	}
	forge, err := bot.Find[bot.PullRequester](r.s.s.Integrations, p.Forge, "pull requests")
	by := run.Operation.Requester
	return forge, bot.PullRequestSpec{
		Repository: repo(run, p), Base: p.DefaultBranch, Branch: proposalBranch, Title: "Build with " + r.s.name(p.Pipeline),
		Body: "Adds what makes OpsBot build and run this repository, from the blueprint " + r.in.Render.Blueprint + " " + r.in.Render.Version +
			", as asked for by " + by.Name + ".",
		Author: bot.Signature{Name: by.Name, Email: by.Name + "@users.noreply.opsbot"}, Message: "Build with " + r.s.name(p.Pipeline),
		At: run.Operation.CreatedAt, Operation: run.Operation.ID,
	}, err
}

func (r *runner) findProposal(ctx context.Context, run bot.StepRun) (bot.Presence, bot.StepResult, error) {
	forge, spec, err := r.proposing(ctx, run)
	if err != nil {
		return "", bot.StepResult{}, err
	}
	found, pr, err := forge.FindPullRequest(ctx, spec)
	if err == nil && found == bot.PresenceForeign {
		err = bot.Errorf(bot.CodeConflict, "The repository has a branch %s already that this operation did not make. Rename or remove it, then retry; or skip the pull request.",
			spec.Branch)
	}
	return found, proposed(pr), err
}

func (r *runner) propose(ctx context.Context, run bot.StepRun) (bot.StepResult, error) {
	forge, spec, err := r.proposing(ctx, run)
	if err != nil {
		return bot.StepResult{}, err
	}
	if spec.Files, err = r.missing(ctx, run); err != nil {
		return bot.StepResult{}, err
	}
	pr, err := forge.EnsurePullRequest(ctx, spec)
	return proposed(pr), err
}

// missing is what of the proposal the repository lacks: what teams wrote stays.
func (r *runner) missing(ctx context.Context, run bot.StepRun) (bot.Tree, error) {
	p, err := r.project(ctx, run.Operation)
	if err != nil {
		return bot.Tree{}, err
	}
	tree, err := r.s.proposal(ctx, r.in.Render)
	if err != nil {
		return bot.Tree{}, err
	}
	reader, err := bot.Find[bot.CommitReader](r.s.s.Integrations, p.Forge, "commit history")
	if err != nil {
		return bot.Tree{}, err
	}
	heads, err := reader.Branches(ctx, repo(run, p))
	if err != nil {
		return bot.Tree{}, err
	}
	var failed error
	tree.Files = slices.DeleteFunc(tree.Files, func(f bot.TreeFile) bool {
		_, err := reader.ReadFile(ctx, repo(run, p), heads[p.DefaultBranch], f.Path)
		if err != nil && bot.CodeOf(err) != bot.CodeNotFound {
			failed = err
		}
		return err == nil
	})
	if len(tree.Files) == 0 && failed == nil {
		failed = bot.Errorf(bot.CodeConflict, "The repository has a Jenkinsfile by now: there is nothing to propose. Skip the pull request.")
	}
	return tree, failed
}

func proposed(pr bot.PullRequest) bot.StepResult {
	return bot.StepResult{URL: pr.URL, Detail: bot.Text(pr.URL)}
}

func (r *runner) withdraw(ctx context.Context, run bot.StepRun) error {
	forge, spec, err := r.proposing(ctx, run)
	if err != nil {
		return err
	}
	return forge.ClosePullRequest(ctx, spec)
}
