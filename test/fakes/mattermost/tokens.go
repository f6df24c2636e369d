package mattermost

// tokenRoutes are an administrator's; a bot is answered 403.
func (s *Server) tokenRoutes() []route {
	id := []string{"token_id"}
	return []route{
		{method: "POST", path: "/users/tokens/revoke", serve: (*call).revoke, fields: id},
		{method: "POST", path: "/users/tokens/disable", serve: (*call).disable, fields: id},
		{method: "POST", path: "/users/tokens/enable", serve: (*call).enable, fields: id},
		{method: "GET", path: "/users/{user_id}/tokens", serve: (*call).tokens, query: []string{"page", "per_page"}},
		{method: "POST", path: "/users/{user_id}/tokens", serve: (*call).createToken, fields: []string{"description"}},
		{method: "POST", path: "/users/logout", serve: (*call).logout},
		{method: "GET", path: "/config", serve: (*call).fullConfig},
	}
}

// named finds the session whose token has the id of the body.
func (c *call) named() (*session, error) {
	var in struct {
		TokenID string `json:"token_id"`
	}
	if err := c.decode(&in, "token_id"); err != nil {
		return nil, err
	}
	if !c.who.is("system_admin") {
		return nil, forbidden()
	}
	for _, sess := range c.state.sessions {
		if sess.id == in.TokenID {
			return sess, nil
		}
	}
	return nil, fail(404, "app.user_access_token.get_by_user.app_error", "Unable to get the personal access token by user.")
}

func (c *call) revoke() (any, error) {
	sess, err := c.named()
	if err != nil {
		return nil, err
	}
	delete(c.state.sessions, sess.token)
	c.hub.deaden(func(cn *conn) bool { return cn.token == sess.token })
	return statusOK(), nil
}

func (c *call) disable() (any, error) { return c.able(true) }
func (c *call) enable() (any, error)  { return c.able(false) }

func (c *call) able(disabled bool) (any, error) {
	sess, err := c.named()
	if err != nil {
		return nil, err
	}
	sess.disabled = disabled
	if disabled {
		c.hub.deaden(func(cn *conn) bool { return cn.token == sess.token })
	}
	return statusOK(), nil
}

type tokenJSON struct {
	ID          string `json:"id"`
	Token       string `json:"token,omitempty"`
	UserID      string `json:"user_id"`
	Description string `json:"description"`
	IsActive    bool   `json:"is_active"`
}

func (c *call) tokens() (any, error) {
	if !c.who.is("system_admin") {
		return nil, forbidden()
	}
	out := []tokenJSON{}
	for _, sess := range c.state.sessions {
		if sess.user.ID == c.vars["user_id"] {
			out = append(out, tokenJSON{ID: sess.id, UserID: sess.user.ID, IsActive: !sess.disabled})
		}
	}
	return out, nil
}

// createToken shows the token in this answer only; the id is what revokes it.
func (c *call) createToken() (any, error) {
	var in struct{ Description string }
	if err := c.decode(&in, "description"); err != nil {
		return nil, err
	}
	u := c.state.users[c.vars["user_id"]]
	if u == nil || !c.who.is("system_admin") {
		return nil, forbidden()
	}
	token := c.state.login(u)
	return tokenJSON{ID: c.state.sessions[token].id, Token: token, UserID: u.ID, Description: in.Description, IsActive: true}, nil
}

func (c *call) logout() (any, error) {
	delete(c.state.sessions, c.token)
	c.w.Header().Set("Set-Cookie", "MMAUTHTOKEN=; Path=/; Max-Age=0; HttpOnly")
	return statusOK(), nil
}

// fullConfig is for administrators, and for them it wasn't recorded.
func (c *call) fullConfig() (any, error) {
	if !c.who.is("system_admin") {
		return nil, forbidden()
	}
	c.oddly("the administrator's configuration was not recorded")
	return map[string]string{}, nil
}
