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
	me, err := f.me(ctx)
	if err != nil {
		return []bot.Finding{api, {Subject: "token", Text: bot.MessageOf(err)}}
	}
	out := []bot.Finding{api, f.probeToken(ctx, me)}
	for _, owner := range f.env.Owners {
		out = append(out, f.probeOwner(ctx, owner))
	}
	if _, err := f.signatures(ctx); err != nil {
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
func (f *Forge) probeToken(ctx context.Context, me string) bot.Finding {
	tries := []rest.Request{{Method: http.MethodPatch, Path: "/api/v1/repos/" + me + "/-", JSON: struct{}{}}}
	for _, owner := range f.env.Owners {
		kind, err := f.kindOf(ctx, owner)
		path := "/api/v1/orgs/" + owner + "/repos"
		if kind == kindMe {
			path = "/api/v1/user/repos"
		}
		if err == nil {
			tries = append(tries, rest.Request{Method: http.MethodPost, Path: path, JSON: struct{}{}})
		}
	}
	for _, r := range tries {
		err := f.ask(ctx, r, "try out OpsBot's token")
		text := bot.MessageOf(err)
		if bot.CodeOf(err) == bot.CodeForbidden && strings.Contains(text, "lacks the scope") || bot.CodeOf(err) == bot.CodeUnavailable {
			return bot.Finding{Subject: "token", Text: text}
		}
	}
	return bot.Finding{OK: true, Subject: "token", Text: "of " + string(bot.Escape(me)) + ", with the scopes that are needed"}
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
	return bot.Finding{OK: true, Subject: subject, Text: "that of " + string(bot.Escape(full(r))) + " is there; its page shows whether deliveries arrive"}
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
