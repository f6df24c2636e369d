package github

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"opsbot/bot"
)

// events are what our webhooks are about. A branch's deletion comes as a push, too.
func events() []string { return []string{"pull_request", "push", "repository"} }

// FindHook implements bot.HookInstaller. One that leads elsewhere, or is switched
// off, counts as absent: ensuring it again puts it right.
func (f *Forge) FindHook(ctx context.Context, spec bot.HookSpec) (bot.Presence, string, error) {
	_, ours, err := f.hooks(ctx, spec)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return bot.PresenceAbsent, "", nil
	case err != nil:
		return bot.PresenceUnknown, "", err
	case len(ours) != 1 || !inOrder(ours[0], spec):
		return bot.PresenceAbsent, "", nil
	}
	return bot.PresenceOurs, strconv.FormatInt(ours[0].GetID(), 10), nil
}

// inOrder tells whether a hook is as we would make it; GitHub does not show secrets.
func inOrder(h *gh.Hook, spec bot.HookSpec) bool {
	have := slices.Sorted(slices.Values(h.Events))
	c := h.GetConfig()
	return h.GetActive() && c.GetURL() == spec.URL && c.GetContentType() == "json" && c.GetInsecureSSL() != "1" &&
		c.GetSecret() != "" && slices.Equal(have, events())
}

// hooks lists those of the repository that carry the resource's id, the oldest first.
func (f *Forge) hooks(ctx context.Context, spec bot.HookSpec) (r *gh.Repository, ours []*gh.Hook, err error) {
	if spec.ResourceID == "" || len(spec.ResourceID) > 100 || strings.ContainsAny(spec.ResourceID, "/?#%") {
		return nil, nil, bot.Errorf(bot.CodeInvalid, "The webhook of %s has no usable resource id.", bot.Escape(spec.Repository.Name))
	}
	if r, err = f.resolve(ctx, spec.Repository); err != nil {
		return nil, nil, err
	}
	opts := &gh.ListOptions{PerPage: mostPage}
	for range 5 {
		page, resp, err := f.api().Repositories.ListHooks(ctx, r.GetOwner().GetLogin(), r.GetName(), opts)
		if err != nil {
			return nil, nil, f.hookError(ctx, err, "list the webhooks of "+full(r), r)
		}
		for _, h := range page {
			if carries(h.GetConfig().GetURL(), spec.ResourceID) {
				ours = append(ours, h)
			}
		}
		if opts.Page = resp.NextPage; opts.Page == 0 {
			break
		}
	}
	slices.SortFunc(ours, func(a, b *gh.Hook) int { return cmp.Compare(a.GetID(), b.GetID()) })
	return r, ours, nil
}

// hookError: the repository is there, so that 404 can only mean a missing right.
func (f *Forge) hookError(ctx context.Context, err error, doing string, r *gh.Repository) error {
	err = f.explain(ctx, err, doing)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return bot.Errorf(bot.CodeForbidden, "GitHub refused to %s: OpsBot's account must be an administrator of %s.", doing, full(r)).Because(err)
	}
	return err
}

// carries finds our marker: the resource's id as a segment of the hook's path.
func carries(text, resourceID string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.Contains(strings.Split(u.Path, "/"), resourceID)
}

// EnsureHook implements bot.HookInstaller.
func (f *Forge) EnsureHook(ctx context.Context, spec bot.HookSpec) (string, error) {
	r, ours, err := f.hooks(ctx, spec)
	if err != nil {
		return "", err
	}
	secret, err := f.cfg.WebhookSecret.Resolve(ctx)
	if err != nil {
		return "", err
	}
	f.mask.Add(secret)
	want := &gh.Hook{Events: events(), Active: gh.Bool(true), Config: &gh.HookConfig{
		URL: &spec.URL, ContentType: gh.String("json"), InsecureSSL: gh.String("0"), Secret: &secret,
	}}
	if len(ours) == 0 {
		return f.addHook(ctx, r, spec, want)
	}
	owner, name := r.GetOwner().GetLogin(), r.GetName()
	for _, h := range ours[1:] {
		if _, err := f.api().Repositories.DeleteHook(ctx, owner, name, h.GetID()); err != nil {
			return "", f.hookError(ctx, err, "delete a second webhook of "+full(r), r)
		}
	}
	// Even one that looks right is written: the secret cannot be seen, and may be old.
	if _, _, err := f.api().Repositories.EditHook(ctx, owner, name, ours[0].GetID(), want); err != nil {
		return "", f.hookError(ctx, err, "change the webhook of "+full(r), r)
	}
	return strconv.FormatInt(ours[0].GetID(), 10), nil
}

func (f *Forge) addHook(ctx context.Context, r *gh.Repository, spec bot.HookSpec, want *gh.Hook) (string, error) {
	made, resp, err := f.api().Repositories.CreateHook(ctx, r.GetOwner().GetLogin(), r.GetName(), want)
	if err != nil && strings.Contains(err.Error(), "already exists") {
		// Two at once; GitHub lets no second hook have the URL.
		if _, ours, err := f.hooks(ctx, spec); err != nil || len(ours) > 0 {
			return first(ours), err
		}
	}
	if err != nil {
		return "", f.hookError(ctx, err, "add a webhook to "+full(r), r)
	}
	if made.GetID() == 0 {
		return "", f.odd(resp, "a webhook")
	}
	return strconv.FormatInt(made.GetID(), 10), nil
}

func first(hooks []*gh.Hook) string {
	if len(hooks) == 0 {
		return ""
	}
	return strconv.FormatInt(hooks[0].GetID(), 10)
}

// RemoveHook implements bot.HookInstaller. Absent is success.
func (f *Forge) RemoveHook(ctx context.Context, spec bot.HookSpec) error {
	r, ours, err := f.hooks(ctx, spec)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	for _, h := range ours {
		if _, err := f.api().Repositories.DeleteHook(ctx, r.GetOwner().GetLogin(), r.GetName(), h.GetID()); err != nil {
			return f.stillThere(ctx, f.hookError(ctx, err, "delete the webhook of "+full(r), r), spec)
		}
	}
	return nil
}

// stillThere: a webhook that somebody else has removed meanwhile is no failure.
func (f *Forge) stillThere(ctx context.Context, err error, spec bot.HookSpec) error {
	if bot.CodeOf(err) != bot.CodeForbidden {
		return err
	}
	if _, ours, again := f.hooks(ctx, spec); again == nil && len(ours) == 0 || bot.CodeOf(again) == bot.CodeNotFound {
		return nil
	}
	return err
}
