package gitlab

import (
	"context"
	"strings"

	gl "gitlab.com/gitlab-org/api/client-go"

	"opsbot/bot"
)

// maxText is GitLab's own bound on names and descriptions.
const maxText = 255

func statusOf(s bot.StatusState) gl.BuildStateValue {
	switch s {
	case bot.StatusPending:
		return gl.Pending
	case bot.StatusSuccess:
		return gl.Success
	}
	return gl.Failed
}

// WriteStatus implements bot.StatusWriter. GitLab refuses to set what is pending to
// pending, and of what is finished it keeps each repetition as a retried job: what is
// there already is looked for first.
func (f *Forge) WriteStatus(ctx context.Context, s bot.CommitStatus) error {
	if !hashForm.MatchString(s.Commit) || s.Check == "" {
		return bot.Errorf(bot.CodeInvalid, "A status of %s needs a whole commit id and a name.", bot.Escape(s.Repository.Name))
	}
	p, err := f.resolve(ctx, s.Repository)
	if err != nil {
		return err
	}
	name, text, state := bot.Shorten(s.Check, maxText), bot.Shorten(bot.OneLine(s.Text), maxText), statusOf(s.State)
	doing := "show the result of " + name + " at " + full(p)
	have, _, err := f.api.Commits.GetCommitStatuses(p.ID, s.Commit, &gl.GetCommitStatusesOptions{
		Name: &name, ListOptions: gl.ListOptions{PerPage: mostPage},
	}, gl.WithContext(ctx))
	if err != nil {
		return f.statusError(ctx, err, doing, p, s)
	}
	for _, h := range have {
		if h.Name == name && h.Status == string(state) && h.Description == text && h.TargetURL == s.URL {
			return nil
		}
	}
	want := &gl.SetCommitStatusOptions{State: state, Name: &name, Description: &text}
	if s.URL != "" {
		want.TargetURL = &s.URL
	}
	_, _, err = f.api.Commits.SetCommitStatus(p.ID, s.Commit, want, gl.WithContext(ctx))
	if state == gl.Pending && strings.Contains(said(err), "Cannot transition status via :enqueue from") {
		return nil // it waits or runs already
	}
	return f.statusError(ctx, err, doing, p, s)
}

func (f *Forge) statusError(ctx context.Context, err error, doing string, p *gl.Project, s bot.CommitStatus) error {
	words := said(err)
	err = f.explain(ctx, err, doing)
	switch {
	case bot.CodeOf(err) != bot.CodeNotFound:
		return err
	case strings.Contains(words, "References for commit"):
		return bot.Errorf(bot.CodeNotFound, "GitLab shows no result at commit %s of %s, which is on no branch.", s.Commit, full(p)).Because(err)
	}
	return noCommit(err, p, s.Commit)
}
