package render

import (
	"fmt"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"

	"opsbot/bot"
	"opsbot/integrations/mattermost/markup"
)

// Bounds of a dialog. A server opens what is over them all the same, and warns in its
// log alone; clients cut it, or refuse to send it.
const (
	mostElements = 25
	mostOptions  = 100
	mostValue    = 300 // runes of an option's text
	textLength   = model.DialogElementTextMaxLength
)

// Form renders a form; URL and State are the caller's.
func Form(f bot.Form) model.Dialog {
	d := model.Dialog{
		CallbackId: f.ID, Title: cut(f.Title, model.DialogTitleMaxLength), IntroductionText: markup.Text(f.Intro),
		SubmitLabel: cut(f.Submit, model.DialogTitleMaxLength),
	}
	if d.Title == "" {
		d.Title = "OpsBot"
	}
	fields, left := choose(f.Fields)
	for _, field := range fields {
		d.Elements = append(d.Elements, element(field))
	}
	if left > 0 {
		note := fmt.Sprintf("%d more can be given by typing the command.", left)
		d.IntroductionText = join(d.IntroductionText, note)
	}
	return d
}

// choose leaves out optional fields of a form that has too many.
func choose(fields []bot.FormField) (chosen []bot.FormField, left int) {
	over := len(fields) - mostElements
	for i := len(fields) - 1; i >= 0; i-- {
		if over > 0 && !fields[i].Required {
			over, left = over-1, left+1
			continue
		}
		chosen = append([]bot.FormField{fields[i]}, chosen...)
	}
	return chosen, left
}

func element(f bot.FormField) model.DialogElement {
	e := model.DialogElement{
		DisplayName: cut(f.Label, model.DialogElementDisplayNameMaxLength), Name: f.Name, Type: "text",
		HelpText: cut(f.Hint, model.DialogElementHelpTextMaxLength), Optional: !f.Required, Default: f.Value,
	}
	if e.DisplayName == "" {
		e.DisplayName = cut(f.Name, model.DialogElementDisplayNameMaxLength)
	}
	switch f.Kind {
	case bot.FieldNumber:
		e.SubType, e.MaxLength = "number", textLength
	case bot.FieldSelect:
		selectOf(&e, f)
	case bot.FieldCheckbox:
		e.Type, e.Optional = "bool", true // "false" is an answer; required would mean ticked
		e.Placeholder = cut(f.Label, model.DialogElementBoolMaxLength)
		if f.Value != "true" {
			e.Default = "false"
		}
	case bot.FieldSecret:
		secret(&e, f)
	default:
		length(&e, f.Max)
	}
	return e
}

// secret hides what is typed where that is one short line: Mattermost hides no others.
func secret(e *model.DialogElement, f bot.FormField) {
	e.Default = ""
	if f.Lines {
		length(e, model.DialogElementTextareaMaxLength)
		return
	}
	e.SubType, e.MaxLength = "password", textLength
	if f.Max > 0 {
		e.MaxLength = min(f.Max, textLength)
	}
	note := fmt.Sprintf("At most %d characters here; `--kind=file` takes more.", e.MaxLength)
	e.HelpText = cut(strings.TrimSpace(f.Hint+" "+note), model.DialogElementHelpTextMaxLength)
}

// length bounds a text: what is long gets several lines.
func length(e *model.DialogElement, most int) {
	switch {
	case most > textLength || len(e.Default) > textLength:
		e.Type, e.MaxLength = "textarea", model.DialogElementTextareaMaxLength
	default:
		e.MaxLength = textLength
	}
	if most > 0 {
		e.MaxLength = min(most, e.MaxLength)
	}
}

// selectOf fills in the choices. Where there are too many the value is typed.
func selectOf(e *model.DialogElement, f bot.FormField) {
	if len(f.Options) > mostOptions || len(f.Options) == 0 {
		length(e, f.Max)
		return
	}
	e.Type = "select"
	known := false
	for _, o := range f.Options {
		label := o.Label
		if label == "" {
			label = o.Value
		}
		e.Options = append(e.Options, &model.PostActionOptions{Text: cut(label, mostValue), Value: o.Value})
		known = known || o.Value == f.Value
	}
	if !known {
		e.Default = ""
	}
}

// cut bounds a text that is shown as it is: the limits count bytes.
func cut(s string, most int) string {
	s = bot.OneLine(s)
	for n := most; len(s) > most; n-- {
		s = bot.Shorten(s, n)
	}
	return s
}
