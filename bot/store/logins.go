package store

import (
	"context"
	"strings"
	"time"

	"opsbot/bot"
)

// Logins implements bot.Users.
func (r users) Logins(ctx context.Context, userID string) ([]bot.Login, error) {
	return list(ctx, r.work, func(r accountRow) bot.Login { return bot.Login{Account: r.noun(), Disabled: r.Disabled} },
		where("user_id = ?", userID), order("created_at, instance, workspace, account_id"))
}

// Disable implements bot.Users.
func (r users) Disable(ctx context.Context, a bot.Account, disabled bool) error {
	_, err := r.raw(ctx, "disable an account", "UPDATE accounts SET disabled = ? WHERE "+inAccount, disabled, a.Instance, a.Workspace, a.ID)
	return err
}

// Join implements bot.Users. Whoever was joined to from before is joined to into now,
// so that an old id is followed in one step.
func (r users) Join(ctx context.Context, from, into string) error {
	target, err := first[userRow](ctx, r.work, noUser(into), where("id = ?", into))
	if err != nil {
		return err
	}
	if target.JoinedInto != "" || from == into {
		return bot.Errorf(bot.CodeConflict, "These two are one person already.")
	}
	for _, change := range []string{
		"UPDATE accounts SET user_id = ? WHERE user_id = ?",
		"UPDATE sessions SET user_id = ? WHERE user_id = ?",
		"UPDATE users SET joined_into = ? WHERE joined_into = ?",
	} {
		if _, err := r.raw(ctx, "join two people", change, into, from); err != nil {
			return err
		}
	}
	n, err := r.raw(ctx, "join two people", "UPDATE users SET joined_into = ? WHERE id = ?", into, from)
	if err == nil && n == 0 {
		return noUser(from)
	}
	return err
}

// Part implements bot.Users.
func (r users) Part(ctx context.Context, a bot.Account, now time.Time) (bot.User, error) {
	row, err := first[accountRow](ctx, r.work, noUser(a.String()), where(inAccount, a.Instance, a.Workspace, a.ID))
	if err != nil {
		return bot.User{}, err
	}
	all, err := r.Logins(ctx, row.UserID)
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
	_, err = r.raw(ctx, "part an account", "UPDATE accounts SET user_id = ?, name_key = ? WHERE "+inAccount,
		user.ID, strings.ToLower(row.Name), a.Instance, a.Workspace, a.ID)
	return bot.User{ID: user.ID, Name: user.Name, Account: row.noun()}, err
}
