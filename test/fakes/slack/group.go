package slack

import "slices"

// Group is a user group, as in "@oncall".
type Group struct {
	ID      string // made when empty
	Handle  string
	Name    string
	Members []string // user ids
	updated int64
}

// AddGroup adds a user group and gives the id.
func (s *Server) AddGroup(g Group) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.ID == "" {
		g.ID = s.newID("S")
	}
	if g.Name == "" {
		g.Name = g.Handle
	}
	g.Members = slices.Clone(g.Members)
	g.updated = s.clock.Now().Unix()
	s.groups.add(g.ID, &g)
	return g.ID
}

// ChangeGroup sets a user group's members and tells the app: what was added and
// removed in subteam_members_changed, all of it in subteam_updated.
func (s *Server) ChangeGroup(id string, members ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups.by[id]
	if g == nil {
		s.misuse("ChangeGroup: no user group %s", id)
		return
	}
	before, last := g.Members, g.updated
	g.Members, g.updated = slices.Clone(members), s.clock.Now().Unix()
	added, removed := without(members, before), without(before, members)
	s.emit("subteam_members_changed", id, object{
		"type": "subteam_members_changed", "subteam_id": id, "team_id": s.TeamID,
		"date_previous_update": last, "date_update": g.updated,
		"added_users": added, "added_users_count": len(added),
		"removed_users": removed, "removed_users_count": len(removed), "event_ts": s.newTS(),
	})
	wire := s.wireGroup(g)
	wire["users"] = slices.Clone(g.Members)
	s.emit("subteam_updated", id, object{"type": "subteam_updated", "subteam": wire, "event_ts": s.newTS()})
	s.touch()
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(append([]string{}, all...)), func(v string) bool { return slices.Contains(some, v) })
}

func (s *Server) wireGroup(g *Group) object {
	return object{
		"id": g.ID, "team_id": s.TeamID, "is_usergroup": true, "is_subteam": true, "name": g.Name, "description": "",
		"handle": g.Handle, "is_external": false, "date_create": int64(1446598059), "date_update": g.updated, "date_delete": 0,
		"auto_type": nil, "created_by": s.BotUserID, "updated_by": s.BotUserID, "deleted_by": nil,
		"prefs": object{"channels": []string{}, "groups": []string{}}, "user_count": len(g.Members),
	}
}

func (s *Server) usergroupsList(c *call) (object, *apiError) {
	out := []object{}
	for _, g := range s.groups.all() {
		wire := s.wireGroup(g)
		if c.flag("include_users") {
			wire["users"] = append([]string{}, g.Members...)
		}
		if !c.flag("include_count") {
			delete(wire, "user_count")
		}
		out = append(out, wire)
	}
	return object{"usergroups": out}, nil
}

func (s *Server) usergroupsUsersList(c *call) (object, *apiError) {
	g := s.groups.by[c.str("usergroup")]
	if g == nil {
		return nil, fail("no_such_subteam")
	}
	return object{"users": append([]string{}, g.Members...)}, nil
}
