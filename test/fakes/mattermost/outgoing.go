package mattermost

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
)

// integrationAnswer is what an integration said.
type integrationAnswer struct {
	status int
	reason string
	kind   string
	body   []byte
}

// Integrations switches requests to integrations on or off; off is a server whose
// AllowedUntrustedInternalConnections is empty, and nothing reaches the bot.
func (s *Server) Integrations(allowed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.integrationsOff = !allowed
}

// callOut performs a request to an integration. No part of it proves that it came
// from the server; only slash commands carry a token. The caller doesn't hold mu.
func (s *Server) callOut(ctx context.Context, method, url, kind string, body []byte, header map[string]string) (*integrationAnswer, error) {
	s.mu.Lock()
	off := s.state.integrationsOff
	s.mu.Unlock()
	if off {
		return nil, errors.New("address forbidden, you may need to set AllowedUntrustedInternalConnections")
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "Mattermost-Bot/1.1")
	req.Header.Set("Accept", "application/json")
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	for key, value := range header {
		req.Header.Set(key, value)
	}
	resp, err := s.outgoing.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	return &integrationAnswer{status: resp.StatusCode, reason: resp.Status, kind: resp.Header.Get("Content-Type"), body: text}, nil
}

func integrationError() *apiError {
	return fail(http.StatusBadRequest, "api.post.do_action.action_integration.app_error", "Action integration error.")
}
