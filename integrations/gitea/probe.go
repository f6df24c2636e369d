package gitea

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// Probe implements bot.Prober.
func (f *Forge) Probe(ctx context.Context) []bot.Finding {
	api, ok := f.probeAPI(ctx)
	if !ok {
		return []bot.Finding{api}
	}
	out := []bot.Finding{api, f.probeToken(ctx)}
	for _, owner := range f.env.Owners {
		out = append(out, f.probeOwner(ctx, owner))
	}
	if _, err := f.secretOf(ctx, ""); err != nil {
		out = append(out, bot.Finding{Subject: "webhook secret", Text: bot.MessageOf(err)})
	}
	return append(out, f.probeHook(ctx))
}

// oldest is the first version that lists the commits between two: 1.20.
const oldestMajor, oldestMinor = 1, 20

func (f *Forge) probeAPI(ctx context.Context) (bot.Finding, bool) {
	version, resp, err := f.api(ctx).ServerVersion()
	if err := f.explain(ctx, resp, err, "show its version"); err != nil {
		subject := "API"
		if bot.CodeOf(err) == bot.CodeUnauthenticated { // it is there, and looks at the token first
			subject = "token"
		}
		return bot.Finding{Subject: subject, Text: bot.MessageOf(err)}, false
	}
	name, gitea := service, version
	if own, of, forgejo := strings.Cut(version, "+gitea-"); forgejo {
		name, version, gitea = "Forgejo", own, of
	}
	text := fmt.Sprintf("%s, %s %s", f.cfg.URL, name, bot.Escape(bot.Shorten(version, 60)))
	if tooOld(gitea) {
		return bot.Finding{Subject: "API", Text: fmt.Sprintf("%s; OpsBot needs Gitea %d.%d or newer, or Forgejo: update it.", text, oldestMajor, oldestMinor)}, true
	}
	return bot.Finding{OK: true, Subject: "API", Text: text}, true
}

// tooOld looks at "1.24.3"; what is no such version ("main-nightly") is not old.
func tooOld(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, badMajor := strconv.Atoi(parts[0])
	minor, badMinor := strconv.Atoi(parts[1])
	return badMajor == nil && badMinor == nil && (major < oldestMajor || major == oldestMajor && minor < oldestMinor)
}

// probeToken finds out what the token may do: Gitea does not tell, but looks at the
// scopes before all else. "-" can be no repository's name, and a repository without
// a name none's creation: neither request changes anything.
func (f *Forge) probeToken(ctx context.Context) bot.Finding {
	const subject = "token"
	whose := "that may not say whose it is"
	me, err := f.me(ctx)
	switch {
	case err == nil:
		whose = "of " + string(bot.Escape(me))
	case bot.CodeOf(err) != bot.CodeForbidden:
		return bot.Finding{Subject: subject, Text: bot.MessageOf(err)}
	}
	for _, r := range f.tries(ctx) {
		err := f.ask(ctx, r, "try out OpsBot's token")
		if code := bot.CodeOf(err); code == bot.CodeForbidden && strings.Contains(bot.MessageOf(err), "scope") || code == bot.CodeUnavailable {
			return bot.Finding{Subject: subject, Text: bot.MessageOf(err)}
		}
	}
	return bot.Finding{OK: true, Subject: subject, Text: "one " + whose + ", with the scopes that are needed"}
}

// tries are requests that a token with enough scopes gets refused for other reasons.
func (f *Forge) tries(ctx context.Context) (out []rest.Request) {
	for _, owner := range f.env.Owners {
		if !ownerForm.MatchString(owner) {
			continue
		}
		out = append(out, rest.Request{Method: http.MethodPatch, Path: "/api/v1/repos/" + owner + "/-", JSON: struct{}{}})
		path := "/api/v1/orgs/" + owner + "/repos"
		kind, err := f.kindOf(ctx, owner)
		if kind == kindMe {
			path = "/api/v1/user/repos"
		}
		if err == nil {
			out = append(out, rest.Request{Method: http.MethodPost, Path: path, JSON: struct{}{}})
		}
	}
	return out
}

func (f *Forge) probeOwner(ctx context.Context, owner string) bot.Finding {
	subject := "owner " + owner
	kind, err := f.kindOf(ctx, owner)
	switch {
	case err != nil:
		return bot.Finding{Subject: subject, Text: bot.MessageOf(err)}
	case kind == kindMe:
		return bot.Finding{OK: true, Subject: subject, Text: "the token's own account"}
	}
	return bot.Finding{OK: true, Subject: subject, Text: "an organisation"}
}

// probeHook looks whether the newest of our webhooks is there. Gitea does not tell
// whether its deliveries arrive.
func (f *Forge) probeHook(ctx context.Context) bot.Finding {
	const subject = "webhook"
	repo, id, err := f.installed(ctx)
	switch {
	case err != nil:
		return bot.Finding{Subject: subject, Text: bot.MessageOf(err)}
	case id == 0:
		return bot.Finding{OK: true, Subject: subject, Text: "there is no project with a webhook yet"}
	}
	r, err := f.resolve(ctx, repo)
	if err != nil {
		return bot.Finding{Subject: subject, Text: bot.MessageOf(err)}
	}
	h, resp, err := f.api(ctx).GetRepoHook(owner(r), r.Name, id)
	if err := f.explain(ctx, resp, err, "show the webhook of "+full(r)); err != nil {
		if bot.CodeOf(err) == bot.CodeNotFound {
			return bot.Finding{Subject: subject, Text: "The webhook of " + string(bot.Escape(full(r))) + " is gone: OpsBot does not hear of its pushes."}
		}
		return bot.Finding{Subject: subject, Text: bot.MessageOf(err)}
	}
	if !h.Active {
		return bot.Finding{Subject: subject, Text: "The webhook of " + string(bot.Escape(full(r))) + " is switched off: OpsBot does not hear of its pushes."}
	}
	return bot.Finding{OK: true, Subject: subject, Text: "that of " + string(bot.Escape(full(r))) + " is there. Its page shows whether deliveries arrive; if not, Gitea's webhook.ALLOWED_HOST_LIST must have OpsBot's host"}
}

// installed is the webhook of the newest project that has one; id 0: none has.
func (f *Forge) installed(ctx context.Context) (repo bot.Repository, id int64, err error) {
	err = f.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		projects, err := tx.Projects.List(ctx)
		if err != nil {
			return err
		}
		for _, p := range projects {
			all, err := tx.Resources.Of(ctx, p.ID)
			if err != nil {
				return err
			}
			var at bot.Repository
			var hook int64
			for _, r := range all {
				switch {
				case r.Instance != f.env.Name:
				case r.Kind == bot.ResourceRepository:
					at = r.Repository(p.DefaultBranch)
				case r.Kind == bot.ResourceHook:
					hook, _ = strconv.ParseInt(r.ExternalID, 10, 64)
				}
			}
			if hook > 0 && at.ExternalID != "" && p.State != bot.ProjectArchived {
				repo, id = at, hook
			}
		}
		return nil
	})
	return repo, id, err
}
