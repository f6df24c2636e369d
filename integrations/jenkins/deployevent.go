package jenkins

import (
	"context"
	"fmt"
	"time"

	"opsbot/bot"
)

// news tells what is new of a deployment: each step once, and its end.
func (s *Service) news(ctx context.Context, tx *bot.Tx, id string, before, now deployDoc) error {
	for i := len(before.Steps); i < len(now.Steps); i++ {
		e := now.event(fmt.Sprintf("deploy/%s/step/%d", esc(id), i+1), bot.EventServiceProgress)
		e.DeploymentID, e.Text = id, now.Steps[i]
		if err := s.emit(ctx, tx, e); err != nil {
			return err
		}
	}
	if now.End == nil || before.End != nil {
		return nil
	}
	e := now.event(fmt.Sprintf("deploy/%s/end", esc(id)), bot.EventServiceFailed)
	switch e.DeploymentID = id; {
	case now.End.State != bot.DeploymentSucceeded:
		e.Text = now.End.Message // what runs is not known from here
	case now.Previous:
		e.Type, e.VersionID, e.URL = bot.EventServiceUpgraded, now.VersionID, now.End.URL
	default:
		e.Type, e.VersionID, e.URL = bot.EventServiceDeployed, now.VersionID, now.End.URL
	}
	return s.emit(ctx, tx, e)
}

func (d deployDoc) event(id string, what bot.EventType) bot.Event {
	return bot.Event{
		ID: id, Type: what, ProjectID: d.ProjectID, Kind: bot.ResourceEnvironment, Environment: d.Environment,
		Branch: d.Branch, Commit: d.Commit, Cause: d.Cause,
	}
}

// emit hands an event to the relay inside the caller's transaction, once.
func (s *Service) emit(ctx context.Context, tx *bot.Tx, e bot.Event) error {
	now := s.env.Clock.Now()
	e.Source, e.OccurredAt, e.ReceivedAt = s.env.Name, now, now
	row := bot.InboxRow{
		ID: bot.NewID(now), Instance: s.env.Name, Key: e.ID, Event: &e,
		Scope: bot.Scope{ProjectID: e.ProjectID}, State: "new", Received: now, Cause: e.Cause,
	}
	if _, err := tx.Inbox.Add(ctx, row); err != nil {
		return err
	}
	return tx.Wakes.Wake(ctx, bot.QueueInbox, time.Time{})
}
