package localrun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"opsbot/bot"
	"opsbot/integrations/localrun/applog"
)

// Plan says what a deployment would do.
func (s *Service) Plan(ctx context.Context, req bot.DeployRequest) (bot.DeployPlan, error) {
	r, err := releaseOf(req.Version)
	if err != nil {
		return bot.DeployPlan{}, err
	}
	a, err := s.loadApp(ctx, appKey(req.Project.ID, req.Environment))
	if err != nil {
		return bot.DeployPlan{}, err
	}
	url := s.url(req.Project.Slug, req.Environment)
	health := fmt.Sprintf("wait up to %s until GET %s answers 2xx", bot.Span(s.config.StartTimeout), r.Spec.Health)
	if a == nil || a.Desired == nil {
		return bot.DeployPlan{Strategy: "first start", URL: url, Effects: []string{
			"start " + r.Label + " from " + r.Spec.Artifact, health, "answer at " + url,
		}}, nil
	}
	return bot.DeployPlan{Strategy: "blue/green", URL: url, Effects: []string{
		"start " + r.Label + " beside " + a.Desired.Label, health,
		"switch " + url + " to it and let the old instance finish its requests, " + bot.Span(s.config.Drain) + " at most",
		fmt.Sprintf("go back to %s by itself if it does not stay healthy for %s", a.Desired.Label, bot.Span(s.config.Watch)),
	}}, nil
}

// Apply stores the deployment; Run carries it out. The external id is the
// deployment's own.
func (s *Service) Apply(ctx context.Context, req bot.DeployRequest) (string, error) {
	if req.DeploymentID == "" {
		return "", bot.Errorf(bot.CodeInvalid, "The deployment has no id.")
	}
	r, err := releaseOf(req.Version)
	if err != nil {
		return "", err
	}
	if err := s.sandboxed(); err != nil {
		return "", err
	}
	err = s.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error { return s.file(ctx, tx, req, r) })
	if err != nil {
		return "", err
	}
	s.wake()
	return req.DeploymentID, nil
}

// sandboxed refuses early what could not be started.
func (s *Service) sandboxed() error {
	if err := s.runner.Available(); err != nil && !s.runner.Unsafe() {
		return bot.Errorf(bot.CodeUnsupported, "Apps can't be isolated on this machine, so nothing is started: %s.", err).Because(err)
	}
	return nil
}

// file stores a deployment that is not known yet as its app's pending one.
func (s *Service) file(ctx context.Context, tx *bot.Tx, req bot.DeployRequest, r release) error {
	key := appKey(req.Project.ID, req.Environment)
	rev, err := s.get(ctx, tx, kindDeployment, req.DeploymentID, &deploymentDoc{})
	if err != nil || rev > 0 {
		return err
	}
	a := appDoc{ProjectID: req.Project.ID, Environment: req.Environment}
	aRev, err := s.get(ctx, tx, kindApp, key, &a)
	if err != nil {
		return err
	}
	if a.Pending != "" {
		return bot.Errorf(bot.CodeConflict, "Another deployment of %s to %s is not over yet.", req.Project.Slug, req.Environment).Backoff()
	}
	a.Slug, a.Pending = req.Project.Slug, req.DeploymentID
	a.Deployments = append([]string{req.DeploymentID}, a.Deployments...)
	for len(a.Deployments) > recentDeployments {
		last := len(a.Deployments) - 1
		if err := tx.Documents.Delete(ctx, s.env.Name, kindDeployment, a.Deployments[last]); err != nil {
			return err
		}
		a.Deployments = a.Deployments[:last]
	}
	d := deploymentDoc{
		ID: req.DeploymentID, App: key, Release: r, State: bot.DeploymentApplying,
		URL: s.url(a.Slug, a.Environment), Started: s.env.Clock.Now(), Cause: req.Cause,
	}
	if err := s.put(ctx, tx, kindDeployment, d.ID, 0, d); err != nil {
		return err
	}
	return s.put(ctx, tx, kindApp, key, aRev, a)
}

// Observe tells how a deployment stands.
func (s *Service) Observe(ctx context.Context, req bot.DeployRequest) (bot.Observation, error) {
	d, err := s.loadDeployment(ctx, req.DeploymentID)
	if err != nil {
		return bot.Observation{}, err
	}
	if d == nil {
		return bot.Observation{}, bot.Errorf(bot.CodeNotFound, "The deployment %s is not known to %s.", req.DeploymentID, s.env.Name)
	}
	return bot.Observation{State: d.State, Message: d.Message, URL: d.URL, Steps: d.Steps}, nil
}

// Remove ends the app, forgets it and removes its log. It returns when the app's
// processes are gone, if they run here.
func (s *Service) Remove(ctx context.Context, p bot.Project, environment string) error {
	key := appKey(p.ID, environment)
	err := s.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error { return s.forget(ctx, tx, key) })
	if err != nil {
		return err
	}
	s.wake()
	s.mu.Lock()
	w := s.workers[key]
	s.mu.Unlock()
	if w != nil {
		w.cancel()
		select {
		case <-w.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	dir, err := s.logDir(p.ID, environment)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("localrun: remove log: %w", err)
	}
	s.collect(ctx)
	return nil
}

// forget deletes an app's documents; a deployment in progress is superseded.
func (s *Service) forget(ctx context.Context, tx *bot.Tx, key string) error {
	var a appDoc
	rev, err := s.get(ctx, tx, kindApp, key, &a)
	if err != nil || rev == 0 {
		return err
	}
	for _, id := range a.Deployments {
		if id != a.Pending {
			if err := tx.Documents.Delete(ctx, s.env.Name, kindDeployment, id); err != nil {
				return err
			}
		}
	}
	var d deploymentDoc
	if rev, err = s.get(ctx, tx, kindDeployment, a.Pending, &d); err != nil {
		return err
	}
	if rev > 0 {
		d.State, d.Message, d.Finished = bot.DeploymentSuperseded, "the app was removed", s.env.Clock.Now()
		if err := s.put(ctx, tx, kindDeployment, a.Pending, rev, d); err != nil {
			return err
		}
	}
	a.Observed, a.Health = "", "stopped"
	if err := s.emit(ctx, tx, &a, nil, bot.EventServiceRemoved, ""); err != nil {
		return err
	}
	return tx.Documents.Delete(ctx, s.env.Name, kindApp, key)
}

// ReadLog reads the log of an app, over all its instances and restarts.
func (s *Service) ReadLog(_ context.Context, ref bot.LogRef, offset int64) (io.ReadCloser, error) {
	dir, err := s.logDir(ref.ProjectID, ref.Environment)
	if err != nil {
		return nil, err
	}
	log, err := applog.Read(dir, offset)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, bot.Errorf(bot.CodeNotFound, "Nothing has run in %s yet, so there is no log.", ref.Environment)
	}
	if err != nil {
		return nil, fmt.Errorf("localrun: read log: %w", err)
	}
	return log, nil
}

// logDir is where an app's log lies. Its parts are our own id and a configured
// name, but a path is made of nothing that was not looked at.
func (s *Service) logDir(projectID, environment string) (string, error) {
	for _, part := range []string{projectID, environment} {
		if part == "" || !filepath.IsLocal(part) || filepath.Base(part) != part || part == "." {
			return "", bot.Errorf(bot.CodeInvalid, "%q names no app.", bot.Shorten(part, 40))
		}
	}
	return filepath.Join(s.env.Dir, "logs", projectID, environment), nil
}

// Probe tells whether apps could run here.
func (s *Service) Probe(context.Context) []bot.Finding {
	err := s.runner.Available()
	switch {
	case err == nil:
		return []bot.Finding{{OK: true, Subject: "sandbox", Text: "apps run in bubblewrap"}}
	case s.runner.Unsafe():
		return []bot.Finding{{OK: true, Subject: "sandbox", Text: "apps run without a sandbox (unsafe_local): " + err.Error()}}
	}
	return []bot.Finding{{Subject: "sandbox", Text: err.Error()}}
}
