package slack

import (
	"cmp"
	"fmt"
	"maps"
)

// view is a form (modal) or an App Home as the workspace keeps it.
type view struct {
	id, user string
	body     map[string]any // as the app sent it, blocks completed
	hash     string
	root     string
	previous string
	open     bool
	state    object
	errors   map[string]string
}

// View is a form or an App Home as a person sees it.
type View struct {
	ID, CallbackID       string
	Title, Submit, Close string
	PrivateMetadata      string
	Controls             []Control
	Errors               map[string]string // by block id, after a submission that was refused
	Blocks               []any

	words string
}

// Text is what can be read, line by line.
func (v View) Text() string { return v.words }

// View gives the form that a user has open, the topmost of several.
func (s *Server) View(user string) (View, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stack := s.stack(user); len(stack) > 0 {
		return s.viewPicture(stack[len(stack)-1]), true
	}
	return View{}, false
}

// Home gives the App Home that was published for a user.
func (s *Server) Home(user string) (View, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.homes[user]; v != nil {
		return s.viewPicture(v), true
	}
	return View{}, false
}

func (s *Server) viewPicture(v *view) View {
	seen := s.read(revision{blocks: listOf(v.body["blocks"])})
	return View{
		ID: v.id, CallbackID: text(v.body["callback_id"]), Title: plain(v.body["title"]), Submit: plain(v.body["submit"]),
		Close: plain(v.body["close"]), PrivateMetadata: text(v.body["private_metadata"]), Controls: seen.controls,
		Errors: maps.Clone(v.errors), Blocks: listOf(v.body["blocks"]), words: seen.words(),
	}
}

// stack lists a user's open forms, the topmost last. The lock is held.
func (s *Server) stack(user string) []*view {
	var out []*view
	for _, v := range s.views.all() {
		if v.open && v.user == user {
			out = append(out, v)
		}
	}
	return out
}

// wireView is the view object. The lock is held.
func (s *Server) wireView(v *view) object {
	state := v.state
	if state == nil {
		state = object{}
	}
	out := object{
		"id": v.id, "team_id": s.TeamID, "type": v.body["type"], "blocks": listOf(v.body["blocks"]), "private_metadata": text(v.body["private_metadata"]),
		"callback_id": text(v.body["callback_id"]), "state": object{"values": state}, "hash": v.hash, "title": v.body["title"],
		"clear_on_close": v.body["clear_on_close"] == true, "notify_on_close": v.body["notify_on_close"] == true, "close": v.body["close"],
		"submit": v.body["submit"], "previous_view_id": nil, "root_view_id": cmp.Or(v.root, v.id), "app_id": s.AppID,
		"external_id": text(v.body["external_id"]), "app_installed_team_id": s.TeamID, "bot_id": s.BotID,
	}
	if v.previous != "" {
		out["previous_view_id"] = v.previous
	}
	if v.body["title"] == nil { // an App Home is shown with an empty one
		out["title"] = object{"type": "plain_text", "text": "View Title", "emoji": true}
	}
	return out
}

// setBody gives a view its content. The lock is held.
func (s *Server) setBody(v *view, body map[string]any) {
	v.body = maps.Clone(body)
	v.body["blocks"] = s.complete(listOf(body["blocks"]))
	for _, k := range []string{"title", "submit", "close"} {
		if t, ok := body[k]; ok {
			v.body[k] = completeText(t)
		}
	}
	v.hash = fmt.Sprintf("%d.%s", s.clock.Now().Unix(), s.blockID()+"hash")
	v.errors = nil
	s.touch()
}

// checkView checks a view before it is shown. The lock is held.
func (s *Server) checkView(where surface, body map[string]any, method string) *apiError {
	if refused := s.checkSurface(where, body); refused != nil {
		return s.refuseLoudly(method, refused)
	}
	if id := text(body["external_id"]); id != "" {
		for _, other := range s.views.all() {
			if other.open && text(other.body["external_id"]) == id {
				return fail("duplicate_external_id")
			}
		}
	}
	return nil
}

func (s *Server) viewsOpen(c *call) (object, *apiError) {
	t := s.triggers[c.str("trigger_id")]
	switch {
	case t == nil:
		return nil, &apiError{code: "invalid_arguments", more: object{"response_metadata": object{"messages": []string{"invalid `trigger_id`"}}}}
	case t.used:
		return nil, fail("exchanged_trigger_id")
	case !s.clock.Now().Before(t.expires):
		return nil, fail("expired_trigger_id")
	}
	body, _ := c.args["view"].(map[string]any)
	if refused := s.checkView(onModal, body, c.method.name); refused != nil {
		return nil, refused
	}
	stack := s.stack(t.user)
	if c.method.name == "views.push" && len(stack) >= 3 {
		return nil, fail("push_limit_reached")
	}
	t.used = true
	v := &view{user: t.user, open: true}
	if c.method.name == "views.push" && len(stack) > 0 {
		v.root, v.previous = cmp.Or(stack[0].root, stack[0].id), stack[len(stack)-1].id
	} else {
		s.closeAll(t.user)
	}
	s.show(v, body)
	return object{"view": s.wireView(v)}, nil
}

func (s *Server) show(v *view, body map[string]any) {
	v.id = s.newID("V")
	s.views.add(v.id, v)
	s.setBody(v, body)
}

func (s *Server) closeAll(user string) {
	for _, v := range s.stack(user) {
		v.open = false
	}
}

func (s *Server) viewsUpdate(c *call) (object, *apiError) {
	v := s.views.by[c.str("view_id")]
	if id := c.str("external_id"); v == nil && id != "" {
		for _, other := range s.views.all() {
			if other.open && text(other.body["external_id"]) == id {
				v = other
			}
		}
	}
	switch hash := c.str("hash"); {
	case v == nil || !v.open:
		return nil, fail("not_found")
	case hash != "" && hash != v.hash:
		return nil, fail("hash_conflict")
	}
	body, _ := c.args["view"].(map[string]any)
	if refused := s.checkSurface(onModal, body); refused != nil {
		return nil, s.refuseLoudly(c.method.name, refused)
	}
	s.setBody(v, body)
	return object{"view": s.wireView(v)}, nil
}

func (s *Server) viewsPublish(c *call) (object, *apiError) {
	u := s.users.by[c.str("user_id")]
	if u == nil || u.Bot {
		return nil, invalid("invalid_arguments", "invalid `user_id`")
	}
	v := s.homes[u.ID]
	if hash := c.str("hash"); hash != "" && (v == nil || hash != v.hash) {
		return nil, fail("hash_conflict")
	}
	body, _ := c.args["view"].(map[string]any)
	if refused := s.checkSurface(onHome, body); refused != nil {
		return nil, s.refuseLoudly(c.method.name, refused)
	}
	if v == nil {
		v = &view{id: s.newID("V"), user: u.ID}
		s.homes[u.ID] = v
	}
	s.setBody(v, body)
	return object{"view": s.wireView(v)}, nil
}

// OpenHome lets a user open the app's home tab.
func (s *Server) OpenHome(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	event := object{"type": "app_home_opened", "user": user, "channel": s.direct(user).id, "tab": "home", "event_ts": s.newTS()}
	if v := s.homes[user]; v != nil {
		event["view"] = s.wireView(v)
	}
	s.emit("app_home_opened", user, event)
}
