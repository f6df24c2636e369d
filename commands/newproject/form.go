package newproject

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"opsbot/bot"
)

var (
	_ bot.FormCommand  = (*Command)(nil)
	_ bot.FormVariants = (*Command)(nil)
)

// answer begins the name of a field that is a parameter of the blueprint.
const answer = "answer_"

// Variants gives a form for each blueprint, unless one was named.
func (c *Command) Variants(req *bot.Request) []bot.Args {
	usual := c.blueprint(req)
	out := []bot.Args{req.Args}
	if req.Args.Flags["blueprint"] != "" {
		return out
	}
	for _, info := range c.s.Blueprints.List() {
		if info.Name != usual {
			args := req.Args
			args.Flags = maps.Clone(args.Flags)
			if args.Flags == nil {
				args.Flags = map[string]string{}
			}
			args.Flags["blueprint"] = info.Name
			out = append(out, args)
		}
	}
	return out
}

// Form asks for the name and the blueprint's parameters.
func (c *Command) Form(_ context.Context, req *bot.Request) (*bot.Form, error) {
	info, err := c.s.Blueprints.Get(c.blueprint(req))
	if err != nil {
		return nil, err
	}
	form := &bot.Form{
		Title: "New " + info.Name, Submit: "Create",
		Intro: bot.Escape(info.Description) + bot.Text(" (`"+info.Name+"` "+info.Version+")"),
		Fields: []bot.FormField{{
			Name: "name", Label: "Name", Kind: bot.FieldText, Required: true, Max: 40, Value: req.Value("name"),
			Hint: "Lower-case letters, digits and dashes.",
		}},
	}
	given := map[string]string{}
	for _, pair := range req.Args.Pairs {
		given[pair.Key] = pair.Value
	}
	for _, p := range info.Parameters {
		form.Fields = append(form.Fields, field(p, given))
	}
	if owners := c.s.Owners(); len(owners) > 1 {
		owner := bot.FormField{Name: "owner", Label: "Owner", Kind: bot.FieldSelect, Value: c.owner(req), Required: true}
		for _, o := range owners {
			owner.Options = append(owner.Options, bot.FormOption{Value: o, Label: o})
		}
		form.Fields = append(form.Fields, owner)
	}
	if teams := c.s.Defaults.Teams; len(teams) > 0 {
		team := bot.FormField{Name: "team", Label: "Team", Kind: bot.FieldSelect, Value: req.Args.Flags["team"]}
		for _, t := range teams {
			team.Options = append(team.Options, bot.FormOption{Value: t, Label: t})
		}
		form.Fields = append(form.Fields, team)
	}
	private := bot.FormField{Name: "private", Label: "Private repository", Kind: bot.FieldCheckbox, Value: "false"}
	if req.Flag("private") {
		private.Value = "true"
	}
	form.Fields = append(form.Fields, private)
	return form, nil
}

// field asks for one parameter.
func field(p bot.BlueprintParameter, given map[string]string) bot.FormField {
	f := bot.FormField{Name: answer + p.Name, Label: p.Title, Hint: p.Description, Kind: bot.FieldText, Required: p.Required, Value: p.Default}
	if f.Label == "" {
		f.Label = p.Name
	}
	if v, ok := given[p.Name]; ok {
		f.Value = v
	}
	switch {
	case len(p.Enum) > 0:
		f.Kind = bot.FieldSelect
		for _, v := range p.Enum {
			f.Options = append(f.Options, bot.FormOption{Value: v, Label: v})
		}
	case p.Type == "boolean":
		f.Kind = bot.FieldCheckbox
	case p.Type == "integer" || p.Type == "number":
		f.Kind = bot.FieldNumber
	}
	return f
}

// Fill makes arguments of a submitted form. What was typed and the form does not ask
// for stays: a dry run is one. An answer left empty is not given: the
// blueprint then says what it is, or that it is needed.
func (c *Command) Fill(_ context.Context, req *bot.Request, values map[string]string) (bot.Args, map[string]string, error) {
	args := bot.Args{Values: map[string]string{"name": strings.TrimSpace(values["name"])}, Flags: maps.Clone(req.Args.Flags)}
	if args.Flags == nil {
		args.Flags = map[string]string{}
	}
	if owner := values["owner"]; owner != "" {
		args.Flags["owner"] = owner
	}
	if team := values["team"]; team != "" {
		args.Flags["team"] = team
	}
	delete(args.Flags, "private")
	if values["private"] == "true" {
		args.Flags["private"] = "true"
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if name, is := strings.CutPrefix(key, answer); is && values[key] != "" {
			args.Pairs = append(args.Pairs, bot.Pair{Key: name, Value: values[key]})
		}
	}
	if err := bot.CheckSlug(args.Values["name"]); err != nil {
		return args, map[string]string{"name": bot.MessageOf(err)}, nil
	}
	try := *req
	try.Args = args
	_, err := c.prepare(&try)
	var wrong bot.FieldProblems
	switch {
	case errors.As(err, &wrong):
		problems := map[string]string{}
		for name, text := range wrong {
			problems[answer+name] = text
		}
		return args, problems, nil
	case bot.CodeOf(err) == bot.CodeInvalid:
		return args, map[string]string{"name": bot.MessageOf(err)}, nil
	}
	return args, nil, err
}
