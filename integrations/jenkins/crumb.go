package jenkins

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	"github.com/bndr/gojenkins"

	"opsbot/bot"
)

// crumbs keeps the crumb of the session that OpsBot has with its password.
type crumbs struct {
	mu                   sync.Mutex
	field, value, cookie string
}

func (c *crumbs) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.value = ""
}

// addCrumb puts crumb and session into a request. A Jenkins without crumbs has no
// issuer, and asks for none.
func (s *Service) addCrumb(ctx context.Context, ar *gojenkins.APIRequest) error {
	s.crumbs.mu.Lock()
	defer s.crumbs.mu.Unlock()
	if s.crumbs.value == "" {
		if err := s.newCrumb(ctx); err != nil {
			return err
		}
	}
	if s.crumbs.value != "" {
		ar.SetHeader(s.crumbs.field, s.crumbs.value)
		ar.SetHeader("Cookie", s.crumbs.cookie)
	}
	return nil
}

func (s *Service) newCrumb(ctx context.Context) error {
	text, header, err := s.get(ctx, "/crumbIssuer/api/json", nil, "application/json")
	if httpStatus(err) == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	var got struct {
		Field string `json:"crumbRequestField"`
		Crumb string `json:"crumb"`
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || got.Field == "" {
		return bot.Errorf(bot.CodeUnavailable, "Jenkins answered with something that is not a crumb.").Backoff().Because(err)
	}
	var cookies []string
	for _, c := range header.Values("Set-Cookie") {
		pair, _, _ := strings.Cut(c, ";")
		cookies = append(cookies, pair)
	}
	s.crumbs.field, s.crumbs.value, s.crumbs.cookie = got.Field, got.Crumb, strings.Join(cookies, "; ")
	return nil
}
