package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"opsbot/bot"
	"opsbot/integrations/console"
)

func (p *program) loginCommand() *cobra.Command {
	var as string
	cmd := &cobra.Command{
		Use: "login", Short: "Print a one-time link that logs you in to the page", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.simple(cmd.Context(), "/login", localRequest{As: as})
		},
	}
	cmd.Flags().StringVar(&as, "as", "", "for this console user instead of the owner")
	return cmd
}

// simple makes a call over the socket and prints its text.
func (p *program) simple(ctx context.Context, path string, in localRequest) error {
	return p.withServer(ctx, func(ctx context.Context, c *http.Client) error {
		var out localAnswer
		if err := call(ctx, c, path, in, &out); err != nil {
			return err
		}
		fmt.Fprintln(p.s.out, out.Text)
		if out.Note != "" {
			fmt.Fprintln(p.s.err, out.Note)
		}
		return nil
	})
}

func (p *program) tokenCommand() *cobra.Command {
	var as, purpose string
	cmd := &cobra.Command{Use: "token", Short: "Tokens for git push and clone, or for `opsbot say --server`"}
	cmd.PersistentFlags().StringVar(&as, "as", "", "of this console user instead of the owner")
	cmd.PersistentFlags().StringVar(&purpose, "for", "git", "what the token opens: git, or say")
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error {
		if purpose != "git" && purpose != console.TokenKind {
			return usageError{fmt.Errorf("--for is git or say, not %q", purpose)}
		}
		return nil
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "new NAME", Short: "Make a token and print it this once", Args: exactly(1, 1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return p.simple(cmd.Context(), "/token/new", localRequest{As: as, For: purpose, Name: args[0]})
			},
		},
		&cobra.Command{
			Use: "list", Short: "List the tokens by name", Args: noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return p.withServer(cmd.Context(), func(ctx context.Context, c *http.Client) error {
					var list []bot.Session
					if err := call(ctx, c, "/token/list", localRequest{As: as, For: purpose}, &list); err != nil {
						return err
					}
					for _, s := range list {
						fmt.Fprintf(p.s.out, "%-20s %s  made %s\n", s.Name, s.Hash[:8], s.CreatedAt.Format("2006-01-02 15:04"))
					}
					return nil
				})
			},
		},
		&cobra.Command{
			Use: "revoke NAME", Short: "Revoke a token", Args: exactly(1, 1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return p.simple(cmd.Context(), "/token/revoke", localRequest{As: as, For: purpose, Name: args[0]})
			},
		},
	)
	return cmd
}
