package mattermost

import (
	"slices"
	"strings"
)

// searchUsers finds active users by the beginning of a name.
func (c *call) searchUsers() (any, error) {
	var in struct {
		Term   string `json:"term"`
		TeamID string `json:"team_id"`
	}
	if err := c.decode(&in, "props"); err != nil {
		return nil, err
	}
	if in.Term == "" {
		return nil, badBody("term")
	}
	return c.beginning(in.Term, in.TeamID), nil
}

func (c *call) completeUsers() (any, error) {
	q := c.r.URL.Query()
	return map[string]any{"users": c.beginning(q.Get("name"), q.Get("in_team"))}, nil
}

func (c *call) beginning(term, teamID string) []userJSON {
	term = strings.ToLower(strings.TrimPrefix(term, "@"))
	t := c.state.team(teamID)
	return c.sanitized(func(u *user) bool {
		fits := slices.ContainsFunc([]string{u.Username, u.FirstName, u.LastName, u.Nickname}, func(name string) bool {
			return strings.HasPrefix(strings.ToLower(name), term)
		})
		return fits && u.DeleteAt == 0 && (t == nil || t.members[u.ID])
	})
}

// putUser: of a full update only the refusal was recorded.
func (c *call) putUser() (any, error) {
	c.oddly("a user is changed by PATCH")
	return nil, badBody("user_id")
}

// patchUser changes one's own profile; all others see user_updated.
func (c *call) patchUser() (any, error) {
	var in struct {
		Nickname  *string           `json:"nickname"`
		FirstName *string           `json:"first_name"`
		LastName  *string           `json:"last_name"`
		Position  *string           `json:"position"`
		Locale    *string           `json:"locale"`
		Timezone  map[string]string `json:"timezone"`
	}
	if err := c.decode(&in, "user"); err != nil {
		return nil, err
	}
	u := c.state.users[c.vars["user_id"]]
	if u == nil || (u != c.who && !c.who.is("system_admin")) {
		return nil, forbidden()
	}
	for to, from := range map[*string]*string{
		&u.Nickname: in.Nickname, &u.FirstName: in.FirstName, &u.LastName: in.LastName, &u.Position: in.Position, &u.Locale: in.Locale,
	} {
		if from != nil {
			*to = *from
		}
	}
	if zone, ok := in.Timezone["manualTimezone"]; ok {
		u.ManualTimezone = zone
	}
	u.UpdateAt = c.now()
	c.userUpdated(u)
	return u.seenBy(c.who), nil
}
