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
func (r *Router) Home(ctx context.Context, a bot.Account, room bot.RoomRef) (posts []bot.Post, err error) {
	err = r.atDesk(ctx, &call{m: bot.Message{Author: a, Room: room}}, func(ctx context.Context) error {
		posts, err = r.home(ctx, a, room)
		return err
	})
	return posts, err
}

func (r *Router) home(ctx context.Context, a bot.Account, room bot.RoomRef) ([]bot.Post, error) {
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
	is := mine{tx: tx, me: user.ID, known: map[string]bool{}}
	for _, p := range all {
		if p.State == bot.ProjectActive && is.by(ctx, p.CreatedBy) {
			h.projects = append(h.projects, p)
		}
	}
	ops, err := tx.Operations.Find(ctx, bot.OperationFilter{Open: true, Without: bot.QuietKinds(), Limit: 200})
	if err != nil {
		return h, err
	}
	for _, op := range ops {
		if is.by(ctx, op.Requester.ID) {
			h.running = append(h.running, op)
		}
	}
	if is.err != nil {
		return h, is.err
	}
	h.plans, err = tx.Plans.Open(ctx, user.ID)
	return h, err
}

// mine tells whether an id that was kept is a person's own, or one of before they were
// joined.
type mine struct {
	tx    *bot.Tx
	me    string
	known map[string]bool
	err   error
}

func (m *mine) by(ctx context.Context, id string) bool {
	if id == m.me || id == "" || m.err != nil {
		return id == m.me
	}
	if is, known := m.known[id]; known {
		return is
	}
	user, err := m.tx.Users.ByID(ctx, id)
	m.err = ignoreNotFound(err)
	m.known[id] = err == nil && user.ID == m.me
	return m.known[id]
}

// more says how many lines of a section are left out; verb lists all of them.
func more(n int, verb string) []bot.Text {
	if n <= homeLines {
		return nil
	}
	text := fmt.Sprintf("and %d more", n-homeLines)
	if verb != "" {
		text += ": `" + verb + "` lists them"
	}
	return []bot.Text{bot.Text(text)}
}

type makeButton func(label, verb, style string, args bot.Args, form bool) bot.Button

func (r *Router) homeProjects(h home, button makeButton) bot.Post {
	p := bot.Post{Title: "My projects"}
	for _, project := range h.projects[:min(len(h.projects), homeLines)] {
		p.Text = append(p.Text, "**"+bot.Escape(project.Slug)+"** "+bot.Escape(project.Description))
	}
	p.Text = append(p.Text, more(len(h.projects), "projects")...)
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
	p.Text = append(p.Text, more(len(h.running), "operations")...)
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
	p.Text = append(p.Text, more(len(h.plans), "")...)
	if len(h.plans) == 0 {
		p.Text = []bot.Text{"Nothing waits for you."}
	}
	return p
}
