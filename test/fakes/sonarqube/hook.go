package sonarqube

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
)

const (
	mostHooks              = 10
	leastSecret, mostInOne = 16, 200
)

func (s *Server) serveHooks(form url.Values) reply {
	p, no := s.owned(form.Get("project"))
	if p == nil {
		return no
	}
	list := []object{}
	for _, h := range p.Hooks {
		list = append(list, object{"key": h.Key, "name": h.Name, "url": h.URL, "hasSecret": h.Secret != ""})
	}
	return ok(object{"webhooks": list})
}

// checkHook refuses what SonarQube would.
func checkHook(form url.Values) *reply {
	no := func(text string) *reply { r := refused(http.StatusBadRequest, text); return &r }
	u, err := url.Parse(form.Get("url"))
	if err != nil || u.Host == "" {
		return no(fmt.Sprintf("Url parameter with value '%s' is not a valid url", form.Get("url")))
	}
	if ip, err := netip.ParseAddr(u.Hostname()); u.Hostname() == "localhost" || err == nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		return no("Invalid URL: loopback and wildcard addresses are not allowed for webhooks.")
	}
	if n := len(form.Get("secret")); n > 0 && n < leastSecret {
		return no(fmt.Sprintf("'secret' length (%d) is shorter than the minimum authorized (%d)", n, leastSecret))
	} else if n > mostInOne {
		return no(fmt.Sprintf("'secret' length (%d) is longer than the maximum authorized (%d)", n, mostInOne))
	}
	return nil
}

func (s *Server) serveNewHook(form url.Values) reply {
	p, no := s.owned(form.Get("project"))
	if p == nil {
		return no
	}
	if no := checkHook(form); no != nil {
		return *no
	}
	if len(p.Hooks) >= mostHooks {
		return refused(http.StatusBadRequest, fmt.Sprintf("Maximum number of webhook reached for project '%s'", p.Key))
	}
	s.serial++
	h := Hook{Key: fmt.Sprintf("hook-%d", s.serial), Name: form.Get("name"), URL: form.Get("url"), Secret: form.Get("secret")}
	p.Hooks = append(p.Hooks, h)
	return ok(object{"webhook": object{"key": h.Key, "name": h.Name, "url": h.URL, "hasSecret": h.Secret != ""}})
}

// hook finds a webhook that OpsBot's user administers.
func (s *Server) hook(key string) (*project, int, reply) {
	for _, p := range s.projects {
		for i, h := range p.Hooks {
			if h.Key == key && p.foreign {
				return nil, 0, privileges()
			}
			if h.Key == key {
				return p, i, reply{}
			}
		}
	}
	return nil, 0, refused(http.StatusNotFound, fmt.Sprintf("No webhook with key '%s'", key))
}

func (s *Server) serveChangeHook(form url.Values) reply {
	p, i, no := s.hook(form.Get("webhook"))
	if p == nil {
		return no
	}
	if no := checkHook(form); no != nil {
		return *no
	}
	h := &p.Hooks[i]
	h.Name, h.URL = form.Get("name"), form.Get("url")
	if form.Has("secret") {
		h.Secret = form.Get("secret")
	}
	return done()
}

func (s *Server) serveDeleteHook(form url.Values) reply {
	p, i, no := s.hook(form.Get("webhook"))
	if p == nil {
		return no
	}
	p.Hooks = slices.Delete(p.Hooks, i, i+1)
	return done()
}

// Analysis is what an analysis came to.
type Analysis struct {
	Key, Branch, Revision string
	Gate                  string // "OK" or "ERROR"
	Metric, Operator      string // of the one condition
	Value, Threshold      string
}

// Body is what the webhooks of the project are sent.
func (s *Server) Body(a Analysis) []byte {
	body, err := json.Marshal(object{
		"serverUrl": s.URL, "taskId": "AVh21JS2JepAEhwQ-b3u", "status": "SUCCESS", "analysedAt": "2026-03-01T13:00:00+0100", "revision": a.Revision,
		"project":    object{"key": a.Key, "name": a.Key, "url": s.URL + "/dashboard?id=" + url.QueryEscape(a.Key)},
		"branch":     object{"name": a.Branch, "type": "BRANCH", "isMain": true, "url": s.URL + "/dashboard?id=" + url.QueryEscape(a.Key)},
		"properties": object{},
		"qualityGate": object{"name": "Sonar way", "status": a.Gate, "conditions": []object{
			{"metric": a.Metric, "operator": a.Operator, "value": a.Value, "status": a.Gate, "errorThreshold": a.Threshold},
		}},
	})
	if err != nil {
		s.t.Fatalf("fake sonarqube: %v", err)
	}
	return body
}

// Sign is the header that goes with a body.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// Analyse takes in an analysis, which gives the project the build's own name, and
// reports it to the project's webhooks through via. It returns the last answer's status.
func (s *Server) Analyse(ctx context.Context, via http.RoundTripper, name string, a Analysis) (status int, err error) {
	var hooks []Hook
	s.change(a.Key, func(p *project) {
		p.Analysed, p.Name = true, name
		hooks = slices.Clone(p.Hooks)
	})
	body := s.Body(a)
	for _, h := range hooks {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
		if err != nil {
			return 0, err
		}
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
		req.Header.Set("X-SonarQube-Project", a.Key)
		if h.Secret != "" {
			req.Header.Set("X-Sonar-Webhook-HMAC-SHA256", Sign(h.Secret, body))
		}
		resp, err := via.RoundTrip(req)
		if err != nil {
			return 0, err
		}
		_ = resp.Body.Close()
		status = resp.StatusCode
	}
	return status, nil
}
