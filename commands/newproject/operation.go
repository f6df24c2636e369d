package newproject

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"opsbot/bot"
)

// Kind is the operation kind of new-project.
const Kind = "new-project"

// input is what the operation keeps: everything that makes it the same again
// after a restart.
type input struct {
	Render  bot.RenderRequest `json:"render"`
	Private bool              `json:"private,omitempty"`
	HookID  string            `json:"hook_id"`
	Note    string            `json:"note,omitempty"`
}

var _ bot.OperationKind = (*kind)(nil)

// Kinds are the operation kinds that the command brings.
func (c *Command) Kinds() []bot.OperationKind { return []bot.OperationKind{&kind{c}} }

type kind struct{ c *Command }

func (*kind) Kind() string { return Kind }

func decode(op *bot.Operation) (in input, err error) {
	if err := json.Unmarshal(op.Input, &in); err != nil {
		return in, bot.Errorf(bot.CodeInternal, "The operation %s can't be read.", op.ID).Because(err)
	}
	return in, nil
}

// Title: Creating hello-world from go-service 1.2.0 in foo-org.
func (*kind) Title(op *bot.Operation) bot.Text {
	in, err := decode(op)
	if err != nil {
		return "Creating " + bot.Escape(op.Subject)
	}
	verb := bot.Text("Creating ")
	switch op.State {
	case bot.OperationUndoing:
		verb = "Undoing "
	case bot.OperationUndone:
		verb = "Undid "
	case bot.OperationSucceeded:
		verb = "Created "
	}
	text := verb + bot.Escape(op.Subject) + " from " + bot.Escape(in.Render.Blueprint+" "+in.Render.Version) + " in " + bot.Escape(in.Render.Owner)
	if in.Note != "" {
		text += " (" + bot.Escape(in.Note) + ")"
	}
	return text
}

// Steps: repository, its first commit, then webhook, job and environments side by
// side. The job comes after the webhook's target exists, never before the push.
func (k *kind) Steps(op *bot.Operation) ([]bot.Step, error) {
	in, err := decode(op)
	if err != nil {
		return nil, err
	}
	r := &runner{c: k.c, in: in}
	return []bot.Step{
		{Name: "repository", Title: "Repository", Timeout: time.Minute, Check: r.findRepository, Apply: r.makeRepository, Undo: r.removeRepository},
		{Name: "push", Title: "First commit", After: []string{"repository"}, Hidden: true, Idempotent: true, Timeout: 2 * time.Minute, Apply: r.push},
		{Name: "webhook", Title: "Webhook", After: []string{"push"}, Timeout: time.Minute, Check: r.findHook, Apply: r.makeHook, Undo: r.removeHook},
		{Name: "job", Title: r.jobTitle(), After: []string{"push"}, Timeout: time.Minute, Check: r.findJob, Apply: r.makeJob, Undo: r.removeJob},
		{Name: "environments", Title: "Environments", After: []string{"push"}, Idempotent: true, Apply: r.environments, Undo: r.emptyEnvironments},
	}, nil
}

// Finish makes the project active with the last message, or frees its name when
// all was undone.
func (k *kind) Finish(ctx context.Context, tx *bot.Tx, op *bot.Operation, steps []bot.StepRow) error {
	switch op.State {
	case bot.OperationUndone:
		return k.purge(ctx, tx, op)
	case bot.OperationSucceeded:
		p, err := tx.Projects.ByID(ctx, op.ProjectID)
		if err != nil {
			return err
		}
		p.State = bot.ProjectActive
		if err := tx.Projects.Put(ctx, p); err != nil {
			return err
		}
		return tx.Posts.Put(ctx, k.success(op, p, steps))
	}
	return nil
}

func (k *kind) purge(ctx context.Context, tx *bot.Tx, op *bot.Operation) error {
	made, err := tx.Resources.MadeBy(ctx, op.ID)
	if err != nil {
		return err
	}
	for _, r := range made {
		r.State = "removed"
		if err := tx.Resources.Put(ctx, r); err != nil {
			return err
		}
	}
	return tx.Projects.Purge(ctx, op.ProjectID)
}

// success is the last message, in words that people search their history for.
func (k *kind) success(op *bot.Operation, p bot.Project, steps []bot.StepRow) bot.Post {
	urls := map[string]string{}
	for _, s := range steps {
		urls[s.Name] = s.URL
	}
	forge, ci := bot.Escape(k.c.name(p.Forge)), bot.Escape(k.c.name(p.Pipeline))
	thread, under := op.EndIn()
	return bot.Post{
		Key: "op:" + op.ID + ":done", Room: op.Message.Room, Thread: thread, Under: under, Mention: op.Message.Author,
		Tone: bot.ToneGood, Cause: op.ID, Root: op.Cause.Root, Text: []bot.Text{
			"Success! Your project is available on " + forge + ": " + bot.Text(urls["repository"]),
			"Success! Your " + ci + " job is available at: " + bot.Text(urls["job"]),
			"To start the " + ci + " job use `buildNow " + bot.Text(p.Slug) + "`",
		},
	}
}

func (r *runner) jobTitle() string {
	return fmt.Sprintf("%s job", r.c.name(r.c.s.Defaults.Pipeline))
}
