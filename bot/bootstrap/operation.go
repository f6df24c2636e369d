package bootstrap

import (
	"context"
	"encoding/json"
	"time"

	"opsbot/bot"
)

// The operation kinds of a project made anew and of one made around a repository.
const (
	KindNew   = "new-project"
	KindAdopt = "adopt"
)

type kind struct {
	s    *Service
	name string
}

var _ bot.OperationKind = (*kind)(nil)

func (k *kind) Kind() string { return k.name }

func decode(op *bot.Operation) (in input, err error) {
	if err := json.Unmarshal(op.Input, &in); err != nil {
		return in, bot.Errorf(bot.CodeInternal, "The operation %s can't be read.", op.ID).Because(err)
	}
	return in, nil
}

// Title: Creating hello-world from go-service 1.2.0 in foo-org.
func (k *kind) Title(op *bot.Operation) bot.Text {
	in, err := decode(op)
	verb := bot.Text("Creating ")
	switch op.State {
	case bot.OperationUndoing:
		verb = "Undoing "
	case bot.OperationUndone:
		verb = "Undid "
	case bot.OperationSucceeded:
		verb = "Created "
	}
	if k.name == KindAdopt {
		switch verb {
		case "Creating ":
			verb = "Adopting "
		case "Created ":
			verb = "Adopted "
		}
		return verb + bot.Escape(op.Subject)
	}
	if err != nil {
		return verb + bot.Escape(op.Subject)
	}
	text := verb + bot.Escape(op.Subject) + " from " + bot.Escape(in.Render.Blueprint+" "+in.Render.Version) + " in " + bot.Escape(in.Render.Owner)
	if in.Note != "" {
		text += " (" + bot.Escape(in.Note) + ")"
	}
	return text
}

// Steps: repository, its first commit, then everything else side by side. The job
// comes after the webhook's target exists, never before the push.
func (k *kind) Steps(op *bot.Operation) ([]bot.Step, error) {
	in, err := decode(op)
	if err != nil {
		return nil, err
	}
	r := &runner{s: k.s, in: in}
	first, last := k.made(r), "push"
	if k.name == KindAdopt {
		first, last = k.adopted(r), "repository"
	}
	after := []string{last}
	steps := append(first,
		bot.Step{Name: "webhook", Title: "Webhook", After: after, Timeout: time.Minute, Check: r.findHook, Apply: r.makeHook, Undo: r.removeHook},
		bot.Step{Name: "job", Title: k.jobTitle(in), After: after, Timeout: time.Minute, Check: r.findJob, Apply: r.makeJob, Undo: r.removeJob},
	)
	steps = append(steps, r.provisionSteps(after)...)
	if in.Join {
		steps = append(steps, bot.Step{
			Name: "room", Title: "Room", After: after, Hidden: true, Skippable: true, Idempotent: true, Timeout: time.Minute, Apply: r.joinRoom,
		})
	}
	return append(steps, bot.Step{
		Name: "environments", Title: "Environments", After: after, Idempotent: true, Apply: r.environments, Undo: r.emptyEnvironments,
	}), nil
}

// made are the first steps of a project made anew.
func (k *kind) made(r *runner) []bot.Step {
	steps := []bot.Step{
		{Name: "repository", Title: "Repository", Timeout: time.Minute, Check: r.findRepository, Apply: r.makeRepository, Undo: r.removeRepository},
		{Name: "push", Title: "First commit", After: []string{"repository"}, Hidden: true, Idempotent: true, Timeout: 2 * time.Minute, Apply: r.push},
	}
	if r.in.Protect {
		steps = append(steps, bot.Step{
			Name: "protection", Title: "Branch protection", After: []string{"push"}, Hidden: true, Skippable: true, Idempotent: true,
			Timeout: time.Minute, Apply: r.protect, Undo: r.unprotect,
		})
	}
	return steps
}

// adopted are the first steps around a repository that is there. What it holds is
// never undone: none of it is ours but the pull request.
func (k *kind) adopted(r *runner) []bot.Step {
	steps := []bot.Step{{Name: "repository", Title: "Repository", Idempotent: true, Timeout: time.Minute, Apply: r.adoptRepository}}
	if r.in.Render.Blueprint != "" {
		steps = append(steps, bot.Step{
			Name: "pull-request", Title: "Pull request", After: []string{"repository"}, Skippable: true, Timeout: time.Minute,
			Check: r.findProposal, Apply: r.propose, Undo: r.withdraw,
		})
	}
	return steps
}

// jobTitle names the pipeline that the project was filed with.
func (k *kind) jobTitle(in input) string {
	if in.Pipeline == "" {
		in.Pipeline = k.s.s.Defaults.Pipeline
	}
	return k.s.name(in.Pipeline) + " job"
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
	all, err := tx.Resources.Of(ctx, op.ProjectID)
	if err != nil {
		return err
	}
	for _, r := range all {
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
	forge, ci := bot.Escape(k.s.name(p.Forge)), bot.Escape(k.s.name(p.Pipeline))
	lines := []bot.Text{"Success! Your project is available on " + forge + ": " + bot.Text(urls["repository"])}
	if u := urls["pull-request"]; u != "" {
		lines = append(lines, "Nothing is built until the pull request with the Jenkinsfile is merged: "+bot.Text(u))
	}
	lines = append(lines,
		"Success! Your "+ci+" job is available at: "+bot.Text(urls["job"]),
		"To start the "+ci+" job use `buildNow "+bot.Text(p.Slug)+"`")
	thread, under := op.EndIn()
	return bot.Post{
		Key: "op:" + op.ID + ":done", Room: op.Message.Room, Thread: thread, Under: under, Mention: op.Message.Author,
		Tone: bot.ToneGood, Cause: op.ID, Root: op.Cause.Root, Text: lines,
	}
}
