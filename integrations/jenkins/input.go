package jenkins

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"opsbot/bot"
)

// PendingInput is a question that a build waits for.
type PendingInput struct {
	ID      string
	Message string // foreign text
	Proceed string // label of the button that goes on; foreign text
	Fields  []PendingField
}

// PendingField is a value that goes with the answer.
type PendingField struct{ Name, Kind, Default string }

type inputJSON struct {
	ID          string `json:"id"`
	ProceedText string `json:"proceedText"`
	Message     string `json:"message"`
	Inputs      []struct {
		Type       string `json:"type"`
		Name       string `json:"name"`
		Definition struct {
			Default any `json:"defaultVal"`
		} `json:"definition"`
	} `json:"inputs"`
}

// PendingInputs lists the questions that a build waits for. It needs the stage
// view's plugin; without it there are none.
func (s *Service) PendingInputs(ctx context.Context, ref bot.BuildRef) ([]PendingInput, error) {
	_, at, err := s.logPath(ctx, ref)
	if err != nil {
		return nil, err
	}
	return s.inputs(ctx, at)
}

func (s *Service) inputs(ctx context.Context, at string) ([]PendingInput, error) {
	var got []inputJSON
	err := s.getInto(ctx, at+"wfapi/pendingInputActions", nil, &got)
	if httpStatus(err) == http.StatusNotFound {
		return nil, nil
	}
	var out []PendingInput
	for _, j := range got {
		p := PendingInput{ID: j.ID, Message: firstLine(j.Message), Proceed: bot.Shorten(j.ProceedText, 60)}
		for _, f := range j.Inputs {
			text, _ := f.Definition.Default.(string)
			p.Fields = append(p.Fields, PendingField{Name: f.Name, Kind: f.Type, Default: text})
		}
		out = append(out, p)
	}
	return out, err
}

func (s *Service) waitsFor(ctx context.Context, at string) (string, error) {
	all, err := s.inputs(ctx, at)
	if err != nil || len(all) == 0 {
		return "Waits for input", err
	}
	return "Waits for input: " + all[0].Message, nil
}

// AnswerInput answers a question: on with the values, or not. CodeNotFound if it
// was answered already.
func (s *Service) AnswerInput(ctx context.Context, ref bot.BuildRef, id string, proceed bool, values map[string]string) error {
	_, at, err := s.logPath(ctx, ref)
	if err != nil {
		return err
	}
	if id == "" || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return bot.Errorf(bot.CodeNotFound, "The build has no such question.")
	}
	c := command{at: at + "input/" + id + "/abort"}
	if proceed {
		type parameter struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		}
		list := []parameter{}
		for name, value := range values {
			list = append(list, parameter{name, value})
		}
		body, err := json.Marshal(map[string]any{"parameter": list})
		if err != nil {
			return bot.Errorf(bot.CodeInternal, "The answer can't be encoded.").Because(err)
		}
		c = command{at: at + "wfapi/inputSubmit", query: query{"inputId": id}, form: url.Values{"json": {string(body)}}}
	}
	_, err = s.post(ctx, c)
	if httpStatus(err) == http.StatusNotFound {
		return bot.Errorf(bot.CodeNotFound, "The question was answered already, or the build has ended.").Because(err)
	}
	return err
}
