package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"opsbot/bot"
)

// outcome is how things stand under one message of a chat.
type outcome struct {
	Root   string `json:"root,omitempty"`
	Open   int    `json:"open"`   // rows that are not finished
	Failed int    `json:"failed"` // of those that are
}

// outcome answers the socket; a message that was not for the bot, or has not come yet,
// has no root.
func (a *app) outcome(ctx context.Context, in localRequest) (any, error) {
	var out outcome
	err := a.store.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		if out.Root, err = tx.Messages.Root(ctx, in.Name, in.ID); err != nil {
			return err
		}
		if out.Open, err = tx.Causes.Open(ctx, out.Root); err != nil {
			return err
		}
		out.Failed, err = tx.Causes.Failed(ctx, out.Root)
		return err
	})
	if bot.CodeOf(err) == bot.CodeNotFound {
		return outcome{}, nil
	}
	return out, err
}

func (p *program) outcomeCommand() *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "outcome [flags] CHAT MESSAGE",
		Short: "Wait until all that a chat message set going has ended",
		Long: "CHAT is the chat's name in the configuration, MESSAGE the chat's own id of the message (Slack:\n" +
			"CHANNEL:TS, Mattermost: the post's id). Exits with 0 if all ended well, 1 if something failed, was\n" +
			"refused, or is still open when the time is up.",
		Args: exactly(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, dir, err := p.load()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), wait)
			defer cancel()
			return p.await(ctx, dir, localRequest{Name: args[0], ID: args[1]})
		},
	}
	cmd.Flags().DurationVar(&wait, "wait", 2*time.Minute, "how long to wait")
	return cmd
}

// await asks the server that runs on a data folder.
func (p *program) await(ctx context.Context, dir string, in localRequest) error {
	if !running(ctx, socketPath(dir)) {
		return fmt.Errorf("no OpsBot runs on %s", dir)
	}
	return waitFor(ctx, socketClient(socketPath(dir)), in)
}

// waitFor asks a server until nothing is open.
func waitFor(ctx context.Context, client *http.Client, in localRequest) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		var now outcome
		if err := call(ctx, client, "/outcome", in, &now); err != nil {
			return err
		}
		switch {
		case now.Root != "" && now.Open == 0 && now.Failed > 0:
			return errFailed
		case now.Root != "" && now.Open == 0:
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if now.Root == "" {
				return fmt.Errorf("no message %s of %s was for OpsBot, or it has not come yet", in.ID, in.Name)
			}
			return errors.New("not everything has ended yet")
		}
	}
}
