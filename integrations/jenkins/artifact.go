package jenkins

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// OpenArtifact implements bot.ArtifactReader. Where Jenkins keeps artifacts elsewhere
// and redirects to them, that is refused: its login is for Jenkins alone.
func (s *Service) OpenArtifact(ctx context.Context, ref bot.BuildRef, a bot.Artifact) (io.ReadCloser, error) {
	if !goodPath(a.Name) {
		return nil, bot.Errorf(bot.CodeNotFound, "Jenkins has no artifact %q.", bot.Shorten(a.Name, 100))
	}
	ref, at, err := s.locate(ctx, ref)
	if err != nil {
		return nil, err
	}
	if ref.Number == 0 {
		return nil, s.noBuild(ref)
	}
	stream, err := s.rest.Open(ctx, rest.Request{Path: at + "artifact/" + escapePath(a.Name), Header: http.Header{"Accept": {"*/*"}}, Unbounded: true})
	if httpStatus(err) == http.StatusNotFound {
		return nil, bot.Errorf(bot.CodeNotFound, "Jenkins does not keep %s of %s/%s #%d any more, or does not let OpsBot see it.",
			bot.Shorten(a.Name, 100), ref.Job, ref.Branch, ref.Number).Because(err)
	}
	if err != nil {
		return nil, fmt.Errorf("jenkins: artifact %s of %s/%s #%d: %w", a.Name, ref.Job, ref.Branch, ref.Number, err)
	}
	if isPage(stream.Header) && !strings.HasPrefix(path.Ext(a.Name), ".htm") && !strings.HasPrefix(path.Ext(a.Name), ".xht") {
		_ = stream.Body.Close() // it is none
		return nil, bot.Errorf(bot.CodeUnavailable, "Jenkins answered with an HTML page instead of %s: is its URL right, or is a proxy in between?", bot.Shorten(a.Name, 100)).Backoff()
	}
	return stream.Body, nil
}

// goodPath: a path below the artifacts' folder, and no other.
func goodPath(name string) bool {
	return name != "" && len(name) <= 1000 && path.Clean("/"+name) == "/"+name && !strings.ContainsAny(name, "\\\x00\r\n")
}
