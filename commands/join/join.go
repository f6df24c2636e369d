// Package join is the command join: OpsBot enters a room.
package join

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"opsbot/bot"
)

// Command is join.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "join", Role: bot.RoleOperator, Secondary: true, Summary: "have OpsBot enter a room",
		Help:   "Into a private room only somebody who is in it can invite it.",
		Params: []bot.Param{{Name: "room", Type: bot.ParamWord, Help: "the room, in another chat as CHAT:ROOM", Example: "deployments"}},
	}
}

// input is what the operation keeps.
type input struct {
	Instance string `json:"instance"`
	Room     string `json:"room"`
}

// Run files the operation that enters the room.
func (c *Command) Run(_ context.Context, req *bot.Request) (*bot.Outcome, error) {
	in := input{Instance: req.Message.Room.Instance, Room: req.Value("room")}
	if instance, room, other := strings.Cut(in.Room, ":"); other {
		in = input{instance, room}
	}
	if _, err := bot.Find[bot.RoomKeeper](c.s.Integrations, in.Instance, "rooms to enter"); err != nil {
		return nil, err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("join %s: input: %w", in.Room, err)
	}
	op := &bot.Operation{
		ID: bot.NewID(req.Now), Kind: "join", Subject: bot.Shorten(in.Room, 80), Input: body,
		Requester: req.User, Message: req.Message, CreatedAt: req.Now, Cause: req.Cause,
	}
	return &bot.Outcome{Commit: func(ctx context.Context, tx *bot.Tx) error { return c.s.Operations.Start(ctx, tx, op) }}, nil
}

// Kinds are the operation kinds that the command brings.
func (c *Command) Kinds() []bot.OperationKind { return []bot.OperationKind{&kind{c}} }

type kind struct{ c *Command }

var (
	_ bot.OperationKind = (*kind)(nil)
	_ bot.OneShot       = (*kind)(nil)
)

func (*kind) Kind() string { return "join" }

func (*kind) Title(op *bot.Operation) bot.Text { return "Entering " + bot.Escape(op.Subject) }

// Instead tells what to do when the room could not be entered.
func (*kind) Instead(op *bot.Operation) string { return "To try again: join " + bot.Quote(op.Subject) }

func (k *kind) Steps(op *bot.Operation) ([]bot.Step, error) {
	var in input
	if err := json.Unmarshal(op.Input, &in); err != nil {
		return nil, bot.Errorf(bot.CodeInternal, "The operation %s can't be read.", op.ID).Because(err)
	}
	return []bot.Step{{
		Name: "join", Title: "Enter the room", Idempotent: true, Timeout: time.Minute,
		Apply: func(ctx context.Context, _ bot.StepRun) (bot.StepResult, error) {
			return bot.StepResult{}, k.enter(ctx, in)
		},
	}}, nil
}

// enter goes in and keeps the room's name.
func (k *kind) enter(ctx context.Context, in input) error {
	keeper, err := bot.Find[bot.RoomKeeper](k.c.s.Integrations, in.Instance, "rooms to enter")
	if err != nil {
		return err
	}
	room, err := keeper.FindRoom(ctx, in.Room)
	if err != nil {
		return err
	}
	if err := keeper.JoinRoom(ctx, room.Ref); err != nil {
		return err
	}
	return k.c.s.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		return bot.ChangeRoom(ctx, tx, room.Ref, func(r *bot.Room) { r.Name, r.State = room.Name, "" })
	})
}

func (*kind) Finish(context.Context, *bot.Tx, *bot.Operation, []bot.StepRow) error { return nil }
