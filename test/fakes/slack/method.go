package slack

// method is one method of the Web API.
type method struct {
	name     string
	app      bool     // needs the app token
	formOnly bool     // takes no JSON body
	tier     int      // calls a minute; 0 = by other rules
	scopes   []string // any of them; finer ones are the method's own business
	args     map[string]kind
	run      func(*Server, *call) (object, *apiError)
}

type argsOf map[string]kind

func (s *Server) method(name string) *method {
	all := []func(string) *method{chatMethod, conversationMethod, peopleMethod, viewMethod, otherMethod}
	for _, find := range all {
		if m := find(name); m != nil {
			m.name = name
			return m
		}
	}
	return nil
}

const (
	tier1 = 1
	tier2 = 20
	tier3 = 50
	tier4 = 100
)

func chatMethod(name string) *method {
	content := func(more argsOf) argsOf {
		for k, v := range (argsOf{
			"channel": str | must, "text": str, "blocks": array, "attachments": array, "metadata": dict, "markdown_text": str,
			"link_names": flag, "parse": str, "reply_broadcast": flag, "as_user": flag, "file_ids": array,
		}) {
			more[k] = v
		}
		return more
	}
	write := []string{"chat:write"}
	switch name {
	case "chat.postMessage":
		return &method{scopes: write, run: (*Server).chatPostMessage, args: content(argsOf{
			"thread_ts": stamp, "unfurl_links": flag, "unfurl_media": flag, "mrkdwn": flag,
			"username": str, "icon_emoji": str, "icon_url": str,
		})}
	case "chat.postEphemeral":
		return &method{tier: tier4, scopes: write, run: (*Server).chatPostEphemeral, args: content(argsOf{
			"user": str | must, "thread_ts": stamp, "username": str, "icon_emoji": str, "icon_url": str,
		})}
	case "chat.update":
		return &method{tier: tier3, scopes: write, run: (*Server).chatUpdate, args: content(argsOf{"ts": stamp | must})}
	case "chat.delete":
		return &method{tier: tier3, scopes: write, run: (*Server).chatDelete, args: argsOf{"channel": str | must, "ts": stamp | must, "as_user": flag}}
	case "chat.getPermalink":
		return &method{formOnly: true, run: (*Server).chatGetPermalink, args: argsOf{"channel": str | must, "message_ts": stamp | must}}
	}
	return nil
}

func conversationMethod(name string) *method {
	read := []string{"channels:read", "groups:read", "im:read", "mpim:read"}
	history := []string{"channels:history", "groups:history", "im:history", "mpim:history"}
	write := []string{"channels:manage", "groups:write", "im:write", "mpim:write"}
	pages := func(more argsOf) argsOf { more["cursor"], more["limit"] = str, number; return more }
	timeline := func(more argsOf) argsOf {
		more["channel"], more["oldest"], more["latest"] = str|must, str, str
		more["inclusive"], more["include_all_metadata"] = flag, flag
		return pages(more)
	}
	one := argsOf{"channel": str | must}
	switch name {
	case "conversations.list":
		return &method{formOnly: true, tier: tier2, scopes: read, run: (*Server).conversationsList, args: pages(argsOf{"types": str, "exclude_archived": flag, "team_id": str})}
	case "conversations.info":
		return &method{formOnly: true, tier: tier3, scopes: read, run: (*Server).conversationsInfo, args: argsOf{"channel": str | must, "include_locale": flag, "include_num_members": flag}}
	case "conversations.members":
		return &method{formOnly: true, tier: tier4, scopes: read, run: (*Server).conversationsMembers, args: pages(one)}
	case "conversations.history":
		return &method{formOnly: true, tier: tier3, scopes: history, run: (*Server).conversationsHistory, args: timeline(argsOf{})}
	case "conversations.replies":
		return &method{formOnly: true, tier: tier3, scopes: history, run: (*Server).conversationsReplies, args: timeline(argsOf{"ts": stamp | must})}
	case "conversations.join":
		return &method{tier: tier3, scopes: []string{"channels:join"}, run: (*Server).conversationsJoin, args: one}
	case "conversations.leave":
		return &method{tier: tier3, scopes: write, run: (*Server).conversationsLeave, args: one}
	case "conversations.open":
		return &method{tier: tier3, scopes: write, run: (*Server).conversationsOpen, args: argsOf{"channel": str, "users": str, "return_im": flag, "prevent_creation": flag}}
	case "users.conversations":
		return &method{formOnly: true, tier: tier3, scopes: read, run: (*Server).usersConversations, args: pages(argsOf{"user": str, "types": str, "exclude_archived": flag, "team_id": str})}
	}
	return nil
}

func peopleMethod(name string) *method {
	read := []string{"users:read"}
	switch name {
	case "users.info":
		return &method{formOnly: true, tier: tier4, scopes: read, run: (*Server).usersInfo, args: argsOf{"user": str, "users": str, "include_locale": flag}}
	case "users.lookupByEmail":
		return &method{formOnly: true, tier: tier3, scopes: []string{"users:read.email"}, run: (*Server).usersLookupByEmail, args: argsOf{"email": str | must}}
	case "users.list":
		return &method{formOnly: true, tier: tier2, scopes: read, run: (*Server).usersList, args: argsOf{"cursor": str, "limit": number, "include_locale": flag, "team_id": str}}
	case "usergroups.list":
		return &method{formOnly: true, tier: tier2, scopes: []string{"usergroups:read"}, run: (*Server).usergroupsList, args: argsOf{"include_users": flag, "include_count": flag, "include_disabled": flag, "team_id": str}}
	case "usergroups.users.list":
		return &method{formOnly: true, tier: tier2, scopes: []string{"usergroups:read"}, run: (*Server).usergroupsUsersList, args: argsOf{"usergroup": str | must, "include_disabled": flag, "team_id": str}}
	case "bots.info":
		return &method{formOnly: true, tier: tier3, scopes: read, run: (*Server).botsInfo, args: argsOf{"bot": str, "team_id": str}}
	case "team.info":
		return &method{formOnly: true, tier: tier3, scopes: []string{"team:read"}, run: (*Server).teamInfo, args: argsOf{"team": str, "domain": str}}
	}
	return nil
}

func viewMethod(name string) *method {
	switch name {
	case "views.open", "views.push":
		return &method{tier: tier4, run: (*Server).viewsOpen, args: argsOf{"trigger_id": str | must, "view": dict | must}}
	case "views.update":
		return &method{tier: tier4, run: (*Server).viewsUpdate, args: argsOf{"view": dict | must, "view_id": str, "external_id": str, "hash": str}}
	case "views.publish":
		return &method{tier: tier4, run: (*Server).viewsPublish, args: argsOf{"user_id": str | must, "view": dict | must, "hash": str}}
	}
	return nil
}

func otherMethod(name string) *method {
	item := argsOf{"channel": str | must, "timestamp": stamp | must}
	switch name {
	case "auth.test":
		return &method{run: (*Server).authTest}
	case "apps.connections.open":
		return &method{app: true, scopes: []string{"connections:write"}, run: (*Server).appsConnectionsOpen}
	case "reactions.add", "reactions.remove":
		item["name"] = str | must
		return &method{tier: tier3, scopes: []string{"reactions:write"}, run: (*Server).reactionsChange, args: item}
	case "reactions.get":
		item["full"] = flag
		return &method{formOnly: true, tier: tier3, scopes: []string{"reactions:read"}, run: (*Server).reactionsGet, args: item}
	case "files.getUploadURLExternal":
		return &method{formOnly: true, tier: tier4, scopes: []string{"files:write"}, run: (*Server).filesGetUploadURLExternal, args: argsOf{"filename": str | must, "length": number | must, "alt_txt": str, "snippet_type": str}}
	case "files.completeUploadExternal":
		return &method{tier: tier4, scopes: []string{"files:write"}, run: (*Server).filesCompleteUploadExternal, args: argsOf{"files": array | must, "channel_id": str, "channels": str, "thread_ts": stamp, "initial_comment": str, "blocks": array}}
	}
	return nil
}
