package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"opsbot/bot"
)

// actionLife is how long a card's buttons work.
const actionLife = 30 * 24 * time.Hour

// The stored actions of a card, so that rendering it again gives the same ids.
const (
	documentOwner = "relay"
	documentKind  = "buttons"
)

type storedAction struct {
	ID        string    `json:"id"`
	ExpiresAt time.Time `json:"expires_at"`
}

// wanted is a button that the card should have.
type wanted struct {
	label, style, url string
	verb              string
	args              json.RawMessage
	flags             map[string]string
	form              bool // the press opens the command's form
}

// key tells apart what buttons do, not what they are called.
func (w wanted) key() string { return w.verb + " " + string(w.args) }

// buttons gives the card's buttons, or ErrUnprepared when an action is missing.
func (c *ChangeCard) buttons(ctx context.Context, tx *bot.Tx, v *view, room bot.Room) ([]bot.Button, error) {
	stored, _, err := loadActions(ctx, tx, v.change.ID, room)
	if err != nil {
		return nil, err
	}
	now := c.o.Clock.Now()
	var out []bot.Button
	for _, w := range c.wanted(v) {
		b := bot.Button{Label: w.label, Style: w.style, URL: w.url}
		if w.url == "" {
			a, ok := stored[w.key()]
			if !ok || !now.Before(a.ExpiresAt) {
				return nil, ErrUnprepared
			}
			b.Action = a.ID
		}
		out = append(out, b)
	}
	return out, nil
}

// Prepare stores the actions that the card's buttons stand for.
func (c *ChangeCard) Prepare(ctx context.Context, tx *bot.Tx, id string, room bot.Room) error {
	v, err := c.load(ctx, tx, id)
	if err != nil || v == nil {
		return err
	}
	stored, rev, err := loadActions(ctx, tx, id, room)
	if err != nil {
		return err
	}
	now, changed := c.o.Clock.Now(), false
	for _, w := range c.wanted(v) {
		if a, ok := stored[w.key()]; w.url != "" || (ok && now.Before(a.ExpiresAt)) {
			continue
		}
		a := bot.Action{ID: bot.NewToken(), Verb: w.verb, Args: w.args, Room: room.Ref, ExpiresAt: now.Add(actionLife), Form: w.form}
		if err := tx.Actions.Put(ctx, a); err != nil {
			return fmt.Errorf("relay: store action of %s: %w", id, err)
		}
		stored[w.key()], changed = storedAction{a.ID, a.ExpiresAt}, true
	}
	if !changed {
		return nil
	}
	body, err := json.Marshal(stored)
	if err != nil {
		return fmt.Errorf("relay: encode actions of %s: %w", id, err)
	}
	_, err = tx.Documents.Put(ctx, bot.Document{
		Instance: documentOwner, Kind: documentKind, Key: documentKey(id, room), Rev: rev, Body: body,
	})
	if err != nil {
		return fmt.Errorf("relay: store buttons of %s: %w", id, err)
	}
	return nil
}

func documentKey(id string, room bot.Room) string { return id + "@" + room.Ref.String() }

func loadActions(ctx context.Context, tx *bot.Tx, id string, room bot.Room) (map[string]storedAction, int64, error) {
	out := map[string]storedAction{}
	doc, err := tx.Documents.Get(ctx, documentOwner, documentKind, documentKey(id, room))
	if bot.CodeOf(err) == bot.CodeNotFound {
		return out, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("relay: load buttons of %s: %w", id, err)
	}
	if err := json.Unmarshal(doc.Body, &out); err != nil {
		return nil, 0, fmt.Errorf("relay: decode buttons of %s: %w", id, err)
	}
	return out, doc.Rev, nil
}

// wanted lists the buttons that make sense as the change stands now.
func (c *ChangeCard) wanted(v *view) []wanted {
	var list []wanted
	facts := map[bot.ParamType]string{bot.ParamProject: v.project.Slug, bot.ParamBranch: v.change.Branch}
	if env, ok := c.next(v); ok {
		facts[bot.ParamVersioned], facts[bot.ParamVersion] = v.project.Slug+"@"+v.version.Label, v.version.Label
		facts[bot.ParamEnvironment] = env
		list = c.add(list, wanted{label: "Deploy to " + env, style: "primary", verb: "deploy"}, facts)
		delete(facts, bot.ParamEnvironment)
	}
	b := v.newest()
	if b == nil {
		return list
	}
	if b.State == bot.BuildFinished {
		list = c.add(list, wanted{label: "Rebuild", verb: "buildNow"}, facts)
	}
	list = c.questions(list, *b, facts)
	if u := logURL(*b); u != "" {
		return append(list, wanted{label: "Log", url: u})
	}
	if b.Ref.Number > 0 {
		facts[bot.ParamNumber] = strconv.Itoa(b.Ref.Number)
		list = c.add(list, wanted{label: "Log", verb: "log"}, facts)
	}
	return list
}

// questions gives each question that a build asks its button, and one that ends the
// build instead.
func (c *ChangeCard) questions(list []wanted, b bot.Build, facts map[bot.ParamType]string) []wanted {
	if b.State != bot.BuildRunning || len(b.Inputs) == 0 || b.Ref.Number == 0 {
		return list
	}
	facts = maps.Clone(facts)
	facts[bot.ParamNumber] = strconv.Itoa(b.Ref.Number)
	for _, q := range asked(b) {
		label := bot.Shorten(oneLine(q.Proceed), 40)
		if label == "" {
			label = "Proceed"
		}
		list = c.add(list, wanted{
			label: label, style: "primary", verb: "proceed", flags: map[string]string{"input": q.ID}, form: len(q.Parameters) > 0,
		}, facts)
	}
	return c.add(list, wanted{label: "Abort", style: "danger", verb: "abort"}, facts)
}

// add fills the command's parameters by their types; a command that is not there
// or needs what is not known gives no button.
func (c *ChangeCard) add(list []wanted, w wanted, facts map[bot.ParamType]string) []wanted {
	spec, ok := c.spec(w.verb)
	if !ok {
		return list
	}
	args := bot.Args{Values: map[string]string{}, Flags: w.flags}
	for _, p := range spec.Params {
		value, known := facts[p.Type]
		switch {
		case known && value != "":
			args.Set(p, value)
		case !p.Optional:
			return list
		}
	}
	body, err := json.Marshal(args)
	if err != nil {
		return list
	}
	w.verb, w.args = spec.Verb, body
	return append(list, w)
}

func (c *ChangeCard) spec(verb string) (bot.Spec, bool) {
	if c.o.Catalogue == nil {
		return bot.Spec{}, false
	}
	for _, s := range c.o.Catalogue() {
		for _, name := range append([]string{s.Verb}, s.Aliases...) {
			if strings.EqualFold(name, verb) {
				return s, true
			}
		}
	}
	return bot.Spec{}, false
}

// next is the environment that the change's version should go to now: the first
// one where it neither runs nor is on its way. An environment that takes the
// branch by itself is waited for.
func (c *ChangeCard) next(v *view) (string, bool) {
	if v.version == nil {
		return "", false
	}
	state := map[string]bot.DeploymentState{}
	for _, d := range v.deployments {
		if d.VersionID == v.version.ID {
			state[d.Environment] = d.State
		}
	}
	for _, e := range c.o.Environments {
		s, tried := state[e.Name]
		if tried && s == bot.DeploymentSucceeded {
			continue
		}
		switch {
		case tried && !s.Final():
			return "", false
		case !tried && e.Auto != "" && e.Auto == v.change.Branch:
			return "", false
		case e.After != "" && state[e.After] != bot.DeploymentSucceeded:
			return "", false
		}
		return e.Name, true
	}
	return "", false
}
