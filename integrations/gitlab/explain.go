package gitlab

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// refusal is an answer outside 2xx and 3xx with what it says.
type refusal struct {
	rest.StatusError
	said  string // GitLab's words on one line
	scope string // that the token lacks
}

// refusals turns refused requests into errors: the library drops what GitLab says
// with a 404.
type refusals struct {
	next http.RoundTripper
	mask *rest.Mask
}

// RoundTrip implements http.RoundTripper.
func (r *refusals) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.next.RoundTrip(req)
	if err != nil || resp.StatusCode < 400 {
		return resp, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 16<<10)) // a hint only
	out := &refusal{StatusError: rest.StatusError{
		Method: req.Method, URL: r.mask.String(req.URL.Scheme + "://" + req.URL.Host + req.URL.Path), Status: resp.StatusCode,
		Header: resp.Header, Body: r.mask.String(string(body[:min(len(body), 1<<10)])),
	}}
	var answer struct {
		Message     any    `json:"message"`
		Error       any    `json:"error"`
		Description string `json:"error_description"`
		Scope       string `json:"scope"`
	}
	if json.Unmarshal(body, &answer) == nil {
		parts := []string{flat(answer.Message), flat(answer.Error), answer.Description}
		parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
		out.said = r.mask.String(strings.Join(parts, ": "))
		if answer.Error == "insufficient_scope" {
			out.scope, _, _ = strings.Cut(answer.Scope+" ", " ")
		}
	}
	return nil, out
}

// Error implements error.
func (r *refusal) Error() string { return r.StatusError.Error() }

// Unwrap gives the status for rest.StatusOf.
func (r *refusal) Unwrap() error { return &r.StatusError }

// flat writes a message on one line: GitLab gives a text, a list, or both below the
// names of fields.
func flat(v any) string {
	var parts []string
	switch v := v.(type) {
	case string:
		return bot.OneLine(v)
	case []any:
		for _, one := range v {
			parts = append(parts, flat(one))
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if text := flat(v[key]); text != "" {
				parts = append(parts, strings.TrimPrefix(key+" ", "base ")+text)
			}
		}
	}
	return strings.Join(parts, "; ")
}

// said gives GitLab's words, "" where the error has none.
func said(err error) string {
	var r *refusal
	if errors.As(err, &r) {
		return r.said
	}
	return ""
}

// explain turns an error of the library into a *bot.Error. doing completes "GitLab
// refused to ...". All calls of this package can be repeated: what makes something
// looks for it first.
func (f *Forge) explain(ctx context.Context, err error, doing string) error {
	var refused *refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return f.refused(refused, doing)
	}
	return f.wire(ctx, err)
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
func (f *Forge) refused(r *refusal, what string) error {
	doing := bot.Escape(what) // branches and files may be named by anybody
	out := rest.Classify(f.DisplayName(), &r.StatusError, true, f.env.Clock.Now())
	if out.Retry != bot.RetryNever {
		return out.Because(r)
	}
	if r.Status == http.StatusForbidden && strings.Contains(r.said, "insufficient_scope") {
		return bot.Errorf(bot.CodeForbidden, "GitLab refused to %s: OpsBot's token lacks the scope %s. Scopes cannot be added: make a new token and put it into the configuration.",
			doing, or(string(bot.Escape(r.scope)), "api")).Because(r)
	}
	if k := known(r.said); k.text != "" {
		out = bot.Errorf(or(k.code, out.Code), "GitLab refused to %s: %s", doing, k.text)
		if k.passing {
			out = out.Backoff()
		}
	} else if r.Status == http.StatusUnauthorized {
		out = bot.Errorf(bot.CodeUnauthenticated, "GitLab does not know OpsBot's token (401): the operator must check integrations.%s.token.", f.env.Name)
	} else if r.said != "" {
		out = bot.Errorf(out.Code, "GitLab refused to %s (%d): %s", doing, r.Status, bot.Escape(bot.Shorten(r.said, 300)))
	}
	return out.Because(r)
}

// knownWords gives better words for messages that say too little.
type knownWords struct {
	part    string // of GitLab's own
	text    string
	code    bot.Code // "" = by the status
	passing bool
}

func known(message string) knownWords {
	for _, k := range []knownWords{
		{"Token is expired", "OpsBot's token has expired. Make a new one and put it into the configuration.", bot.CodeUnauthenticated, false},
		{"Token was revoked", "OpsBot's token was revoked. Make a new one and put it into the configuration.", bot.CodeUnauthenticated, false},
		{"still being deleted", "a project of that name is still being deleted; its name is free once that is done.", bot.CodeUnavailable, true},
		{"project limit is", "the account has as many projects as GitLab allows it. An administrator can allow more, or use a group.", bot.CodeForbidden, false},
		{"Personal project creation is not allowed", "the account may have no projects of its own. Use a group.", bot.CodeForbidden, false},
		{"namespace is not valid", "OpsBot's account may not create projects there. An owner of the group can give it the role Maintainer, or allow developers to create projects.", bot.CodeForbidden, false},
		{"restricted by your GitLab administrator", "the administrator does not allow projects of that visibility. Ask for a private one, or set visibility in OpsBot's configuration.", bot.CodeInvalid, false},
		{"is not allowed in a", "the group allows only projects that are less visible. Ask for a private one, or set visibility in OpsBot's configuration.", bot.CodeInvalid, false},
		{"local network are not allowed", "it does not send webhooks to its own network. An administrator can allow OpsBot's address: Admin area, Settings, Network, Outbound requests.", bot.CodeInvalid, false},
		{"Maximum number of", "there are as many as GitLab allows; remove some that nobody needs.", bot.CodeForbidden, false},
		{"not allowed to push", "OpsBot's account may not push to that branch: it needs the role Developer, on protected branches Maintainer.", bot.CodeForbidden, false},
		{"Another update to this commit status", "another status of that commit is just being written.", bot.CodeUnavailable, true},
	} {
		if strings.Contains(message, k.part) {
			return k
		}
	}
	return knownWords{}
}

// or gives the first that is not zero.
func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// odd is an answer that is JSON and not what it should be.
func (f *Forge) odd(what string) error {
	return bot.Errorf(bot.CodeUnavailable, "%s answered with something that is not %s.", f.DisplayName(), what).Backoff()
}

func (f *Forge) missing(what string) error {
	return bot.Errorf(bot.CodeNotFound, "GitLab has no project %s, or hides it from OpsBot's account.", bot.Escape(bot.Shorten(what, 150)))
}
