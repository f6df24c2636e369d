package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	gh "github.com/google/go-github/v60/github"

	"opsbot/bot"
)

// maxSkew is how far our clock may be off: an App's proof of who it is lives for
// minutes.
const maxSkew = 30 * time.Second

// Probe implements bot.Prober.
func (f *Forge) Probe(ctx context.Context) []bot.Finding {
	limits, resp, err := f.api().RateLimit.Get(ctx)
	if resp != nil && resp.Response != nil && resp.StatusCode == http.StatusNotFound {
		err = nil // an Enterprise Server without limits
	}
	if err != nil {
		return []bot.Finding{{Subject: "API", Text: bot.MessageOf(f.explain(ctx, err, "show the limits of OpsBot's token"))}}
	}
	out := []bot.Finding{
		{OK: true, Subject: "API", Text: f.apiURL() + version(resp.Header)},
		f.probeClock(resp.Header), f.probeLimit(limits), f.probeToken(ctx, resp.Header),
	}
	for _, owner := range f.env.Owners {
		out = append(out, f.probeOwner(ctx, owner))
	}
	if _, err := f.signature(ctx); err != nil {
		out = append(out, bot.Finding{Subject: "webhook secret", Text: bot.MessageOf(err)})
	}
	return append(out, f.probeHook(ctx))
}

func version(h http.Header) string {
	if v := h.Get("X-GitHub-Enterprise-Version"); v != "" {
		return ", Enterprise Server " + v
	}
	return ""
}

func (f *Forge) probeClock(h http.Header) bot.Finding {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return bot.Finding{OK: true, Subject: "clock", Text: "GitHub did not say what time it is"}
	}
	off := f.env.Clock.Now().Sub(at).Abs()
	if off > maxSkew {
		return bot.Finding{Subject: "clock", Text: fmt.Sprintf("This machine's clock differs from GitHub's by %s; set it right (NTP).", bot.Span(off))}
	}
	return bot.Finding{OK: true, Subject: "clock", Text: "as GitHub's"}
}

func (f *Forge) probeLimit(l *gh.RateLimits) bot.Finding {
	core := l.GetCore()
	if core == nil {
		return bot.Finding{OK: true, Subject: "rate limit", Text: "none"}
	}
	text := fmt.Sprintf("%d of %d requests are left until %s", core.Remaining, core.Limit, core.Reset.UTC().Format("15:04"))
	return bot.Finding{OK: core.Remaining > core.Limit/10, Subject: "rate limit", Text: text}
}

// needed are the scopes of a classic token, each with what it is for.
func needed() []struct{ scope, use string } {
	return []struct{ scope, use string }{
		{"repo", "make and fill repositories"},
		{"admin:repo_hook", "install webhooks"},
		{"delete_repo", "undo and purge"},
		{"workflow", "push blueprints with GitHub Actions"},
		{"read:org", "see teams"},
	}
}

func (f *Forge) probeToken(ctx context.Context, h http.Header) bot.Finding {
	if f.cfg.App.ID != 0 {
		return bot.Finding{OK: true, Subject: "token", Text: fmt.Sprintf("App %d, installation %d", f.cfg.App.ID, f.cfg.App.Installation)}
	}
	me, _, err := f.api().Users.Get(ctx, "")
	if err != nil {
		return bot.Finding{Subject: "token", Text: bot.MessageOf(f.explain(ctx, err, "show whose token OpsBot has"))}
	}
	who := "of " + me.GetLogin()
	if _, classic := h[http.CanonicalHeaderKey("X-OAuth-Scopes")]; !classic {
		return bot.Finding{OK: true, Subject: "token", Text: "fine-grained, " + who}
	}
	var lacks []string
	for _, n := range needed() {
		one := http.Header{}
		one.Set("X-OAuth-Scopes", h.Get("X-OAuth-Scopes"))
		one.Set("X-Accepted-OAuth-Scopes", n.scope)
		if _, missing := missingScope(one); missing {
			lacks = append(lacks, n.scope+" (to "+n.use+")")
		}
	}
	if len(lacks) > 0 {
		return bot.Finding{Subject: "token", Text: "The token " + who + " lacks " + strings.Join(lacks, ", ") + "; give it a new set of scopes."}
	}
	return bot.Finding{OK: true, Subject: "token", Text: who + ", scopes " + h.Get("X-OAuth-Scopes")}
}

func (f *Forge) probeOwner(ctx context.Context, owner string) bot.Finding {
	subject := "owner " + owner
	org, err := f.organisation(ctx, owner)
	if err != nil {
		return bot.Finding{Subject: subject, Text: bot.MessageOf(err)}
	}
	if org == "" {
		return bot.Finding{OK: true, Subject: subject, Text: "the token's own account"}
	}
	o, _, err := f.api().Organizations.Get(ctx, owner)
	if err != nil {
		return bot.Finding{Subject: subject, Text: bot.MessageOf(f.explain(ctx, err, "show the organisation "+owner))}
	}
	if o.MembersCanCreateRepos != nil && !o.GetMembersCanCreateRepos() {
		return bot.Finding{OK: true, Subject: subject, Text: "an organisation; only its owners may create repositories: OpsBot's account must be one"}
	}
	return bot.Finding{OK: true, Subject: subject, Text: "an organisation"}
}

// probeHook asks GitHub to ping one of our webhooks: does our public address answer
// from outside?
func (f *Forge) probeHook(ctx context.Context) bot.Finding {
	const subject = "webhook from outside"
	hooks, err := f.installed(ctx)
	if err != nil {
		return bot.Finding{Subject: subject, Text: bot.MessageOf(err)}
	}
	if len(hooks) == 0 {
		return bot.Finding{OK: true, Subject: subject, Text: "there is no project with a webhook yet to try it with"}
	}
	h := hooks[len(hooks)-1]
	r, err := f.resolve(ctx, h.repo)
	if err != nil {
		return bot.Finding{Subject: subject, Text: bot.MessageOf(err)}
	}
	asked := f.env.Clock.Now().Truncate(time.Second)
	if _, err := f.api().Repositories.PingHook(ctx, r.GetOwner().GetLogin(), r.GetName(), h.id); err != nil {
		return bot.Finding{Subject: subject, Text: bot.MessageOf(f.hookError(ctx, err, "ping the webhook of "+full(r), r))}
	}
	for range 10 {
		tries, err := f.deliveries(ctx, r, h.id)
		if err != nil {
			return bot.Finding{Subject: subject, Text: bot.MessageOf(err)}
		}
		for _, t := range tries {
			if t.newest.GetEvent() != "ping" || t.newest.GetDeliveredAt().Before(asked) || t.newest.GetStatus() == "pending" {
				continue
			}
			if t.arrived {
				return bot.Finding{OK: true, Subject: subject, Text: "a ping of " + full(r) + " arrived"}
			}
			return bot.Finding{Subject: subject, Text: fmt.Sprintf("A ping to %s failed: %s. Is that address open to GitHub?", f.env.PublicURL, bot.Escape(t.newest.GetStatus()))}
		}
		select {
		case <-ctx.Done():
			return bot.Finding{Subject: subject, Text: "the ping was not waited for"}
		case <-f.env.Clock.After(time.Second):
		}
	}
	return bot.Finding{Subject: subject, Text: "GitHub has not reported the ping after 10 s; look at the webhook's deliveries of " + full(r) + "."}
}
