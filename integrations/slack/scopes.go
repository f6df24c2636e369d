package slack

// Scope is a permission that the app asks for.
type Scope struct {
	Name string
	For  string // "say something"
}

// Scopes lists the bot token's scopes: what is used, and nothing else. The manifest in
// deploy/ has the same.
func Scopes() []Scope {
	return []Scope{
		{"app_mentions:read", "hear that it is mentioned"},
		{"channels:history", "hear what is said in public channels, and find its own posts there after a crash"},
		{"channels:join", "enter a public channel when an operator asks for it"},
		{"channels:manage", "leave a public channel when an operator asks for it"},
		{"channels:read", "know the names of public channels, and which it is in"},
		{"chat:write", "say anything at all"},
		{"commands", "answer to its slash command"},
		{"files:write", "show logs and what is too long for a message"},
		{"groups:history", "hear what is said in private channels that it is in, and find its own posts there after a crash"},
		{"groups:read", "know the names of private channels that it is in"},
		{"groups:write", "leave a private channel when an operator asks for it"},
		{"im:history", "hear what people tell it alone, and find its own posts there after a crash"},
		{"im:write", "write to people who are not in the channel, and fill its home tab"},
		{"mpim:history", "hear what is said in group conversations that it is in"},
		{"mpim:read", "know whether it is in a group conversation where its command is used"},
		{"reactions:read", "take a thumbs-up for a confirmation"},
		{"usergroups:read", "know who is in the user groups that the policy names"},
		{"users:read", "know who is a guest, of another organisation, or deactivated"},
		{"users:read.email", "know people's addresses, where the configuration joins accounts by them"},
	}
}

// Events lists the events that the app subscribes to.
func Events() []string {
	return []string{
		"app_home_opened", "app_mention", "app_uninstalled",
		"channel_archive", "channel_deleted", "channel_id_changed", "channel_left", "channel_rename", "channel_unarchive",
		"group_archive", "group_deleted", "group_left", "group_rename", "group_unarchive",
		"member_joined_channel", "member_left_channel",
		"message.channels", "message.groups", "message.im", "message.mpim",
		"reaction_added", "subteam_created", "subteam_members_changed", "subteam_updated",
		"team_join", "tokens_revoked", "user_change",
	}
}
