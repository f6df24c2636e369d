package jenkins

import (
	"context"
	"net/http"
	"strconv"

	"opsbot/bot"
)

// inputJSON is a question as the stage view's plugin tells it: who may answer it
// does not say.
type inputJSON struct {
	ID         string           `json:"id"`
	Proceed    string           `json:"proceedText"`
	Message    string           `json:"message"`
	Parameters []inputParameter `json:"inputs"`
}

type inputParameter struct {
	Type        string `json:"type"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Definition  struct {
		Default any      `json:"defaultVal"`
		Choices []string `json:"choices"`
	} `json:"definition"`
}

// Bounds of what is taken over of questions.
const (
	maxInputs     = 20
	maxParameters = 50
	maxChoices    = 200
)

// The kinds of parameters that are not sent as they are typed.
const (
	kindBoolean  = "boolean"
	kindChoice   = "choice"
	kindPassword = "password"
)

// PendingInputs implements bot.Inputter. It needs the stage view's plugin:
// CodeUnsupported without.
func (s *Service) PendingInputs(ctx context.Context, ref bot.BuildRef) ([]bot.Input, error) {
	ref, at, err := s.locate(ctx, ref)
	if err != nil || ref.Number == 0 {
		return nil, err
	}
	all, err := s.questions(ctx, at)
	if httpStatus(err) == http.StatusNotFound {
		return nil, s.noInputs(at).Because(err)
	}
	return inputsOf(all), err
}

func (s *Service) noInputs(at string) *bot.Error {
	return bot.Errorf(bot.CodeUnsupported, "Jenkins lacks the plugin pipeline-rest-api, so OpsBot can't see or answer what builds ask: do that at %s", s.link(at+"input/"))
}

// locate gives a build by its job's name, with its number and queue id, and where it
// is. The number is 0 if it waits in the queue.
func (s *Service) locate(ctx context.Context, ref bot.BuildRef) (bot.BuildRef, string, error) {
	ref, at, err := s.logPath(ctx, ref)
	if err != nil || ref.Number == 0 {
		return ref, at, err
	}
	var got buildJSON
	err = s.getJSON(ctx, at, "number,queueId", &got)
	if httpStatus(err) == http.StatusNotFound {
		// The branch's job may be called otherwise than we think.
		b, err := s.status(ctx, ref)
		return b.Ref, buildPath(ref.Job, s.nameOf(ref.Job, ref.Branch), ref.Number), err
	}
	if got.QueueID > 0 {
		ref.Queue = strconv.FormatInt(got.QueueID, 10)
	}
	return ref, at, err
}

func (s *Service) questions(ctx context.Context, at string) ([]inputJSON, error) {
	var got []inputJSON
	err := s.getInto(ctx, at+"wfapi/pendingInputActions", nil, &got)
	return got[:min(len(got), maxInputs)], err
}

func inputsOf(all []inputJSON) []bot.Input {
	var out []bot.Input
	for _, j := range all {
		in := bot.Input{ID: j.ID, Message: firstLine(j.Message), Proceed: bot.Shorten(j.Proceed, 60)}
		for _, p := range j.Parameters[:min(len(j.Parameters), maxParameters)] {
			in.Parameters = append(in.Parameters, p.convert())
		}
		out = append(out, in)
	}
	return out
}

func (p inputParameter) convert() bot.InputParameter {
	choices := p.Definition.Choices
	out := bot.InputParameter{
		Name: p.Name, Kind: "string", Description: firstLine(p.Description),
		Default: bot.Shorten(p.preset(), 4000), Choices: choices[:min(len(choices), maxChoices)],
	}
	switch p.Type {
	case "BooleanParameterDefinition":
		out.Kind = kindBoolean
	case "ChoiceParameterDefinition":
		out.Kind = kindChoice
	case "TextParameterDefinition":
		out.Kind = "text"
	case "PasswordParameterDefinition":
		out.Kind, out.Default = kindPassword, "" // a secret of theirs: Jenkins fills it in
	}
	return out
}

// preset is the default as text.
func (p inputParameter) preset() string {
	switch v := p.Definition.Default.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// noteInputs remembers that these questions were asked and returns how many things
// have happened to the build's questions so far: each is asked and, unless it is
// among them, was answered. That only grows, whoever looks.
func (s *Service) noteInputs(ctx context.Context, ref bot.BuildRef, d queueDoc, pending []bot.Input) (happened int64, err error) {
	asked := map[string]bool{}
	for _, id := range d.Asked {
		asked[id] = true
	}
	isNew := false
	for _, in := range pending {
		isNew = isNew || !asked[in.ID]
		asked[in.ID] = true
	}
	if isNew && ref.Queue != "" {
		err = change(ctx, s, kindQueue, queueKey(ref.Job, ref.Queue), func(d *queueDoc, _ bool) error {
			for _, in := range pending {
				d.ask(in.ID)
			}
			d.Branch, d.At = ref.Branch, s.env.Clock.Now()
			return nil
		})
	}
	return int64(2*len(asked) - len(pending)), err
}
