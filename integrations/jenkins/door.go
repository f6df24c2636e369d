package jenkins

import (
	"io"
	"net/http"
	"net/url"
	"strings"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// door turns answers that are none into errors that say what to do, before
// gojenkins sees them: it would take a page for JSON, and drop the status when
// there is an X-Error.
type door struct {
	next http.RoundTripper
	s    *Service
}

// RoundTrip implements http.RoundTripper.
func (d *door) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := d.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if wrong := d.s.judge(r, resp); wrong != nil {
		_ = resp.Body.Close() // the error matters
		return nil, wrong
	}
	return resp, nil
}

// judge returns nil for an answer that is one.
func (s *Service) judge(r *http.Request, resp *http.Response) error {
	switch code := resp.StatusCode; {
	case code >= 300 && code < 400:
		return s.judgeRedirect(r, resp)
	case code >= 400:
		return s.refusal(r, resp)
	case isPage(resp.Header):
		e := bot.Errorf(bot.CodeUnavailable, "Jenkins answered with an HTML page where there should be none: is its URL right, or is a proxy in between?")
		if !isSafe(r) {
			e = bot.Errorf(bot.CodeUnknown, "%s Whether it was done is not known.", e.Message).Backoff()
		}
		return e.Because(cause(r, resp, ""))
	}
	return nil
}

func isPage(h http.Header) bool {
	return strings.HasPrefix(strings.ToLower(h.Get("Content-Type")), "text/html")
}

// judgeRedirect: Jenkins answers nearly every POST with one. To a login, or on a
// GET, it is no answer.
func (s *Service) judgeRedirect(r *http.Request, resp *http.Response) error {
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil {
		to = &url.URL{}
	}
	for _, word := range []string{"login", "securityrealm", "oauth", "sso", "saml"} {
		if strings.Contains(strings.ToLower(to.Path), "/"+word) {
			return bot.Errorf(bot.CodeUnauthenticated, "Jenkins sends OpsBot to a login page: the operator must check its user %s and the token.", s.config.User).
				Because(cause(r, resp, ""))
		}
	}
	if r.Method == http.MethodPost && (resp.StatusCode == http.StatusFound || resp.StatusCode == http.StatusSeeOther) {
		return nil
	}
	return bot.Errorf(bot.CodeUnavailable, "Jenkins redirects to where OpsBot does not follow: is its URL right?").Because(cause(r, resp, ""))
}

func cause(r *http.Request, resp *http.Response, body string) *rest.StatusError {
	at := *r.URL
	at.User, at.RawQuery, at.Fragment = nil, "", ""
	return &rest.StatusError{Method: r.Method, URL: at.String(), Status: resp.StatusCode, Header: resp.Header, Body: body}
}

// refusal explains a status of 400 and above.
func (s *Service) refusal(r *http.Request, resp *http.Response) error {
	begin, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // a hint only
	body := s.mask.String(string(begin))
	why := cause(r, resp, body)
	e := rest.Classify(s.DisplayName(), why, isSafe(r), s.env.Clock.Now())
	reason := reasonOf(resp.Header)
	switch permission := resp.Header.Get("X-Required-Permission"); {
	case e.Retry == bot.RetryAfter:
	case resp.StatusCode == http.StatusUnauthorized:
		e = bot.Errorf(bot.CodeUnauthenticated, "Jenkins does not accept OpsBot's user %s with its token (401): the operator must check both.", s.config.User)
	case resp.StatusCode == http.StatusForbidden && permission != "":
		e = bot.Errorf(bot.CodeForbidden, "Jenkins does not let OpsBot's user %s do that: it lacks the permission %s.", s.config.User, permissionName(permission))
	case resp.StatusCode == http.StatusForbidden && strings.Contains(body, "No valid crumb"):
		e = bot.Errorf(bot.CodeUnauthenticated, "Jenkins took OpsBot's request for one without a login (no valid crumb): is the token one of the user %s, and does the proxy pass the Authorization header on?", s.config.User)
	case resp.StatusCode == http.StatusForbidden && strings.Contains(body, "Authentication required"):
		e = bot.Errorf(bot.CodeUnauthenticated, "Jenkins asks OpsBot to log in: the operator must check its user %s and the token.", s.config.User)
	case resp.StatusCode == http.StatusServiceUnavailable && strings.Contains(body, "Jenkins"):
		e = bot.Errorf(bot.CodeUnavailable, "Jenkins is starting (503).").Backoff()
	case resp.StatusCode == http.StatusBadRequest && reason != "":
		e = bot.Errorf(bot.CodeInvalid, "Jenkins refuses that: %s.", bot.Shorten(strings.TrimRight(reason, ". "), 200))
	}
	return e.Because(why)
}

// reasonOf is the sentence in X-Error, with Jenkins' odd blanks made one.
func reasonOf(h http.Header) string { return strings.Join(strings.Fields(h.Get("X-Error")), " ") }

// permissionName is a permission as the pages of Jenkins call it: Job/Create for
// hudson.model.Item.Create.
func permissionName(id string) string {
	parts := strings.Split(id, ".")
	if len(parts) < 2 {
		return bot.Shorten(id, 100)
	}
	group, name := parts[len(parts)-2], parts[len(parts)-1]
	switch group {
	case "Item":
		group = "Job"
	case "Hudson", "Jenkins":
		group = "Overall"
	case "Computer":
		group = "Agent"
	}
	return bot.Shorten(group+"/"+name, 100)
}

// isCrumb: the POST was refused for its crumb, so that nothing was done.
func isCrumb(err error) bool {
	return httpStatus(err) == http.StatusForbidden && strings.Contains(err.Error(), "crumb")
}
