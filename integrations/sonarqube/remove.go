package sonarqube

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// RemoveProvision implements bot.Provisioner. A project that was analysed stays, without
// our webhook: the history of its analyses would be lost.
func (s *Service) RemoveProvision(ctx context.Context, spec bot.ProvisionSpec) error {
	w, err := want(spec)
	if err != nil {
		return err
	}
	c, err := s.show(ctx, w.key)
	if err != nil || c == nil {
		return err
	}
	hooks, err := s.hooks(ctx, w)
	switch {
	case !w.marked(*c) && (len(hooks) == 0 || err != nil):
		return bot.Errorf(bot.CodeConflict, "SonarQube's project %s was not made by this operation: it stays.", bot.Escape(w.key))
	case err != nil:
		return err
	}
	analysed, err := s.analysed(ctx, w)
	if err != nil {
		return err
	}
	if analysed {
		if err := s.deleteHooks(ctx, w, hooks); err != nil {
			return err
		}
		return bot.Errorf(bot.CodeConflict,
			"SonarQube keeps the project %s: it holds analyses, and their history would be lost. OpsBot's webhook is removed. Delete the project there if nobody needs it: %s",
			bot.Escape(w.key), s.page(w.key))
	}
	err = s.post(ctx, "/api/projects/delete", url.Values{"project": {w.key}})
	if err != nil && rest.StatusOf(err) != http.StatusNotFound {
		return explain(err, "delete the project "+string(bot.Escape(w.key)), needsAdmin)
	}
	return nil
}

// analysed tells whether any branch or pull request of the project was analysed.
func (s *Service) analysed(ctx context.Context, w wanted) (bool, error) {
	var got struct {
		Branches []struct {
			AnalysisDate string `json:"analysisDate"`
		} `json:"branches"`
		PullRequests []struct{} `json:"pullRequests"`
	}
	for _, path := range []string{"/api/project_branches/list", "/api/project_pull_requests/list"} {
		err := s.get(ctx, path, url.Values{"project": {w.key}}, &got)
		// An edition without pull requests may not know the second one.
		if err != nil && !strings.HasPrefix(said(err), "Unknown url") {
			return false, explain(err, "list the analyses of "+string(bot.Escape(w.key)), needsBrowse)
		}
	}
	for _, b := range got.Branches {
		if b.AnalysisDate != "" {
			return true, nil
		}
	}
	return len(got.PullRequests) > 0, nil
}
