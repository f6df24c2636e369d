package rest

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"opsbot/bot"
)

// StatusError is the cause of the error for an answer outside 2xx: for callers
// that must look closer (errors.As).
type StatusError struct {
	Method string
	URL    string // without user, query and fragment
	Status int
	Header http.Header
	// Body is the beginning of the answer, at most 1 KiB, masked.
	Body string
}

// Error gives method, URL, status and the beginning of the answer on one line.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s %s: %d %s", e.Method, e.URL, e.Status, http.StatusText(e.Status))
	if body := strings.Join(strings.Fields(bot.Shorten(e.Body, 200)), " "); body != "" && !looksHTML(nil, []byte(e.Body)) {
		text += ": " + body
	}
	return text
}

// StatusOf returns the HTTP status that err is about, 0 if it is about none.
func StatusOf(err error) int {
	var e *StatusError
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// Classify turns an answer outside 2xx into the *bot.Error that the operation
// engine and the router understand: code, a sentence that begins with service,
// and whether and when to try again. safe says that the request may be repeated
// without harm; otherwise an answer that leaves open whether the request was
// carried out gets CodeUnknown.
//
// It is exported for integrations that call through a vendor's library and have
// its response in hand.
func Classify(service string, cause *StatusError, safe bool, now time.Time) *bot.Error {
	e := statusClass(service, cause.Status, safe)
	if wait, ok := Pause(cause.Status, cause.Header, now); ok {
		e = bot.Errorf(bot.CodeUnavailable, "%s asks to wait %s before the next request.", service, bot.Span(wait)).Wait(wait)
	}
	return e.Because(cause)
}

// statusClass maps a status to code, sentence and retry class; the one table.
func statusClass(service string, status int, safe bool) *bot.Error {
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return bot.Errorf(bot.CodeInvalid, "%s refused the request as invalid (%d).", service, status)
	case http.StatusUnauthorized, http.StatusProxyAuthRequired:
		return bot.Errorf(bot.CodeUnauthenticated, "%s does not accept OpsBot's credentials (%d): the operator must check the token.", service, status)
	case http.StatusForbidden:
		return bot.Errorf(bot.CodeForbidden, "%s does not let OpsBot do that (403): its account or token lacks a permission.", service)
	case http.StatusNotFound, http.StatusGone:
		return bot.Errorf(bot.CodeNotFound, "%s has no such thing, or hides it from OpsBot's account (%d).", service, status)
	case http.StatusConflict:
		return bot.Errorf(bot.CodeConflict, "%s says that this conflicts with what is there (409).", service)
	case http.StatusPreconditionFailed:
		return bot.Errorf(bot.CodeStale, "%s says that it was changed in between (412).", service)
	case http.StatusRequestEntityTooLarge:
		return bot.Errorf(bot.CodeTooLarge, "%s finds the request too large (413).", service)
	case http.StatusInsufficientStorage:
		return bot.Errorf(bot.CodeStorageFull, "%s has no space left (507).", service).Backoff()
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return bot.Errorf(bot.CodeUnsupported, "%s cannot do that (%d).", service, status)
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		// These say that the request was not carried out.
		return bot.Errorf(bot.CodeUnavailable, "%s is not ready (%d).", service, status).Backoff()
	}
	switch {
	case status >= 500 && safe:
		return bot.Errorf(bot.CodeUnavailable, "%s has a fault of its own (%d).", service, status).Backoff()
	case status >= 500:
		return bot.Errorf(bot.CodeUnknown, "%s failed in the middle (%d): whether it was done is not known.", service, status).Backoff()
	default:
		return bot.Errorf(bot.CodeUnavailable, "%s gave an unexpected answer (%d).", service, status)
	}
}

// longestPause bounds what a server may ask for: a nonsensical header must not
// park an operation for a year.
const longestPause = 24 * time.Hour

// Pause says how long an answer asks to wait: by Retry-After, in seconds or as a
// date, or by X-RateLimit-Reset (Unix seconds) when nothing remains. ok is false
// when it asks for nothing. It is at least a second and at most a day.
func Pause(status int, header http.Header, now time.Time) (wait time.Duration, ok bool) {
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusForbidden, http.StatusRequestTimeout:
	default:
		return 0, false
	}
	if wait, ok = retryAfter(header.Get("Retry-After"), now); !ok {
		wait, ok = rateLimitReset(status, header, now)
	}
	return min(max(wait, time.Second), longestPause), ok
}

func retryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, int64(longestPause/time.Second))) * time.Second, true
	}
	if date, err := http.ParseTime(value); err == nil {
		return date.Sub(now), true
	}
	return 0, false
}

// rateLimitReset reads the fields of GitHub and Gitea (X-RateLimit-) and of
// GitLab (RateLimit-). GitHub answers 403 for a spent quota: only the count of
// zero tells that from a missing permission.
func rateLimitReset(status int, header http.Header, now time.Time) (time.Duration, bool) {
	for _, prefix := range []string{"X-RateLimit-", "RateLimit-"} {
		reset, err := strconv.ParseInt(header.Get(prefix+"Reset"), 10, 64)
		spent := header.Get(prefix+"Remaining") == "0"
		if err != nil || reset < 0 || !spent && status != http.StatusTooManyRequests {
			continue
		}
		return time.Unix(min(reset, 1<<40), 0).Sub(now), true
	}
	return 0, false
}
