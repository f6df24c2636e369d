package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"opsbot/bot"
	"opsbot/bot/sandbox"
	"opsbot/bot/webhook"
	"opsbot/integrations"
)

// makeInstances makes the configured integrations, in the order of the file.
func (a *app) makeInstances(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find our own executable: %w", err)
	}
	kinds := map[string]bot.IntegrationKind{}
	for _, k := range integrations.All(a.mayPush) {
		kinds[k.Type] = k
	}
	for _, section := range a.cfg.Integrations {
		kind, ok := kinds[section.Type]
		if !ok {
			return bot.Errorf(bot.CodeInvalid, "line %d: integrations.%s: there is no type %q; there are: %s",
				section.Line, section.Name, section.Type, strings.Join(typeNames(), ", "))
		}
		dir := filepath.Join(a.dir, "integrations", section.Name)
		run := filepath.Join(runDir(a.dir), section.Name)
		for _, d := range []string{dir, run} {
			if err := os.MkdirAll(d, 0o700); err != nil {
				return fmt.Errorf("%s: make folder: %w", section.Name, err)
			}
		}
		// Children of a killed predecessor are ended before anything resumes.
		ended, err := sandbox.Reap(ctx, run)
		if err != nil {
			return fmt.Errorf("%s: end leftovers: %w", section.Name, err)
		}
		for _, child := range ended {
			a.log.Warn("ended a leftover child", "instance", section.Name, "child", child)
		}
		made, err := kind.New(bot.IntegrationEnv{
			Name: section.Name, Config: section, Clock: a.clock, Log: a.log.With("instance", section.Name), Work: a.watched(section.Name), Waker: a.store,
			Blobs: a.store.Blobs(), Secrets: a.vault, Inbound: a.router, Desk: a.router, People: a.people, BotName: a.services.Defaults.BotName, Dir: dir, RunDir: run, Self: self, Owner: a.owner, Edge: webhook.RoundTripper(a.edge.Handler()),
			PublicURL: a.services.Defaults.PublicURL, ConsoleURL: a.services.Defaults.ConsoleURL, AppsListen: a.doors.apps.Addr().String(),
			UnsafeLocal: a.cfg.UnsafeLocal, Owners: a.services.Defaults.ForgeOwners[section.Name], Environments: a.services.Environments,
		})
		if err != nil {
			return fmt.Errorf("integrations.%s: %w", section.Name, err)
		}
		a.instances.add(section.Name, made)
	}
	return nil
}

// mayPush asks the policy about git.
func (a *app) mayPush(ctx context.Context, user bot.User, owner, name string, write bool) error {
	verb := "project"
	if write {
		verb = "push"
	}
	user, err := a.people.Complete(ctx, user)
	if err != nil {
		return err
	}
	d, err := a.policy.Authorize(ctx, bot.Access{User: user, Verb: verb, Project: name, OwnerName: owner})
	if err != nil {
		return err
	}
	if !d.Allowed {
		return bot.Errorf(bot.CodeForbidden, "You may not do that with %s/%s. %s", owner, name, d.Reason)
	}
	return nil
}

func typeNames() []string {
	var out []string
	for _, k := range integrations.All(nil) {
		out = append(out, k.Type)
	}
	return out
}
