package proceed

import (
	"context"
	"fmt"

	"opsbot/bot"
)

// Form asks for what the build asks for, of those who may answer: nobody fills in what
// is refused then.
func (c *Command) Form(ctx context.Context, req *bot.Request) (*bot.Form, error) {
	b, question, err := c.waiting(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := c.allowed(ctx, req.User, b, question); err != nil {
		return nil, err
	}
	proceed := question.Proceed
	if proceed == "" {
		proceed = "Proceed"
	}
	form := &bot.Form{
		Title: fmt.Sprintf("%s #%d", req.Project.Slug, b.Ref.Number), Submit: proceed, Intro: bot.Escape(question.Message),
	}
	for i, p := range question.Parameters {
		if p.Kind != kindPassword {
			form.Fields = append(form.Fields, field(i, p))
		}
	}
	return form, nil
}

// fieldName is by place: names in a Jenkinsfile may hold anything.
func fieldName(i int) string { return fmt.Sprintf("value_%d", i) }

func field(i int, p bot.InputParameter) bot.FormField {
	f := bot.FormField{Name: fieldName(i), Label: p.Name, Hint: p.Description, Kind: bot.FieldText, Value: p.Default}
	switch {
	case len(p.Choices) > 0:
		f.Kind, f.Required = bot.FieldSelect, true
		for _, v := range p.Choices {
			f.Options = append(f.Options, bot.FormOption{Value: v, Label: v})
		}
		if f.Value == "" {
			f.Value = p.Choices[0]
		}
	case p.Kind == "boolean":
		f.Kind = bot.FieldCheckbox
	}
	return f
}

// Fill makes arguments of a submitted form.
func (c *Command) Fill(ctx context.Context, req *bot.Request, values map[string]string) (bot.Args, map[string]string, error) {
	b, question, err := c.waiting(ctx, req)
	if err != nil {
		return req.Args, nil, err
	}
	if err := c.allowed(ctx, req.User, b, question); err != nil {
		return req.Args, nil, err
	}
	args, problems := req.Args, map[string]string{}
	args.Pairs = nil
	for i, p := range question.Parameters {
		value, given := values[fieldName(i)]
		if !given {
			continue
		}
		if err := fits(p, value); err != nil {
			problems[fieldName(i)] = bot.MessageOf(err)
		}
		args.Pairs = append(args.Pairs, bot.Pair{Key: p.Name, Value: value})
	}
	return args, problems, nil
}
