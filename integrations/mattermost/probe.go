package mattermost

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"opsbot/bot"
)

// probeTime bounds a probe as a whole.
const probeTime = 20 * time.Second

// mostSkew is how far the clocks may be apart: what was said an hour ago is not run.
const mostSkew = time.Minute

// Probe implements bot.Prober.
func (c *Chat) Probe(ctx context.Context) []bot.Finding {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	err := c.identify(ctx)
	out := []bot.Finding{c.probeReach(err), c.probeToken(err)}
	if err != nil {
		return append(out, c.probeCommand())
	}
	out = append(out, c.probeAccount(), c.probeEvents(ctx), c.probePrivate(), c.probeRooms(ctx))
	out = append(out, c.probeGroups(ctx)...)
	return append(out, c.probeClock(), c.probeCallbacks(), c.probeCommand())
}

func (c *Chat) probeReach(err error) bot.Finding {
	f := bot.Finding{OK: true, Subject: "server", Text: c.cfg.URL}
	if code := bot.CodeOf(err); err != nil && code != bot.CodeUnauthenticated {
		f.OK, f.Text = false, c.cfg.URL+": "+bot.MessageOf(err)
	}
	return f
}

func (c *Chat) probeToken(err error) bot.Finding {
	switch {
	case err == nil:
		return bot.Finding{OK: true, Subject: "token", Text: "accepted, of @" + c.me.get().username}
	case bot.CodeOf(err) == bot.CodeUnauthenticated:
		return bot.Finding{Subject: "token", Text: "The server does not accept it: it was revoked, or the bot account is disabled. Make a new one (Integrations > Bot Accounts) and put it where " + c.cfg.Token.String() + " refers to."}
	}
	return bot.Finding{Subject: "token", Text: "It could not be tried."}
}

func (c *Chat) probeAccount() bot.Finding {
	me := c.me.get()
	if !me.isBot {
		return bot.Finding{Subject: "account", Text: "@" + me.username + " is a person's account; make a bot account (Integrations > Bot Accounts) and use its token."}
	}
	return bot.Finding{OK: true, Subject: "account", Text: "@" + me.username + ", a bot account"}
}

// probeEvents tries a socket of its own; the running one is told of as well.
func (c *Chat) probeEvents(ctx context.Context) bot.Finding {
	f := bot.Finding{Subject: "events"}
	token, err := c.cfg.Token.Resolve(ctx)
	if err == nil {
		err = c.probeSocket(ctx, token)
	}
	now := c.socket.get()
	switch {
	case err != nil:
		f.Text = "The WebSocket does not come about: does a proxy in between pass upgrades on? " + c.mask.String(err.Error())
	case now.running && !now.connected:
		f.Text = "The WebSocket works, but the running connection is interrupted: " + now.fault
	default:
		f.OK, f.Text = true, "the WebSocket works"
	}
	return f
}

func (c *Chat) probePrivate() bot.Finding {
	if c.me.get().whispers {
		return bot.Finding{OK: true, Subject: "private answers", Text: "shown in the channel, to one person alone"}
	}
	return bot.Finding{OK: true, Subject: "private answers", Text: "sent as direct messages: the bot's role lacks create_post_ephemeral. " +
		"A system administrator can add it to a role, system_post_all for instance, and give the bot that role."}
}

func (c *Chat) probeRooms(ctx context.Context) bot.Finding {
	f := bot.Finding{Subject: "rooms"}
	c.rooms.teamsChanged()
	teams, err := c.rooms.teamsOf(ctx, c)
	if err != nil {
		f.Text = bot.MessageOf(err)
		return f
	}
	if len(teams) == 0 {
		f.Text = "The bot is in no team: a team's administrator must add @" + c.me.get().username + " to one."
		return f
	}
	channels, err := c.api.Channels(ctx)
	if err != nil {
		f.Text = bot.MessageOf(err)
		return f
	}
	var names []string
	for _, t := range teams {
		for _, ch := range channels {
			if ch.TeamId == t.id && ch.DeleteAt == 0 {
				names = append(names, t.name+"/"+ch.Name)
			}
		}
	}
	if len(names) == 0 {
		f.Text = "The bot is in no channel: type `/invite @" + c.me.get().username + "` in one."
		return f
	}
	f.OK, f.Text = true, bot.Shorten(strings.Join(names, ", "), 300)
	return f
}

// probeGroups looks at the configured channels: whose members the bot can't see is in
// no group.
func (c *Chat) probeGroups(ctx context.Context) []bot.Finding {
	var out []bot.Finding
	for _, id := range c.cfg.Channels {
		f := bot.Finding{OK: true, Subject: "group channel/" + bot.Shorten(id, 40)}
		if _, err := c.api.ChannelMember(ctx, id, c.me.get().id); err != nil {
			f.OK = false
			f.Text = "The bot is not in that channel, so its members are in no group: type `/invite @" + c.me.get().username + "` there."
			if bot.CodeOf(err) != bot.CodeForbidden && bot.CodeOf(err) != bot.CodeNotFound {
				f.Text = bot.MessageOf(err)
			}
		} else {
			f.Text = "members can be seen"
		}
		out = append(out, f)
	}
	return out
}

func (c *Chat) probeClock() bot.Finding {
	skew := c.api.Skew()
	if skew.Abs() > mostSkew {
		which := "behind"
		if skew < 0 {
			which = "ahead of"
		}
		return bot.Finding{Subject: "clock", Text: fmt.Sprintf("This machine's clock is %s %s the server's: set it.", bot.Span(skew.Abs()), which)}
	}
	return bot.Finding{OK: true, Subject: "clock", Text: "agrees with the server's"}
}

// probeCallbacks: clicks and forms come from the server to us.
func (c *Chat) probeCallbacks() bot.Finding {
	address := c.env.PublicURL + c.Prefix() + "actions"
	u, err := url.Parse(c.env.PublicURL)
	server, serverErr := url.Parse(c.cfg.URL)
	if err != nil || serverErr != nil || u.Host == "" {
		return bot.Finding{Subject: "buttons", Text: "public_url is needed: the server sends clicks to it."}
	}
	if private(u.Hostname()) {
		text := address + " is a private address: the server calls it only if " + u.Hostname() +
			" stands in AllowedUntrustedInternalConnections (System Console > Environment > Developer)."
		return bot.Finding{OK: private(server.Hostname()), Subject: "buttons", Text: text}
	}
	return bot.Finding{OK: true, Subject: "buttons", Text: "clicks and forms come to " + address}
}

// private reports addresses that a server refuses to call by itself.
func private(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && (ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsUnspecified())
}

func (c *Chat) probeCommand() bot.Finding {
	address := c.env.PublicURL + c.Prefix() + "command"
	if c.cfg.CommandToken.IsZero() {
		return bot.Finding{OK: true, Subject: "slash command", Text: "none: make one (Integrations > Slash Commands) with the trigger ops, POST and " + address + ", and configure its token as command_token."}
	}
	return bot.Finding{OK: true, Subject: "slash command", Text: "expected at " + address + " (POST)"}
}
