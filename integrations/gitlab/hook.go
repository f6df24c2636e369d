package gitlab

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	gl "gitlab.com/gitlab-org/api/client-go"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// disabled is what GitLab says of a webhook that failed forty times: it sends it no
// more. One that is off for a while comes back by itself.
const disabled = "disabled"

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
	return bot.PresenceOurs, strconv.FormatInt(ours[0].ID, 10), nil
}

// inOrder tells whether a hook is as we would make it; GitLab does not show secrets.
func inOrder(h *gl.ProjectHook, spec bot.HookSpec) bool {
	return h.URL == spec.URL && h.PushEvents && h.TagPushEvents && h.MergeRequestsEvents && h.EnableSSLVerification &&
		h.PushEventsBranchFilter == "" && h.AlertStatus != disabled
}

// hooks lists those of the project that carry the resource's id, the oldest first.
func (f *Forge) hooks(ctx context.Context, spec bot.HookSpec) (p *gl.Project, ours []*gl.ProjectHook, err error) {
	if spec.ResourceID == "" || len(spec.ResourceID) > 100 || strings.ContainsAny(spec.ResourceID, "/?#%") {
		return nil, nil, bot.Errorf(bot.CodeInvalid, "The webhook of %s has no usable resource id.", bot.Escape(spec.Repository.Name))
	}
	if p, err = f.resolve(ctx, spec.Repository); err != nil {
		return nil, nil, err
	}
	ours, err = f.ourHooks(ctx, p, spec)
	return p, ours, err
}

func (f *Forge) ourHooks(ctx context.Context, p *gl.Project, spec bot.HookSpec) (ours []*gl.ProjectHook, err error) {
	opts := &gl.ListProjectHooksOptions{ListOptions: gl.ListOptions{PerPage: mostPage}}
	for range 5 {
		page, resp, err := f.api.Projects.ListProjectHooks(p.ID, opts, gl.WithContext(ctx))
		if err != nil {
			return nil, f.hookError(ctx, err, "list the webhooks of "+full(p), p)
		}
		for _, h := range page {
			if carries(h.URL, spec.ResourceID) {
				ours = append(ours, h)
			}
		}
		if opts.Page = resp.NextPage; opts.Page == 0 {
			break
		}
	}
	slices.SortFunc(ours, func(a, b *gl.ProjectHook) int { return cmp.Compare(a.ID, b.ID) })
	return ours, nil
}

// hookError: the project is there, so that 403 or 404 can only mean a missing role,
// unless GitLab gives a reason or the webhook itself is gone.
func (f *Forge) hookError(ctx context.Context, err error, doing string, p *gl.Project) error {
	text := said(err)
	err = f.explain(ctx, err, doing)
	bare := text == "" || strings.HasPrefix(text, "403 Forbidden") || strings.HasPrefix(text, "404")
	if code := bot.CodeOf(err); bare && (code == bot.CodeNotFound || code == bot.CodeForbidden) {
		return bot.Errorf(bot.CodeForbidden, "GitLab refused to %s: OpsBot's account must be a Maintainer of %s.", doing, full(p)).Because(err)
	}
	return err
}

// carries finds our marker: the resource's id as a segment of the hook's path.
func carries(text, resourceID string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.Contains(strings.Split(u.Path, "/"), resourceID)
}

// EnsureHook implements bot.HookInstaller. GitLab lets two webhooks have one
// address: of several the oldest stays.
func (f *Forge) EnsureHook(ctx context.Context, spec bot.HookSpec) (string, error) {
	p, ours, err := f.hooks(ctx, spec)
	if err != nil {
		return "", err
	}
	secret, err := f.cfg.WebhookSecret.Resolve(ctx)
	if err != nil {
		return "", err
	}
	f.mask.Add(secret)
	if ours, err = f.thin(ctx, p, ours); err != nil {
		return "", err
	}
	if len(ours) == 0 {
		return f.addHook(ctx, p, spec, secret)
	}
	// Even one that looks right is written: the secret cannot be seen, and may be old.
	_, _, err = f.api.Projects.EditProjectHook(p.ID, ours[0].ID, &gl.EditProjectHookOptions{
		URL: &spec.URL, Token: &secret, PushEvents: gl.Ptr(true), TagPushEvents: gl.Ptr(true), MergeRequestsEvents: gl.Ptr(true),
		EnableSSLVerification: gl.Ptr(true), PushEventsBranchFilter: gl.Ptr(""),
	}, gl.WithContext(ctx))
	if rest.StatusOf(err) == http.StatusNotFound {
		return "", bot.Errorf(bot.CodeUnavailable, "The webhook of %s was removed at this very moment.", full(p)).Because(err).Backoff()
	}
	if err != nil {
		return "", f.hookError(ctx, err, "change the webhook of "+full(p), p)
	}
	return strconv.FormatInt(ours[0].ID, 10), nil
}

// thin removes what is too much: second ones, and one that GitLab has switched off
// for good, which no change switches on again.
func (f *Forge) thin(ctx context.Context, p *gl.Project, ours []*gl.ProjectHook) (left []*gl.ProjectHook, err error) {
	for _, h := range ours {
		if len(left) == 0 && h.AlertStatus != disabled {
			left = append(left, h)
			continue
		}
		_, err := f.api.Projects.DeleteProjectHook(p.ID, h.ID, gl.WithContext(ctx))
		if err = f.explain(ctx, err, "delete a second webhook of "+full(p)); err != nil && bot.CodeOf(err) != bot.CodeNotFound {
			return nil, err
		}
	}
	return left, nil
}

func (f *Forge) addHook(ctx context.Context, p *gl.Project, spec bot.HookSpec, secret string) (string, error) {
	made, _, err := f.api.Projects.AddProjectHook(p.ID, &gl.AddProjectHookOptions{
		URL: &spec.URL, Token: &secret, PushEvents: gl.Ptr(true), TagPushEvents: gl.Ptr(true), MergeRequestsEvents: gl.Ptr(true),
		EnableSSLVerification: gl.Ptr(true),
	}, gl.WithContext(ctx))
	if err != nil {
		return "", f.hookError(ctx, err, "add a webhook to "+full(p), p)
	}
	if made.ID == 0 {
		return "", f.odd("a webhook")
	}
	// Somebody may have done the same at the same moment.
	ours, err := f.ourHooks(ctx, p, spec)
	if err != nil {
		return "", err
	}
	if ours, err = f.thin(ctx, p, ours); err != nil || len(ours) == 0 {
		return strconv.FormatInt(made.ID, 10), err
	}
	return strconv.FormatInt(ours[0].ID, 10), nil
}

// RemoveHook implements bot.HookInstaller. Absent is success.
func (f *Forge) RemoveHook(ctx context.Context, spec bot.HookSpec) error {
	p, ours, err := f.hooks(ctx, spec)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	for _, h := range ours {
		_, err := f.api.Projects.DeleteProjectHook(p.ID, h.ID, gl.WithContext(ctx))
		if err != nil && rest.StatusOf(err) != http.StatusNotFound {
			return f.hookError(ctx, err, "delete the webhook of "+full(p), p)
		}
	}
	return nil
}
