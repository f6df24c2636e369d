package policy

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"opsbot/bot"
)

// PeopleOptions configure People. All fields without a remark are required.
type PeopleOptions struct {
	Work         bot.UnitOfWork
	Clock        bot.Clock
	Log          *slog.Logger
	Integrations bot.Integrations
	Policy       *Policy
	// TrustEmail are the chats whose verified addresses tell that two accounts are one
	// person's; fewer than two: none.
	TrustEmail []string
}

// People tells who is who: which accounts are one person's, what their chats say of
// them, and in which groups that puts them.
type People struct{ o PeopleOptions }

var _ bot.People = (*People)(nil)

// NewPeople makes a People.
func NewPeople(o PeopleOptions) *People { return &People{o} }

// Identify implements bot.People. What the chat of the account in use can't be asked
// is an error, so that nobody is let in, or kept out, by an outage.
func (p *People) Identify(ctx context.Context, a bot.Account) (bot.User, error) {
	facts, err := p.facts(ctx, a)
	if err != nil {
		return bot.User{}, err
	}
	if facts.Name != "" {
		a.Name = facts.Name
	}
	if facts.Machine {
		return bot.User{}, bot.Errorf(bot.CodeForbidden, "%s is no person: a bot can't run commands.", a.String())
	}
	user, logins, err := p.known(ctx, a)
	if bot.CodeOf(err) == bot.CodeNotFound {
		user, logins, err = p.enlist(ctx, a, facts)
	}
	if err != nil {
		return bot.User{}, err
	}
	user.Account, user.Guest, user.External = a, facts.Guest, facts.External
	return p.complete(ctx, user, logins, map[bot.Account]bot.Facts{bare(a): facts})
}

// Complete implements bot.People.
func (p *People) Complete(ctx context.Context, u bot.User) (bot.User, error) {
	var logins []bot.Login
	err := p.o.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		logins, err = tx.Logins.Of(ctx, u.ID)
		return err
	})
	if err != nil {
		return bot.User{}, err
	}
	return p.complete(ctx, u, logins, map[bot.Account]bot.Facts{})
}

// bare is an account's identity.
func bare(a bot.Account) bot.Account { a.Name = ""; return a }

// facts asks the account's chat; one without a directory states nothing.
func (p *People) facts(ctx context.Context, a bot.Account) (bot.Facts, error) {
	dir, ok := p.o.Integrations.Get(a.Instance).(bot.Directory)
	if !ok {
		return bot.Facts{}, nil
	}
	facts, err := dir.Facts(ctx, a)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return facts, bot.Errorf(bot.CodeForbidden, "%s does not know the account %s.", bot.NameOf(p.o.Integrations, a.Instance), a.ID).Because(err)
	}
	return facts, err
}

// known reads somebody who has been here before.
func (p *People) known(ctx context.Context, a bot.Account) (user bot.User, logins []bot.Login, err error) {
	err = p.o.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		if user, err = tx.Users.Known(ctx, a); err != nil {
			return err
		}
		logins, err = tx.Logins.Of(ctx, user.ID)
		return err
	})
	return user, logins, err
}

// enlist makes, or renames, the user of an account; one that shares a trusted address
// with somebody who is known becomes theirs.
func (p *People) enlist(ctx context.Context, a bot.Account, facts bot.Facts) (user bot.User, logins []bot.Login, err error) {
	twins := p.twins(ctx, a, facts)
	err = p.o.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Users.Known(ctx, bare(a))
		isNew := bot.CodeOf(err) == bot.CodeNotFound
		if user, err = tx.Users.ByAccount(ctx, a, p.o.Clock.Now()); err != nil {
			return err
		}
		for _, twin := range twins {
			other, err := tx.Users.Known(ctx, bare(twin))
			if !isNew || bot.CodeOf(err) == bot.CodeNotFound {
				continue
			}
			if err != nil {
				return err
			}
			if err := tx.Logins.Join(ctx, user.ID, other.ID); err != nil {
				return err
			}
			user = other
			break
		}
		logins, err = tx.Logins.Of(ctx, user.ID)
		return err
	})
	return user, logins, err
}

// twins are the accounts with the same address in the other chats that are trusted
// with addresses. A chat that can't be asked has none: `link` joins them later.
func (p *People) twins(ctx context.Context, a bot.Account, facts bot.Facts) []bot.Account {
	if facts.Email == "" || facts.Guest || facts.External || !slices.Contains(p.o.TrustEmail, a.Instance) {
		return nil
	}
	var out []bot.Account
	for _, instance := range p.o.TrustEmail {
		dir, ok := p.o.Integrations.Get(instance).(bot.Directory)
		if !ok || instance == a.Instance {
			continue
		}
		twin, err := dir.ByEmail(ctx, facts.Email)
		if err == nil {
			out = append(out, twin)
		} else if bot.CodeOf(err) != bot.CodeNotFound {
			p.o.Log.Warn("policy: look for the same person", "instance", instance, "account", a.String(), "error", err)
		}
	}
	return out
}

// complete adds groups, and refuses whoever has an account that is deactivated: who
// left the company has left it in every chat.
func (p *People) complete(ctx context.Context, u bot.User, logins []bot.Login, known map[bot.Account]bot.Facts) (bot.User, error) {
	if len(logins) == 0 {
		logins = []bot.Login{{Account: u.Account}}
	}
	var groups []string
	for _, l := range logins {
		facts, asked := known[bare(l.Account)]
		if !asked {
			var err error
			if facts, err = p.facts(ctx, l.Account); err != nil {
				// Not the account in use: without its groups, and as it was known last.
				p.o.Log.Warn("policy: look up an account", "account", l.String(), "error", err)
				facts = bot.Facts{Disabled: l.Disabled || bot.CodeOf(err) == bot.CodeForbidden}
			}
		}
		if err := p.remember(ctx, l, facts.Disabled); err != nil {
			return bot.User{}, err
		}
		if facts.Disabled {
			return bot.User{}, bot.Errorf(bot.CodeForbidden, "The account %s is deactivated, so %s may do nothing here. An operator can take it off with `unlink %s`.",
				l.String(), u.Name, l.String())
		}
		groups = append(groups, p.o.Policy.groupsOf(l.Account, facts)...)
	}
	slices.Sort(groups)
	u.Groups = slices.Compact(groups)
	return u, nil
}

// remember keeps what the chat said, for when it can't be asked.
func (p *People) remember(ctx context.Context, l bot.Login, disabled bool) error {
	if l.Disabled == disabled {
		return nil
	}
	err := p.o.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error { return tx.Logins.Disable(ctx, l.Account, disabled) })
	return err
}

// groupsOf are the policy's groups of an account: by its id, by the chat's own groups,
// and in the console, where the operator gives the names, by the bare id.
func (p *Policy) groupsOf(a bot.Account, facts bot.Facts) []string {
	keys := []string{a.String()}
	if a.Workspace != "" && !facts.External {
		keys = append(keys, a.Instance+":"+a.ID)
	}
	if a.Instance == "console" {
		keys = append(keys, a.ID)
	}
	for _, g := range facts.Groups {
		keys = append(keys, a.Instance+":"+g)
	}
	var out []string
	for _, key := range keys {
		out = append(out, p.groups[strings.ToLower(key)]...)
	}
	return out
}
