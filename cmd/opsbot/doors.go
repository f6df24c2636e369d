package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/webhook"
)

// doors are the listeners: hooks and git, the page, the deployed apps, and the
// owner's socket.
type doors struct {
	listen, console, apps net.Listener
	socket                net.Listener
}

// openDoors takes the configured addresses.
func openDoors(ctx context.Context, cfg *config.Config) (*doors, error) {
	d := &doors{}
	for _, door := range []struct {
		into       *net.Listener
		key, where string
	}{{&d.listen, "listen", cfg.Listen}, {&d.console, "console", cfg.Console}, {&d.apps, "apps", cfg.Apps}} {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", door.where)
		if err != nil {
			return nil, errors.Join(bot.Errorf(bot.CodeUnavailable,
				"The address %s (%s) can't be used; is something else listening there? Another one: %s in the configuration", door.where, door.key, door.key).Because(err), d.close())
		}
		*door.into = l
	}
	return d, nil
}

// openSocket makes the owner's socket, mode 0600. Holding the data folder's lock,
// a socket that is there already is a leftover.
func (d *doors) openSocket(ctx context.Context, path string) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the socket's folder: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove a leftover socket: %w", err)
	}
	// Made in a private folder and moved, so that it never has wider rights.
	private, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return fmt.Errorf("make the socket's folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(private)) }()
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", filepath.Join(private, "s"))
	if err != nil {
		return fmt.Errorf("listen on the owner's socket: %w", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	d.socket = l
	if err := os.Chmod(filepath.Join(private, "s"), 0o600); err != nil {
		return fmt.Errorf("protect the owner's socket: %w", err)
	}
	if err := os.Rename(filepath.Join(private, "s"), path); err != nil {
		return fmt.Errorf("place the owner's socket: %w", err)
	}
	return nil
}

func (d *doors) close() error {
	var errs []error
	for _, l := range []net.Listener{d.listen, d.console, d.apps, d.socket} {
		if l != nil {
			if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// mux collects the handlers of one listener: the longest prefix wins.
func mux(routes []bot.Routes, which bot.Listener, extra map[string]http.Handler) http.Handler {
	type route struct {
		prefix  string
		handler http.Handler
	}
	var list []route
	for _, r := range routes {
		if r.Listener() == which {
			list = append(list, route{r.Prefix(), r.Handler()})
		}
	}
	for prefix, h := range extra {
		list = append(list, route{prefix, h})
	}
	sort.SliceStable(list, func(i, j int) bool { return len(list[i].prefix) > len(list[j].prefix) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, one := range list {
			if strings.HasPrefix(r.URL.Path, one.prefix) {
				one.handler.ServeHTTP(w, r)
				return
			}
		}
		http.NotFound(w, r)
	})
}

// routes lists everything that answers HTTP.
func (a *app) routes() []bot.Routes {
	out := []bot.Routes{a.edge}
	for _, name := range a.instances.Names() {
		if r, ok := a.instances.Get(name).(bot.Routes); ok {
			out = append(out, r)
		}
		if many, ok := a.instances.Get(name).(interface{ Routes() []bot.Routes }); ok {
			out = append(out, many.Routes()...)
		}
	}
	return out
}

// guard protects the console's listener; without a console it stays shut.
func (a *app) guard(next http.Handler) http.Handler {
	if c := a.console(); c != nil {
		return c.Guard(next)
	}
	return http.NotFoundHandler()
}

// servers answers on every door until ctx ends, then lets requests finish.
func (a *app) servers() []named {
	all := a.routes()
	health := map[string]http.Handler{"/healthz": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })}
	return []named{
		{"listen", server{a.doors.listen, mux(all, bot.ListenPublic, health), a.log}},
		{"console", server{a.doors.console, a.guard(mux(all, bot.ListenConsole, nil)), a.log}},
		{"apps", server{a.doors.apps, mux(all, bot.ListenApps, nil), a.log}},
		{"socket", server{a.doors.socket, a.local(), a.log}},
	}
}

// server is one listener with its handler, as a service.
type server struct {
	net.Listener
	handler http.Handler
	log     *slog.Logger
}

// Run serves until ctx ends; long answers (streams, clones) get a moment to end.
func (s server) Run(ctx context.Context) error {
	srv := webhook.NewServer(s.handler, s.log)
	srv.WriteTimeout = 0 // streams and clones take as long as they take
	srv.BaseContext = func(net.Listener) context.Context { return context.WithoutCancel(ctx) }
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(s.Listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := srv.Shutdown(grace); err != nil {
		return srv.Close()
	}
	return nil
}
