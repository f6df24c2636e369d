package artifactory

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// said is what Artifactory says about an error, "" if it says nothing.
func said(err error) string {
	var cause *rest.StatusError
	if !errors.As(err, &cause) {
		return ""
	}
	var body struct {
		Errors []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal([]byte(cause.Body), &body) != nil {
		return ""
	}
	var texts []string
	for _, e := range body.Errors {
		texts = append(texts, strings.TrimSpace(e.Message))
	}
	return strings.Join(texts, "; ")
}

// unlicensed: the open-source edition refuses with 400 what needs a licence, and so
// answers like a repository that is not there.
func unlicensed(err error) bool { return strings.Contains(said(err), "only in Artifactory Pro") }

// explain says what was tried, on what, and what to do about it.
func explain(err error, doing string) error {
	text := string(bot.Escape(bot.Shorten(said(err), 300)))
	switch rest.StatusOf(err) {
	case http.StatusForbidden:
		return bot.Errorf(bot.CodeForbidden, "Artifactory refused to %s: the user of OpsBot's token must be an administrator.", doing).Because(err)
	case http.StatusNotFound:
		return bot.Errorf(bot.CodeNotFound, "Artifactory could not %s: %s", doing, or(text, "it is not there, or hidden from OpsBot's user.")).Because(err)
	case http.StatusBadRequest:
		if unlicensed(err) {
			return bot.Errorf(bot.CodeUnsupported, "Artifactory could not %s: it allows that only with a licence (Artifactory Pro).", doing).Because(err)
		}
		return bot.Errorf(bot.CodeInvalid, "Artifactory refused to %s: %s", doing, or(text, "the request is invalid (400).")).Because(err)
	}
	return err
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
