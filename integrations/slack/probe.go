package slack

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/integrations/slack/web"
)

// maxSkew is how far the clocks may be apart: Slack's signatures are good for five
// minutes, so that half of it leaves room.
const maxSkew = 150 * time.Second

// Probe implements bot.Prober.
func (c *Chat) Probe(ctx context.Context) []bot.Finding {
	out := []bot.Finding{c.probeKind(ctx, "bot token", c.cfg.BotToken, "xoxb-")}
	if !out[0].OK {
		return append(out, c.probeDoors(ctx)...)
	}
	auth, err := c.web.Auth(ctx)
	if err != nil {
		out[0] = bot.Finding{Subject: "bot token", Text: bot.MessageOf(err) + " " + advice(web.CodeOf(err))}
		return append(out, c.probeDoors(ctx)...)
	}
	out[0].Text = fmt.Sprintf("@%s in %s", auth.User, auth.Team)
	out = append(out, probeScopes(auth.Scopes)...)
	if !auth.Date.IsZero() {
		out = append(out, c.probeClock(auth.Date))
	}
	out = append(out, c.probeDoors(ctx)...)
	return append(out, c.probeRooms(ctx)...)
}

// advice says what to do about a token that Slack refuses.
func advice(code string) string {
	switch code {
	case "invalid_auth", "not_authed":
		return "Copy it again from OAuth & Permissions; it must be this workspace's."
	case "account_inactive":
		return "The app was removed or its workspace deleted: install it again."
	case "token_revoked", "token_expired":
		return "Install the app again, and put the new token in place; OpsBot sees it by itself."
	}
	return ""
}

// probeKind tells a token of the wrong kind by how it begins.
func (c *Chat) probeKind(ctx context.Context, subject string, s config.Secret, prefix string) bot.Finding {
	value, err := s.Resolve(ctx)
	if err != nil {
		return bot.Finding{Subject: subject, Text: bot.MessageOf(err)}
	}
	if strings.HasPrefix(value, prefix) {
		return bot.Finding{OK: true, Subject: subject}
	}
	kind := "no token of Slack"
	for begin, name := range map[string]string{
		"xoxb-": "a bot token (it belongs into bot_token)", "xapp-": "an app-level token (it belongs into app_token)",
		"xoxp-": "a user token: OpsBot acts as itself, not as a person", "xoxe": "a token for refreshing or configuring apps",
		"xoxc-": "a browser's token", "xoxs-": "a browser's token", "xwfp-": "a workflow's token",
	} {
		if strings.HasPrefix(value, begin) {
			kind = name
		}
	}
	return bot.Finding{Subject: subject, Text: fmt.Sprintf("This is %s. It must begin with %s", kind, prefix)}
}

// probeScopes names each scope that is missing, and what that costs.
func probeScopes(have []string) []bot.Finding {
	var out []bot.Finding
	for _, s := range Scopes() {
		if !slices.Contains(have, s.Name) {
			out = append(out, bot.Finding{
				Subject: "scope " + s.Name, Text: "It is missing: OpsBot needs it to " + s.For + ". Add it under OAuth & Permissions and install the app again.",
			})
		}
	}
	if len(out) == 0 {
		out = append(out, bot.Finding{OK: true, Subject: "scopes", Text: fmt.Sprintf("all %d", len(Scopes()))})
	}
	return out
}

func (c *Chat) probeClock(theirs time.Time) bot.Finding {
	skew := c.env.Clock.Now().Sub(theirs).Round(time.Second)
	if skew.Abs() > maxSkew {
		return bot.Finding{Subject: "clock", Text: fmt.Sprintf("This machine's clock is %s from Slack's. Set it right: signed requests are refused at five minutes.", bot.Span(skew.Abs()))}
	}
	return bot.Finding{OK: true, Subject: "clock", Text: fmt.Sprintf("%s from Slack's", bot.Span(skew.Abs()))}
}

// probeDoors tries out what can be tried of the ways in.
func (c *Chat) probeDoors(ctx context.Context) []bot.Finding {
	var out []bot.Finding
	if !c.cfg.AppToken.IsZero() {
		out = append(out, c.probeSocket(ctx))
	}
	if !c.cfg.SigningSecret.IsZero() {
		f := bot.Finding{OK: true, Subject: "signing secret", Text: "requests are expected at " + c.env.PublicURL + c.Prefix() + "events, commands and interactions"}
		if _, err := c.cfg.SigningSecret.Resolve(ctx); err != nil {
			f = bot.Finding{Subject: "signing secret", Text: bot.MessageOf(err)}
		}
		out = append(out, f)
	}
	return out
}

func (c *Chat) probeSocket(ctx context.Context) bot.Finding {
	f := c.probeKind(ctx, "app token", c.cfg.AppToken, "xapp-")
	if !f.OK {
		return f
	}
	if _, err := c.web.Connect(ctx); err != nil {
		f = bot.Finding{Subject: f.Subject, Text: bot.MessageOf(err)}
		switch web.CodeOf(err) {
		case "missing_scope":
			f.Text = "It lacks the scope connections:write. Make a new one under Basic Information, App-Level Tokens."
		case "socket_mode_disabled":
			f.Text = "Socket Mode is turned off for the app. Turn it on under Socket Mode."
		}
		return f
	}
	f.Text = "Socket Mode is open"
	if n, problem := c.doors.pool.Up(); problem != "" {
		f = bot.Finding{Subject: f.Subject, Text: fmt.Sprintf("%d of %d connections are open: %s", n, c.cfg.Connections, problem)}
	}
	return f
}

// probeRooms names the rooms that OpsBot is to speak in and is not in.
func (c *Chat) probeRooms(ctx context.Context) []bot.Finding {
	id, err := c.who(ctx)
	if err != nil {
		return nil
	}
	var rooms []bot.Room
	err = c.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		rooms, err = tx.Rooms.List(ctx, c.env.Name)
		return err
	})
	if err != nil {
		return []bot.Finding{{Subject: "rooms", Text: bot.MessageOf(err)}}
	}
	var out []bot.Finding
	in := 0
	for _, r := range rooms {
		if r.Ref.Workspace != id.TeamID || isDirect(r.Ref.ID) {
			continue
		}
		now, err := c.look(ctx, r.Ref.ID)
		switch {
		case err == nil && now.member && !now.archived:
			in++
		case err == nil && now.archived:
			out = append(out, bot.Finding{Subject: "room #" + orElse(now.name, r.Name), Text: "It is archived: nothing can be said there."})
		case err == nil || bot.CodeOf(err) == bot.CodeNotFound:
			out = append(out, bot.Finding{Subject: "room #" + orElse(now.name, r.Name), Text: "OpsBot is not in it. Invite it there: /invite @" + c.env.BotName})
		default:
			return append(out, bot.Finding{Subject: "rooms", Text: bot.MessageOf(err)})
		}
	}
	if len(out) == 0 {
		out = append(out, bot.Finding{OK: true, Subject: "rooms", Text: fmt.Sprintf("OpsBot is in %d", in)})
	}
	return out
}
