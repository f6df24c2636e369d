package slack

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Sign gives the value of X-Slack-Signature for a body sent at a time.
func Sign(secret string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%d:", at.Unix())
	mac.Write(body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// SetRequestURLs tells where the HTTP door leads, as the app's settings do.
func (s *Server) SetRequestURLs(urls RequestURLs) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requestURL = urls
}

// reply is what a request URL answered.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	timeout bool
}

// request sends a signed request and waits for the answer as long as Slack does.
func (s *Server) request(address, contentType string, body []byte, header http.Header) (reply, error) {
	ctx, cancel := context.WithTimeout(s.ctx, hardBound)
	defer cancel()
	late := make(chan struct{})
	s.wg.Go(func() {
		select {
		case <-s.clock.After(s.cfg.ackIn):
			close(late)
			cancel()
		case <-ctx.Done():
		}
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return reply{}, fmt.Errorf("fake slack: request to %s: %w", address, err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	now := s.clock.Now()
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
	req.Header.Set("Accept", "*/*")
	req.Header.Set("X-Slack-Request-Timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("X-Slack-Signature", Sign(s.SigningSecret, now, body))
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		select {
		case <-late:
			return reply{timeout: true}, err
		default:
			return reply{}, err
		}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	client.CloseIdleConnections()
	return reply{status: resp.StatusCode, header: resp.Header, body: answer}, err
}

// overHTTP makes one attempt at the events' address. Only a 2xx counts, and
// X-Slack-No-Retry ends the attempts.
func (s *Server) overHTTP(a attempt) (reason string, final bool) {
	header := http.Header{}
	if a.number > 0 {
		header.Set("X-Slack-Retry-Num", strconv.Itoa(a.number))
		header.Set("X-Slack-Retry-Reason", a.reason)
	}
	s.mu.Lock()
	address := s.requestURL.Events
	s.mu.Unlock()
	if address == "" {
		return "unknown_error", true
	}
	r, err := s.request(address, "application/json", a.body, header)
	switch {
	case r.timeout:
		return "http_timeout", false
	case err != nil:
		return "connection_failed", false
	case r.status >= 300 && r.status < 400:
		return "too_many_redirects", r.header.Get("X-Slack-No-Retry") == "1"
	case r.status/100 != 2:
		return "http_error", r.header.Get("X-Slack-No-Retry") == "1"
	}
	return "", true
}

// askHTTP posts a command (a form) or an interaction (a form with one JSON field).
func (s *Server) askHTTP(kind string, payload object) Answer {
	s.mu.Lock()
	address := s.requestURL.Interactions
	if kind == "slash_commands" {
		address = s.requestURL.Commands
	}
	s.mu.Unlock()
	if address == "" {
		return Answer{Failure: "dispatch_failed"}
	}
	form := url.Values{}
	if kind == "slash_commands" {
		for k, v := range payload {
			form.Set(k, text(v))
		}
	} else {
		body, err := json.Marshal(payload)
		if err != nil {
			return Answer{Failure: err.Error()}
		}
		form.Set("payload", string(body))
	}
	r, err := s.request(address, "application/x-www-form-urlencoded", []byte(form.Encode()), nil)
	switch {
	case r.timeout:
		return Answer{Failure: "operation_timeout"}
	case err != nil:
		return Answer{Failure: "dispatch_failed"}
	case r.status != http.StatusOK:
		return Answer{Failure: fmt.Sprintf("dispatch_failed: status %d", r.status)}
	}
	return Answer{Acked: true, Body: bytes.TrimSpace(r.body)}
}

// VerifyURL does what Slack does when an events address is saved: it posts a
// challenge that has to come back.
func (s *Server) VerifyURL() error {
	challenge := rand.Text()
	body, err := json.Marshal(object{"token": "fixed-value", "challenge": challenge, "type": "url_verification"})
	if err != nil {
		return err
	}
	s.mu.Lock()
	address := s.requestURL.Events
	s.mu.Unlock()
	r, err := s.request(address, "application/json", body, nil)
	if err != nil {
		return fmt.Errorf("fake slack: verify %s: %w", address, err)
	}
	var echo struct{ Challenge string }
	plain := string(bytes.TrimSpace(r.body)) == challenge
	if json.Unmarshal(r.body, &echo) == nil && echo.Challenge == challenge {
		plain = true
	}
	if r.status != http.StatusOK || !plain {
		return errors.New("fake slack: your URL didn't respond with the value of the challenge parameter")
	}
	return nil
}
