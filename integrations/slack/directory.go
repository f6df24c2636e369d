package slack

import (
	"context"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"opsbot/bot"
	"opsbot/integrations/slack/web"
	"opsbot/integrations/slack/wire"
)

// Facts implements bot.Directory.
func (c *Chat) Facts(ctx context.Context, a bot.Account) (bot.Facts, error) {
	if a.Instance != c.env.Name || !wire.IsUser(a.ID) {
		return bot.Facts{}, bot.Errorf(bot.CodeNotFound, "There is no account %s in Slack.", bot.Shorten(a.ID, 40))
	}
	f, err := c.person(ctx, a.ID)
	if err != nil {
		return bot.Facts{}, err
	}
	f.Groups, err = c.groupsOf(ctx, a.ID)
	return f, err
}

// person looks a user up, without groups.
func (c *Chat) person(ctx context.Context, user string) (bot.Facts, error) {
	if f, ok := c.people.Get(user); ok {
		return f, nil
	}
	id, err := c.who(ctx)
	if err != nil {
		return bot.Facts{}, err
	}
	keep := c.people.Begin()
	u, err := web.Do(ctx, c.web, web.Call{Method: "users.info", Safe: true}, func(api *slack.Client) (*slack.User, error) {
		return api.GetUserInfoContext(ctx, user)
	})
	if bot.CodeOf(err) == bot.CodeNotFound {
		return bot.Facts{}, bot.Errorf(bot.CodeNotFound, "There is no account %s in Slack.", user).Because(err)
	}
	if err != nil {
		return bot.Facts{}, err
	}
	f := facts(*u, id)
	keep(user, f)
	c.teams.Put(user, u.TeamID)
	return f, nil
}

// facts is what Slack says of a user.
func facts(u slack.User, id web.Identity) bot.Facts {
	same := u.TeamID == id.TeamID || id.Enterprise != "" && u.Enterprise.EnterpriseID == id.Enterprise
	f := bot.Facts{
		Name: u.Name, Guest: u.IsRestricted || u.IsUltraRestricted, External: u.IsStranger || u.TeamID != "" && !same,
		Machine: u.IsBot || u.IsWorkflowBot || u.IsConnectorBot || u.ID == "USLACKBOT", Disabled: u.Deleted,
	}
	if !f.External && !f.Machine {
		f.Email = u.Profile.Email // Slack sends it only to those who have the scope
	}
	return f
}

// ByEmail implements bot.Directory.
func (c *Chat) ByEmail(ctx context.Context, email string) (bot.Account, error) {
	id, err := c.who(ctx)
	if err != nil {
		return bot.Account{}, err
	}
	missing := bot.Errorf(bot.CodeNotFound, "Nobody in Slack has the address %s.", bot.Shorten(email, 100))
	u, err := web.Do(ctx, c.web, web.Call{Method: "users.lookupByEmail", Safe: true}, func(api *slack.Client) (*slack.User, error) {
		return api.GetUserByEmailContext(ctx, email)
	})
	if bot.CodeOf(err) == bot.CodeNotFound {
		return bot.Account{}, missing.Because(err)
	}
	if err != nil {
		return bot.Account{}, err
	}
	f := facts(*u, id)
	if f.Disabled || f.Machine || f.External || !strings.EqualFold(f.Email, email) {
		return bot.Account{}, missing
	}
	return bot.Account{Instance: c.env.Name, Workspace: u.TeamID, ID: u.ID, Name: u.Name}, nil
}

// account names an author; team is the one that Slack said with what they did, "" for
// the workspace's own.
func (c *Chat) account(id web.Identity, user, team string) bot.Account {
	if team == "" {
		team = id.TeamID
	}
	return bot.Account{Instance: c.env.Name, Workspace: team, ID: user}
}

// team looks up which team a user is of, for what Slack tells without it.
func (c *Chat) team(ctx context.Context, user string) (string, error) {
	if t, ok := c.teams.Get(user); ok {
		return t, nil
	}
	if _, err := c.person(ctx, user); err != nil && bot.CodeOf(err) != bot.CodeNotFound {
		return "", err
	}
	t, _ := c.teams.Get(user)
	return t, nil
}

// learnUser takes a user object from an event: it is newer than what was looked up.
func (c *Chat) learnUser(ctx context.Context, u slack.User) error {
	id, err := c.who(ctx)
	if err != nil || u.ID == "" || u.Name == "" {
		c.people.Drop(u.ID)
		return err
	}
	c.people.Learn(u.ID, facts(u, id))
	if u.TeamID != "" {
		c.teams.Put(u.ID, u.TeamID)
	}
	return nil
}

// groups are the workspace's user groups.
type groups struct {
	known   bool
	at      int64 // when they were looked up, in microseconds
	drops   int   // how often they were forgotten
	of      map[string][]string
	handles map[string]string
}

// groupsOf gives the user groups that a user is in. Without the scope for them there
// are none, which Probe says.
func (c *Chat) groupsOf(ctx context.Context, user string) ([]string, error) {
	g, err := c.allGroups(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Clone(g.of[user]), nil
}

func (c *Chat) allGroups(ctx context.Context) (groups, error) {
	now := c.env.Clock.Now().UnixMicro()
	c.mu.Lock()
	g := c.groups
	c.mu.Unlock()
	if g.known && now-g.at < factsLife.Microseconds() {
		return g, nil
	}
	list, err := web.Do(ctx, c.web, web.Call{Method: "usergroups.list", Safe: true}, func(api *slack.Client) ([]slack.UserGroup, error) {
		return api.GetUserGroupsContext(ctx, slack.GetUserGroupsOptionIncludeUsers(true))
	})
	switch web.CodeOf(err) {
	case "missing_scope", "paid_teams_only", "not_allowed_token_type": // there are none then
		err = nil
	}
	if err != nil {
		return g, err
	}
	fresh := groups{known: true, at: now, of: map[string][]string{}, handles: map[string]string{}}
	for _, one := range list {
		fresh.handles[one.ID] = one.Handle
		for _, u := range one.Users {
			fresh.of[u] = append(fresh.of[u], "group/"+one.ID)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.groups.drops == g.drops { // else they changed meanwhile
		fresh.drops = g.drops
		c.groups = fresh
	}
	return fresh, nil
}

func (c *Chat) dropGroups() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.groups = groups{drops: c.groups.drops + 1, handles: c.groups.handles}
}

// names are what those are called whom a text mentions, as far as it is known: nobody
// waits for a look-up.
type names struct {
	c   *Chat
	own string // the bot's user id
}

var _ wire.Names = names{}

// UserName implements wire.Names.
func (n names) UserName(id string) string {
	if id == n.own {
		return n.c.env.BotName
	}
	f, _ := n.c.people.Get(id)
	return f.Name
}

// ChannelName implements wire.Names.
func (n names) ChannelName(id string) string {
	r, _ := n.c.rooms.Get(id)
	return r.name
}

// GroupName implements wire.Names.
func (n names) GroupName(id string) string {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	return n.c.groups.handles[id]
}
