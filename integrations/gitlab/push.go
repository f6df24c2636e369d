package gitlab

import (
	"context"
	"net/url"
	"strings"

	gl "gitlab.com/gitlab-org/api/client-go"

	"opsbot/bot"
)

// Push implements bot.RepoHost.
func (f *Forge) Push(ctx context.Context, req bot.PushRequest) (string, error) {
	p, err := f.resolve(ctx, req.Repository)
	if err != nil {
		return "", err
	}
	if p.Archived {
		return "", archived(p)
	}
	if err := f.checkClone(p); err != nil {
		return "", err
	}
	there := toRepository(p)
	req.Repository.Owner, req.Repository.Name = there.Owner, there.Name
	commit, err := f.pusher.Push(ctx, p.HTTPURLToRepo, req)
	if err != nil {
		return "", f.unpushed(ctx, p, err)
	}
	if req.Branch == req.Repository.DefaultBranch && p.DefaultBranch != req.Branch {
		return commit, f.makeDefault(ctx, p, req.Branch)
	}
	return commit, nil
}

// checkClone keeps the token from a server that is not the configured one, whatever
// the API says.
func (f *Forge) checkClone(p *gl.Project) error {
	u, err := url.Parse(p.HTTPURLToRepo)
	if err == nil && strings.EqualFold(u.Host, f.base.Host) && u.Scheme == f.base.Scheme {
		return nil
	}
	return bot.Errorf(bot.CodeInvalid, "GitLab wants %s to be pushed to another server than %s; if that is right, integrations.%s.url must name it.",
		full(p), bot.Escape(f.base.Host), f.env.Name)
}

func archived(p *gl.Project) error {
	return bot.Errorf(bot.CodeConflict, "The project %s is archived: it can be read and cloned, but nothing can be pushed to it.", bot.Escape(full(p)))
}

// unpushed looks closer at a push that was refused: git says little more than 403.
func (f *Forge) unpushed(ctx context.Context, p *gl.Project, err error) error {
	switch bot.CodeOf(err) {
	case bot.CodeForbidden, bot.CodeUnauthenticated:
	case bot.CodeNotFound:
		// The API has just shown it: its storage hears of a new project a little later.
		return bot.Errorf(bot.CodeUnavailable, "GitLab does not offer the project %s to git yet.", full(p)).Because(err).Backoff()
	default:
		return err
	}
	again, why := f.resolve(ctx, toRepository(p))
	switch {
	case why != nil:
		return why
	case again.Archived:
		return archived(again)
	}
	return bot.Errorf(bot.CodeForbidden, "GitLab does not let OpsBot push to %s: its token needs the scope api or write_repository, "+
		"its account the role Developer there (Maintainer for a protected branch), and git over HTTP must be switched on.", full(p)).Because(err)
}

// makeDefault changes the default branch, which of an empty project is what the
// group's settings say, until GitLab has noticed the first push.
func (f *Forge) makeDefault(ctx context.Context, p *gl.Project, branch string) error {
	now, err := f.get(ctx, p.ID)
	if err != nil || now.DefaultBranch == branch {
		return err
	}
	_, _, err = f.api.Projects.EditProject(p.ID, &gl.EditProjectOptions{DefaultBranch: &branch}, gl.WithContext(ctx))
	err = f.explain(ctx, err, "make "+branch+" the default branch of "+full(p))
	if code := bot.CodeOf(err); code == bot.CodeInvalid || code == bot.CodeNotFound {
		// The push was seen by git and may not be by the API yet; repeating it is harmless.
		return bot.Errorf(bot.CodeUnavailable, "The default branch of %s is %s and not yet %s.", full(p),
			bot.Escape(or(now.DefaultBranch, "none")), bot.Escape(branch)).Because(err).Backoff()
	}
	return err
}

// CloneSource implements bot.RepoHost.
func (f *Forge) CloneSource(ctx context.Context, repo bot.Repository) (bot.CloneSource, error) {
	p, err := f.resolve(ctx, repo)
	if err != nil {
		return bot.CloneSource{}, err
	}
	return bot.CloneSource{URL: p.HTTPURLToRepo, Credentials: f.cfg.Credentials}, nil
}
