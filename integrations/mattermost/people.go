package mattermost

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"opsbot/bot"
)

// Bounds of what is remembered of people.
const (
	mostPeople = 2000
	factsLife  = 5 * time.Minute
)

// directory remembers people. It believes itself only while the socket tells of every
// change.
type directory struct {
	told  atomic.Bool // the socket is there
	users *lru[string, person]
	facts *lru[string, known]
}

// person is what an account is, from its own row.
type person struct {
	name, email string
	verified    bool
	isBot       bool
	disabled    bool
	roles       []string
	at          time.Time
}

type known struct {
	facts bot.Facts
	at    time.Time
}

func newDirectory() *directory {
	return &directory{users: newLRU[string, person](mostPeople), facts: newLRU[string, known](mostPeople)}
}

// changed forgets what is known of an account.
func (d *directory) changed(id string) {
	d.users.drop(id)
	d.facts.drop(id)
}

// forget forgets all, and believes itself from then on only if told.
func (d *directory) forget(told bool) {
	d.told.Store(told)
	d.users.clear()
	d.facts.clear()
}

// user is an account's row; CodeNotFound.
func (c *Chat) user(ctx context.Context, id string) (person, error) {
	d, now := c.people, c.env.Clock.Now()
	if p, ok := d.users.get(id); ok && d.told.Load() && now.Sub(p.at) < factsLife {
		return p, nil
	}
	u, err := c.api.User(ctx, id)
	if err != nil {
		return person{}, err
	}
	p := personOf(u, now)
	d.users.put(id, p)
	return p, nil
}

func personOf(u *model.User, now time.Time) person {
	return person{
		name: u.Username, email: u.Email, verified: u.EmailVerified, isBot: u.IsBot, disabled: u.DeleteAt != 0,
		roles: strings.Fields(u.Roles), at: now,
	}
}

// Facts implements bot.Directory.
func (c *Chat) Facts(ctx context.Context, a bot.Account) (bot.Facts, error) {
	now := c.env.Clock.Now()
	if k, ok := c.people.facts.get(a.ID); ok && c.people.told.Load() && now.Sub(k.at) < factsLife {
		return k.facts, nil
	}
	if !model.IsValidId(a.ID) {
		return bot.Facts{}, bot.Errorf(bot.CodeNotFound, "There is no account %q in Mattermost.", bot.Shorten(a.ID, 60))
	}
	u, err := c.user(ctx, a.ID)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return bot.Facts{}, bot.Errorf(bot.CodeNotFound, "There is no account %s in Mattermost.", a.ID).Because(err)
	}
	if err != nil {
		return bot.Facts{}, err
	}
	facts := bot.Facts{
		Name: u.name, Machine: u.isBot, Disabled: u.disabled, Guest: slices.Contains(u.roles, "system_guest"),
	}
	if u.verified || c.me.get().emails {
		facts.Email = u.email
	}
	if !u.disabled && !u.isBot {
		if facts.Groups, err = c.groups(ctx, a.ID, u.roles); err != nil {
			return bot.Facts{}, err
		}
	}
	c.people.facts.put(a.ID, known{facts, now})
	return facts, nil
}

// groups are the roles of an account, in the system and in the bot's teams, and the
// configured channels that it is in.
func (c *Chat) groups(ctx context.Context, id string, roles []string) ([]string, error) {
	var out []string
	for _, r := range roles {
		out = append(out, "role/"+r)
	}
	teams, err := c.rooms.teamsOf(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, t := range teams {
		m, err := c.api.TeamMember(ctx, t.id, id)
		switch bot.CodeOf(err) {
		case "":
		case bot.CodeNotFound, bot.CodeForbidden:
			continue
		default:
			return nil, err
		}
		if m.DeleteAt == 0 {
			out = append(out, teamGroups(t.id, m)...)
		}
	}
	for _, channel := range c.cfg.Channels {
		_, err := c.api.ChannelMember(ctx, channel, id)
		switch bot.CodeOf(err) {
		case "":
			out = append(out, "channel/"+channel)
		case bot.CodeNotFound:
		case bot.CodeForbidden: // the bot is not in there; `doctor` says so
			c.env.Log.Warn("mattermost: the members of a configured channel can't be read, so nobody is in its group", "channel", channel)
		default:
			return nil, err
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func teamGroups(team string, m *model.TeamMember) []string {
	roles := strings.Fields(m.Roles)
	if m.SchemeAdmin {
		roles = append(roles, "team_admin")
	}
	var out []string
	for _, r := range roles {
		out = append(out, "team/"+team+"/"+r)
	}
	return out
}

// ByEmail implements bot.Directory. Whether an address is verified only some servers
// say: those that demand it of all, and those that show it to the bot.
func (c *Chat) ByEmail(ctx context.Context, email string) (bot.Account, error) {
	none := bot.Errorf(bot.CodeNotFound, "No active account in Mattermost has that address.")
	u, err := c.api.UserByEmail(ctx, email)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound || bot.CodeOf(err) == bot.CodeInvalid:
		return bot.Account{}, none.Because(err)
	case err != nil:
		return bot.Account{}, err
	case u.IsBot || u.DeleteAt != 0 || !strings.EqualFold(u.Email, email) || !u.EmailVerified && !c.me.get().emails:
		return bot.Account{}, none
	}
	return bot.Account{Instance: c.env.Name, ID: u.Id, Name: u.Username}, nil
}
