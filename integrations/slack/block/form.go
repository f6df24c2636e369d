package block

import (
	"strconv"
	"strings"

	"github.com/slack-go/slack"

	"opsbot/bot"
)

// FormCallback is the callback_id of forms, and FormInput the action_id of each
// input; a field's block_id is its name.
const (
	FormCallback = "form"
	FormInput    = "value"
)

// Form renders a form as a modal; state is carried in it, openly.
func Form(f bot.Form, state string) (slack.ModalViewRequest, error) {
	var blocks []slack.Block
	if f.Intro != "" {
		pk := &pack{}
		pk.fill(units([]line{parse(f.Intro)}), maxMessage, 2)
		blocks = pk.blocks
	}
	if len(f.Fields) > maxFormFields {
		return slack.ModalViewRequest{}, bot.Errorf(bot.CodeTooLarge, "This form has %d fields, more than Slack shows. Type the command instead.", len(f.Fields))
	}
	for _, field := range f.Fields {
		blocks = append(blocks, input(field))
	}
	submit := f.Submit
	if submit == "" {
		submit = "OK"
	}
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: label(f.Title, maxTitle), Submit: label(submit, maxTitle), Close: label("Cancel", maxTitle),
		Blocks: slack.Blocks{BlockSet: blocks}, CallbackID: FormCallback, PrivateMetadata: state,
	}, nil
}

// Notice is a modal that only says something.
func Notice(title string, text bot.Text) slack.ModalViewRequest {
	pk := &pack{}
	pk.fill(units([]line{parse(text)}), maxMessage, 2)
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: label(title, maxTitle), Close: label("Close", maxTitle), Blocks: slack.Blocks{BlockSet: pk.blocks},
	}
}

func input(f bot.FormField) *slack.InputBlock {
	name := f.Label
	if name == "" {
		name = f.Name
	}
	b := slack.NewInputBlock(f.Name, label(name, maxLabel), nil, inputElement(f))
	b.Optional = !f.Required || f.Kind == bot.FieldCheckbox // one that is not ticked says something, too
	if hint := hintOf(f); hint != "" {
		b.Hint = label(hint, maxLabel)
	}
	return b
}

// hintOf is what stands below the field. Slack has no input that hides what is typed.
func hintOf(f bot.FormField) string {
	if f.Kind != bot.FieldSecret {
		return f.Hint
	}
	return strings.TrimSpace(f.Hint + " Slack shows this while you type it, on your screen alone; it is in no message.")
}

func inputElement(f bot.FormField) slack.BlockElement {
	switch {
	case f.Kind == bot.FieldNumber && isNumber(f.Value):
		return &slack.NumberInputBlockElement{Type: slack.METNumber, ActionID: FormInput, IsDecimalAllowed: true, InitialValue: f.Value}
	case f.Kind == bot.FieldSelect && selectable(f.Options):
		return choice(f)
	case f.Kind == bot.FieldCheckbox:
		yes := slack.NewOptionBlockObject("true", label("Yes", maxOption), nil)
		e := &slack.CheckboxGroupsBlockElement{Type: slack.METCheckboxGroups, ActionID: FormInput, Options: []*slack.OptionBlockObject{yes}}
		if f.Value == "true" {
			e.InitialOptions = []*slack.OptionBlockObject{yes}
		}
		return e
	}
	most := maxFieldLength
	if f.Max > 0 {
		most = min(most, f.Max)
	}
	e := &slack.PlainTextInputBlockElement{Type: slack.METPlainTextInput, ActionID: FormInput, MaxLength: most, InitialValue: head(f.Value, most)}
	if f.Kind == bot.FieldSecret {
		e.InitialValue, e.Multiline = "", f.Lines
	}
	return e
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return s == "" || err == nil
}

// selectable reports whether Slack can show the options; if not, they are typed.
func selectable(options []bot.FormOption) bool {
	seen := map[string]bool{}
	for _, o := range options {
		if o.Value == "" || size(o.Value) > maxOption || seen[o.Value] {
			return false
		}
		seen[o.Value] = true
	}
	return len(options) > 0 && len(options) <= maxOptions*maxOptions
}

// choice is a select; more options than it holds are put into groups.
func choice(f bot.FormField) *slack.SelectBlockElement {
	e := &slack.SelectBlockElement{Type: slack.OptTypeStatic, ActionID: FormInput}
	var all []*slack.OptionBlockObject
	for _, o := range f.Options {
		name := o.Label
		if name == "" {
			name = o.Value
		}
		one := slack.NewOptionBlockObject(o.Value, label(name, maxOption), nil)
		if all = append(all, one); o.Value == f.Value {
			e.InitialOption = one
		}
	}
	if len(all) <= maxOptions {
		e.Options = all
		return e
	}
	for len(all) > 0 {
		n := min(len(all), maxOptions)
		title := label(all[0].Text.Text+" – "+all[n-1].Text.Text, maxOption)
		e.OptionGroups = append(e.OptionGroups, slack.NewOptionGroupBlockElement(title, all[:n]...))
		all = all[n:]
	}
	return e
}
