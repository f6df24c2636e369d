package secret

import (
	"context"
	"encoding/base64"
	"strings"

	"opsbot/bot"
)

// The fields of the form. Encoded is none that a chat shows: with "base64" in it the
// value is written so, for whoever has bytes that are no text.
const (
	fieldKey     = "key"
	fieldEnv     = "env"
	fieldUser    = "user"
	fieldValue   = "value"
	fieldName    = "file_name"
	FieldEncoded = "encoded"
)

// keyRule says what a key is.
const keyRule = "A secret's key begins with a letter and has letters, digits, dots, dashes and underscores."

// Asks implements bot.FormAsker: what is set is never typed.
func (c *Command) Asks(args bot.Args) string {
	if action(args) != set {
		return ""
	}
	return "The value is never typed into the chat: the form asks for it."
}

// Form asks for the value, and for the key if the line had none.
func (c *Command) Form(ctx context.Context, req *bot.Request) (*bot.Form, error) {
	if action(req.Args) != set {
		return nil, bot.Errorf(bot.CodeInvalid, "Only `secret set` has a form.")
	}
	if _, err := c.writable(ctx, req); err != nil {
		return nil, err
	}
	form := &bot.Form{
		Title: "Secret", Submit: "Set",
		Intro: "For " + bot.Escape(req.Project.Slug) + ". It is kept encrypted and shown to nobody, you included.",
	}
	key := req.Value("key")
	if key != "" && !bot.IsSecretKey(key) { // it may be the value: what a form opens with is stored
		return nil, bot.Errorf(bot.CodeInvalid, "%s The value is never typed in its place.", keyRule)
	}
	if key != "" {
		form.Intro = named(key, req.Project.Slug, req.Value("env")) + ". It is kept encrypted and shown to nobody, you included."
	} else {
		form.Fields = append(form.Fields, bot.FormField{
			Name: fieldKey, Label: "Key", Kind: bot.FieldText, Required: true, Max: 100, Hint: "What it is called, as in credentials('KEY'): DB_PASSWORD",
		}, c.environments(req.Value("env")))
	}
	form.Fields = append(form.Fields, valueFields(kindOf(req.Args))...)
	return form, nil
}

// anywhere is the choice of no environment; a select has no empty one.
const anywhere = "*"

func (c *Command) environments(chosen string) bot.FormField {
	f := bot.FormField{
		Name: fieldEnv, Label: "For", Kind: bot.FieldSelect, Value: anywhere, Required: true,
		Options: []bot.FormOption{{Value: anywhere, Label: "builds and every environment"}},
	}
	for _, e := range c.s.Environments {
		f.Options = append(f.Options, bot.FormOption{Value: e.Name, Label: "what runs in " + e.Name})
		if strings.EqualFold(e.Name, chosen) {
			f.Value = e.Name
		}
	}
	return f
}

func valueFields(kind bot.SecretKind) []bot.FormField {
	value := bot.FormField{Name: fieldValue, Label: "Value", Kind: bot.FieldSecret, Required: true}
	switch kind {
	case bot.SecretFile:
		value.Label, value.Lines = "Content", true
		name := bot.FormField{Name: fieldName, Label: "File name", Kind: bot.FieldText, Max: 100, Hint: "Without folders; the key if it is empty."}
		return []bot.FormField{name, value}
	case bot.SecretLogin:
		value.Label = "Password"
		return []bot.FormField{{Name: fieldUser, Label: "User", Kind: bot.FieldText, Required: true, Max: 1000}, value}
	}
	return []bot.FormField{value}
}

// Fill makes arguments of a submitted form. The value stays in the request's form: what
// is an argument is stored and shown.
func (c *Command) Fill(_ context.Context, req *bot.Request, values map[string]string) (bot.Args, map[string]string, error) {
	args := bot.Args{Values: map[string]string{}, Flags: req.Args.Flags}
	for name, value := range req.Args.Values {
		args.Values[name] = value
	}
	if args.Values["key"] == "" {
		args.Values["key"] = strings.TrimSpace(values[fieldKey])
		if env := values[fieldEnv]; env != "" && env != anywhere {
			args.Values["env"] = env
		} else {
			delete(args.Values, "env")
		}
		if !bot.IsSecretKey(args.Values["key"]) {
			return args, map[string]string{fieldKey: keyRule}, nil
		}
	}
	try := *req
	try.Args, try.Form, try.Project = args, values, &bot.Project{ID: "any"} // which one it is, is looked up later
	if _, err := submitted(&try, args.Values["env"]); err != nil {
		return args, map[string]string{fieldValue: bot.MessageOf(err)}, nil
	}
	return args, nil, nil
}

// submitted is what the form submitted; an error says what is wrong with it.
func submitted(req *bot.Request, env string) (bot.SecretValue, error) {
	kind := kindOf(req.Args)
	s := bot.SecretValue{
		ProjectSecret: bot.ProjectSecret{
			ProjectID: req.Project.ID, Key: req.Value("key"), Environment: env, Kind: kind, By: req.User.ID, ByName: req.User.Name,
		},
	}
	if kind == bot.SecretLogin {
		s.User = strings.TrimSpace(req.Form[fieldUser])
	}
	if kind == bot.SecretFile {
		s.FileName = strings.TrimSpace(req.Form[fieldName])
	}
	var ok bool
	if s.Value, ok = content(kind, req.Form); !ok {
		return s, bot.Errorf(bot.CodeInvalid, "The value can't be read.")
	}
	return s, s.Check()
}

// content is the value as it was meant: no newline behind a password that was pasted,
// and in a file those of files, the last one included, not those of forms.
func content(kind bot.SecretKind, values map[string]string) ([]byte, bool) {
	text := values[fieldValue]
	if values[FieldEncoded] == "base64" {
		raw, err := base64.StdEncoding.DecodeString(text)
		return raw, err == nil
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if kind != bot.SecretFile {
		return []byte(strings.TrimRight(text, "\n")), true
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return []byte(text), true
}
