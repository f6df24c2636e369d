package router

import (
	"context"
	"maps"
	"testing"

	"opsbot/bot"
)

// form is a command that can be filled in: "make NAME [--size S]".
type form struct {
	fake
	fills int
}

var _ bot.FormCommand = (*form)(nil)

func (f *form) Form(_ context.Context, req *bot.Request) (*bot.Form, error) {
	return &bot.Form{Title: "Make one", Submit: "Make", Fields: []bot.FormField{
		{Name: "name", Label: "Name", Kind: bot.FieldText, Required: true, Value: req.Value("name")},
		{Name: "size", Label: "Size", Kind: bot.FieldNumber, Value: req.Args.Flags["size"]},
	}}, nil
}

func (f *form) Fill(_ context.Context, req *bot.Request, values map[string]string) (bot.Args, map[string]string, error) {
	f.fills++
	args := bot.Args{Values: map[string]string{}, Flags: maps.Clone(req.Args.Flags)}
	problems := map[string]string{}
	if values["name"] == "" {
		problems["name"] = "It needs a name."
	}
	if values["size"] == "big" {
		problems["size"] = "Say it in numbers."
	}
	if values["name"] == "panic" {
		return slip(nil), nil, nil
	}
	if values["name"] == "nowhere" {
		return args, nil, bot.Errorf(bot.CodeNotFound, "There is no such place.")
	}
	args.Values["name"] = values["name"]
	if values["size"] != "" {
		args.Flags["size"] = values["size"]
	}
	return args, problems, nil
}

// slip is a programming error that must not end the process.
func slip(list []bot.Args) bot.Args { return list[0] }

// ordered is a form whose command asks first.
type ordered struct{ form }

var _ bot.Planner = (*ordered)(nil)

func (o *ordered) Plan(_ context.Context, req *bot.Request) (*bot.Plan, error) {
	return &bot.Plan{Title: "Order of " + bot.Escape(req.Value("name")), Content: []byte(`"x"`)}, nil
}

// newForms gives a rig whose chat opens forms, with make, and order, which asks first.
func newForms(t *testing.T) (*rig, *form) {
	t.Helper()
	var r *rig
	run := func(_ context.Context, req *bot.Request) (*bot.Outcome, error) {
		if req.Value("name") == "taken" {
			return nil, bot.Errorf(bot.CodeConflict, "There is a taken already.")
		}
		return &bot.Outcome{Reply: &bot.Post{Text: []bot.Text{"made " + bot.Escape(req.Value("name"))}}, Commit: func(context.Context, *bot.Tx) error {
			r.ran = append(r.ran, req.Spec.Format(req.Args))
			return nil
		}}, nil
	}
	name := bot.Param{Name: "name", Type: bot.ParamNewName, Example: "it"}
	size := []bot.Flag{{Name: "size", Value: "S"}}
	f := &form{fake: fake{bot.Spec{Verb: "make", Aliases: []string{"build-it"}, Params: []bot.Param{name}, Flags: size}, run}}
	o := &ordered{form: form{fake: fake{bot.Spec{Verb: "order", Params: []bot.Param{name}, Flags: size, Confirm: true}, run}}}
	r = newRig(t, f, o)
	r.opt.Opens = func(instance string) bool { return instance == "console" }
	r.reopen()
	return r, f
}

// slash is a line of a slash command.
func slash(m *bot.Message) { m.Addressed, m.Loose = true, true }

// submit makes a message what a form submits.
func submit(id string, values map[string]string) func(*bot.Message) {
	return func(m *bot.Message) { m.Action, m.Form, m.Loose = id, values, true }
}

func elsewhere(m *bot.Message) { m.Room.ID = "elsewhere" }

// opened asks the desk for a form that must be given.
func (r *rig) opened(from, text string, with ...func(*bot.Message)) *bot.Form {
	r.t.Helper()
	got, err := r.router.Form(r.t.Context(), r.message(from, text, with...))
	if err != nil || got == nil {
		r.t.Fatalf("no form: %v, %v", got, err)
	}
	return got
}

// checked has the desk try what a form submits.
func (r *rig) checked(from, id string, values map[string]string, with ...func(*bot.Message)) map[string]string {
	r.t.Helper()
	got, err := r.router.Check(r.t.Context(), r.message(from, "", append([]func(*bot.Message){submit(id, values)}, with...)...))
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

func (r *rig) storedAction(id string) (a bot.Action) {
	r.t.Helper()
	r.read(func(ctx context.Context, tx *bot.Tx) (err error) {
		a, err = tx.Actions.Get(ctx, id)
		return err
	})
	return a
}
