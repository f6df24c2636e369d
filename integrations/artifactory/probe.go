package artifactory

import (
	"context"
	"net/http"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// Probe implements bot.Prober: it reads only. Whether the token's user is an
// administrator shows with the first repository alone.
func (s *Service) Probe(ctx context.Context) []bot.Finding {
	var got struct {
		Version string `json:"version"`
	}
	if _, err := s.rest.Do(ctx, rest.Request{Path: "/api/system/version", Into: &got}); err != nil {
		text := bot.MessageOf(err)
		if rest.StatusOf(err) == http.StatusNotFound {
			text = "There is no Artifactory at " + s.cfg.URL + " (404): the address mostly ends in /artifactory."
		}
		return []bot.Finding{{Subject: "server", Text: text}}
	}
	if got.Version == "" {
		return []bot.Finding{{Subject: "server", Text: "What answers at " + s.cfg.URL + " does not tell its version as an Artifactory does."}}
	}
	out := []bot.Finding{{OK: true, Subject: "server", Text: "Artifactory " + string(bot.Escape(bot.Shorten(got.Version, 40)))}}
	// A key that nobody can have: the answer tells whether repositories can be managed.
	if _, err := s.get(ctx, "opsbot-probe"+suffix); err != nil {
		return append(out, bot.Finding{Subject: "repositories", Text: bot.MessageOf(err)})
	}
	return append(out, bot.Finding{OK: true, Subject: "repositories", Text: "can be managed, by an administrator; they hold " + s.cfg.PackageType + " packages"})
}
