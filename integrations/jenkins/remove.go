package jenkins

import (
	"context"
	"fmt"

	"opsbot/bot"
)

// Remove implements bot.Deployer: it has the job for removals run once and waits for
// its end. What was never deployed from here is absent. CodeUnsupported without such
// a job.
func (s *Service) Remove(ctx context.Context, p bot.Project, environment string) error {
	key := appKey(p.ID, environment)
	app, known, err := read[appDoc](ctx, s, kindApp, key)
	if err != nil || !known {
		return err
	}
	c := s.config.Deploy.in(environment)
	if c.RemoveJob == "" {
		return bot.Errorf(bot.CodeUnsupported, "OpsBot can't take %s out of %s: the configuration of %s names no `remove_job` that does it. Do it by hand.", p.Slug, environment, s.env.Name)
	}
	if app, err = s.beginRemoval(ctx, key); err != nil {
		return err
	}
	run, err := runOf(c.RemoveJob, c.Parameters, DeployValues{
		Project: p.Slug, Owner: p.Owner, Team: p.Team, Environment: environment, Verb: "remove", DeploymentID: app.Removal,
	}, bot.Cause{})
	if err != nil {
		return err
	}
	queue, err := s.start(ctx, run)
	if err != nil {
		return err
	}
	b, err := s.follow(ctx, run.ref(queue))
	if err != nil {
		return fmt.Errorf("jenkins: remove %s from %s: %w", p.Slug, environment, err)
	}
	return s.endRemoval(ctx, p.ID, environment, app.Removal, b, run.Job)
}

// beginRemoval gives the removal that is under way, or a new one.
func (s *Service) beginRemoval(ctx context.Context, key string) (app appDoc, err error) {
	err = change(ctx, s, kindApp, key, func(body *appDoc, _ bool) error {
		if body.Removal == "" {
			body.Removals++
			body.Removal = fmt.Sprintf("%s-remove-%d", body.Deployment, body.Removals)
		}
		app = *body
		return nil
	})
	return app, err
}

// follow waits for the end of a build.
func (s *Service) follow(ctx context.Context, ref bot.BuildRef) (bot.Build, error) {
	for {
		b, err := s.status(ctx, ref)
		if err != nil || b.State == bot.BuildFinished {
			return b, err
		}
		if !s.pause(ctx, s.look) {
			return b, bot.Errorf(bot.CodeUnavailable, "The Jenkins job %s is still at it: %s", ref.Branch, b.URL).Backoff().Because(ctx.Err())
		}
	}
}

// endRemoval forgets the app, or the removal that did not work, so that the next try
// is one.
func (s *Service) endRemoval(ctx context.Context, projectID, environment, removal string, b bot.Build, job string) error {
	key, done := appKey(projectID, environment), b.Result == bot.ResultSuccess
	err := s.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		app, err := ensure[appDoc](ctx, tx, s.env.Name, kindApp, key)
		if err != nil || app.body.Removal != removal { // deployed to since
			return err
		}
		if done {
			e := deployDoc{ProjectID: projectID, Environment: environment}.event("deploy/"+esc(removal), bot.EventServiceRemoved)
			if err := s.emit(ctx, tx, e); err != nil {
				return err
			}
			return tx.Documents.Delete(ctx, s.env.Name, kindApp, key)
		}
		app.body.Removal = ""
		return app.save(ctx, tx)
	})
	if err != nil || done {
		return err
	}
	return bot.Errorf(bot.CodeUnavailable, "The Jenkins job %s #%d ended as %s (%s), so it may still run there: %s", job, b.Ref.Number, b.Result, bot.Shorten(b.Message, 200), b.URL)
}
