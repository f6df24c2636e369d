package mattermost

// state is everything that outlives a restart. The server's mutex guards it.
type state struct {
	users    map[string]*user
	order    []*user // in the order of their making
	teams    []*team
	channels map[string]*channel
	rooms    []*channel // the same, in the order of their making
	posts    map[string]*post
	log      []*post // every post row, old versions too, in the order of their making
	files    map[string]*file
	sessions map[string]*session
	roles    []*role
	commands []*command
	hooks    map[string]*commandHook
	triggers map[string]*trigger
	whispers []*whisper // ephemeral posts
	dialogs  []*openDialog
	pending  map[string]pendingPost
	threads  map[string]*thread
	cookies  map[string]*cookie
	// slowPosts holds posts with a pending_post_id back, see HoldPosts.
	slowPosts       chan struct{}
	integrationsOff bool
}

func newState() *state {
	return &state{
		users: map[string]*user{}, channels: map[string]*channel{}, posts: map[string]*post{},
		files: map[string]*file{}, sessions: map[string]*session{}, hooks: map[string]*commandHook{},
		triggers: map[string]*trigger{}, pending: map[string]pendingPost{}, threads: map[string]*thread{},
		cookies: map[string]*cookie{}, roles: recordedRoles(),
	}
}

// login makes a session for u.
func (st *state) login(u *user) string {
	token := newID()
	st.sessions[token] = &session{id: newID(), token: token, user: u}
	return token
}

func (st *state) userByName(name string) *user {
	for _, u := range st.order {
		if u.Username == name {
			return u
		}
	}
	return nil
}
