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
// and redirects to them, they are read from there without its login.
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
	want := rest.Request{Path: at + "artifact/" + escapePath(a.Name), Header: http.Header{"Accept": {"*/*"}}, Unbounded: true}
	stream, err := s.rest.Open(ctx, want)
	if elsewhere := s.elsewhere(ctx, want.Path, err); elsewhere != "" {
		want.Path = elsewhere
		stream, err = s.plain.Open(ctx, want)
	}
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

// elsewhere is where Jenkins redirects to, if that is why err came about and it is
// another server; no less encrypted than Jenkins is.
func (s *Service) elsewhere(ctx context.Context, at string, err error) string {
	if class, _ := bot.RetryOf(err); err == nil || class != bot.RetryNever || httpStatus(err) != 0 {
		return ""
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.config.URL+at, http.NoBody)
	if err != nil {
		return ""
	}
	client := s.rest.HTTPClient()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return ""
	}
	_ = resp.Body.Close() // only its address matters
	to, err := resp.Location()
	if err != nil || to.Host == req.URL.Host || to.User != nil || to.Scheme != "https" && to.Scheme != req.URL.Scheme {
		return ""
	}
	return to.String()
}
