package store

import (
	"context"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

type userRow struct {
	bun.BaseModel `bun:"table:users"`
	ID            string `bun:"id,pk"`
	Name          string `bun:"name"`
	CreatedAt     micros `bun:"created_at"`
	JoinedInto    string `bun:"joined_into"` // the id of who this person turned out to be
}

type accountRow struct {
	bun.BaseModel `bun:"table:accounts"`
	Instance      string `bun:"instance,pk"`
	Workspace     string `bun:"workspace,pk"`
	AccountID     string `bun:"account_id,pk"`
	Name          string `bun:"name"`
	NameKey       string `bun:"name_key"` // lower case
	UserID        string `bun:"user_id"`
	CreatedAt     micros `bun:"created_at"`
	Disabled      bool   `bun:"disabled"`
}

func (r accountRow) noun() bot.Account {
	return bot.Account{Instance: r.Instance, Workspace: r.Workspace, ID: r.AccountID, Name: r.Name}
}

type users struct{ *work }

var _ bot.Users = users{}

const inAccount = "instance = ? AND workspace = ? AND account_id = ?"

// ByAccount implements bot.Users.
func (r users) ByAccount(ctx context.Context, a bot.Account, now time.Time) (bot.User, error) {
	if a.Instance == "" || a.ID == "" {
		return bot.User{}, bot.Errorf(bot.CodeInvalid, "An account needs a chat and an id.")
	}
	row, err := first[accountRow](ctx, r.work, noUser(a.String()), where(inAccount, a.Instance, a.Workspace, a.ID))
	if bot.CodeOf(err) == bot.CodeNotFound {
		return r.enlist(ctx, a, now)
	}
	if err != nil {
		return bot.User{}, err
	}
	if a.Name != "" && row.Name != a.Name {
		if err := r.rename(ctx, row, a.Name); err != nil {
			return bot.User{}, err
		}
	}
	return r.user(ctx, row.UserID, &a)
}

// Known implements bot.Users.
func (r users) Known(ctx context.Context, a bot.Account) (bot.User, error) {
	rows, err := returning[struct {
		ID      string `bun:"id"`
		Name    string `bun:"name"`
		Account string `bun:"account"`
	}](ctx, r.work, "read a user", userOfAccount, a.Instance, a.Workspace, a.ID)
	if err != nil {
		return bot.User{}, err
	}
	if len(rows) == 0 || a.Name != "" && rows[0].Account != a.Name {
		return bot.User{}, noUser(a.String())
	}
	user := bot.User{ID: rows[0].ID, Name: rows[0].Name, Account: a}
	if a.Name == "" {
		user.Account.Name = user.Name
	}
	return user, nil
}

const userOfAccount = "SELECT u.id, u.name, a.name AS account FROM accounts AS a JOIN users AS u ON u.id = a.user_id WHERE " + inAccount

// enlist makes the user of a new account.
func (r users) enlist(ctx context.Context, a bot.Account, now time.Time) (bot.User, error) {
	user := userRow{ID: bot.NewID(now), Name: userName(a), CreatedAt: us(now)}
	if err := insert(ctx, r.work, &user, taken("a user", user.ID)); err != nil {
		return bot.User{}, err
	}
	row := accountRow{
		Instance: a.Instance, Workspace: a.Workspace, AccountID: a.ID, Name: a.Name,
		NameKey: strings.ToLower(a.Name), UserID: user.ID, CreatedAt: us(now),
	}
	if err := insert(ctx, r.work, &row, taken("an account", a.String())); err != nil {
		return bot.User{}, err
	}
	return bot.User{ID: user.ID, Name: user.Name, Account: a}, nil
}

// userName is the name of an account's person. The system user's own is kept from
// people: a text "by opsbot" must be true.
func userName(a bot.Account) string {
	name := a.Name
	if name == "" {
		name = a.ID
	}
	system := bot.SystemUser()
	if strings.EqualFold(name, system.Name) || strings.EqualFold(name, system.ID) {
		name += "_"
	}
	return name
}

func (r users) rename(ctx context.Context, row accountRow, name string) error {
	_, err := r.raw(ctx, "rename an account", "UPDATE accounts SET name = ?, name_key = ? WHERE "+inAccount,
		name, strings.ToLower(name), row.Instance, row.Workspace, row.AccountID)
	if err != nil {
		return err
	}
	old := userName(row.noun())
	row.Name = name
	return r.call(ctx, row.UserID, old, userName(row.noun()))
}

// user reads a user; account is the one used now, nil for the first one.
func (r users) user(ctx context.Context, id string, account *bot.Account) (bot.User, error) {
	row, err := first[userRow](ctx, r.work, noUser(id), where("id = ?", id))
	if err != nil {
		return bot.User{}, err
	}
	if row.JoinedInto != "" { // one step: Join keeps all who came before up to date
		return r.user(ctx, row.JoinedInto, account)
	}
	user := bot.User{ID: row.ID, Name: row.Name}
	if account != nil {
		user.Account = *account
		if user.Account.Name == "" {
			user.Account.Name = row.Name
		}
		return user, nil
	}
	first, err := first[accountRow](ctx, r.work, noUser(id), where("user_id = ?", id), order("created_at, instance"))
	user.Account = first.noun()
	return user, err
}

// ByID implements bot.Users.
func (r users) ByID(ctx context.Context, id string) (bot.User, error) {
	return r.user(ctx, id, nil)
}

// ByName implements bot.Users. Two people of that name (in two workspaces of one
// chat) are CodeConflict: a name must not pick the wrong person.
func (r users) ByName(ctx context.Context, instance, name string) (bot.User, error) {
	rows, err := list(ctx, r.work, func(r accountRow) accountRow { return r },
		where("instance = ? AND name_key = ?", instance, strings.ToLower(name)), order("created_at"), limit(10))
	if err != nil {
		return bot.User{}, err
	}
	if len(rows) == 0 {
		return bot.User{}, noUser(name)
	}
	for _, row := range rows[1:] {
		if row.UserID != rows[0].UserID {
			return bot.User{}, bot.Errorf(bot.CodeConflict, "There are several people named %q in %s.", name, instance)
		}
	}
	account := rows[0].noun()
	return r.user(ctx, rows[0].UserID, &account)
}

// List implements bot.Users.
func (r users) List(ctx context.Context) ([]bot.User, error) {
	accounts, err := list(ctx, r.work, func(r accountRow) accountRow { return r }, order("created_at DESC, instance DESC"))
	if err != nil {
		return nil, err
	}
	of := map[string]bot.Account{}
	for _, a := range accounts {
		of[a.UserID] = a.noun() // the first one made stays
	}
	return list(ctx, r.work, func(r userRow) bot.User {
		return bot.User{ID: r.ID, Name: r.Name, Account: of[r.ID]}
	}, where("joined_into = ''"), order("name, id"))
}

func noUser(who string) *bot.Error {
	return bot.Errorf(bot.CodeNotFound, "There is no user %q.", who)
}

// taken is the answer when an identity is in use already.
func taken(what, id string) *bot.Error {
	return bot.Errorf(bot.CodeConflict, "There is %s %q already.", what, id)
}
