package gitea

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	sdk "code.gitea.io/sdk/gitea"

	"opsbot/bot"
)

// events are what our webhooks are about. A branch's deletion comes as "delete" only.
func events() []string { return []string{"create", "delete", "pull_request", "push"} }

// needed are those that a webhook must have: of "pull_request" each version makes
// other ones.
func needed() []string { return []string{"delete", "push"} }

// FindHook implements bot.HookInstaller. One that leads elsewhere, or is switched
// off, counts as absent: ensuring it again puts it right.
func (f *Forge) FindHook(ctx context.Context, spec bot.HookSpec) (bot.Presence, string, error) {
	r, ours, err := f.hooks(ctx, spec)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return bot.PresenceAbsent, "", nil
	case err != nil:
		return bot.PresenceUnknown, "", err
	case len(ours) != 1 || !inOrder(ours[0], address(spec, r)):
		return bot.PresenceAbsent, "", nil
	}
	return bot.PresenceOurs, first(ours), nil
}

// inOrder tells whether a hook is as we would make it; Gitea's API does not show secrets.
func inOrder(h *sdk.Hook, address string) bool {
	lacks := slices.ContainsFunc(needed(), func(e string) bool { return !slices.Contains(h.Events, e) })
	return h.Active && !lacks && h.Config["url"] == address && h.Config["content_type"] == "json" && (h.BranchFilter == "" || h.BranchFilter == "*")
}

// hooks lists those of the repository that carry the resource's id, the oldest first.
func (f *Forge) hooks(ctx context.Context, spec bot.HookSpec) (r *sdk.Repository, ours []*sdk.Hook, err error) {
	if spec.ResourceID == "" || len(spec.ResourceID) > 100 || strings.ContainsAny(spec.ResourceID, "/?#%") {
		return nil, nil, bot.Errorf(bot.CodeInvalid, "The webhook of %s has no usable resource id.", bot.Escape(spec.Repository.Name))
	}
	if r, err = f.resolve(ctx, spec.Repository); err != nil {
		return nil, nil, err
	}
	ours, err = f.listHooks(ctx, r, spec.ResourceID)
	return r, ours, err
}

func (f *Forge) listHooks(ctx context.Context, r *sdk.Repository, resource string) (ours []*sdk.Hook, err error) {
	opts := sdk.ListHooksOptions{ListOptions: sdk.ListOptions{Page: 1, PageSize: mostPage}}
	for range 10 {
		page, resp, err := f.api(ctx).ListRepoHooks(owner(r), r.Name, opts)
		if err != nil {
			return nil, f.hookError(ctx, resp, err, "list the webhooks of "+full(r), r)
		}
		for _, h := range page {
			if (h.Type == "gitea" || h.Type == "forgejo") && carries(h.Config["url"], resource) {
				ours = append(ours, h)
			}
		}
		if opts.Page = resp.NextPage; opts.Page == 0 {
			break
		}
	}
	slices.SortFunc(ours, func(a, b *sdk.Hook) int { return cmp.Compare(a.ID, b.ID) })
	return ours, nil
}

// hookError: the repository is there, so that 404 can only mean a missing right.
func (f *Forge) hookError(ctx context.Context, resp *sdk.Response, err error, doing string, r *sdk.Repository) error {
	err = f.explain(ctx, resp, err, doing)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return bot.Errorf(bot.CodeForbidden, "Gitea refused to %s: OpsBot's account must be an administrator of %s, and webhooks must not be switched off.",
			bot.Escape(doing), bot.Escape(full(r))).Because(err)
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
	secret, err := f.secretOf(ctx, strconv.FormatInt(r.ID, 10))
	if err != nil {
		return "", err
	}
	f.mask.Add(secret)
	want := map[string]string{"url": address(spec, r), "content_type": "json", "secret": secret}
	if len(ours) == 0 {
		return f.addHook(ctx, r, spec, want)
	}
	if err := f.removeHooks(ctx, r, ours[1:]); err != nil {
		return "", err
	}
	// Even one that looks right is written: the secret cannot be seen, and may be old.
	yes := true
	resp, err := f.api(ctx).EditRepoHook(owner(r), r.Name, ours[0].ID, sdk.EditHookOption{Config: want, Events: events(), Active: &yes})
	if err != nil {
		return "", f.hookError(ctx, resp, err, "change the webhook of "+full(r), r)
	}
	return first(ours), nil
}

// addHook makes the hook. Gitea takes two with one URL: if another replica was as
// fast, all keep the older one.
func (f *Forge) addHook(ctx context.Context, r *sdk.Repository, spec bot.HookSpec, want map[string]string) (string, error) {
	made, resp, err := f.api(ctx).CreateRepoHook(owner(r), r.Name, sdk.CreateHookOption{Type: sdk.HookTypeGitea, Config: want, Events: events(), Active: true})
	if err != nil {
		return "", f.hookError(ctx, resp, err, "add a webhook to "+full(r), r)
	}
	if made.ID == 0 {
		return "", odd("a webhook")
	}
	ours, err := f.listHooks(ctx, r, spec.ResourceID)
	if err != nil {
		return "", err
	}
	if len(ours) == 0 {
		return strconv.FormatInt(made.ID, 10), nil
	}
	return first(ours), f.removeHooks(ctx, r, ours[1:])
}

func first(hooks []*sdk.Hook) string { return strconv.FormatInt(hooks[0].ID, 10) }

// removeHooks removes them; one that somebody else has removed meanwhile is no
// failure.
func (f *Forge) removeHooks(ctx context.Context, r *sdk.Repository, hooks []*sdk.Hook) error {
	for _, h := range hooks {
		resp, err := f.api(ctx).DeleteRepoHook(owner(r), r.Name, h.ID)
		err = f.explain(ctx, resp, err, "delete a webhook of "+full(r))
		if bot.CodeOf(err) == bot.CodeNotFound {
			_, resp, gone := f.api(ctx).GetRepoHook(owner(r), r.Name, h.ID)
			if bot.CodeOf(f.explain(ctx, resp, gone, "show a webhook of "+full(r))) == bot.CodeNotFound {
				continue
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
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
	return f.removeHooks(ctx, r, ours)
}
