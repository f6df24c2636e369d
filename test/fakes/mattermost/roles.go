package mattermost

import (
	"net/http"
	"slices"
	"strings"
)

type role struct {
	ID            string   `json:"id"`
	Name          string   `json:"name"`
	DisplayName   string   `json:"display_name"`
	Description   string   `json:"description"`
	CreateAt      int64    `json:"create_at"`
	UpdateAt      int64    `json:"update_at"`
	DeleteAt      int64    `json:"delete_at"`
	Permissions   []string `json:"permissions"`
	SchemeManaged bool     `json:"scheme_managed"`
	BuiltIn       bool     `json:"built_in"`
}

// recordedRoles are those a bot meets, with the permissions of a fresh server.
func recordedRoles() []*role {
	made := func(name, kind, permissions string, managed bool) *role {
		return &role{
			ID: newID(), Name: name, DisplayName: "authentication.roles." + kind + ".name",
			Description: "authentication.roles." + kind + ".description", CreateAt: 1795219496172, UpdateAt: 1795219496468,
			Permissions: strings.Fields(permissions), SchemeManaged: managed, BuiltIn: true,
		}
	}
	return []*role{
		made("system_post_all", "system_post_all", "use_channel_mentions create_post use_group_mentions upload_file", false),
		made("system_user", "global_user", "manage_custom_group_members edit_custom_group create_direct_channel view_members create_custom_group delete_emojis delete_custom_group create_group_channel restore_custom_group create_team list_public_teams create_emojis join_public_teams", true),
		made("team_user", "team_user", "invite_user read_public_channel view_team create_private_channel add_user_to_team playbook_private_create create_public_channel list_team_channels join_public_channels playbook_public_create", true),
		made("channel_user", "channel_user", "read_public_channel_groups read_channel_content manage_public_channel_properties remove_reaction add_bookmark_public_channel order_bookmark_private_channel delete_post delete_public_channel manage_private_channel_properties edit_bookmark_private_channel manage_private_channel_members order_bookmark_public_channel add_reaction delete_private_channel create_post delete_bookmark_public_channel use_channel_mentions manage_public_channel_members use_group_mentions edit_bookmark_public_channel edit_post upload_file get_public_link read_private_channel_groups delete_bookmark_private_channel add_bookmark_private_channel read_channel", true),
	}
}

// allowed says whether a role of u, not a membership, gives the permission.
func (st *state) allowed(u *user, permission string) bool {
	if u.is("system_admin") {
		return true
	}
	for _, r := range st.roles {
		if u.is(r.Name) && slices.Contains(r.Permissions, permission) {
			return true
		}
	}
	return false
}

// AllowEphemeral lets a bot post ephemeral messages, the way an administrator does
// it: the role system_post_all gets create_post_ephemeral and the bot that role.
// Without it a bot is answered 403.
func (s *Server) AllowEphemeral(userID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.state.role("system_post_all")
	if !slices.Contains(r.Permissions, "create_post_ephemeral") {
		r.Permissions = append(r.Permissions, "create_post_ephemeral")
		slices.Sort(r.Permissions)
		r.UpdateAt = s.now()
	}
	if u := s.state.users[userID]; u != nil && !u.is(r.Name) {
		u.Roles += " " + r.Name
		u.UpdateAt = s.now()
		s.userUpdated(u)
	}
	s.touch()
}

// SetRoles gives a user these roles, separated by spaces, and no others.
func (s *Server) SetRoles(userID, roles string) {
	s.UpdateUser(userID, func(u *User) { u.Roles = roles })
}

func (st *state) role(name string) *role {
	i := slices.IndexFunc(st.roles, func(r *role) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return st.roles[i]
}

func (s *Server) roleRoutes() []route {
	return []route{
		{method: "GET", path: "/roles/name/{role_name}", serve: (*call).roleByName},
		{method: "PUT", path: "/roles/{role_id}/patch", serve: (*call).patchRole, fields: []string{"permissions"}},
	}
}

func (c *call) roleByName() (any, error) {
	r := c.state.role(c.vars["role_name"])
	if r == nil {
		return nil, fail(http.StatusNotFound, "app.role.get_by_name.app_error", "Unable to get role.")
	}
	return r, nil
}

func (c *call) patchRole() (any, error) {
	var in struct{ Permissions []string }
	if err := c.decode(&in, "role"); err != nil {
		return nil, err
	}
	if !c.who.is("system_admin") {
		return nil, forbidden()
	}
	for _, r := range c.state.roles {
		if r.ID == c.vars["role_id"] {
			r.Permissions = slices.Sorted(slices.Values(in.Permissions))
			r.UpdateAt = c.now()
			return r, nil
		}
	}
	return nil, fail(http.StatusNotFound, "app.role.get.app_error", "Unable to get role.")
}

// putRoles refuses to take the last human administrator away: bots don't count.
func (c *call) putRoles() (any, error) {
	var in struct{ Roles string }
	if err := c.decode(&in, "roles"); err != nil {
		return nil, err
	}
	u := c.state.users[c.vars["user_id"]]
	if u == nil || !c.who.is("system_admin") {
		return nil, forbidden()
	}
	humans := 0
	for _, other := range c.state.order {
		if other.is("system_admin") && !other.Bot {
			humans++
		}
	}
	if u.is("system_admin") && !slices.Contains(strings.Fields(in.Roles), "system_admin") && humans < 2 {
		return nil, fail(http.StatusBadRequest, "app.user.update.lastAdmin.app_error", "Cannot demote last System Admin.")
	}
	u.Roles, u.UpdateAt = in.Roles, c.now()
	c.userUpdated(u)
	return statusOK(), nil
}
