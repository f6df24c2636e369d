// Command opsbot is the ChatOps bot: `opsbot` serves, `opsbot say 'TEXT'` talks to
// it from a terminal. See the README.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"opsbot/bot/sandbox"
)

// streams are the process's standard streams.
type streams struct {
	in       io.Reader
	out, err io.Writer
	terminal bool // err is a terminal
}

func main() {
	info, err := os.Stderr.Stat()
	s := streams{os.Stdin, os.Stdout, os.Stderr, err == nil && info.Mode()&os.ModeCharDevice != 0}
	os.Exit(run(os.Args[1:], os.LookupEnv, s))
}

// run is the program: arguments, environment and streams in, exit status out.
func run(args []string, environ func(string) (string, bool), s streams) int {
	if len(args) > 0 && args[0] == "exec-child" {
		return sandbox.ExecChild(args[1:], s.err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return execute(ctx, args, environ, s)
}
