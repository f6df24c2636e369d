package engine

import (
	"context"
	"strings"

	"opsbot/bot"
	"opsbot/bot/jenkinsfile"
)

// Asker is what a Host may do besides: ask a person.
type Asker interface {
	// Ask puts a question, without an id, to a person and waits for the answer, or for
	// the end of ctx.
	Ask(ctx context.Context, q bot.Input) (bot.InputAnswer, error)
}

// question is one input step or section.
type question struct {
	bot.Input
	cancel string
	// submitterParameter is the name of the value that says who answered.
	submitterParameter string
	// defaults are those of the parameters, a password's too.
	defaults map[string]string
}

// input is the input step. It returns what was entered: nothing, one value, or a map.
func (f frame) input(a arguments) (any, error) {
	parameters, _ := a.value("parameters", false)
	values, err := f.ask(a, iterable(parameters))
	switch {
	case err != nil || len(values.keys) == 0:
		return nil, err
	case len(values.keys) == 1:
		return values.vals[0], nil
	}
	return values, nil
}

// withInput asks a stage's question before body, whose environment has the answers.
func (f frame) withInput(in *jenkinsfile.Input, body func(frame) error) error {
	if in == nil {
		return body(f)
	}
	a := arguments{named: &dict{}}
	for _, field := range in.Fields {
		v, err := f.eval(field.Value)
		if err != nil {
			return err
		}
		a.named.put(field.Name, v)
	}
	var parameters []any
	if in.Parameters != nil {
		for _, call := range in.Parameters.Calls {
			p, err := f.evalArgs(call)
			if err != nil {
				return err
			}
			p.named.put(symbolKey, call.Method())
			parameters = append(parameters, p.named)
		}
	}
	values, err := f.ask(a, parameters)
	if err != nil {
		return err
	}
	layer := map[string]string{}
	for i, name := range values.keys {
		layer[toString(name)] = toString(values.vals[i])
	}
	f.env = f.env.with(layer)
	return body(f)
}

// ask puts the question and waits for its answer: the values by name, in the order of
// the parameters.
func (f frame) ask(a arguments, parameters []any) (*dict, error) {
	q, err := f.question(a, parameters)
	if err != nil {
		return nil, err
	}
	asker, ok := f.run.host.(Asker)
	if !ok {
		return nil, throwable(classUnsupported, "nobody can be asked here")
	}
	f.announce(q)
	var answer bot.InputAnswer
	err = f.outside(func(ctx context.Context) error {
		answer, err = asker.Ask(ctx, q.Input)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case !answer.Proceed:
		return nil, interrupted(Interruption{RejectedBy: answer.By})
	case answer.By != "":
		f.run.console.say("Approved by " + answer.By)
	}
	return f.entered(q, answer), nil
}

// announce writes the question into the log. Jenkins shows no more than "Input
// requested" of one with parameters.
func (f frame) announce(q question) {
	f.run.console.say(q.Message)
	if len(q.Parameters) == 0 && q.submitterParameter == "" {
		f.run.console.say(q.Proceed + " or " + q.cancel)
		return
	}
	f.run.console.say("Input requested")
}

// entered are the values of an answer, those left out with their defaults.
func (f frame) entered(q question, answer bot.InputAnswer) *dict {
	values := &dict{}
	for _, p := range q.Parameters {
		text, ok := answer.Values[p.Name]
		if !ok {
			text = q.defaults[p.Name]
		}
		switch p.Kind {
		case "boolean":
			values.put(p.Name, text == "true")
			continue
		case "password":
			f.run.console.hide(text)
		}
		values.put(p.Name, text)
	}
	if q.submitterParameter != "" {
		values.put(q.submitterParameter, answer.By)
	}
	return values
}

// question reads the step's arguments.
func (f frame) question(a arguments, parameters []any) (question, error) {
	show := func(name string, sole bool) string { return f.run.console.mask(a.text(name, sole)) }
	q := question{
		Input: bot.Input{Message: show("message", true), Proceed: show("ok", false), ID: show("id", false)}, cancel: show("cancel", false),
		submitterParameter: a.text("submitterParameter", false), defaults: map[string]string{},
	}
	if q.Proceed == "" {
		q.Proceed = "Proceed"
	}
	if q.cancel == "" {
		q.cancel = "Abort"
	}
	for name := range strings.SplitSeq(a.text("submitter", false), ",") {
		if name = strings.TrimSpace(name); name != "" {
			q.Submitters = append(q.Submitters, name)
		}
	}
	for _, item := range parameters {
		p, err := f.inputParameter(item)
		if err != nil {
			return q, err
		}
		q.defaults[p.Name] = p.Default
		if p.Kind == "password" {
			p.Default = "" // goes to nobody who only looks
		}
		q.Parameters = append(q.Parameters, p)
	}
	return q, nil
}

func (f frame) inputParameter(item any) (bot.InputParameter, error) {
	d, ok := item.(*dict)
	if !ok {
		return bot.InputParameter{}, throwable(classArgument, "a parameter is %s", toString(item))
	}
	a := arguments{named: d}
	kind := a.symbol()
	p := bot.InputParameter{
		Name: a.text("name", false), Kind: kind, Description: f.run.console.mask(a.text("description", false)),
		Default: a.text("defaultValue", false),
	}
	switch kind {
	case "booleanParam":
		p.Kind, p.Default = "boolean", "false"
		if a.flag("defaultValue", false) {
			p.Default = "true"
		}
	case "choice":
		v, _ := a.value("choices", false)
		if p.Choices = choices(v); len(p.Choices) > 0 {
			p.Default = p.Choices[0]
		}
	}
	if p.Name == "" {
		return p, throwable(classArgument, "a parameter without a name")
	}
	return p, nil
}

// choices are the items of a list or the lines of a text.
func choices(v any) []string {
	if text, ok := v.(string); ok {
		return strings.Split(text, "\n")
	}
	var all []string
	for _, item := range iterable(v) {
		all = append(all, toString(item))
	}
	return all
}
