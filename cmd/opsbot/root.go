package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"opsbot/bot"
	"opsbot/bot/config"
)

// program is what all subcommands share.
type program struct {
	environ func(string) (string, bool)
	s       streams
	data    string // --data
	file    string // --config
}

// usageError is a wrong call: exit status 2.
type usageError struct{ error }

// failed ends with status 1 without another word: what failed was said already.
var errFailed = errors.New("failed")

// execute runs the command line and gives the exit status: 0 all well, 1 something
// failed, 2 wrong usage.
func execute(ctx context.Context, args []string, environ func(string) (string, bool), s streams) int {
	p := &program{environ: environ, s: s}
	root := p.root() //nolint:contextcheck // cobra hands ctx to the commands
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFailed):
		return 1
	case errors.As(err, &usage) || strings.HasPrefix(err.Error(), "unknown command"):
		fmt.Fprintf(s.err, "opsbot: %s\n", err)
		return 2
	}
	fmt.Fprintf(s.err, "opsbot: %s\n", explain(err))
	return 1
}

// explain gives the sentence for the person with, unlike in a chat, its cause.
func explain(err error) string { return strings.TrimSpace(err.Error()) }

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "opsbot",
		Short: "Self-service projects and deployments from your chat",
		Long: "OpsBot starts projects and ships them from Slack, Mattermost or its own page.\n" +
			"Without a subcommand it serves, by default on the embedded stack: no account anywhere.",
		SilenceErrors: true, SilenceUsage: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q; opsbot --help lists them", args[0])}
			}
			return nil
		},
		RunE: p.serve,
	}
	root.PersistentFlags().StringVar(&p.data, "data", "", "data folder (default: opsbot below the user's state folder)")
	root.PersistentFlags().StringVar(&p.file, "config", "", "configuration file (default: the embedded stack)")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		&cobra.Command{Use: "serve", Short: "Serve chats, webhooks and the page (the default)", Args: noArgs, RunE: p.serve},
		p.sayCommand(), p.outcomeCommand(), p.loginCommand(), p.tokenCommand(), p.secretCommand(), p.doctorCommand(), p.configCommand(), p.blueprintCommand(),
		p.policyCommand(), p.operationsCommand(), p.backupCommand(), p.restoreCommand(), p.devCommand(), p.versionCommand(),
	)
	return root
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no arguments, but got %q", cmd.CommandPath(), args[0])}
	}
	return nil
}

// exactly checks the number of arguments.
func exactly(low, high int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < low || high >= 0 && len(args) > high {
			return usageError{fmt.Errorf("usage: %s", cmd.UseLine())}
		}
		return nil
	}
}

// load reads the configuration and finds the data folder.
func (p *program) load() (*config.Config, string, error) {
	cfg, err := config.Load(p.file, p.environ)
	if err != nil {
		return nil, "", err
	}
	dir := p.data
	if dir == "" {
		dir = cfg.Data
	}
	if dir == "" {
		dir, err = p.stateDir()
		if err != nil {
			return nil, "", err
		}
	}
	dir, err = filepath.Abs(dir)
	return cfg, dir, err
}

// stateDir is the default data folder.
func (p *program) stateDir() (string, error) {
	if dir, ok := p.environ("XDG_STATE_HOME"); ok && filepath.IsAbs(dir) {
		return filepath.Join(dir, "opsbot"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", bot.Errorf(bot.CodeInvalid, "There is no home folder for the data; say where with --data DIR.").Because(err)
	}
	return filepath.Join(home, ".local", "state", "opsbot"), nil
}
