package sonarqube

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// hookName is what administrators of the project see.
const hookName = "OpsBot"

// hook is a webhook of a project.
type hook struct {
	Key string `json:"key"`
	URL string `json:"url"`
}

// lastSegment is the end of a path, where the resource's id is.
func lastSegment(path string) string {
	path = strings.TrimRight(path, "/")
	return path[strings.LastIndexByte(path, '/')+1:]
}

// hooks lists the project's webhooks that carry our resource's id, in a fixed order.
func (s *Service) hooks(ctx context.Context, w wanted) ([]hook, error) {
	if w.hookID == "" {
		return nil, nil
	}
	var got struct {
		Webhooks []hook `json:"webhooks"`
	}
	if err := s.get(ctx, "/api/webhooks/list", url.Values{"project": {w.key}}, &got); err != nil {
		return nil, explain(err, "list the webhooks of "+string(bot.Escape(w.key)), needsAdmin)
	}
	ours := slices.DeleteFunc(got.Webhooks, func(h hook) bool {
		u, err := url.Parse(h.URL)
		return err != nil || lastSegment(u.Path) != w.hookID || h.Key == ""
	})
	slices.SortFunc(ours, func(a, b hook) int { return cmp.Compare(a.Key, b.Key) })
	return ours, nil
}

// inOrder tells whether there is the one webhook that we would make.
func (w wanted) inOrder(hooks []hook) bool {
	if w.hookURL == "" {
		return true
	}
	return len(hooks) == 1 && hooks[0].URL == w.hookURL
}

// ensureHook makes the webhook, or puts right those that are there: never two.
func (s *Service) ensureHook(ctx context.Context, w wanted, hooks []hook) error {
	if w.hookURL == "" {
		return nil
	}
	keys, err := s.keys(ctx, w.key)
	if err != nil {
		return err
	}
	if err := checkSize(keys[0]); err != nil {
		return bot.Errorf(bot.CodeInvalid, "OpsBot can't add a webhook to %s with integrations.%s.webhook_secret: %s", bot.Escape(w.key), s.env.Name, bot.MessageOf(err)).Because(err)
	}
	own := keys[len(keys)-1]
	s.mask.Add(own)
	form := url.Values{"name": {hookName}, "url": {w.hookURL}, "secret": {own}}
	if len(hooks) == 0 {
		form.Set("project", w.key)
		if err := s.post(ctx, "/api/webhooks/create", form); err != nil {
			return explain(err, "add a webhook to "+string(bot.Escape(w.key)), needsAdmin)
		}
		return nil
	}
	if err := s.deleteHooks(ctx, w, hooks[1:]); err != nil {
		return err
	}
	// Even one that looks right is written: the secret cannot be seen, and may be old.
	form.Set("webhook", hooks[0].Key)
	if err := s.post(ctx, "/api/webhooks/update", form); err != nil {
		return explain(err, "change the webhook of "+string(bot.Escape(w.key)), needsAdmin)
	}
	return nil
}

// deleteHooks deletes webhooks; one that is gone already is no failure.
func (s *Service) deleteHooks(ctx context.Context, w wanted, hooks []hook) error {
	for _, h := range hooks {
		err := s.post(ctx, "/api/webhooks/delete", url.Values{"webhook": {h.Key}})
		if err != nil && rest.StatusOf(err) != http.StatusNotFound {
			return explain(err, "delete a webhook of "+string(bot.Escape(w.key)), needsAdmin)
		}
	}
	return nil
}
