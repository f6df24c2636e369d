package mattermost

import (
	"net/http"
	"slices"
)

// Reaction is an emoji that a user put to a post.
type Reaction struct{ UserID, Emoji string }

type reaction struct {
	UserID    string `json:"user_id"`
	PostID    string `json:"post_id"`
	EmojiName string `json:"emoji_name"`
	CreateAt  int64  `json:"create_at"`
	UpdateAt  int64  `json:"update_at"`
	DeleteAt  int64  `json:"delete_at"`
	RemoteID  string `json:"remote_id"`
	ChannelID string `json:"channel_id"`
}

// systemEmoji are those that the fake knows of the server's thousands; a name with
// colons is none.
func systemEmoji(name string) bool {
	return slices.Contains([]string{
		"white_check_mark", "heavy_check_mark", "x", "+1", "-1", "thumbsup", "thumbsdown", "eyes", "rocket", "tada", "warning",
		"hourglass", "hourglass_flowing_sand", "no_entry", "no_entry_sign", "construction", "question", "exclamation", "ok",
		"ok_hand", "wave", "heart", "fire", "100", "recycle", "arrows_counterclockwise", "lock", "bell", "information_source",
		"red_circle", "large_green_circle", "large_yellow_circle", "stopwatch", "robot", "robot_face", "package", "bulb",
	}, name)
}

func (c *call) react() (any, error) {
	var in reaction
	if err := c.decode(&in, "reaction"); err != nil {
		return nil, err
	}
	if !isID(in.UserID) || !isID(in.PostID) || in.EmojiName == "" {
		return nil, fail(http.StatusBadRequest, "api.reaction.save_reaction.invalid.app_error", "Reaction is not valid.")
	}
	if in.UserID != c.who.ID {
		return nil, fail(http.StatusForbidden, "api.reaction.save_reaction.user_id.app_error", "You cannot save reaction for the other user.")
	}
	p := c.state.posts[in.PostID]
	if p == nil || p.DeleteAt != 0 || c.state.channels[p.ChannelID].members[c.who.ID] == nil {
		return nil, forbidden()
	}
	if !systemEmoji(in.EmojiName) {
		return nil, fail(http.StatusNotFound, "app.emoji.get_by_name.no_result", "We couldn’t find the emoji.")
	}
	return c.Server.putReaction(p, c.who, in.EmojiName), nil
}

// putReaction is idempotent; a second time changes update_at alone.
func (s *Server) putReaction(p *post, u *user, emoji string) reaction {
	now := s.now()
	told := reaction{UserID: u.ID, PostID: p.ID, EmojiName: emoji, CreateAt: now, UpdateAt: now, ChannelID: p.ChannelID}
	i := slices.IndexFunc(p.reactions, func(r *reaction) bool { return r.UserID == u.ID && r.EmojiName == emoji })
	if i < 0 {
		kept := told
		p.reactions = append(slices.Clone(p.reactions), &kept)
	} else {
		p.reactions[i].UpdateAt = now
	}
	p.UpdateAt = now
	p.rev++
	s.hub.publish(event{name: "reaction_added", data: map[string]any{"reaction": mustJSON(told)}, to: broadcast{ChannelID: p.ChannelID}})
	s.touch()
	return told
}

func (c *call) unreact() (any, error) {
	if c.vars["user_id"] != c.who.ID && !c.who.is("system_admin") {
		return nil, forbidden()
	}
	p := c.state.posts[c.vars["post_id"]]
	if p == nil || p.DeleteAt != 0 {
		return nil, forbidden()
	}
	c.Server.dropReaction(p, c.vars["user_id"], c.vars["emoji_name"])
	return statusOK(), nil
}

func (s *Server) dropReaction(p *post, userID, emoji string) {
	now := s.now()
	p.reactions = slices.DeleteFunc(slices.Clone(p.reactions), func(r *reaction) bool { return r.UserID == userID && r.EmojiName == emoji })
	p.UpdateAt = now
	p.rev++
	told := reaction{UserID: userID, PostID: p.ID, EmojiName: emoji, UpdateAt: now}
	s.hub.publish(event{name: "reaction_removed", data: map[string]any{"reaction": mustJSON(told)}, to: broadcast{ChannelID: p.ChannelID}})
	s.touch()
}

// reactionsOf answers null when there are none.
func (c *call) reactionsOf() (any, error) {
	p := c.state.posts[c.vars["post_id"]]
	if p == nil || !c.mayRead(c.state.channels[p.ChannelID]) {
		return nil, forbidden()
	}
	if len(p.reactions) == 0 {
		return nil, nil
	}
	return p.reactions, nil
}
