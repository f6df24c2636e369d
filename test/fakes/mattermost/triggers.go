package mattermost

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)

// trigger is what lets an integration open a dialog for who clicked or typed.
type trigger struct{ client, userID, channelID, signature string }

// newTrigger makes the id that the integration gets; the client gets the short one.
func (s *Server) newTrigger(u *user, channelID string) (id, client string) {
	t := &trigger{client: newID(), userID: u.ID, channelID: channelID, signature: newID()}
	text := fmt.Sprintf("%s:%s:%d:%s", t.client, t.userID, s.now(), t.signature)
	s.state.triggers[t.client] = t
	return base64.StdEncoding.EncodeToString([]byte(text)), t.client
}

// decodeTrigger checks a trigger id the way the server does: form, age, signature.
func (s *Server) decodeTrigger(id string) (*trigger, error) {
	text, err := base64.StdEncoding.DecodeString(id)
	if err != nil {
		return nil, fail(http.StatusBadRequest, "interactive_message.decode_trigger_id.base64_decode_failed", "Failed to decode base64 for trigger ID for interactive dialog.")
	}
	parts := strings.Split(string(text), ":")
	if len(parts) != 4 {
		return nil, fail(http.StatusBadRequest, "interactive_message.decode_trigger_id.missing_data", "Trigger ID missing required data for interactive dialog.")
	}
	var made int64
	_, _ = fmt.Sscan(parts[2], &made)
	if s.now()-made > s.opt.timing.Outgoing.Milliseconds() {
		return nil, fail(http.StatusBadRequest, "interactive_message.decode_trigger_id.expired", "Trigger ID for interactive dialog is expired. Trigger IDs live for a maximum of 30s.")
	}
	t := s.state.triggers[parts[0]]
	if t == nil || t.userID != parts[1] || t.signature != parts[3] {
		return nil, fail(http.StatusBadRequest, "interactive_message.decode_trigger_id.verify_signature_failed", "Signature verification failed of trigger ID for interactive dialog.")
	}
	return t, nil
}
