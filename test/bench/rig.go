package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"opsbot/bot"
	"opsbot/bot/store"
)

// registry is a fixed set of integrations.
type registry map[string]any

var _ bot.Integrations = registry(nil)

// Get implements bot.Integrations.
func (r registry) Get(name string) any { return r[name] }

// Names implements bot.Integrations.
func (r registry) Names() []string { return nil }

// host runs a store, and services on it, until it is closed.
type host struct {
	*store.Store
	log  *slog.Logger
	stop []func() // in the order to be called
	errs chan error
}

// openHost opens a store in a folder of its own and runs it.
func openHost(ctx context.Context, s settings, name string) (*host, error) {
	dir, err := s.fresh(name)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	db, err := store.Open(ctx, store.Options{DataDir: dir, Log: log})
	if err != nil {
		return nil, err
	}
	h := &host{Store: db, log: log, errs: make(chan error, 10)}
	h.run(ctx, db)
	return h, nil
}

// run starts services that stop together, before those started earlier.
func (h *host) run(ctx context.Context, services ...bot.Service) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, s := range services {
		all.Go(func() {
			if err := s.Run(ctx); err != nil && ctx.Err() == nil {
				h.errs <- err
			}
		})
	}
	h.stop = append([]func(){func() { cancel(); all.Wait() }}, h.stop...)
}

// close ends everything; it gives the error of a service that ended by itself.
func (h *host) close() error {
	for _, stop := range h.stop {
		stop()
	}
	err := h.Close()
	select {
	case failed := <-h.errs:
		return errors.Join(fmt.Errorf("a service ended: %w", failed), err)
	default:
		return err
	}
}
