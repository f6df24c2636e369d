package operation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"opsbot/bot"
)

// CardKind is the kind under which operations' cards are registered with the relay.
const CardKind = "operation"

var _ bot.Card = (*Card)(nil)

// Card renders an operation's progress: one message, edited in place.
type Card struct{ e *Engine }

// Card returns the renderer of this engine's operations.
func (e *Engine) Card() *Card { return &Card{e} }

// Kind returns CardKind.
func (*Card) Kind() string { return CardKind }

// Key is the key of an operation's card.
func Key(operationID string) string { return "op:" + operationID }

// Short is the form of an operation's id for people: its last, random part.
func Short(id string) string {
	if len(id) != 36 {
		return id
	}
	return id[24:]
}

// touch has the card rendered again.
func (e *Engine) touch(ctx context.Context, tx *bot.Tx, op *bot.Operation) error {
	if op.Message.Room.ID == "" {
		return nil
	}
	return tx.Posts.Touch(ctx, op.Message.Room, Key(op.ID), CardKind, op.ID, op.Cause)
}

func (e *Engine) title(op *bot.Operation) bot.Text {
	if k, ok := e.kinds[op.Kind]; ok {
		return k.Title(op)
	}
	return bot.Escape(op.Kind + " " + op.Subject)
}

// Render gives title, a tick per step, the elapsed time, and what a person can do.
func (c *Card) Render(ctx context.Context, tx *bot.Tx, id string, _ bot.Room) (*bot.Post, error) {
	op, err := tx.Operations.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Steps.Of(ctx, id)
	if err != nil {
		return nil, err
	}
	p := &bot.Post{Title: c.e.title(op), Tone: tone(op), Mention: op.Message.Author, Thread: op.Message.Under()}
	hidden := c.hidden(op)
	for _, r := range rows {
		if t, show := tick(r); show && (!hidden[r.Name] || r.Error != "") {
			p.Steps = append(p.Steps, t)
		}
	}
	p.Text = append(p.Text, c.e.outcome(op, rows))
	if op.State == bot.OperationFailed {
		p.Buttons, err = c.e.buttons(ctx, tx, op)
	}
	return p, err
}

func (c *Card) hidden(op *bot.Operation) map[string]bool {
	out := map[string]bool{}
	if k, ok := c.e.kinds[op.Kind]; ok {
		steps, err := k.Steps(op)
		for i := range steps {
			out[steps[i].Name] = err == nil && steps[i].Hidden
		}
	}
	return out
}

// tick is a step's line: its detail while all is well, else what is wrong.
func tick(r bot.StepRow) (bot.Tick, bool) {
	t := bot.Tick{Title: bot.Escape(r.Title), State: string(r.State), Detail: bot.Text(r.Detail), URL: r.URL}
	switch r.State {
	case bot.StepRetrying:
		t.Detail = bot.Escape(fmt.Sprintf("attempt %d failed: %s Again at %s.", r.Attempt, r.Error, r.NotBefore.Format("15:04:05")))
	case bot.StepFailed, bot.StepUnknown, bot.StepUndoing:
		t.Detail = bot.Escape(r.Error)
	case bot.StepUndone:
		if r.Error != "" {
			t.Detail = bot.Escape(r.Error)
		}
	}
	return t, true
}

func tone(op *bot.Operation) bot.Tone {
	switch op.State {
	case bot.OperationSucceeded:
		return bot.ToneGood
	case bot.OperationFailed:
		return bot.ToneBad
	case bot.OperationUndone:
		return bot.ToneWarn
	}
	return bot.ToneBusy
}

// outcome is the last line of the card: how it ended and how long it took.
func (e *Engine) outcome(op *bot.Operation, rows []bot.StepRow) bot.Text {
	took := elapsed(op.FinishedAt.Sub(op.CreatedAt))
	id := bot.Text("`" + Short(op.ID) + "`")
	switch op.State {
	case bot.OperationSucceeded:
		return "Done in " + bot.Text(took) + "."
	case bot.OperationUndone:
		if slices.ContainsFunc(rows, func(r bot.StepRow) bool { return r.Error != "" }) {
			return "Undone, but for what was skipped: that is left as it is."
		}
		return "Undone: everything that this operation had made is removed."
	case bot.OperationFailed:
		if once, is := e.kinds[op.Kind].(bot.OneShot); is {
			return "Ended after " + bot.Text(took) + ". " + bot.Escape(once.Instead(op))
		}
		return "Stopped after " + bot.Text(took) + ". Nothing more happens until you choose: `retry " + bot.Text(Short(op.ID)) +
			"`, `undo " + bot.Text(Short(op.ID)) + "`, or a button. ID " + id
	}
	return "Started at " + bot.Text(op.CreatedAt.Format("15:04:05")) + " UTC, ID " + id
}

// elapsed is a duration for people: 0.4 s, 12 s, 3 min 5 s.
func elapsed(d time.Duration) string {
	switch {
	case d < 100*time.Millisecond:
		return "under 0.1 s"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return bot.Span(d)
}

// offer stores the actions behind the buttons of a failed operation. Their ids are
// remembered, so that the card renders the same each time.
func (e *Engine) offer(ctx context.Context, tx *bot.Tx, op *bot.Operation) error {
	if _, once := e.kinds[op.Kind].(bot.OneShot); once {
		return nil
	}
	rows, err := tx.Steps.Of(ctx, op.ID)
	if err != nil {
		return err
	}
	var list []bot.Button
	add := func(label, verb, style string, values map[string]string) error {
		args, err := json.Marshal(bot.Args{Values: values})
		if err != nil {
			return err
		}
		a := bot.Action{
			ID: bot.NewToken(), Verb: verb, Args: args, Room: op.Message.Room, Once: true,
			ExpiresAt: e.opt.Clock.Now().Add(30 * 24 * time.Hour),
		}
		list = append(list, bot.Button{Label: label, Action: a.ID, Style: style})
		return tx.Actions.Put(ctx, a)
	}
	if err := add("Retry", "retry", "primary", map[string]string{"id": op.ID}); err != nil {
		return err
	}
	for _, st := range e.skippable(op, rows) {
		if err := add("Skip "+st.Title, "skip", "", map[string]string{"id": op.ID, "step": st.Name}); err != nil {
			return err
		}
	}
	if err := add("Undo", "undo", "danger", map[string]string{"id": op.ID}); err != nil {
		return err
	}
	return e.remember(ctx, tx, op.ID, list)
}

// skippable lists the failed steps that may be left out: of an undo, all.
func (e *Engine) skippable(op *bot.Operation, rows []bot.StepRow) []bot.Step {
	steps, err := e.kinds[op.Kind].Steps(op)
	if err != nil {
		return nil
	}
	undoing := undoBegun(byName(steps), rows)
	var out []bot.Step
	for i, st := range steps {
		if i < len(rows) && failed(rows[i]) && (st.Skippable || undoing || rows[i].State == bot.StepUnknown) {
			out = append(out, st)
		}
	}
	return out
}

const documents = "operation"

func (e *Engine) remember(ctx context.Context, tx *bot.Tx, id string, list []bot.Button) error {
	body, err := json.Marshal(list)
	if err != nil {
		return err
	}
	old, err := tx.Documents.Get(ctx, documents, "buttons", id)
	if err != nil && bot.CodeOf(err) != bot.CodeNotFound {
		return err
	}
	_, err = tx.Documents.Put(ctx, bot.Document{Instance: documents, Kind: "buttons", Key: id, Rev: old.Rev, Body: body})
	return err
}

func (e *Engine) buttons(ctx context.Context, tx *bot.Tx, op *bot.Operation) ([]bot.Button, error) {
	doc, err := tx.Documents.Get(ctx, documents, "buttons", op.ID)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []bot.Button
	return list, json.NewDecoder(strings.NewReader(string(doc.Body))).Decode(&list)
}
