package sonarqube

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// get reads what path answers into what into points to.
func (s *Service) get(ctx context.Context, path string, query url.Values, into any) error {
	_, err := s.rest.Do(ctx, rest.Request{Path: path, Query: query, Into: into})
	return err
}

// post sends a form. Each of our commands may be repeated: Ensure looks at what is
// there before it sends one, and puts right what came twice.
func (s *Service) post(ctx context.Context, path string, form url.Values) error {
	resp, err := s.rest.Do(ctx, rest.Request{
		Method: http.MethodPost, Path: path, Body: []byte(form.Encode()), Safe: true,
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
	})
	if err != nil || resp.Status == http.StatusNoContent {
		return err
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "application/json" {
		return bot.Errorf(bot.CodeUnavailable, "What answered a command (%d) was not SonarQube: is its URL right, or is a proxy in between?", resp.Status)
	}
	return nil
}

// said is what SonarQube says about an error, "" if it says nothing.
func said(err error) string {
	var cause *rest.StatusError
	if !errors.As(err, &cause) {
		return ""
	}
	var body struct {
		Errors []struct {
			Msg string `json:"msg"`
		} `json:"errors"`
	}
	if json.Unmarshal([]byte(cause.Body), &body) != nil {
		return ""
	}
	var texts []string
	for _, e := range body.Errors {
		texts = append(texts, e.Msg)
	}
	return strings.Join(texts, "; ")
}

// explain says what was tried, on what, and what to do about it. needs is the
// permission that the call wants.
func explain(err error, doing, needs string) error {
	text := said(err)
	switch rest.StatusOf(err) {
	case http.StatusForbidden:
		return bot.Errorf(bot.CodeForbidden, "SonarQube refused to %s: OpsBot's user lacks the permission %s.", doing, needs).Because(err)
	case http.StatusNotFound:
		return bot.Errorf(bot.CodeNotFound, "SonarQube could not %s: %s", doing, or(string(bot.Escape(bot.Shorten(text, 300))), "it is not there, or hidden from OpsBot's user.")).Because(err)
	case http.StatusBadRequest:
		return bot.Errorf(bot.CodeInvalid, "SonarQube refused to %s: %s", doing, advice(text)).Because(err)
	}
	return err
}

// advice gives better words for refusals that say too little.
func advice(text string) string {
	for _, known := range []struct{ part, text string }{
		{"loopback and wildcard addresses", "it takes no webhook to an address of its own machine. Set public_url to one that it reaches, or sonar.validateWebhooks=false there."},
		{"Maximum number of webhook", "the project has as many webhooks as it may have. Remove one there."},
		{"length (", "the webhook_secret is too short or too long for it: it wants 16 to 200 characters."},
	} {
		if strings.Contains(text, known.part) {
			return known.text
		}
	}
	return or(string(bot.Escape(bot.Shorten(text, 300))), "the request is invalid (400).")
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
