package slack

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"strings"
	"time"
)

// apiError is a refusal: {"ok":false,"error":code} and more.
type apiError struct {
	code string
	more object
}

func fail(code string) *apiError { return &apiError{code: code} }

// invalid is how Slack complains about arguments and blocks, pointing at them.
func invalid(code string, messages ...string) *apiError {
	all := make([]string, len(messages))
	for i, m := range messages {
		all[i] = "[ERROR] " + m
	}
	return &apiError{code: code, more: object{"response_metadata": object{"messages": all}}}
}

// call is one request to the Web API.
type call struct {
	method   *method
	args     map[string]any
	json     bool
	token    *token
	warnings []string
}

func (c *call) str(name string) string { v, _ := c.args[name].(string); return v }
func (c *call) flag(name string) bool  { v, _ := c.args[name].(bool); return v }
func (c *call) has(name string) bool   { _, ok := c.args[name]; return ok }

func (c *call) num(name string, otherwise int) int {
	if v, ok := c.args[name].(int); ok {
		return v
	}
	return otherwise
}

// maxBody bounds a request; Slack's own bound is of that order.
const maxBody = 1 << 20

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("method")
	m := s.method(name)
	if m == nil {
		s.unexpected("%s: no such method", name)
		s.answer(w, nil, nil, &apiError{code: "unknown_method", more: object{"req_method": name}})
		return
	}
	raw, token, isJSON, bad := s.readArgs(w, r, m)
	if bad != nil {
		s.answer(w, m, nil, bad)
		return
	}
	c := &call{method: m, json: isJSON}
	if isJSON && !strings.Contains(r.Header.Get("Content-Type"), "charset") {
		c.warnings = append(c.warnings, "missing_charset")
	}
	entry := Call{Method: name, At: s.clock.Now(), Channel: text(raw["channel"]), Args: raw}
	out, refused := s.dispatch(w, c, token, raw, &entry)
	s.record(entry, refused)
	if entry.Status != 0 { // a fault has answered
		return
	}
	s.answer(w, m, withWarnings(c, out), refused)
}

// dispatch goes through the gates in Slack's order: token, faults, limits, scopes,
// arguments; then it runs the method.
func (s *Server) dispatch(w http.ResponseWriter, c *call, token string, raw map[string]any, entry *Call) (object, *apiError) {
	s.mu.Lock()
	t, refused := s.authorize(token, c.method)
	fault := s.fault(c.method.name, entry.Channel)
	s.mu.Unlock()
	if refused != nil {
		return nil, refused
	}
	c.token = t
	if fault != nil && !fault.After {
		if entry.Status = s.play(w, *fault); entry.Status != 0 {
			return nil, nil
		}
	}
	out, refused := s.run(w, c, raw, entry)
	if fault != nil && fault.After && entry.Status == 0 {
		entry.Status = s.play(w, *fault)
	}
	return out, refused
}

func (s *Server) run(w http.ResponseWriter, c *call, raw map[string]any, entry *Call) (object, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wait := s.limit(c.method, entry.Channel); wait > 0 {
		entry.Status = rateLimited(w, wait)
		return nil, nil
	}
	if refused := s.missing(c.token, c.method.scopes); refused != nil {
		return nil, refused
	}
	args, problems := c.method.decode(raw)
	if len(problems) > 0 {
		s.surprise("%s: %s", c.method.name, strings.Join(problems, "; "))
		return nil, invalid("invalid_arguments", problems...)
	}
	c.args = args
	out, refused := c.method.run(s, c)
	s.touch()
	return out, refused
}

// readArgs reads the arguments, still undecoded, and the token.
func (s *Server) readArgs(w http.ResponseWriter, r *http.Request, m *method) (args map[string]any, token string, isJSON bool, bad *apiError) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	isJSON = kind == "application/json" && r.Method == http.MethodPost
	switch {
	case r.Method != http.MethodPost && r.Method != http.MethodGet:
		s.unexpected("%s: HTTP method %s", m.name, r.Method)
		return nil, "", false, fail("invalid_post_type")
	case isJSON && m.formOnly:
		s.unexpected("%s: a JSON body, but the method takes forms only", m.name)
		return nil, "", true, fail("invalid_post_type")
	case isJSON:
		args = map[string]any{}
		// An empty body is what a method without arguments gets.
		if err := json.NewDecoder(r.Body).Decode(&args); err != nil && r.ContentLength != 0 {
			s.unexpected("%s: body is no JSON object: %v", m.name, err)
			return nil, "", true, fail("invalid_json")
		}
	default:
		if err := r.ParseForm(); err != nil {
			s.unexpected("%s: body is no form: %v", m.name, err)
			return nil, "", false, fail("invalid_form_data")
		}
		args = map[string]any{}
		for k, v := range r.Form {
			if len(v) > 1 {
				s.unexpected("%s: argument %s is given %d times", m.name, k, len(v))
			}
			args[k] = v[0]
		}
	}
	token, bad = s.oneToken(r, m, args)
	delete(args, "token")
	return args, token, isJSON, bad
}

// oneToken takes the token from the header or the form; two different ones, or one
// in a JSON body, where Slack does not look, are mistakes.
func (s *Server) oneToken(r *http.Request, m *method, args map[string]any) (string, *apiError) {
	header, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	form := text(args["token"])
	if isJSON := strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"); isJSON && form != "" && !ok {
		s.unexpected("%s: a token in a JSON body is not seen", m.name)
		return "", fail("not_authed")
	}
	if ok && form != "" && form != header {
		s.unexpected("%s: two different tokens", m.name)
	}
	if r.URL.Query().Has("token") {
		s.unexpected("%s: a token in the address ends up in logs", m.name)
	}
	if ok {
		return header, nil
	}
	return form, nil
}

func withWarnings(c *call, out object) object {
	if out == nil || len(c.warnings) == 0 {
		return out
	}
	out["warning"] = strings.Join(c.warnings, ",")
	meta, _ := out["response_metadata"].(object)
	if meta == nil {
		meta = object{}
	}
	meta["warnings"] = c.warnings
	out["response_metadata"] = meta
	return out
}

// answer writes a method's result with Slack's headers.
func (s *Server) answer(w http.ResponseWriter, m *method, out object, refused *apiError) {
	if refused != nil {
		out = object{"ok": false, "error": refused.code}
		maps.Copy(out, refused.more)
	} else {
		out = maps.Clone(out)
		if out == nil {
			out = object{}
		}
		out["ok"] = true
	}
	h := w.Header()
	s.mu.Lock()
	if m != nil && !m.app {
		h.Set("X-OAuth-Scopes", strings.Join(s.botScopes(), ","))
		h.Set("X-Accepted-OAuth-Scopes", strings.Join(m.scopes, ","))
	}
	s.mu.Unlock()
	h.Set("X-Slack-Req-Id", "fake")
	h.Set("Date", s.clock.Now().UTC().Format(http.TimeFormat))
	writeJSON(w, http.StatusOK, out)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, fmt.Sprintf("encode answer: %v", err), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func rateLimited(w http.ResponseWriter, wait time.Duration) int {
	seconds := int((wait + time.Second - 1) / time.Second)
	w.Header().Set("Retry-After", fmt.Sprint(max(seconds, 1)))
	writeJSON(w, http.StatusTooManyRequests, object{"ok": false, "error": "ratelimited"})
	return http.StatusTooManyRequests
}

func text(v any) string { t, _ := v.(string); return t }
