package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"opsbot/bot"
)

// planContent is what confirm and approve bind to.
type planContent struct {
	Project     string   `json:"project"`
	Environment string   `json:"environment"`
	Verb        string   `json:"verb"`
	Version     string   `json:"version"`
	Previous    string   `json:"previous"`
	Deployer    string   `json:"deployer"`
	Effects     []string `json:"effects"`
}

// target is a delivery that was checked against what is stored.
type target struct {
	env      bot.Environment
	state    bot.EnvironmentState
	version  bot.Version
	previous *bot.Version
}

// Plan works out what a deploy, promote, rollback or restart would do.
func (s *Service) Plan(ctx context.Context, req bot.DeliveryRequest) (*bot.Plan, error) {
	t, err := s.target(ctx, req)
	if err != nil {
		return nil, err
	}
	deployer, err := s.deployer(t.env)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	effects, err := deployer.Plan(ctx, bot.DeployRequest{
		Verb: req.Verb, Project: req.Project, Environment: t.env.Name,
		Version: t.version, Previous: t.previous, Restart: req.Verb == "restart", Cause: req.Cause,
	})
	if err != nil {
		return nil, err
	}
	content := planContent{
		Project: req.Project.ID, Environment: t.env.Name, Verb: req.Verb,
		Version: t.version.ID, Deployer: t.env.Deployer, Effects: effects.Effects,
	}
	if t.previous != nil {
		content.Previous = t.previous.ID
	}
	body, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("delivery: plan: %w", err)
	}
	plan := &bot.Plan{Environment: t.env.Name, Content: body, Approvals: t.env.Approvals, Title: title(req, t)}
	plan.Lines = append(plan.Lines, s.difference(ctx, req.Project, t)...)
	if effects.Strategy != "" {
		plan.Lines = append(plan.Lines, "Strategy: "+bot.Escape(effects.Strategy))
	}
	for _, e := range effects.Effects {
		plan.Lines = append(plan.Lines, bot.Escape(e))
	}
	return plan, nil
}

// title is the plan's first line: what goes from where to where.
func title(req bot.DeliveryRequest, t target) bot.Text {
	name, env := bot.Escape(req.Project.Slug), bot.Escape(t.env.Name)
	label := bot.Escape(t.version.Label)
	switch {
	case req.Verb == "restart":
		return "Plan: restart " + name + " " + label + " in " + env
	case t.previous == nil:
		return "Plan: " + env + " gets " + name + " " + label
	case t.previous.ID == t.version.ID:
		return "Plan: " + env + " gets " + name + " " + label + " again"
	}
	return "Plan: " + env + " " + bot.Escape(t.previous.Label) + " → " + label
}

// difference words what lies between what runs and what would.
func (s *Service) difference(ctx context.Context, p bot.Project, t target) []bot.Text {
	if t.previous == nil {
		return []bot.Text{"Nothing is deployed in " + bot.Escape(t.env.Name) + " yet."}
	}
	if t.previous.Commit == t.version.Commit {
		return []bot.Text{"The same commit runs there now."}
	}
	repo, forge, err := s.repository(ctx, p)
	if err != nil {
		return []bot.Text{"What lies between the two can't be read now."}
	}
	const limit = 200
	newer, err := forge.Commits(ctx, repo, t.previous.Commit, t.version.Commit, limit)
	older, err2 := forge.Commits(ctx, repo, t.version.Commit, t.previous.Commit, limit)
	if err := errors.Join(err, err2); err != nil {
		s.opt.Log.Warn("delivery: commits between two versions", "project", p.Slug, "error", err)
		return []bot.Text{"What lies between the two can't be read now."}
	}
	var out []bot.Text
	if len(newer) > 0 {
		out = append(out, counted(len(newer), limit)+" ("+authors(newer)+")")
	}
	if len(older) > 0 {
		out = append(out, "Takes back "+counted(len(older), limit)+" ("+authors(older)+")")
	}
	return out
}

func counted(n, limit int) bot.Text {
	switch {
	case n == 1:
		return "1 commit"
	case n >= limit:
		return bot.Text(fmt.Sprintf("more than %d commits", limit-1))
	}
	return bot.Text(fmt.Sprintf("%d commits", n))
}

// authors names who wrote the commits, at most five.
func authors(list []bot.Commit) bot.Text {
	var names []string
	for _, c := range list {
		if name := strings.TrimSpace(c.Author); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	more := ""
	if len(names) > 5 {
		more = fmt.Sprintf(" and %d more", len(names)-5)
		names = names[:5]
	}
	return bot.Escape(strings.Join(names, ", ") + more)
}

// target finds version and environment of a request and checks that it may go there.
func (s *Service) target(ctx context.Context, req bot.DeliveryRequest) (target, error) {
	env, err := s.Environment(req.Environment)
	if err != nil {
		return target{}, err
	}
	if req.Project.State != bot.ProjectActive {
		return target{}, bot.Errorf(bot.CodeConflict, "The project %s is %s; nothing can be deployed.", req.Project.Slug, req.Project.State)
	}
	t := target{env: env}
	err = s.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		if t.state, err = tx.Environments.Get(ctx, req.Project.ID, env.Name); err != nil {
			return err
		}
		if t.state.DesiredID != "" {
			v, err := tx.Versions.ByID(ctx, t.state.DesiredID)
			if err != nil {
				return err
			}
			t.previous = &v
		}
		if err := locked(ctx, tx, req, t); err != nil {
			return err
		}
		if t.version, err = s.version(ctx, tx, req, t); err != nil {
			return err
		}
		return s.mayFollow(ctx, tx, req, t)
	})
	return t, err
}

// locked refuses an environment that is locked, to the person who locked it, too.
func locked(ctx context.Context, tx *bot.Tx, req bot.DeliveryRequest, t target) error {
	if t.state.LockedBy == "" {
		return nil
	}
	who := t.state.LockedBy
	if u, err := tx.Users.ByID(ctx, who); err == nil {
		who = u.Name
	}
	return bot.Errorf(bot.CodeConflict, "%s in %s is locked by %s since %s UTC: %s. `unlock %s in %s` opens it.",
		req.Project.Slug, t.env.Name, who, t.state.LockedAt.Format("2006-01-02 15:04"), t.state.LockReason, req.Project.Slug, t.env.Name)
}

// version picks the version that a request means.
func (s *Service) version(ctx context.Context, tx *bot.Tx, req bot.DeliveryRequest, t target) (bot.Version, error) {
	if req.Version != "" {
		v, err := tx.Versions.ByLabel(ctx, req.Project.ID, req.Version)
		if bot.CodeOf(err) == bot.CodeNotFound {
			return v, noVersion(ctx, tx, req)
		}
		return v, err
	}
	switch req.Verb {
	case "promote":
		return s.promoted(ctx, tx, req, t)
	case "rollback":
		return s.before(ctx, tx, req, t)
	case "restart":
		if t.previous == nil {
			return bot.Version{}, bot.Errorf(bot.CodeNotFound, "%s does not run in %s.", req.Project.Slug, t.env.Name)
		}
		return *t.previous, nil
	}
	recent, err := tx.Versions.Recent(ctx, req.Project.ID, 100)
	if err != nil {
		return bot.Version{}, err
	}
	// The newest build, which is not always the one that ended last.
	var newest *bot.Version
	for i, v := range recent {
		if v.Branch == req.Project.DefaultBranch && (newest == nil || v.Number > newest.Number) {
			newest = &recent[i]
		}
	}
	if newest != nil {
		return *newest, nil
	}
	return bot.Version{}, bot.Errorf(bot.CodeNotFound, "%s has no version of %s yet; `buildNow %s` makes one.",
		req.Project.Slug, req.Project.DefaultBranch, req.Project.Slug)
}

// noVersion is the refusal of a version that is not there; it says which are.
func noVersion(ctx context.Context, tx *bot.Tx, req bot.DeliveryRequest) error {
	recent, err := tx.Versions.Recent(ctx, req.Project.ID, 100)
	if err != nil {
		return err
	}
	if len(recent) == 0 {
		return bot.Errorf(bot.CodeNotFound, "%s has no version yet; `buildNow %s` makes one.", req.Project.Slug, req.Project.Slug)
	}
	var labels []string
	for _, v := range recent {
		labels = append(labels, v.Label)
	}
	return bot.Errorf(bot.CodeNotFound, "%s has no version %q%s", req.Project.Slug, bot.Shorten(req.Version, 60), bot.Instead(req.Version, labels))
}

// promoted is what runs in the environment before this one.
func (s *Service) promoted(ctx context.Context, tx *bot.Tx, req bot.DeliveryRequest, t target) (bot.Version, error) {
	if t.env.After == "" {
		return bot.Version{}, bot.Errorf(bot.CodeInvalid, "%s comes after no other environment; use `deploy %s to %s`.",
			t.env.Name, req.Project.Slug, t.env.Name)
	}
	from, err := tx.Environments.Get(ctx, req.Project.ID, t.env.After)
	if err != nil {
		return bot.Version{}, err
	}
	if from.DesiredID == "" {
		return bot.Version{}, bot.Errorf(bot.CodeNotFound, "%s does not run in %s yet, so there is nothing to promote.", req.Project.Slug, t.env.After)
	}
	return tx.Versions.ByID(ctx, from.DesiredID)
}

// before is the version that ran well in the environment before the current one.
func (s *Service) before(ctx context.Context, tx *bot.Tx, req bot.DeliveryRequest, t target) (bot.Version, error) {
	done, err := tx.Deployments.Find(ctx, bot.DeploymentFilter{ProjectID: req.Project.ID, Environment: t.env.Name, State: bot.DeploymentSucceeded, Limit: 200})
	if err != nil {
		return bot.Version{}, err
	}
	if ran := trail(done, t.state.DesiredID); len(ran) > 1 {
		return tx.Versions.ByID(ctx, ran[len(ran)-2])
	}
	return bot.Version{}, bot.Errorf(bot.CodeNotFound, "%s has no earlier version in %s to go back to.", req.Project.Slug, t.env.Name)
}

// trail is the way to what runs now, version by version: a rollback takes its steps
// off again, so that two in a row go two versions back and what was rolled away
// from is not gone back to. newestFirst are the deployments that succeeded.
func trail(newestFirst []bot.Deployment, current string) []string {
	var ran []string
	for _, d := range slices.Backward(newestFirst) {
		if at := lastIndex(ran, d.VersionID); d.Verb == "rollback" && at >= 0 {
			ran = ran[:at+1]
		} else if len(ran) == 0 || ran[len(ran)-1] != d.VersionID {
			ran = append(ran, d.VersionID)
		}
	}
	if current != "" && (len(ran) == 0 || ran[len(ran)-1] != current) {
		ran = append(ran, current)
	}
	return ran
}

func lastIndex(list []string, s string) int {
	for i, v := range slices.Backward(list) {
		if v == s {
			return i
		}
	}
	return -1
}

// deployable refuses a version without artifact for a deployer that needs one.
func (s *Service) deployable(t target) error {
	if s.byCommit(t.env) {
		return nil
	}
	if t.version.Spec.Artifact == "" && len(t.version.Artifacts) == 0 {
		return bot.Errorf(bot.CodeInvalid, "The version %s has no artifact to deploy; archive one in the Jenkinsfile.", t.version.Label)
	}
	for _, a := range wanted(t.version.Artifacts, t.version.Spec) {
		if a.Kind == bot.ArtifactArchive && a.Digest == "" {
			return bot.Errorf(bot.CodeInvalid, "OpsBot has no copy of %s of the version %s, so it can't be deployed; build that commit again.", bot.Shorten(a.Name, 100), t.version.Label)
		}
	}
	return nil
}

// byCommit: the environment's deployer needs no artifact.
func (s *Service) byCommit(env bot.Environment) bool {
	c, ok := s.opt.Integrations.Get(env.Deployer).(bot.CommitDeployer)
	return ok && c.DeploysCommits()
}

// mayFollow holds a version back that has not succeeded in the environment before.
func (s *Service) mayFollow(ctx context.Context, tx *bot.Tx, req bot.DeliveryRequest, t target) error {
	if err := s.deployable(t); err != nil {
		return err
	}
	if t.env.After == "" || req.Verb == "rollback" || req.Verb == "restart" {
		return nil
	}
	done, err := tx.Deployments.Find(ctx, bot.DeploymentFilter{ProjectID: req.Project.ID, Environment: t.env.After, State: bot.DeploymentSucceeded, Limit: 500})
	if err != nil {
		return err
	}
	for _, d := range done {
		if d.VersionID == t.version.ID {
			return nil
		}
	}
	return bot.Errorf(bot.CodeConflict, "The version %s has not run in %s yet, and %s comes after it. First: `deploy %s@%s to %s`.",
		t.version.Label, t.env.After, t.env.Name, req.Project.Slug, t.version.Label, t.env.After)
}
