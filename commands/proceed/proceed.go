// Package proceed is the command proceed: let a build go on that waits for somebody.
package proceed

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"opsbot/bot"
)

// Command is proceed.
type Command struct{ s *bot.Services }

var _ bot.FormCommand = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "proceed", Role: bot.RoleDeveloper, Secondary: true, Summary: "let a build go on that waits for an answer",
		Help: "The card of the change shows what it asks. Without a number the newest build that waits; `abort` ends it instead.",
		Params: []bot.Param{
			{Name: "name", Type: bot.ParamProject, Help: "the project", Example: "hello-world"},
			{Name: "branch", Type: bot.ParamBranch, Optional: true, Help: "the branch", Example: "main"},
			{Name: "number", Type: bot.ParamNumber, Optional: true, Help: "the build", Example: "#3"},
		},
		Flags: []bot.Flag{{Name: "input", Value: "ID", Help: "which question, if the build asks several at once"}},
		Pairs: "the values that the build asks for",
	}
}

// input is what the operation keeps.
type input struct {
	Instance string            `json:"instance"`
	Ref      bot.BuildRef      `json:"ref"`
	ID       string            `json:"id"`
	Values   map[string]string `json:"values,omitempty"`
}

// Run files the operation that answers.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	b, question, err := c.waiting(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := c.allowed(ctx, req.User, b, question); err != nil {
		return nil, err
	}
	values, err := answers(question, req.Args.Pairs)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(input{Instance: b.Instance, Ref: b.Ref, ID: question.ID, Values: values})
	if err != nil {
		return nil, fmt.Errorf("proceed %s: input: %w", req.Project.Slug, err)
	}
	op := &bot.Operation{
		ID: bot.NewID(req.Now), Kind: "proceed", ProjectID: req.Project.ID, Subject: req.Project.Slug, Input: body,
		Requester: req.User, Message: req.Message, CreatedAt: req.Now, Cause: req.Cause,
	}
	return &bot.Outcome{Commit: func(ctx context.Context, tx *bot.Tx) error { return c.s.Operations.Start(ctx, tx, op) }}, nil
}

// waiting finds the build that is meant and the question that it asks.
func (c *Command) waiting(ctx context.Context, req *bot.Request) (bot.Build, bot.Input, error) {
	if req.Project == nil { // a form for a line that names none
		return bot.Build{}, bot.Input{}, bot.Errorf(bot.CodeInvalid, "Say whose build is to go on: proceed NAME.")
	}
	var list []bot.Build
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		list, err = tx.Builds.Recent(ctx, req.Project.ID, req.Value("branch"), 100)
		return err
	})
	if err != nil {
		return bot.Build{}, bot.Input{}, err
	}
	number, _ := strconv.Atoi(req.Value("number"))
	for _, b := range list {
		if number > 0 && b.Ref.Number != number || len(b.Inputs) == 0 && number == 0 {
			continue
		}
		question, err := choose(b, req.Args.Flags["input"])
		return b, question, err
	}
	if number > 0 {
		return bot.Build{}, bot.Input{}, c.s.NoBuild(ctx, *req.Project, req.Value("branch"), number)
	}
	return bot.Build{}, bot.Input{}, bot.Errorf(bot.CodeNotFound, "No build of %s waits for an answer.",
		strings.TrimSuffix(req.Project.Slug+"/"+bot.Shorten(req.Value("branch"), 60), "/"))
}

func choose(b bot.Build, id string) (bot.Input, error) {
	var ids []string
	for _, q := range b.Inputs {
		if q.ID == id || id == "" && len(b.Inputs) == 1 {
			return q, nil
		}
		ids = append(ids, q.ID)
	}
	switch {
	case len(b.Inputs) == 0:
		return bot.Input{}, bot.Errorf(bot.CodeConflict, "Build #%d of %s does not wait for an answer (any more).", b.Ref.Number, b.Ref.Branch)
	case id == "":
		return bot.Input{}, bot.Errorf(bot.CodeInvalid, "Build #%d asks several questions at once; say which with --input: %s.", b.Ref.Number, strings.Join(ids, ", "))
	}
	return bot.Input{}, bot.Errorf(bot.CodeNotFound, "Build #%d does not ask %q%s", b.Ref.Number, bot.Shorten(id, 40), bot.Instead(id, ids))
}

// allowed holds to the pipeline's own list of who may answer: it would see only
// OpsBot's account. People choose how their chats call them, so a name that somebody
// else has, too, proves nothing.
func (c *Command) allowed(ctx context.Context, user bot.User, b bot.Build, q bot.Input) error {
	if len(q.Submitters) == 0 {
		return nil
	}
	names := strings.Join(q.Submitters, ", ")
	if !slices.ContainsFunc(q.Submitters, func(s string) bool { return strings.EqualFold(s, user.Name) }) {
		return bot.Errorf(bot.CodeForbidden, "Build #%d takes an answer from %s only.", b.Ref.Number, names)
	}
	var all []bot.User
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		all, err = tx.Users.List(ctx)
		return err
	})
	if slices.ContainsFunc(all, func(u bot.User) bool { return u.ID != user.ID && strings.EqualFold(u.Name, user.Name) }) {
		return bot.Errorf(bot.CodeForbidden, "Build #%d takes an answer from %s only, and several people are called that. "+
			"If both are you, `link` the accounts; else answer on the pipeline's own page.", b.Ref.Number, names)
	}
	return err
}

// answers checks the values against what is asked for, and fills in the defaults. A
// password's is the pipeline's own to fill in: an empty one in its place would be taken.
func answers(q bot.Input, pairs []bot.Pair) (map[string]string, error) {
	values := map[string]string{}
	var names []string
	for _, p := range q.Parameters {
		names = append(names, p.Name)
		if p.Kind == kindPassword {
			continue
		}
		values[p.Name] = p.Default
		if p.Default == "" && len(p.Choices) > 0 {
			values[p.Name] = p.Choices[0]
		}
	}
	for _, pair := range pairs {
		i := slices.Index(names, pair.Key)
		if i < 0 {
			return nil, bot.Errorf(bot.CodeInvalid, "The build does not ask for %s%s", bot.Shorten(pair.Key, 40), bot.Instead(pair.Key, names))
		}
		if err := fits(q.Parameters[i], pair.Value); err != nil {
			return nil, err
		}
		values[pair.Key] = pair.Value
	}
	return values, nil
}

// kindPassword is a parameter whose value nobody types into a chat.
const kindPassword = "password"

func fits(p bot.InputParameter, value string) error {
	switch {
	case p.Kind == "boolean" && value != "true" && value != "false":
		return bot.Errorf(bot.CodeInvalid, "%s must be true or false.", bot.Escape(p.Name))
	case len(p.Choices) > 0 && !slices.Contains(p.Choices, value):
		return bot.Errorf(bot.CodeInvalid, "%s can't be %q%s", bot.Escape(p.Name), bot.Shorten(value, 40), bot.Instead(value, p.Choices))
	case p.Kind == kindPassword:
		return bot.Errorf(bot.CodeInvalid, "%s is a password, and a chat is no place for one. Answer on the pipeline's own page.", bot.Escape(p.Name))
	}
	return nil
}

// Kinds are the operation kinds that the command brings.
func (c *Command) Kinds() []bot.OperationKind { return []bot.OperationKind{&kind{c}} }

type kind struct{ c *Command }

var (
	_ bot.OperationKind = (*kind)(nil)
	_ bot.OneShot       = (*kind)(nil)
)

func (*kind) Kind() string { return "proceed" }

func decode(op *bot.Operation) (in input, err error) {
	if err := json.Unmarshal(op.Input, &in); err != nil {
		return in, bot.Errorf(bot.CodeInternal, "The operation %s can't be read.", op.ID).Because(err)
	}
	return in, nil
}

func (*kind) Title(op *bot.Operation) bot.Text {
	in, err := decode(op)
	if err != nil {
		return "Letting a build of " + bot.Escape(op.Subject) + " go on"
	}
	return bot.Escape(fmt.Sprintf("Letting build #%d of %s/%s go on", in.Ref.Number, op.Subject, in.Ref.Branch))
}

// Instead tells what to do when the answer did not get through.
func (*kind) Instead(op *bot.Operation) string {
	in, err := decode(op)
	if err != nil {
		return "To try again: proceed " + op.Subject
	}
	return fmt.Sprintf("To try again: proceed %s %s #%d", op.Subject, bot.Quote(in.Ref.Branch), in.Ref.Number)
}

func (k *kind) Steps(op *bot.Operation) ([]bot.Step, error) {
	in, err := decode(op)
	if err != nil {
		return nil, err
	}
	return []bot.Step{{
		Name: "answer", Title: "Answer", Idempotent: true, Timeout: time.Minute,
		Apply: func(ctx context.Context, run bot.StepRun) (bot.StepResult, error) { return k.answer(ctx, run, in) },
	}}, nil
}

// answer answers. That the question is gone when it is asked about again is what our
// first try, whose end nobody saw, has done.
func (k *kind) answer(ctx context.Context, run bot.StepRun, in input) (bot.StepResult, error) {
	p, err := bot.Find[bot.Inputter](k.c.s.Integrations, in.Instance, "questions of builds")
	if err != nil {
		return bot.StepResult{}, err
	}
	err = p.AnswerInput(ctx, in.Ref, bot.InputAnswer{ID: in.ID, Proceed: true, Values: in.Values, By: run.Operation.Requester.Name})
	if run.Attempt > 1 && bot.CodeOf(err) == bot.CodeNotFound {
		err = nil
	}
	return bot.StepResult{}, err
}

func (*kind) Finish(context.Context, *bot.Tx, *bot.Operation, []bot.StepRow) error { return nil }
