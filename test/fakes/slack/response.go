package slack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// response is what a response_url leads to.
type response struct {
	channel *channel
	user    string
	message *message // the one with the button, nil for commands
	used    int
	expires time.Time
}

// The bounds of a response_url.
const (
	responseUses = 5
	responseLife = 30 * time.Minute
)

// responseURL makes an address to answer at. The lock is held.
func (s *Server) responseURL(kind string, c *channel, user string, m *message) string {
	s.ids++
	id := fmt.Sprintf("%016x", s.ids)
	s.responses[id] = &response{channel: c, user: user, message: m, expires: s.clock.Now().Add(responseLife)}
	return s.base() + "/respond/" + kind + "/" + s.TeamID + "/" + id
}

func (s *Server) serveResponse(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&body); err != nil {
		s.unexpected("response_url: body is no JSON object: %v", err)
		writeJSON(w, http.StatusBadRequest, object{"ok": false, "error": "invalid_payload"})
		return
	}
	s.mu.Lock()
	to := s.responses[r.PathValue("id")]
	code := ""
	switch {
	case to == nil:
		code = "invalid_url"
	case s.clock.Now().After(to.expires):
		code = "expired_url"
	case to.used >= responseUses:
		code = "used_url"
	default:
		to.used++
		code = s.respond(to, body)
	}
	s.mu.Unlock()
	entry := Call{Method: "response_url", At: s.clock.Now(), Args: body}
	if to != nil {
		entry.Channel = to.channel.id
	}
	if code != "" {
		s.record(entry, fail(code))
		writeJSON(w, http.StatusNotFound, object{"ok": false, "error": code})
		return
	}
	s.record(entry, nil)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok"))
}

// respond shows an answer: to the user alone, to all, or in place of the message with
// the button. It gives Slack's code if that is refused. The lock is held.
func (s *Server) respond(to *response, body map[string]any) string {
	known := map[string]bool{
		"text": true, "blocks": true, "attachments": true, "response_type": true, "replace_original": true, "delete_original": true,
		"thread_ts": true, "metadata": true, "mrkdwn": true, "unfurl_links": true, "unfurl_media": true, "parse": true, "link_names": true,
	}
	for k := range body {
		if !known[k] {
			s.surprise("answer: unknown field %s", k)
			return "invalid_payload"
		}
	}
	shown := content{text: storeText(text(body["text"])), blocks: listOf(body["blocks"]), attachments: listOf(body["attachments"])}
	if refused := s.checkContent("answer", &shown); refused != nil {
		return refused.code
	}
	empty := shown.text == "" && len(shown.blocks) == 0 && len(shown.attachments) == 0
	m := to.message
	switch {
	case body["delete_original"] == true && m != nil:
		s.remove(to.channel, m)
	case empty:
		return "no_text"
	case body["replace_original"] == true && m != nil && m.to != "":
		s.fill(m, shown)
		s.touch()
	case body["replace_original"] == true && m != nil:
		s.edit(to.channel, m, s.BotUserID, shown)
	case text(body["response_type"]) == "in_channel":
		s.post(to.channel, text(body["thread_ts"]), shown)
	default:
		s.whisper(to.channel, text(body["thread_ts"]), to.user, shown)
	}
	return ""
}
