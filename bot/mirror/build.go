package mirror

import (
	"context"
	"fmt"

	"opsbot/bot"
)

// status tells what the commit of a build is to show: how its newest build of that
// branch stands, which a rebuild may have made another one.
func (s *Service) status(ctx context.Context, id string) (v view, err error) {
	var b bot.Build
	var p bot.Project
	var repo *bot.Resource
	err = s.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		if b, err = tx.Builds.ByID(ctx, id); err != nil {
			return err
		}
		if p, repo, err = place(ctx, tx, b.ProjectID); err != nil || repo == nil {
			return err
		}
		all, err := tx.Builds.ByCommit(ctx, b.ProjectID, b.Commit)
		for _, other := range all {
			if other.Instance == b.Instance && other.Ref.Branch == b.Ref.Branch && other.Ref.Number > b.Ref.Number {
				b = other
			}
		}
		return err
	})
	if bot.CodeOf(err) == bot.CodeNotFound || err == nil && repo == nil {
		return view{final: true}, nil // the project was removed
	}
	if err != nil {
		return view{}, err
	}
	writer, writes := s.s.Integrations.Get(p.Forge).(bot.StatusWriter)
	if !writes || p.State == bot.ProjectArchived {
		return view{final: true}, nil // the forge left the configuration, or takes no more
	}
	st := bot.CommitStatus{
		Repository: repo.Repository(p.DefaultBranch), Commit: b.Commit, Check: bot.StatusCheck(b.Instance),
		State: stateOf(b), Text: told(b), URL: b.URL,
	}
	return view{
		state: fmt.Sprintf("%s #%d", st.State, b.Ref.Number), final: b.State == bot.BuildFinished, busy: b.State == bot.BuildRunning && len(b.Inputs) == 0,
		show: func(ctx context.Context) error { return writer.WriteStatus(ctx, st) },
	}, nil
}

// place finds a project and its repository; nil if it has none any more.
func place(ctx context.Context, tx *bot.Tx, projectID string) (p bot.Project, repo *bot.Resource, err error) {
	if p, err = tx.Projects.ByID(ctx, projectID); err != nil {
		return p, nil, err
	}
	all, err := tx.Resources.Of(ctx, projectID)
	for i := range all {
		if all[i].Kind == bot.ResourceRepository {
			repo = &all[i]
		}
	}
	return p, repo, err
}

func stateOf(b bot.Build) bot.StatusState {
	if b.State != bot.BuildFinished {
		return bot.StatusPending
	}
	switch b.Result {
	case bot.ResultSuccess:
		return bot.StatusSuccess
	case bot.ResultFailure, bot.ResultUnstable:
		return bot.StatusFailure
	}
	return bot.StatusError
}

// told is "Build #3 SUCCESS in 41 s, 12 tests passed".
func told(b bot.Build) string {
	text := "Build"
	if b.Ref.Number > 0 {
		text = fmt.Sprintf("Build #%d", b.Ref.Number)
	}
	switch b.State {
	case bot.BuildQueued:
		return text + " is queued"
	case bot.BuildRunning:
		return text + " is running"
	}
	text += " " + string(b.Result)
	if !b.StartedAt.IsZero() && b.FinishedAt.After(b.StartedAt) {
		text += " in " + bot.Span(b.FinishedAt.Sub(b.StartedAt))
	}
	switch t := b.Tests; {
	case t == nil || t.Total == 0:
	case t.Failed > 0:
		text += fmt.Sprintf(", %d of %d tests failed", t.Failed, t.Total)
	default:
		text += fmt.Sprintf(", %d tests passed", t.Total-t.Skipped)
	}
	return text
}
