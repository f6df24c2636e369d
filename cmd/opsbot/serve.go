package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"opsbot/bot/config"
	"opsbot/bot/rest"
)

// logger makes the log of a configuration; secrets that are resolved are masked.
func (p *program) logger(cfg *config.Config, quiet bool) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.Log.Level)) // checked by the configuration
	if quiet {
		level = max(level, slog.LevelWarn)
	}
	opt := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewJSONHandler(p.s.err, opt)
	if cfg.Log.Format == "text" || cfg.Log.Format == "auto" && p.s.terminal {
		h = slog.NewTextHandler(p.s.err, opt)
	}
	mask := &rest.Mask{}
	cfg.OnSecret(func(v string) { mask.Add(v) })
	return slog.New(rest.NewLogHandler(h, mask))
}

// serve runs until it is told to stop.
func (p *program) serve(cmd *cobra.Command, _ []string) error {
	cfg, dir, err := p.load()
	if err != nil {
		return err
	}
	probe, err := p.probe()
	if err != nil {
		return err
	}
	log := p.logger(cfg, false)
	a, err := p.wire(cmd.Context(), cfg, dir, log, probe)
	if err != nil {
		return err
	}
	return a.run(cmd.Context(), func(ctx context.Context) error {
		if err := p.greet(ctx, a); err != nil {
			return err
		}
		<-ctx.Done()
		log.Info("stopping")
		return nil
	})
}

// greet tells the person at the terminal where to go on.
func (p *program) greet(ctx context.Context, a *app) error {
	link, err := a.firstLogin(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.s.out, "OpsBot is ready.\n  Page:  %s\n  Hooks and git: %s\n  Apps:  http://NAME.ENV.localhost:%s/\n  Data:  %s\n",
		a.services.Defaults.ConsoleURL, a.services.Defaults.PublicURL, port(a.doors.apps), a.dir)
	if link != "" {
		fmt.Fprintf(p.s.out, "\nLog in once with this link (it works one time, for 15 minutes; `opsbot login` prints another):\n  %s\n", link)
	}
	if a.services.Defaults.BlueprintNote != "" {
		fmt.Fprintf(p.s.out, "\n%s\n", a.services.Defaults.BlueprintNote)
	}
	fmt.Fprintf(p.s.out, "\nThen say: @%s new-project hello-world\n", a.services.Defaults.BotName)
	return nil
}

func port(l net.Listener) string {
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return ""
	}
	return port
}

// run starts everything, calls main, and stops everything when main returns or ctx
// ends. Services that end by themselves are started again.
func (a *app) run(ctx context.Context, main func(ctx context.Context) error) (err error) {
	defer func() {
		if closeErr := a.close(); err == nil {
			err = closeErr
		}
	}()
	if err := a.doors.openSocket(ctx, socketPath(a.dir)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(socketPath(a.dir))) }()
	if err := a.prepare(ctx); err != nil {
		return err
	}
	// Two circles: integrations and workers stop first, the store and the outlets
	// afterwards, so that what is finished meanwhile can still be written.
	inner, stopInner := context.WithCancel(ctx)
	defer stopInner()
	outer, stopOuter := context.WithCancel(context.WithoutCancel(ctx))
	defer stopOuter()
	var outerDone, innerDone sync.WaitGroup
	for _, s := range a.work {
		if s.name == "store" {
			outerDone.Go(func() { a.keep(outer, s) })
			continue
		}
		innerDone.Go(func() { a.keep(inner, s) })
	}
	for _, s := range a.servers() {
		innerDone.Go(func() { a.keep(inner, s) })
	}
	err = main(inner)
	stopInner()
	innerDone.Wait()
	stopOuter()
	outerDone.Wait()
	return err
}

// keep runs a service until ctx ends, again after a pause when it ends by itself.
func (a *app) keep(ctx context.Context, s named) {
	pause := time.Second
	for ctx.Err() == nil {
		began := a.services.Clock.Now()
		err := s.Run(ctx)
		if ctx.Err() != nil {
			if err != nil {
				a.log.Warn("service ended with an error", "service", s.name, "error", err)
			}
			return
		}
		a.log.Error("service ended by itself; it is started again", "service", s.name, "error", err)
		if a.services.Clock.Now().Sub(began) > time.Minute {
			pause = time.Second
		}
		select {
		case <-ctx.Done():
		case <-a.services.Clock.After(pause):
		}
		pause = min(2*pause, time.Minute)
	}
}

// prepare lets the integrations begin, and finds the rooms that the configuration
// names.
func (a *app) prepare(ctx context.Context) error {
	for _, name := range a.instances.Names() {
		if p, ok := a.instances.Get(name).(interface{ Prepare(context.Context) error }); ok {
			if err := p.Prepare(ctx); err != nil {
				return fmt.Errorf("%s: prepare: %w", name, err)
			}
		}
	}
	return a.prepareRooms(ctx)
}
