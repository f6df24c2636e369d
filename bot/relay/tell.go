package relay

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"opsbot/bot"
)

// tell makes the rooms show what the event changed; card says whether the change's
// card shows any of it.
func (p *Processor) tell(ctx context.Context, tx *bot.Tx, project *bot.Project, e *bot.Event, change *bot.Change, card bool) error {
	rooms, err := p.o.Rooms(ctx, tx, *project, e)
	if err != nil {
		return fmt.Errorf("relay: find rooms of %s: %w", project.Slug, err)
	}
	posts, err := p.outage(ctx, tx, project, e, change)
	if err != nil {
		return err
	}
	for _, room := range rooms {
		for _, post := range posts {
			if post.Room = room.Ref; room.Style == StyleLines {
				post.Under = ""
			}
			if err := put(ctx, tx, p.o.Clock, post); err != nil {
				return err
			}
		}
		if room.Style == StyleLines {
			err = p.tellLine(ctx, tx, project, e, room, rooms)
		} else {
			err = p.tellCard(ctx, tx, project, e, shownOn(change, card), room, rooms)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func shownOn(change *bot.Change, card bool) *bot.Change {
	if !card {
		return nil
	}
	return change
}

// tellCard touches the change's card and adds what does not fit on one. all are the
// rooms that hear of the event.
func (p *Processor) tellCard(ctx context.Context, tx *bot.Tx, project *bot.Project, e *bot.Event, change *bot.Change, room bot.Room, all []bot.Room) error {
	under := ""
	if change != nil {
		under = CardKey(change.ID)
		if err := tx.Posts.Touch(ctx, room.Ref, under, CardKind, change.ID, e.Cause); err != nil {
			return fmt.Errorf("relay: touch card of %s: %w", change.ID, err)
		}
		if err := wakePosts(ctx, tx, p.o.Clock); err != nil {
			return err
		}
	}
	switch e.Type {
	case bot.EventChatMessage:
		return p.say(ctx, tx, e, room, all, under)
	case bot.EventIncidentDetected, bot.EventIncidentResolved:
		return p.incident(ctx, tx, project, e, room, under)
	}
	return nil
}

// tellLine posts the event's line in a room of the old style.
func (p *Processor) tellLine(ctx context.Context, tx *bot.Tx, project *bot.Project, e *bot.Event, room bot.Room, all []bot.Room) error {
	switch e.Type {
	case bot.EventChatMessage:
		return p.say(ctx, tx, e, room, all, "")
	case bot.EventIncidentDetected, bot.EventIncidentResolved:
		return p.incident(ctx, tx, project, e, room, "")
	}
	text, tone := line(*project, e, p.face)
	if len(text) == 0 {
		return nil
	}
	key := postKey("line", e.Source, e.ID)
	if e.Type == bot.EventBuildProgress { // a question stands in many reports
		key = postKey("line", e.Source, e.Build.ID, e.Build.Inputs[0].ID)
	}
	return put(ctx, tx, p.o.Clock, bot.Post{
		Key: key, Room: room.Ref, Text: text, Tone: tone,
		Cause: e.Cause.Cause, Root: e.Cause.Root,
	})
}

const (
	saidLines = 50
	saidWidth = 1000
)

// say posts what a pipeline says, in the card's thread or, if it names a room
// that is known in the same chat, there: once, in its card's thread if it has one.
func (p *Processor) say(ctx context.Context, tx *bot.Tx, e *bot.Event, room bot.Room, all []bot.Room, under string) error {
	target, err := namedRoom(ctx, tx, room, e.Room)
	if err != nil {
		return err
	}
	if target != room.Ref {
		if slices.ContainsFunc(all, func(r bot.Room) bool { return r.Ref == target }) {
			return nil
		}
		under = ""
	}
	post := bot.Post{
		Key: postKey("said", e.Source, e.ID), Room: target, Under: under, Tone: e.Tone,
		Cause: e.Cause.Cause, Root: e.Cause.Root,
	}
	for l := range strings.SplitSeq(e.Text, "\n") {
		if t := foreign(l, saidWidth); t != "" && len(post.Text) < saidLines {
			post.Text = append(post.Text, t)
		}
	}
	if len(post.Text) == 0 {
		return nil
	}
	return put(ctx, tx, p.o.Clock, post)
}

// namedRoom is the room of that name or id in the same chat, if the bot is in it, else
// room itself.
func namedRoom(ctx context.Context, tx *bot.Tx, room bot.Room, name string) (bot.RoomRef, error) {
	name = strings.TrimPrefix(strings.TrimSpace(name), "#")
	if name == "" {
		return room.Ref, nil
	}
	all, err := tx.Rooms.List(ctx, room.Ref.Instance)
	if err != nil {
		return room.Ref, fmt.Errorf("relay: list rooms of %s: %w", room.Ref.Instance, err)
	}
	for _, r := range all {
		if r.State == "" && r.Ref.Workspace == room.Ref.Workspace && (r.Ref.ID == name || strings.EqualFold(r.Name, name)) {
			return r.Ref, nil
		}
	}
	return room.Ref, nil
}

// incident posts what a monitor reports. Of an app's own health outage tells.
func (p *Processor) incident(ctx context.Context, tx *bot.Tx, project *bot.Project, e *bot.Event, room bot.Room, under string) error {
	if e.Health != "" {
		return nil
	}
	word, tone := bot.Text("Incident: "), bot.ToneBad
	if e.Type == bot.EventIncidentResolved {
		word, tone = "Resolved: ", bot.ToneGood
	}
	if e.Tone != bot.ToneNeutral {
		tone = e.Tone
	}
	return put(ctx, tx, p.o.Clock, bot.Post{
		Key: postKey("incident", e.Source, e.ID), Room: room.Ref, Under: under, Tone: tone,
		Title: word + where(project, e), Text: []bot.Text{foreign(first(firstLine(e.Text), "no description"), 500)},
		Cause: e.Cause.Cause, Root: e.Cause.Root,
	})
}

// put wants a post shown and wakes the pump.
func put(ctx context.Context, tx *bot.Tx, clock bot.Clock, post bot.Post) error {
	if err := tx.Posts.Put(ctx, post); err != nil {
		return fmt.Errorf("relay: put post %s: %w", post.Key, err)
	}
	return wakePosts(ctx, tx, clock)
}

func wakePosts(ctx context.Context, tx *bot.Tx, clock bot.Clock) error {
	if err := tx.Wakes.Wake(ctx, bot.QueuePosts, clock.Now()); err != nil {
		return fmt.Errorf("relay: wake the pump: %w", err)
	}
	return nil
}

// line gives the event in the words of the old style; nothing for events that it
// has no words for.
func line(p bot.Project, e *bot.Event, face clockFace) ([]bot.Text, bot.Tone) {
	switch e.Type {
	case bot.EventBuildStarted, bot.EventBuildFinished:
		return buildLine(p, e)
	}
	switch {
	case e.Type == bot.EventBuildProgress && e.Build != nil && len(e.Build.Inputs) > 0:
		return plain("Waiting for input: " + jobName(p, e.Build) + ": " + firstLine(e.Build.Inputs[0].Message)), bot.ToneWaiting
	case e.Type == bot.EventGateReported:
		return plain("Quality gate of " + p.Slug + "/" + e.Branch + ": " + firstLine(e.Text)), e.Tone
	}
	at := e.OccurredAt
	id := first(e.DeploymentID, e.ID)
	head := "Deployment with ID " + id
	switch e.Type {
	case bot.EventServiceDeployed, bot.EventServiceUpgraded:
		return plain(head+" succeeded at "+face.second(at), "Application: "+application(p, e)), bot.ToneGood
	case bot.EventServiceRolled:
		return plain(head+" was rolled back at "+face.second(at), "Application: "+application(p, e)), bot.ToneWarn
	case bot.EventServiceFailed:
		return plain(head+" failed at "+face.second(at), "Application: "+application(p, e), reason(e)), bot.ToneBad
	case bot.EventServiceProgress:
		return plain(head+" completed the following step at "+face.second(at), "Completed Step: "+e.Text), bot.ToneNeutral
	}
	return nil, bot.ToneNeutral
}

func reason(e *bot.Event) string {
	if r := firstLine(e.Text); r != "" {
		return "Reason: " + r
	}
	return ""
}

// buildLine is as Jenkins' own notifications read.
func buildLine(p bot.Project, e *bot.Event) ([]bot.Text, bot.Tone) {
	if e.Build == nil {
		return nil, bot.ToneNeutral
	}
	b := e.Build
	job := jobName(p, b)
	if u := link(first(b.URL, e.URL)); u != "" {
		job += " (" + u + ")"
	}
	if e.Type == bot.EventBuildStarted {
		return plain("Started Build for: " + job), bot.ToneBusy
	}
	word := string(b.Result)
	if b.Result == bot.ResultFailure {
		word = "FAILED"
	}
	return plain(word + ": " + job), buildTone(*b)
}

func jobName(p bot.Project, b *bot.Build) string {
	return fmt.Sprintf("Job '%s/%s [%d]'", p.Slug, b.Ref.Branch, b.Ref.Number)
}

// application is the deployer's own name for the app when it looks like one.
func application(p bot.Project, e *bot.Event) string {
	if strings.HasPrefix(e.ExternalID, "/") {
		return e.ExternalID
	}
	return "/" + p.Slug
}

func plain(lines ...string) []bot.Text {
	var out []bot.Text
	for _, l := range lines {
		if t := foreign(l, saidWidth); t != "" {
			out = append(out, t)
		}
	}
	return out
}
