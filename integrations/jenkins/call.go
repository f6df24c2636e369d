package jenkins

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/bndr/gojenkins"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// All calls go through gojenkins' Requester.Do, the one of its functions that
// neither forgets the context nor the status nor dereferences a lost answer. What
// it hands back has passed the door below it.

type query = map[string]string

// getJSON reads an object's api/json, narrowed by tree, into what into points to.
func (s *Service) getJSON(ctx context.Context, object, tree string, into any) error {
	var q query
	if tree != "" {
		q = query{"tree": tree}
	}
	return s.getInto(ctx, object+"api/json", q, into)
}

func (s *Service) getInto(ctx context.Context, at string, q query, into any) error {
	text, _, err := s.get(ctx, at, q, "application/json")
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return bot.Errorf(bot.CodeUnavailable, "Jenkins answered with something that is not the expected JSON.").Backoff().Because(err)
	}
	return nil
}

func (s *Service) get(ctx context.Context, at string, q query, accept string) (string, http.Header, error) {
	// The requester puts a slash behind each path of a GET, before the suffix.
	ar := gojenkins.NewAPIRequest(http.MethodGet, path.Dir(at)+"/", nil)
	if path.Dir(at) == "/" {
		ar.Endpoint = "/"
	}
	ar.Suffix = path.Base(at)
	ar.SetHeader("Accept", accept)
	var text string
	resp, err := s.requester.Do(ctx, ar, &text, q) //nolint:bodyclose // the requester has read and closed it
	if err != nil {
		return "", nil, s.explain(ctx, err, at, true)
	}
	return text, resp.Header, nil
}

// command is a POST.
type command struct {
	at    string
	query query
	form  url.Values
	xml   string
	safe  bool // repeating it does no harm
}

// post sends a command and gives the answer's header; 2xx and 3xx are success.
func (s *Service) post(ctx context.Context, c command) (http.Header, error) {
	header, err := s.postOnce(ctx, c)
	if s.byPassword() && isCrumb(err) {
		s.crumbs.forget() // the session has ended, with a restart for instance
		header, err = s.postOnce(ctx, c)
	}
	return header, err
}

func (s *Service) postOnce(ctx context.Context, c command) (http.Header, error) {
	body, kind := c.form.Encode(), "application/x-www-form-urlencoded"
	if c.xml != "" {
		body, kind = c.xml, "application/xml;charset=utf-8"
	}
	ar := gojenkins.NewAPIRequest(http.MethodPost, c.at, strings.NewReader(body))
	ar.SetHeader("Content-Type", kind)
	if s.byPassword() {
		if err := s.addCrumb(ctx, ar); err != nil {
			return nil, err
		}
	}
	var text string
	resp, err := s.requester.Do(withSafe(ctx, c.safe), ar, &text, c.query) //nolint:bodyclose // the requester has read and closed it
	if err != nil {
		return nil, s.explain(ctx, err, c.at, c.safe)
	}
	return resp.Header, nil
}

// explain gives the *bot.Error of whatever the requester returned.
func (s *Service) explain(ctx context.Context, err error, at string, safe bool) error {
	var mine *bot.Error
	if errors.As(err, &mine) {
		return mine
	}
	var wire *url.Error
	if !errors.As(err, &wire) { // broken off while the body was read
		err = &url.Error{Op: "read", URL: s.config.URL + at, Err: err}
	}
	return s.rest.Explain(ctx, err, safe)
}

type safeKey struct{}

func withSafe(ctx context.Context, safe bool) context.Context {
	return context.WithValue(ctx, safeKey{}, safe)
}

func isSafe(r *http.Request) bool {
	safe, _ := r.Context().Value(safeKey{}).(bool)
	return safe || r.Method == http.MethodGet || r.Method == http.MethodHead
}

// httpStatus is the HTTP status that err is about, 0 if it is about none.
func httpStatus(err error) int { return rest.StatusOf(err) }
