package store

import (
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

type logins struct{ *work }

var _ bot.Logins = logins{}

// Of implements bot.Logins.
func (r logins) Of(ctx context.Context, userID string) ([]bot.Login, error) {
	return list(ctx, r.work, func(r accountRow) bot.Login { return bot.Login{Account: r.noun(), Disabled: r.Disabled} },
		where("user_id = ?", userID), order("created_at, instance, workspace, account_id"))
}

// Disable implements bot.Logins.
func (r logins) Disable(ctx context.Context, a bot.Account, disabled bool) error {
	_, err := r.raw(ctx, "disable an account", "UPDATE accounts SET disabled = ? WHERE "+inAccount, disabled, a.Instance, a.Workspace, a.ID)
	return err
}

// joining are the rows that go over to who a person was found to be. Whoever was joined
// to them before is joined to that one now, so that an old id is followed in one step.
func joining() []string {
	return []string{
		"UPDATE accounts SET user_id = ? WHERE user_id = ?",
		"UPDATE sessions SET user_id = ? WHERE user_id = ?",
		"UPDATE environments SET locked_by = ? WHERE locked_by = ?",
		"UPDATE users SET joined_into = ? WHERE joined_into = ?",
		"UPDATE users SET joined_into = ? WHERE id = ?",
	}
}

// Join implements bot.Logins. Either may have been joined before: then it is whom they
// became who is meant.
func (r logins) Join(ctx context.Context, from, into string) error {
	for _, id := range []*string{&from, &into} {
		row, err := first[userRow](ctx, r.work, noUser(*id), where("id = ?", *id))
		if err != nil {
			return err
		}
		if row.JoinedInto != "" {
			*id = row.JoinedInto
		}
	}
	if from == into {
		return bot.Errorf(bot.CodeConflict, "These two are one person already.")
	}
	for _, change := range joining() {
		if _, err := r.raw(ctx, "join two people", change, into, from); err != nil {
			return err
		}
	}
	return nil
}

// became tells for those of the ids whose people were joined to others who they are now.
func (w *work) became(ctx context.Context, ids []string) (map[string]string, error) {
	out := map[string]string{}
	if len(ids) == 0 {
		return out, nil
	}
	rows, err := list(ctx, w, func(r userRow) userRow { return r }, where("joined_into <> '' AND id IN (?)", bun.List(ids)))
	for _, row := range rows {
		out[row.ID] = row.JoinedInto
	}
	return out, err
}

// Part implements bot.Logins.
func (r logins) Part(ctx context.Context, a bot.Account, now time.Time) (bot.User, error) {
	row, err := first[accountRow](ctx, r.work, noUser(a.String()), where(inAccount, a.Instance, a.Workspace, a.ID))
	if err != nil {
		return bot.User{}, err
	}
	all, err := r.Of(ctx, row.UserID)
	if err != nil {
		return bot.User{}, err
	}
	if len(all) < 2 {
		return bot.User{}, bot.Errorf(bot.CodeConflict, "%s is the only account of its person.", a.String())
	}
	user := userRow{ID: bot.NewID(now), Name: userName(row.noun()), CreatedAt: us(now)}
	if err := insert(ctx, r.work, &user, taken("a user", user.ID)); err != nil {
		return bot.User{}, err
	}
	_, err = r.raw(ctx, "part an account", "UPDATE accounts SET user_id = ? WHERE "+inAccount, user.ID, a.Instance, a.Workspace, a.ID)
	if err != nil {
		return bot.User{}, err
	}
	rest := slices.DeleteFunc(all, func(l bot.Login) bool { return l.Account == row.noun() })
	err = r.call(ctx, row.UserID, user.Name, userName(rest[0].Account))
	return bot.User{ID: user.ID, Name: user.Name, Account: row.noun()}, err
}

// call gives a person another name, if the one that they have is old: they may be
// called after another of their accounts.
func (w *work) call(ctx context.Context, id, old, name string) error {
	_, err := w.raw(ctx, "rename a user", "UPDATE users SET name = ? WHERE id = ? AND name = ?", name, id, old)
	return err
}
