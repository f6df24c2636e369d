package policy

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

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
	facts, err := p.ask(ctx, a)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return bot.User{}, bot.Errorf(bot.CodeForbidden, "%s does not know the account %s.", bot.NameOf(p.o.Integrations, a.Instance), a.ID).Because(err)
	case err != nil:
		return bot.User{}, p.silent(a, err)
	case facts.Machine:
		return bot.User{}, bot.Errorf(bot.CodeForbidden, "%s is no person: a bot can't run commands.", a.String())
	}
	if facts.Name != "" {
		a.Name = facts.Name
	}
	user, logins, err := p.known(ctx, a)
	if bot.CodeOf(err) == bot.CodeNotFound {
		user, logins, err = p.enlist(ctx, a, facts)
	}
	if err != nil {
		return bot.User{}, err
	}
	user.Account, user.Guest, user.External = a, facts.Guest, facts.External
	return p.complete(ctx, user, p.look(ctx, logins, map[bot.Account]bot.Facts{bare(a): facts}))
}

// Complete implements bot.People. A guest is who has no account of another kind.
func (p *People) Complete(ctx context.Context, u bot.User) (bot.User, error) {
	if u.ID == bot.SystemUser().ID {
		return u, nil
	}
	var logins []bot.Login
	err := p.o.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		now, err := tx.Users.ByID(ctx, u.ID) // was joined to somebody since, perhaps
		switch {
		case err == nil:
			u.ID, u.Name = now.ID, now.Name
		case bot.CodeOf(err) != bot.CodeNotFound:
			return err
		}
		logins, err = tx.Logins.Of(ctx, u.ID)
		return err
	})
	if err != nil {
		return bot.User{}, err
	}
	if len(logins) == 0 {
		logins = []bot.Login{{Account: u.Account}}
	}
	all := p.look(ctx, logins, nil)
	u, err = p.complete(ctx, u, all)
	if err != nil {
		return bot.User{}, err
	}
	return p.standing(u, all)
}

// bare is an account's identity.
func bare(a bot.Account) bot.Account { a.Name = ""; return a }

// ask asks the account's chat; one without a directory states nothing.
func (p *People) ask(ctx context.Context, a bot.Account) (bot.Facts, error) {
	dir, ok := p.o.Integrations.Get(a.Instance).(bot.Directory)
	if !ok {
		return bot.Facts{}, nil
	}
	return dir.Facts(ctx, a)
}

// silent is the error of a chat that can't be asked. That it lets us not is no refusal
// of the person.
func (p *People) silent(a bot.Account, err error) error {
	if bot.CodeOf(err) != bot.CodeForbidden {
		return err
	}
	return bot.Errorf(bot.CodeUnavailable, "%s does not let me see who %s is, so I can't tell what they may do. An operator finds the reason with doctor.",
		bot.NameOf(p.o.Integrations, a.Instance), a.ID).Because(err)
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
// with somebody who is known becomes theirs. A deactivated account makes nobody.
func (p *People) enlist(ctx context.Context, a bot.Account, facts bot.Facts) (user bot.User, logins []bot.Login, err error) {
	var twins []bot.Account
	if _, _, err := p.known(ctx, bare(a)); bot.CodeOf(err) == bot.CodeNotFound {
		if facts.Disabled {
			return user, nil, deactivated(a, a.Name)
		}
		twins = p.twins(ctx, a, facts)
	}
	err = p.o.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Users.Known(ctx, bare(a))
		isNew := bot.CodeOf(err) == bot.CodeNotFound
		if user, err = tx.Users.ByAccount(ctx, a, p.o.Clock.Now()); err != nil {
			return err
		}
		if isNew {
			if user, err = joinTwin(ctx, tx, user, twins); err != nil {
				return err
			}
		}
		logins, err = tx.Logins.Of(ctx, user.ID)
		return err
	})
	return user, logins, err
}

// patience is how long another chat than the one in use may take to answer.
const patience = 3 * time.Second

// seen is one of a person's accounts with what its chat says of it.
type seen struct {
	bot.Login
	facts  bot.Facts
	silent error // the chat can't be asked
}

// look asks all of a person's chats; known are those that were asked already.
func (p *People) look(ctx context.Context, logins []bot.Login, known map[bot.Account]bot.Facts) []seen {
	out := make([]seen, len(logins))
	for i, l := range logins {
		facts, asked := known[bare(l.Account)]
		var err error
		if !asked {
			bounded, cancel := context.WithTimeout(ctx, patience)
			facts, err = p.ask(bounded, l.Account)
			cancel()
		}
		out[i] = seen{Login: l, facts: facts}
		switch {
		case bot.CodeOf(err) == bot.CodeNotFound:
			out[i].facts = bot.Facts{Disabled: true}
		case err != nil:
			// Not the account in use: as it was known last, and by its own name alone.
			p.o.Log.Warn("policy: look up an account", "account", l.String(), "error", err)
			out[i].facts, out[i].silent = bot.Facts{Disabled: l.Disabled, External: true}, p.silent(l.Account, err)
		}
	}
	return out
}

// complete adds groups, and refuses whoever has an account that is deactivated: who
// left the company has left it in every chat.
func (p *People) complete(ctx context.Context, u bot.User, all []seen) (bot.User, error) {
	var groups []string
	for _, s := range all {
		if err := p.remember(ctx, s.Login, s.facts.Disabled); err != nil {
			return bot.User{}, err
		}
		if s.facts.Disabled {
			return bot.User{}, deactivated(s.Account, u.Name)
		}
		groups = append(groups, p.o.Policy.groupsOf(s.Account, s.facts)...)
	}
	slices.Sort(groups)
	u.Groups = slices.Compact(groups)
	return u, nil
}

func deactivated(a bot.Account, name string) error {
	return bot.Errorf(bot.CodeForbidden, "The account %s is deactivated, so %s may do nothing here. An operator can take it off with `unlink %s`.",
		a.String(), name, a.String())
}

// standing tells what somebody is who uses no account now. An outage makes nobody a
// guest, nor a guest a member.
func (p *People) standing(u bot.User, all []seen) (bot.User, error) {
	var silent error
	u.Guest, u.External = false, false
	for _, s := range all {
		switch {
		case s.silent != nil:
			silent = s.silent
			continue
		case !s.facts.Guest && !s.facts.External:
			u.Guest, u.External = false, false
			return u, nil
		}
		u.Guest, u.External = u.Guest || s.facts.Guest, u.External || s.facts.External
	}
	if silent != nil {
		return bot.User{}, silent
	}
	return u, nil
}

// remember keeps what the chat said, for when it can't be asked.
func (p *People) remember(ctx context.Context, l bot.Login, disabled bool) error {
	if l.Disabled == disabled {
		return nil
	}
	return p.o.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error { return tx.Logins.Disable(ctx, l.Account, disabled) })
}

// groupsOf are the policy's groups of an account: by its id, by the chat's own groups,
// and in the console, where the operator gives the names, by the bare id. A channel
// names its members only: whoever is in it may have let a guest in, or another
// organisation.
func (p *Policy) groupsOf(a bot.Account, facts bot.Facts) []string {
	keys := []string{a.String()}
	if a.Workspace != "" && !facts.External {
		keys = append(keys, a.Instance+":"+a.ID)
	}
	if a.Instance == "console" {
		keys = append(keys, a.ID)
	}
	for _, g := range facts.Groups {
		if strings.HasPrefix(g, "channel/") && (facts.Guest || facts.External) {
			continue
		}
		keys = append(keys, a.Instance+":"+g)
	}
	var out []string
	for _, key := range keys {
		out = append(out, p.groups[strings.ToLower(key)]...)
	}
	return out
}
