package github

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	gh "github.com/google/go-github/v60/github"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// explain turns an error of the library into a *bot.Error. doing completes "GitHub
// refused to ...". All calls of this package can be repeated: what makes something
// looks for it first, and GitHub lets no two have one name.
func (f *Forge) explain(ctx context.Context, err error, doing string) error {
	var primary *gh.RateLimitError
	var secondary *gh.AbuseRateLimitError
	var refused *gh.ErrorResponse
	switch {
	case err == nil:
		return nil
	case errors.As(err, &primary):
		return f.limited(primary.Rate.Reset.Sub(f.env.Clock.Now()), err)
	case errors.As(err, &secondary):
		wait := time.Minute // what GitHub's documentation asks for where it gives no time
		if secondary.RetryAfter != nil {
			wait = *secondary.RetryAfter
		}
		return f.limited(wait, err)
	case errors.As(err, &refused) && refused.Response != nil:
		return f.refused(refused, doing)
	}
	return f.wire(ctx, err)
}

func (f *Forge) limited(wait time.Duration, err error) error {
	wait = min(max(wait, time.Second), 24*time.Hour)
	f.gate.hold(wait)
	return bot.Errorf(bot.CodeUnavailable, "%s asks to wait %s before the next request.", f.DisplayName(), bot.Span(wait)).
		Wait(wait).Because(f.mask.Error(err))
}

// wire explains what went wrong on the way.
func (f *Forge) wire(ctx context.Context, err error) error {
	explained := f.rest.Explain(ctx, err, true)
	var known *bot.Error
	switch {
	case errors.As(explained, &known):
		return known
	case ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded):
		return bot.Errorf(bot.CodeUnavailable, "%s did not answer in time.", f.DisplayName()).Because(explained).Backoff()
	}
	return bot.Errorf(bot.CodeUnavailable, "%s gave an answer that cannot be read.", f.DisplayName()).Because(explained).Backoff()
}

// refused gives a refusal in words that help.
func (f *Forge) refused(e *gh.ErrorResponse, what string) error {
	doing := bot.Escape(what) // branches and files may be named by anybody
	h, status := e.Response.Header, e.Response.StatusCode
	cause := &rest.StatusError{Status: status, Header: h, Body: f.mask.String(said(e))}
	if r := e.Response.Request; r != nil {
		cause.Method, cause.URL = r.Method, f.mask.String(r.URL.Scheme+"://"+r.URL.Host+r.URL.Path)
	}
	out := rest.Classify(f.DisplayName(), cause, true, f.env.Clock.Now())
	if out.Retry != bot.RetryNever {
		return out
	}
	if text := accessProblem(h, status, said(e)); text != "" {
		return bot.Errorf(bot.CodeForbidden, "GitHub refused to %s: %s", doing, text).Because(cause)
	}
	if text := known(said(e)); text != "" {
		out = bot.Errorf(codeOf(said(e), out.Code), "GitHub refused to %s: %s", doing, text)
	} else if status != http.StatusUnauthorized && said(e) != "" {
		out = bot.Errorf(out.Code, "GitHub refused to %s (%d): %s", doing, status, bot.Escape(bot.Shorten(f.mask.String(said(e)), 300)))
	}
	return out.Because(cause)
}

// said is what GitHub says, with the reasons behind a validation that failed.
func said(e *gh.ErrorResponse) string {
	parts := []string{e.Message}
	for _, one := range e.Errors {
		if one.Message != "" {
			parts = append(parts, one.Message)
		} else if one.Field != "" {
			parts = append(parts, one.Resource+"."+one.Field+" "+one.Code)
		}
	}
	return strings.Join(parts, "; ")
}

// accessProblem finds what the token lacks: single sign-on, a scope, a permission.
func accessProblem(h http.Header, status int, message string) string {
	if status != http.StatusForbidden && status != http.StatusNotFound {
		return ""
	}
	if sso := h.Get("X-GitHub-SSO"); strings.HasPrefix(sso, "required") {
		_, link, _ := strings.Cut(sso, "url=")
		return "the organisation wants OpsBot's token to be authorised for its single sign-on. The token's owner does that at " +
			string(bot.Escape(strings.TrimSpace(link))) + " ."
	}
	if wanted, lacks := missingScope(h); lacks {
		return "OpsBot's token lacks the scope " + wanted + " (it has " + or(h.Get("X-OAuth-Scopes"), "none") + ")."
	}
	if strings.HasPrefix(message, "Resource not accessible by") {
		return "OpsBot's token or App lacks the permission " + or(h.Get("X-Accepted-GitHub-Permissions"), "for that") + "."
	}
	return ""
}

// missingScope compares what a classic token has with what would do; other tokens
// have no such header.
func missingScope(h http.Header) (wanted string, lacks bool) {
	if _, classic := h[http.CanonicalHeaderKey("X-OAuth-Scopes")]; !classic {
		return "", false
	}
	accepted := list(h.Get("X-Accepted-OAuth-Scopes"))
	if len(accepted) == 0 {
		return "", false
	}
	for _, want := range accepted {
		if slices.ContainsFunc(list(h.Get("X-OAuth-Scopes")), func(have string) bool { return includes(have, want) }) {
			return "", false
		}
	}
	return accepted[0], true
}

// includes tells whether one scope is, or is wider than, another: repo is more than
// repo:status and public_repo, admin:org more than read:org.
func includes(have, want string) bool {
	if have == want || have == "repo" && (want == "public_repo" || strings.HasPrefix(want, "repo:") || want == "repo_deployment") {
		return true
	}
	levels := []string{"read", "write", "admin"}
	level, object, _ := strings.Cut(have, ":")
	wanted, same, ok := strings.Cut(want, ":")
	return ok && object == same && slices.Contains(levels, wanted) && slices.Index(levels, level) > slices.Index(levels, wanted)
}

func list(header string) (out []string) {
	for part := range strings.SplitSeq(header, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// known gives better words for messages that say too little; the keys are parts of
// GitHub's own.
func known(message string) string {
	for _, k := range []struct{ part, text string }{
		{"need admin access to the organization", "OpsBot's account may not create repositories in this organisation. An owner can allow members to, or make the account an owner."},
		{"maximum number of repositories", "the owner has as many repositories as GitHub allows it. Archived ones count, too; delete some or ask for more."},
		{"over your quota", "the owner's plan allows no more private repositories."},
		{"Upgrade to GitHub", "the owner's plan has no branch protection for private repositories. Make the repository public, or switch protection off in OpsBot's configuration."},
		{"was archived so is read-only", "the repository is archived and can only be read."},
		{"Must have admin rights", "OpsBot's account is no administrator of the repository."},
		{"Visibility can't be", "the organisation does not allow repositories of that visibility."},
	} {
		if strings.Contains(message, k.part) {
			return k.text
		}
	}
	return ""
}

func codeOf(message string, code bot.Code) bot.Code {
	switch {
	case strings.Contains(message, "was archived"):
		return bot.CodeConflict
	case strings.Contains(message, "Upgrade to GitHub"):
		return bot.CodeUnsupported
	case strings.Contains(message, "maximum number"), strings.Contains(message, "quota"):
		return bot.CodeForbidden
	}
	return code
}
