package slack

import (
	"context"

	"github.com/slack-go/slack"

	"opsbot/bot"
	"opsbot/integrations/slack/block"
	"opsbot/integrations/slack/web"
	"opsbot/integrations/slack/wire"
)

// showHome shows a person's App Home. It is a picture of the moment: when it can't be
// shown, opening it once more is all that helps.
func (c *Chat) showHome(ctx context.Context, user string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if !wire.IsUser(user) {
		return
	}
	if err := c.publishHome(ctx, user); err != nil {
		c.env.Log.Warn("the app home was not shown", "user", user, "error", err)
	}
}

func (c *Chat) publishHome(ctx context.Context, user string) error {
	id, err := c.who(ctx)
	if err != nil {
		return err
	}
	team, err := c.team(ctx, user)
	if err != nil {
		return err
	}
	dm, err := c.conversation(ctx, user)
	if err != nil {
		return err
	}
	posts, err := c.env.Desk.Home(ctx, c.account(id, user, team), c.ref(id, dm))
	var view slack.HomeTabViewRequest
	if text, ok := sentence(err); err != nil && ok {
		view = block.Say(bot.Escape(text))
	} else if err != nil {
		return err
	} else {
		view = block.Home(posts, block.Options{Instance: c.env.Name})
	}
	_, err = web.Do(ctx, c.web, web.Call{Method: "views.publish", Safe: true}, func(api *slack.Client) (*slack.ViewResponse, error) {
		return api.PublishViewContext(ctx, slack.PublishViewContextRequest{UserID: user, View: view})
	})
	return err
}
