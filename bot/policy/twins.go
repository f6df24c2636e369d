package policy

import (
	"context"
	"slices"
	"strings"

	"opsbot/bot"
)

// joinTwin makes a new user one person with the first of the twins who has been here.
func joinTwin(ctx context.Context, tx *bot.Tx, user bot.User, twins []bot.Account) (bot.User, error) {
	for _, twin := range twins {
		other, err := tx.Users.Known(ctx, bare(twin))
		switch {
		case bot.CodeOf(err) == bot.CodeNotFound:
		case err != nil:
			return user, err
		default:
			return other, tx.Logins.Join(ctx, user.ID, other.ID)
		}
	}
	return user, nil
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
		twin, err := find(ctx, dir, facts.Email)
		if err == nil {
			out = append(out, twin)
		} else if bot.CodeOf(err) != bot.CodeNotFound {
			p.o.Log.Warn("policy: look for the same person", "instance", instance, "account", a.String(), "error", err)
		}
	}
	return out
}

// find finds the account that a chat's own people have under an address, and reads the
// address back: somebody is let into another's rights by it.
func find(ctx context.Context, dir bot.Directory, email string) (bot.Account, error) {
	twin, err := dir.ByEmail(ctx, email)
	if err != nil {
		return twin, err
	}
	facts, err := dir.Facts(ctx, twin)
	if err != nil {
		return twin, err
	}
	if !strings.EqualFold(facts.Email, email) || facts.Guest || facts.External || facts.Machine || facts.Disabled {
		return twin, bot.Errorf(bot.CodeNotFound, "Nobody has the address %s.", email)
	}
	return twin, nil
}
