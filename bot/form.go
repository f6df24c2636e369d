package bot

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// Form is a dialog that asks for what a command lacks, neutral of any chat.
type Form struct {
	// ID is the Action.ID of what the form submits: a submission is a Message with
	// that Action and with Form set. It is random, so a chat may carry it openly.
	ID     string
	Title  string // plain text; chats cut it to what they show
	Intro  Text   // "" = none
	Submit string // label of the button: "Create"
	Fields []FormField
}

// FieldKind is how a field of a form is asked for.
type FieldKind string

// The kinds of fields.
const (
	FieldText     FieldKind = "text"
	FieldNumber   FieldKind = "number"   // submitted as typed
	FieldSelect   FieldKind = "select"   // one of Options
	FieldCheckbox FieldKind = "checkbox" // submitted as "true" or "false"
	// FieldSecret is a text that is shown to nobody while it is typed, where the chat
	// can hide it, and never shown again. It is sealed before it is stored.
	FieldSecret FieldKind = "secret"
)

// WithoutSecrets gives submitted values without those of the form's secret fields, for
// a chat that shows the form again.
func (f Form) WithoutSecrets(values map[string]string) map[string]string {
	out := maps.Clone(values)
	for _, field := range f.Fields {
		if field.Kind == FieldSecret {
			delete(out, field.Name)
		}
	}
	return out
}

// FormField is one thing that a form asks for.
type FormField struct {
	Name     string // key of the submitted value, of [A-Za-z0-9_-], at most 60 characters
	Label    string
	Hint     string // one line below the field; "" = none
	Kind     FieldKind
	Value    string // what is filled in at first
	Options  []FormOption
	Required bool
	Max      int  // most characters of a text; 0 = the chat's own bound
	Lines    bool // FieldSecret: it may have several lines, and can't be hidden then
}

// FormOption is one choice of a select.
type FormOption struct{ Value, Label string }

// Forms is a Chat that can open forms, for a person who has just pressed a button
// or typed a slash command.
type Forms interface {
	// OpensForms is always true; the method marks the ability.
	OpensForms() bool
}

// Desk answers what a chat must know while a person waits, within a second and
// from the store alone: nothing is run. Implemented by the router. Safe for
// concurrent use.
type Desk interface {
	// Form gives the form that m asks for: a press of a button that opens one
	// (m.Action), or a line that lacks what a form can ask for. nil: m asks for none
	// and is to be received like any other message. What the form submits is stored
	// before it is given out. An Error is a refusal to be shown to the author alone.
	Form(ctx context.Context, m Message) (*Form, error)
	// Check tries what a form submits (m.Action and m.Form set) and gives a sentence
	// by the name of each field that is wrong, "" for what belongs to none. When all is
	// well the map is empty, and m is to be received.
	Check(ctx context.Context, m Message) (map[string]string, error)
	// Home gives what a person has open, one post for each section, with buttons that
	// work in room, where their answers go, too: the chat's conversation with a alone.
	Home(ctx context.Context, a Account, room RoomRef) ([]Post, error)
}

// FormCommand is a Command that can be filled in by a form.
type FormCommand interface {
	Command
	// Form gives the fields for what req asks; ID is left to the caller. Args of req
	// are those that were given, the form keeps them.
	Form(ctx context.Context, req *Request) (*Form, error)
	// Fill puts submitted values into args, and gives a sentence by the name of each
	// field that is wrong.
	Fill(ctx context.Context, req *Request, values map[string]string) (args Args, problems map[string]string, err error)
}

// FormAsker is a FormCommand that asks by its form for what nobody is to type into the
// chat, so that no line can say all of it.
type FormAsker interface {
	FormCommand
	// Asks gives the sentence with which the form is offered; "" = args need none.
	Asks(args Args) string
}

// FormVariants is a FormCommand with several forms.
type FormVariants interface {
	// Variants gives the arguments that open each of them, the usual one first.
	Variants(req *Request) []Args
}

// FieldProblems is the cause of an Error about several named values: what is wrong
// with each.
type FieldProblems map[string]string

// Error names the fields; the Error that it is the cause of has the sentences.
func (f FieldProblems) Error() string {
	return "wrong: " + strings.Join(slices.Sorted(maps.Keys(f)), ", ")
}
