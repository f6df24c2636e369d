package forgetest

import (
	"context"
	"fmt"

	"opsbot/bot"
)

// hooking gives the installer and the spec of a hook of a new repository.
func hooking(ctx context.Context, r Rig) (bot.HookInstaller, bot.HookSpec, error) {
	installer, ok := r.Forge.(bot.HookInstaller)
	if !ok {
		return nil, bot.HookSpec{}, nil
	}
	repo, err := r.repo(ctx, "hooked")
	return installer, r.hook(repo, "0190-resource"), err
}

func (r Rig) hook(repo bot.Repository, id string) bot.HookSpec {
	return bot.HookSpec{Repository: repo, ResourceID: id, URL: r.HookURL + id}
}

func wantHook(ctx context.Context, in bot.HookInstaller, spec bot.HookSpec, want bot.Presence) (string, error) {
	got, id, err := in.FindHook(ctx, spec)
	if err != nil || got != want {
		return id, fmt.Errorf("FindHook %s of %s gives %s, %v, want %s", spec.ResourceID, spec.Repository.Name, got, say(err), want)
	}
	return id, nil
}

func hookFound(ctx context.Context, r Rig) error {
	in, spec, err := hooking(ctx, r)
	if in == nil || err != nil {
		return err
	}
	if _, err := wantHook(ctx, in, spec, bot.PresenceAbsent); err != nil {
		return err
	}
	id, err := in.EnsureHook(ctx, spec)
	if err != nil || id == "" {
		return fmt.Errorf("EnsureHook gives %q, %v", id, say(err))
	}
	found, err := wantHook(ctx, in, spec, bot.PresenceOurs)
	if err == nil && found != id {
		return fmt.Errorf("found hook %q, made %q", found, id)
	}
	return err
}

func hookTwice(ctx context.Context, r Rig) error {
	in, spec, err := hooking(ctx, r)
	if in == nil || err != nil {
		return err
	}
	first, err := in.EnsureHook(ctx, spec)
	if err != nil {
		return fmt.Errorf("EnsureHook: %w", err)
	}
	second, err := in.EnsureHook(ctx, spec)
	if err != nil || second != first {
		return fmt.Errorf("EnsureHook gives %q, then %q, %v", first, second, say(err))
	}
	if err := in.RemoveHook(ctx, spec); err != nil {
		return fmt.Errorf("RemoveHook: %w", err)
	}
	_, err = wantHook(ctx, in, spec, bot.PresenceAbsent) // a second one would still be there
	return err
}

func hookApart(ctx context.Context, r Rig) error {
	in, spec, err := hooking(ctx, r)
	if in == nil || err != nil {
		return err
	}
	other, err := r.repo(ctx, "other")
	if err != nil {
		return err
	}
	if _, err := in.EnsureHook(ctx, spec); err != nil {
		return fmt.Errorf("EnsureHook: %w", err)
	}
	for _, absent := range []bot.HookSpec{r.hook(spec.Repository, "0190-another"), r.hook(other, spec.ResourceID)} {
		got, _, err := in.FindHook(ctx, absent)
		if err != nil || got == bot.PresenceOurs {
			return fmt.Errorf("the hook %s of %s is %s, %v", absent.ResourceID, absent.Repository.Name, got, say(err))
		}
		if err := in.RemoveHook(ctx, absent); err != nil {
			return fmt.Errorf("RemoveHook: %w", err)
		}
	}
	_, err = wantHook(ctx, in, spec, bot.PresenceOurs)
	return err
}

func hookRemoved(ctx context.Context, r Rig) error {
	in, spec, err := hooking(ctx, r)
	if in == nil || err != nil {
		return err
	}
	if _, err := in.EnsureHook(ctx, spec); err != nil {
		return fmt.Errorf("EnsureHook: %w", err)
	}
	for range 2 {
		if err := in.RemoveHook(ctx, spec); err != nil {
			return fmt.Errorf("RemoveHook: %w", err)
		}
		if _, err := wantHook(ctx, in, spec, bot.PresenceAbsent); err != nil {
			return err
		}
	}
	return nil
}
