package gitea

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"

	sdk "code.gitea.io/sdk/gitea"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// explain turns an error of the library into a *bot.Error. doing completes "Gitea
// refused to ...". All calls of this package can be repeated: what makes something
// looks for it first.
func (f *Forge) explain(ctx context.Context, resp *sdk.Response, err error, doing string) error {
	switch {
	case err == nil:
		return nil
	case resp == nil || resp.Response == nil || resp.StatusCode < 300:
		return f.wire(ctx, err)
	}
	return f.refused(resp.Response, said(err), doing)
}

// wire explains what went wrong on the way.
func (f *Forge) wire(ctx context.Context, err error) error {
	explained := f.rest.Explain(ctx, err, true)
	var known *bot.Error
	switch {
	case errors.As(explained, &known):
		return known
	case ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded):
		return bot.Errorf(bot.CodeUnavailable, "%s did not answer in time.", service).Because(explained).Backoff()
	}
	return bot.Errorf(bot.CodeUnavailable, "%s gave an answer that cannot be read.", service).Because(explained).Backoff()
}

// said is the "message" of a refusal; the library puts words of its own where there
// is none.
func said(err error) string {
	text := err.Error()
	if strings.HasPrefix(text, "unknown API error") || strings.HasPrefix(text, "body read on HTTP error") {
		return ""
	}
	return text
}

// refused gives a refusal in words that help.
func (f *Forge) refused(resp *http.Response, said, what string) error {
	doing := bot.Escape(what) // branches and files may be named by anybody
	said = f.mask.String(said)
	cause := &rest.StatusError{Status: resp.StatusCode, Header: resp.Header, Body: said}
	if r := resp.Request; r != nil {
		cause.Method, cause.URL = r.Method, f.mask.String(r.URL.Scheme+"://"+r.URL.Host+r.URL.Path)
	}
	if code, text := known(resp.StatusCode, said); text != "" {
		return bot.Errorf(code, "%s refused to %s: %s", service, doing, text).Because(cause)
	}
	out := rest.Classify(service, cause, true, f.env.Clock.Now())
	if out.Retry == bot.RetryNever && resp.StatusCode != http.StatusUnauthorized && said != "" {
		out = bot.Errorf(out.Code, "%s refused to %s (%d): %s", service, doing, resp.StatusCode, bot.Escape(bot.Shorten(said, 300)))
	}
	return out.Because(cause)
}

var (
	wantedScopes = regexp.MustCompile(`required scope\(s\)[^\[]*\[([^\]]*)\]`)
	ownScopes    = regexp.MustCompile(`token scope=([A-Za-z:,_-]*)`)
)

// known gives better words for messages that say too little, and for those that come
// with a status that does not fit them: older servers answer 500 for a limit.
func known(status int, said string) (bot.Code, string) {
	if found := wantedScopes.FindStringSubmatch(said); found != nil {
		text := "OpsBot's token lacks the scope " + string(bot.Escape(strings.ReplaceAll(found[1], " ", ", ")))
		if has := ownScopes.FindStringSubmatch(said); has != nil {
			text += " (it has " + string(bot.Escape(or(has[1], "none"))) + ")"
		}
		return bot.CodeForbidden, text + ". Make one with it in the account's settings, under Applications."
	}
	if status == http.StatusLocked {
		return bot.CodeConflict, "the repository is archived and can only be read."
	}
	for _, k := range refusals() {
		if strings.Contains(said, k.part) {
			return k.code, k.text
		}
	}
	return "", ""
}

// refusals are parts of Gitea's own messages, with what they mean for us.
func refusals() []struct {
	part string
	code bot.Code
	text string
} {
	return []struct {
		part string
		code bot.Code
		text string
	}{
		{"not allowed to create repository in organization", bot.CodeForbidden, "OpsBot's account may not create repositories in this organisation. An owner can put it into a team that may."},
		{"reached maximum limit of repositories", bot.CodeForbidden, "the owner has as many repositories as it may have. Delete some, or let Gitea's administrator raise the limit."},
		{"reached your limit of", bot.CodeForbidden, "the owner has as many repositories as it may have. Delete some, or let Gitea's administrator raise the limit."},
		{"quota exceeded", bot.CodeForbidden, "the owner's quota is used up. Delete something, or let the administrator raise it."},
		{"Files already exist for this repository", bot.CodeConflict, "there are files of an earlier repository of that name on the server. Gitea's administrator can adopt or delete them."},
		{"should be the owner of the repo", bot.CodeForbidden, "OpsBot's account must be an owner of the organisation for that."},
		{"collaborator with admin write", bot.CodeForbidden, "OpsBot's account is no administrator of the repository."},
		{"permission to write to a repo", bot.CodeForbidden, "OpsBot's account may not write to the repository."},
		{"token scope is limited to public", bot.CodeForbidden, "OpsBot's token is one for public repositories only."},
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// odd is an answer that is JSON and not what it should be.
func odd(what string) error {
	return bot.Errorf(bot.CodeUnavailable, "%s answered with something that is not %s.", service, what).Backoff()
}
