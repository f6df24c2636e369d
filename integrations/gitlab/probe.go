package gitlab

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	gl "gitlab.com/gitlab-org/api/client-go"

	"opsbot/bot"
)

const (
	// maxSkew is how far our clock may be off before logs and limits puzzle people.
	maxSkew = 5 * time.Minute
	// soon is when a token's end is worth a warning.
	soon = 14 * 24 * time.Hour
)

// Probe implements bot.Prober.
func (f *Forge) Probe(ctx context.Context) []bot.Finding {
	version, resp, err := f.api.Version.GetVersion(gl.WithContext(ctx))
	if err != nil {
		return []bot.Finding{{Subject: "API", Text: bot.MessageOf(f.explain(ctx, err, "show its version"))}}
	}
	out := []bot.Finding{
		{OK: true, Subject: "API", Text: f.cfg.URL + ", version " + bot.Shorten(bot.OneLine(version.Version), 40)},
		f.probeClock(resp.Header), f.probeToken(ctx),
	}
	for _, owner := range f.env.Owners {
		out = append(out, f.probeOwner(ctx, owner))
	}
	if _, err := f.signature(ctx); err != nil {
		out = append(out, bot.Finding{Subject: "webhook secret", Text: bot.MessageOf(err)})
	}
	return append(out, f.probeHooks(ctx))
}

func (f *Forge) probeClock(h http.Header) bot.Finding {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return bot.Finding{OK: true, Subject: "clock", Text: "GitLab did not say what time it is"}
	}
	if off := f.env.Clock.Now().Sub(at).Abs(); off > maxSkew {
		return bot.Finding{Subject: "clock", Text: fmt.Sprintf("This machine's clock differs from GitLab's by %s; set it right (NTP).", bot.Span(off))}
	}
	return bot.Finding{OK: true, Subject: "clock", Text: "as GitLab's"}
}

// probeToken looks at scopes and expiry; GitLab answers it for group and project
// access tokens, too.
func (f *Forge) probeToken(ctx context.Context) bot.Finding {
	const subject = "token"
	t, _, err := f.api.PersonalAccessTokens.GetSinglePersonalAccessToken(gl.WithContext(ctx))
	if err != nil {
		return bot.Finding{Subject: subject, Text: bot.MessageOf(f.explain(ctx, err, "show OpsBot's token"))}
	}
	me, _, err := f.api.Users.CurrentUser(gl.WithContext(ctx))
	if err != nil {
		return bot.Finding{Subject: subject, Text: bot.MessageOf(f.explain(ctx, err, "show whose token OpsBot has"))}
	}
	who := "of " + me.Username
	if !slices.Contains(t.Scopes, "api") {
		return bot.Finding{Subject: subject, Text: "The token " + who + " lacks the scope api (it has " + or(strings.Join(t.Scopes, ", "), "none") + "). Scopes cannot be added: make a new one."}
	}
	if t.ExpiresAt == nil {
		return bot.Finding{OK: true, Subject: subject, Text: who + ", scopes " + strings.Join(t.Scopes, ", ") + ", without an end"}
	}
	end := time.Time(*t.ExpiresAt)
	if left := end.Sub(f.env.Clock.Now()); left < soon {
		return bot.Finding{Subject: subject, Text: "The token " + who + " expires on " + end.Format(time.DateOnly) + ": make a new one before."}
	}
	return bot.Finding{OK: true, Subject: subject, Text: who + ", scopes " + strings.Join(t.Scopes, ", ") + ", until " + end.Format(time.DateOnly)}
}

func (f *Forge) probeOwner(ctx context.Context, owner string) bot.Finding {
	out := bot.Finding{Subject: "owner " + owner}
	space, err := f.namespaceOf(ctx, owner)
	if err != nil {
		out.Text = bot.MessageOf(err)
		return out
	}
	if !space.group {
		out.OK, out.Text = true, "an account of its own"
		return out
	}
	g, err := f.group(ctx, owner)
	switch {
	case err != nil:
		out.Text = bot.MessageOf(err)
	case g.MarkedForDeletionOn != nil:
		out.Text = "The group " + owner + " will be deleted on " + g.MarkedForDeletionOn.String() + "."
	case g.ProjectCreationLevel == gl.NoOneProjectCreation:
		out.Text = "Nobody may create projects in the group " + owner + "; an owner can change that in its settings."
	default:
		out.OK, out.Text = true, "a group"
		if g.ProjectCreationLevel != "" {
			out.Text += "; projects are created from the role " + string(g.ProjectCreationLevel) + " on"
		}
	}
	return out
}

// probeHooks looks whether GitLab reaches us: it notes what becomes of deliveries,
// and switches off webhooks that fail.
func (f *Forge) probeHooks(ctx context.Context) bot.Finding {
	out := bot.Finding{Subject: "webhooks"}
	hooks, err := f.installed(ctx)
	if err != nil {
		out.Text = bot.MessageOf(err)
		return out
	}
	if len(hooks) == 0 {
		out.OK, out.Text = true, "there is no project with a webhook yet"
		return out
	}
	newest := hooks[len(hooks)-1]
	p, err := f.resolve(ctx, newest.repo)
	if err != nil {
		out.Text = bot.MessageOf(err)
		return out
	}
	h, _, err := f.api.Projects.GetProjectHook(p.ID, newest.id, gl.WithContext(ctx))
	switch {
	case err != nil:
		out.Text = bot.MessageOf(f.hookError(ctx, err, "show the webhook of "+full(p), p))
	case h.AlertStatus == disabled || h.AlertStatus == "temporarily_disabled":
		out.Text = "GitLab has switched off the webhook of " + full(p) + ", because " + f.env.PublicURL + " did not answer it. Is that address open to GitLab? Its deliveries: " +
			f.webURL(full(p)) + "/-/hooks/" + strconv.FormatInt(h.ID, 10) + "/edit"
	default:
		out.OK, out.Text = true, "GitLab delivers that of "+full(p)
	}
	return out
}
