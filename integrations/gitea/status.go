package gitea

import (
	"context"

	sdk "code.gitea.io/sdk/gitea"

	"opsbot/bot"
)

// maxDescription keeps a status on one line of Gitea's page.
const maxDescription = 250

// WriteStatus implements bot.StatusWriter. The states have the same names there.
func (f *Forge) WriteStatus(ctx context.Context, s bot.CommitStatus) error {
	if !hashForm.MatchString(s.Commit) || s.Check == "" {
		return bot.Errorf(bot.CodeInvalid, "A status of %s needs a whole commit id and a name.", bot.Escape(s.Repository.Name))
	}
	r, err := f.resolve(ctx, s.Repository)
	if err != nil {
		return err
	}
	_, resp, err := f.api(ctx).CreateStatus(owner(r), r.Name, s.Commit, sdk.CreateStatusOption{
		State: sdk.StatusState(s.State), Context: s.Check, Description: bot.Shorten(bot.OneLine(s.Text), maxDescription), TargetURL: s.URL,
	})
	return f.explain(ctx, resp, err, "show the result of "+s.Check+" at "+full(r))
}
