package mattermost

import (
	"context"
	"slices"
)

// Room is a channel as people see it.
type Room struct {
	Channel
	server *Server
}

// Channel gives a channel by id, or by name in the first team.
func (s *Server) Channel(idOrName string) Room {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ch := range s.state.rooms {
		if ch.ID == idOrName || (ch.Name == idOrName && ch.DeleteAt == 0) {
			return Room{Channel: ch.Channel, server: s}
		}
	}
	return Room{server: s}
}

// Posts are the newest versions of all posts, oldest first, without deleted and
// ephemeral ones.
func (r Room) Posts() []Post { return r.PostsFor("") }

// PostsFor adds the ephemeral posts that this user sees.
func (r Room) PostsFor(userID string) []Post {
	s := r.server
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Post
	for _, p := range s.state.log {
		if p.ChannelID == r.ID && p.DeleteAt == 0 {
			out = append(out, s.view(p))
		}
	}
	for _, w := range s.state.whispers {
		if w.ChannelID == r.ID && w.to == userID {
			seen := s.view(w.post)
			seen.Ephemeral, seen.To = true, w.to
			out = append(out, seen)
		}
	}
	slices.SortStableFunc(out, func(a, b Post) int { return int(a.CreateAt - b.CreateAt) })
	return out
}

// Thread are the root and its replies, as PostsFor gives them.
func (r Room) Thread(root string) []Post {
	return slices.DeleteFunc(r.Posts(), func(p Post) bool { return p.ID != root && p.RootID != root })
}

// Members are the ids of the channel's members, sorted.
func (r Room) Members() []string {
	s := r.server
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	if ch := s.state.channels[r.ID]; ch != nil {
		for id := range ch.members {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// Post gives the newest version of a post; false when it is deleted or unknown.
func (s *Server) Post(id string) (Post, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.state.posts[id]
	if p == nil || p.DeleteAt != 0 {
		return Post{}, false
	}
	return s.view(p), true
}

// Whispers are the ephemeral posts to a user, oldest first.
func (s *Server) Whispers(userID string) []Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Post
	for _, w := range s.state.whispers {
		if w.to == userID {
			seen := s.view(w.post)
			seen.Ephemeral, seen.To = true, w.to
			out = append(out, seen)
		}
	}
	return out
}

// WaitPost waits until the channel holds a post, ephemeral ones included, of which
// match is true, and gives the first such one. match is asked once about each version
// of a post.
func (s *Server) WaitPost(ctx context.Context, channelID string, match func(Post) bool) (Post, error) {
	var got Post
	asked := map[*post]int{} // the version after the one asked about
	err := s.Wait(ctx, func() bool {
		fresh := s.notAsked(channelID, asked)
		i := slices.IndexFunc(fresh, match)
		if i >= 0 {
			got = fresh[i]
		}
		return i >= 0
	})
	return got, err
}

// notAsked are the posts of a channel that are new or have changed, and notes them.
func (s *Server) notAsked(channelID string, asked map[*post]int) []Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Post
	add := func(p *post, to string) {
		if p.ChannelID != channelID || p.DeleteAt != 0 || asked[p] > p.rev {
			return
		}
		asked[p] = p.rev + 1
		seen := s.view(p)
		seen.Ephemeral, seen.To = to != "", to
		out = append(out, seen)
	}
	for _, p := range s.state.log {
		add(p, "")
	}
	for _, w := range s.state.whispers {
		add(w.post, w.to)
	}
	return out
}

// WaitSocket waits until the user has an open socket.
func (s *Server) WaitSocket(ctx context.Context, userID string) error {
	return s.Wait(ctx, func() bool { return s.Sockets(userID) > 0 })
}
