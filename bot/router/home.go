package router

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"opsbot/bot"
)

// homeLines bounds each section of a person's home.
const homeLines = 10

// home is what a person has open.
type home struct {
	projects []bot.Project
	running  []*bot.Operation
	plans    []*bot.Plan
}

// Home implements bot.Desk.
func (r *Router) Home(ctx context.Context, a bot.Account, room bot.RoomRef) ([]bot.Post, error) {
	user, err := r.opt.People.Identify(ctx, a)
	if err != nil {
		return nil, err
	}
	var h home
	err = r.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		h, err = r.load(ctx, tx, user)
		return err
	})
	if err != nil {
		return nil, err
	}
	var actions []bot.Action
	button := func(label, verb, style string, args bot.Args, form bool) bot.Button {
		body, _ := json.Marshal(args) // maps of texts: can't fail
		act := bot.Action{
			ID: bot.NewToken(), Verb: verb, Args: body, UserID: user.ID, Room: room, Form: form,
			ExpiresAt: r.opt.Clock.Now().Add(7 * 24 * time.Hour),
		}
		actions = append(actions, act)
		return bot.Button{Label: label, Action: act.ID, Style: style}
	}
	posts := []bot.Post{r.homeProjects(h, button), homeRunning(h), homePlans(h, button)}
	return posts, r.opt.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		for _, act := range actions {
			if err := tx.Actions.Put(ctx, act); err != nil {
				return err
			}
		}
		return nil
	})
}

// load loads what a person has open.
func (r *Router) load(ctx context.Context, tx *bot.Tx, user bot.User) (h home, err error) {
	all, err := tx.Projects.List(ctx)
	if err != nil {
		return h, err
	}
	for _, p := range all {
		if p.CreatedBy == user.ID && p.State == bot.ProjectActive {
			h.projects = append(h.projects, p)
		}
	}
	ops, err := tx.Operations.Find(ctx, bot.OperationFilter{Open: true, Limit: 200})
	if err != nil {
		return h, err
	}
	for _, op := range ops {
		if op.Requester.ID == user.ID {
			h.running = append(h.running, op)
		}
	}
	h.plans, err = tx.Plans.Open(ctx, user.ID)
	return h, err
}

type makeButton func(label, verb, style string, args bot.Args, form bool) bot.Button

func (r *Router) homeProjects(h home, button makeButton) bot.Post {
	p := bot.Post{Title: "My projects"}
	for i, project := range h.projects {
		if i == homeLines {
			p.Text = append(p.Text, bot.Text(fmt.Sprintf("and %d more: `projects` lists them", len(h.projects)-i)))
			break
		}
		p.Text = append(p.Text, "**"+bot.Escape(project.Slug)+"** "+bot.Escape(project.Description))
	}
	if len(h.projects) == 0 {
		p.Text = []bot.Text{"You have made no project yet."}
	}
	if _, ok := r.verbs["new-project"].(bot.FormCommand); ok {
		p.Buttons = []bot.Button{button("New project", "new-project", "primary", bot.Args{}, true)}
	}
	return p
}

func homeRunning(h home) bot.Post {
	p := bot.Post{Title: "My running operations"}
	for _, op := range h.running[:min(len(h.running), homeLines)] {
		p.Text = append(p.Text, bot.Escape(fmt.Sprintf("%s %s: %s since %s UTC", op.Kind, op.Subject, op.State, op.CreatedAt.Format("2006-01-02 15:04"))))
	}
	if len(h.running) == 0 {
		p.Text = []bot.Text{"Nothing of yours is running."}
	}
	return p
}

func homePlans(h home, button makeButton) bot.Post {
	p := bot.Post{Title: "Waiting for my confirmation"}
	for _, plan := range h.plans[:min(len(h.plans), homeLines)] {
		p.Text = append(p.Text, plan.Title+bot.Text(fmt.Sprintf(" (plan `%s`, until %s UTC)", plan.ID, plan.ExpiresAt.Format("15:04"))))
		args := bot.Args{Values: map[string]string{"id": plan.ID}}
		if plan.Typed == "" {
			p.Buttons = append(p.Buttons, button("Confirm "+plan.ID, "confirm", "primary", args, false))
		}
		p.Buttons = append(p.Buttons, button("Cancel "+plan.ID, "cancel", "", args, false))
	}
	if len(h.plans) == 0 {
		p.Text = []bot.Text{"Nothing waits for you."}
	}
	return p
}
