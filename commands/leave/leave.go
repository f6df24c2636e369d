// Package leave is the command leave: OpsBot leaves a room.
package leave

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"opsbot/bot"
)

// Command is leave.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "leave", Role: bot.RoleOperator, Secondary: true, Summary: "have OpsBot leave a room",
		Help:   "What it had to tell there is told nowhere from then on; `rooms` shows what is bound to it.",
		Params: []bot.Param{{Name: "room", Type: bot.ParamWord, Help: "the room, in another chat as CHAT:ROOM", Example: "deployments"}},
	}
}

// Run files the operation that leaves a room that is known.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	room, err := c.find(ctx, req)
	if err != nil {
		return nil, err
	}
	if _, err := bot.Find[bot.RoomKeeper](c.s.Integrations, room.Ref.Instance, "rooms to leave"); err != nil {
		return nil, err
	}
	if room.Ref == req.Message.Room {
		return nil, bot.Errorf(bot.CodeInvalid, "I could not answer you here any more. Say it in another room, or remove me from this one.")
	}
	body, err := json.Marshal(room)
	if err != nil {
		return nil, fmt.Errorf("leave %s: input: %w", room.Name, err)
	}
	op := &bot.Operation{
		ID: bot.NewID(req.Now), Kind: "leave", Subject: room.Name, Input: body,
		Requester: req.User, Message: req.Message, CreatedAt: req.Now, Cause: req.Cause,
	}
	return &bot.Outcome{Commit: func(ctx context.Context, tx *bot.Tx) error { return c.s.Operations.Start(ctx, tx, op) }}, nil
}

// find looks the room up among those that are known, by name or id.
func (c *Command) find(ctx context.Context, req *bot.Request) (found bot.Room, err error) {
	instance, name := req.Message.Room.Instance, req.Value("room")
	if other, rest, cut := strings.Cut(name, ":"); cut {
		instance, name = other, rest
	}
	name = strings.TrimPrefix(name, "#")
	err = c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		all, err := tx.Rooms.List(ctx, instance)
		if err != nil {
			return err
		}
		var names []string
		for _, r := range all {
			if r.Ref.ID == name || strings.EqualFold(r.Name, name) {
				found = r
				return nil
			}
			names = append(names, r.Name)
		}
		return bot.Errorf(bot.CodeNotFound, "I know no room %q in %s%s", bot.Shorten(name, 60), bot.Shorten(instance, 40), bot.Instead(name, names))
	})
	return found, err
}

// Kinds are the operation kinds that the command brings.
func (c *Command) Kinds() []bot.OperationKind { return []bot.OperationKind{&kind{c}} }

type kind struct{ c *Command }

var (
	_ bot.OperationKind = (*kind)(nil)
	_ bot.OneShot       = (*kind)(nil)
)

func (*kind) Kind() string { return "leave" }

func (*kind) Title(op *bot.Operation) bot.Text { return "Leaving " + bot.Escape(op.Subject) }

// Instead tells what to do when the room could not be left.
func (*kind) Instead(op *bot.Operation) string { return "To try again: leave " + bot.Quote(op.Subject) }

func (k *kind) Steps(op *bot.Operation) ([]bot.Step, error) {
	var room bot.Room
	if err := json.Unmarshal(op.Input, &room); err != nil {
		return nil, bot.Errorf(bot.CodeInternal, "The operation %s can't be read.", op.ID).Because(err)
	}
	return []bot.Step{{
		Name: "leave", Title: "Leave the room", Idempotent: true, Timeout: time.Minute,
		Apply: func(ctx context.Context, _ bot.StepRun) (bot.StepResult, error) {
			keeper, err := bot.Find[bot.RoomKeeper](k.c.s.Integrations, room.Ref.Instance, "rooms to leave")
			if err != nil {
				return bot.StepResult{}, err
			}
			return bot.StepResult{}, keeper.LeaveRoom(ctx, room.Ref)
		},
	}}, nil
}

// Finish notes that the bot is not there any more.
func (*kind) Finish(ctx context.Context, tx *bot.Tx, op *bot.Operation, _ []bot.StepRow) error {
	var room bot.Room
	if err := json.Unmarshal(op.Input, &room); err != nil || op.State != bot.OperationSucceeded {
		return nil //nolint:nilerr // the step said so already
	}
	return bot.ChangeRoom(ctx, tx, room.Ref, func(r *bot.Room) { r.State = "left" })
}
