package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"opsbot/bot"
	"opsbot/bot/relay"
)

// deployer makes a version of what was built and deploys it, as the real one does,
// inside the relay's transaction.
type deployer struct{}

var _ bot.EventHandler = deployer{}

// HandleEvent implements bot.EventHandler.
func (d deployer) HandleEvent(ctx context.Context, tx *bot.Tx, e *bot.Event, c *bot.Change) error {
	row := bot.Deployment{
		ID: "d1", ProjectID: e.ProjectID, Environment: "staging", Verb: "deploy", VersionID: "v1",
		State: bot.DeploymentApplying, StartedAt: e.OccurredAt, Cause: e.Cause,
	}
	switch e.Type {
	case bot.EventBuildFinished:
		v := bot.Version{
			ID: "v1", ProjectID: e.ProjectID, Commit: c.Commit, BuildID: e.Build.ID, Number: 1,
			Label: "0.1.0-1-g3f2c1ab", Branch: c.Branch, CreatedAt: e.OccurredAt,
		}
		if err := tx.Versions.Insert(ctx, v); err != nil {
			return err
		}
	case bot.EventServiceDeployed:
		row.State, row.FinishedAt = bot.DeploymentSucceeded, e.OccurredAt
	default:
		return nil
	}
	return tx.Deployments.Put(ctx, row)
}

// calls counts what one build costs on the chat's API, from queued to deployed, by
// the wall clock: what is merged is merged because it came close together.
func calls(ctx context.Context, s settings) (rows []row, err error) {
	environments := []bot.Environment{{Name: "staging", Auto: "main"}, {Name: "production", After: "staging"}}
	r, err := openChat(ctx, s, "calls", func(r *chatRig) ([]bot.Service, []bot.Card, error) {
		p := relay.NewProcessor(relay.ProcessorOptions{
			Work: r, Waker: r, Clock: bot.SystemClock{}, Log: r.log, Integrations: r.services.Integrations,
			Owner: "bench:1", Handlers: []bot.EventHandler{deployer{}},
		})
		return []bot.Service{p}, []bot.Card{relay.NewChangeCard(relay.ChangeCardOptions{Clock: bot.SystemClock{}, Environments: environments, Catalogue: r.services.Catalogue})}, nil
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	project := bot.Project{
		ID: bot.NewID(time.Now()), Slug: "hello-world", State: bot.ProjectActive, DefaultBranch: "main",
		Room: bot.RoomRef{Instance: "chat", ID: "dev"}, CreatedAt: time.Now(),
	}
	if err := r.Write(ctx, func(ctx context.Context, tx *bot.Tx) error { return tx.Projects.Put(ctx, project) }); err != nil {
		return nil, err
	}
	if err := tellBuild(ctx, r, project); err != nil {
		return nil, err
	}
	n := 0
	for {
		c, err := r.next(ctx)
		if err != nil {
			return nil, err
		}
		n++
		if fields := c.Post.Fields; len(fields) > 0 && strings.Contains(string(fields[len(fields)-1].Value), "succeeded") {
			break
		}
	}
	// Stragglers count, too.
	select {
	case <-time.After(2 * time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	n += len(r.sent)
	return []row{{
		what: "chat API calls for one build on one card: queued, started, two stages, finished with tests, deploying, deployed",
		ours: fmt.Sprint(n), base: "7 events", ratio: "", bar: "≤ 3 calls", missed: n > 3,
	}}, nil
}

// tellBuild files the events of a build at the pace of a small one.
func tellBuild(ctx context.Context, r *chatRig, p bot.Project) error {
	build := func(state bot.BuildState, sequence int64, stages ...bot.Stage) *bot.Build {
		return &bot.Build{
			Ref: bot.BuildRef{Job: "hello-world", Branch: "main", Number: 1}, Attempt: 1, State: state, Stages: stages,
			Commit: "3f2c1ab7d2c1a0e9f8b7a6c5d4e3f2a1b0c9d8e7", QueuedAt: time.Now(), StartedAt: time.Now(), URL: "https://jenkins.example.com/1/", Sequence: sequence,
		}
	}
	done := build(bot.BuildFinished, 5, bot.Stage{Name: "Build", Status: "SUCCESS"}, bot.Stage{Name: "Test", Status: "SUCCESS"})
	done.Result, done.FinishedAt, done.Tests = bot.ResultSuccess, time.Now(), &bot.TestTotals{Total: 11}
	for i, next := range []struct {
		after time.Duration
		event bot.Event
	}{
		{0, bot.Event{Type: bot.EventBuildQueued, Build: build(bot.BuildQueued, 1)}},
		{100 * time.Millisecond, bot.Event{Type: bot.EventBuildStarted, Build: build(bot.BuildRunning, 2)}},
		{time.Second, bot.Event{Type: bot.EventBuildProgress, Build: build(bot.BuildRunning, 3, bot.Stage{Name: "Build", Status: "IN_PROGRESS"})}},
		{time.Second, bot.Event{Type: bot.EventBuildProgress, Build: build(bot.BuildRunning, 4, bot.Stage{Name: "Build", Status: "SUCCESS"}, bot.Stage{Name: "Test", Status: "IN_PROGRESS"})}},
		{time.Second, bot.Event{Type: bot.EventBuildFinished, Build: done}},
		{2 * time.Second, bot.Event{Type: bot.EventServiceDeployed, Environment: "staging", DeploymentID: "d1"}},
	} {
		select {
		case <-time.After(next.after):
		case <-ctx.Done():
			return ctx.Err()
		}
		e := next.event
		e.ID, e.ProjectID, e.OccurredAt = fmt.Sprint("e", i), p.ID, time.Now()
		if _, err := r.Accept(ctx, bot.InboxRow{Instance: "ci", Key: e.ID, Event: &e}); err != nil {
			return err
		}
	}
	return nil
}
