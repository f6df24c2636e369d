package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/mattermost/mattermost/server/public/model"

	"opsbot/bot"
)

// Me is the bot's own account.
func (c *Client) Me(ctx context.Context) (out *model.User, err error) {
	err = c.call(ctx, "users/me", true, func(v4 *model.Client4) (resp *model.Response, err error) {
		out, resp, err = v4.GetMe(ctx, "")
		return resp, err
	})
	return out, err
}

// User is an account by its id.
func (c *Client) User(ctx context.Context, id string) (out *model.User, err error) {
	err = c.call(ctx, "users/{id}", true, func(v4 *model.Client4) (resp *model.Response, err error) {
		out, resp, err = v4.GetUser(ctx, id, "")
		return resp, err
	})
	return out, err
}

// UserByEmail is an account by its address, verified or not.
func (c *Client) UserByEmail(ctx context.Context, email string) (out *model.User, err error) {
	err = c.call(ctx, "users/email/{email}", true, func(v4 *model.Client4) (resp *model.Response, err error) {
		out, resp, err = v4.GetUserByEmail(ctx, email, "")
		return resp, err
	})
	return out, err
}

// Teams are the teams that the bot is in.
func (c *Client) Teams(ctx context.Context) (out []*model.Team, err error) {
	err = c.call(ctx, "users/me/teams", true, func(v4 *model.Client4) (resp *model.Response, err error) {
		out, resp, err = v4.GetTeamsForUser(ctx, model.Me, "")
		return resp, err
	})
	return out, err
}

// TeamMember is an account's place in a team.
func (c *Client) TeamMember(ctx context.Context, team, user string) (out *model.TeamMember, err error) {
	err = c.call(ctx, "teams/{id}/members/{user}", true, func(v4 *model.Client4) (resp *model.Response, err error) {
		out, resp, err = v4.GetTeamMember(ctx, team, user, "")
		return resp, err
	})
	return out, err
}

// ChannelMember is an account's place in a channel.
func (c *Client) ChannelMember(ctx context.Context, channel, user string) (out *model.ChannelMember, err error) {
	err = c.call(ctx, "channels/{id}/members/{user}", true, func(v4 *model.Client4) (resp *model.Response, err error) {
		out, resp, err = v4.GetChannelMember(ctx, channel, user, "")
		return resp, err
	})
	return out, err
}

// Channels are the channels that the bot is in, of all teams and direct ones, with
// the time of each one's last post.
func (c *Client) Channels(ctx context.Context) (out []*model.Channel, err error) {
	err = c.call(ctx, "users/me/channels", true, func(v4 *model.Client4) (*model.Response, error) {
		r, err := v4.DoAPIGet(ctx, "/users/me/channels", "")
		return decode(r, err, &out)
	})
	return out, err
}

// decode reads the answer of a call that the library has no function for.
func decode(r *http.Response, err error, into any) (*model.Response, error) {
	resp := model.BuildResponse(r)
	if err != nil {
		return resp, err
	}
	defer r.Body.Close()
	err = json.NewDecoder(r.Body).Decode(into)
	_, _ = io.Copy(io.Discard, r.Body) // so that the connection can be used again
	return resp, err
}

// Channel is a channel by its id.
func (c *Client) Channel(ctx context.Context, id string) (out *model.Channel, err error) {
	err = c.call(ctx, "channels/{id}", true, func(v4 *model.Client4) (*model.Response, error) {
		r, err := v4.DoAPIGet(ctx, "/channels/"+url.PathEscape(id), "")
		return decode(r, err, &out)
	})
	return out, err
}

// ChannelByName is a channel of a team by the name in its address.
func (c *Client) ChannelByName(ctx context.Context, team, name string) (out *model.Channel, err error) {
	err = c.call(ctx, "teams/{id}/channels/name/{name}", true, func(v4 *model.Client4) (resp *model.Response, err error) {
		out, resp, err = v4.GetChannelByName(ctx, name, team, "")
		return resp, err
	})
	return out, err
}

// Join puts an account into a channel; being there is success.
func (c *Client) Join(ctx context.Context, channel, user string) error {
	return c.call(ctx, "channels/{id}/members", true, func(v4 *model.Client4) (*model.Response, error) {
		_, resp, err := v4.AddChannelMember(ctx, channel, user)
		return resp, err
	})
}

// Leave takes an account out of a channel.
func (c *Client) Leave(ctx context.Context, channel, user string) error {
	return c.call(ctx, "channels/{id}/members/{user}", true, func(v4 *model.Client4) (*model.Response, error) {
		return v4.RemoveUserFromChannel(ctx, channel, user)
	})
}

// Direct opens the conversation of two accounts; the same one every time.
func (c *Client) Direct(ctx context.Context, a, b string) (out *model.Channel, err error) {
	err = c.call(ctx, "channels/direct", true, func(v4 *model.Client4) (resp *model.Response, err error) {
		out, resp, err = v4.CreateDirectChannel(ctx, a, b)
		return resp, err
	})
	return out, err
}

// Create posts. p carries a PendingPostId, by which the server knows a repetition for
// half a minute.
func (c *Client) Create(ctx context.Context, p *model.Post) (out *model.Post, err error) {
	err = c.call(ctx, "posts", true, func(v4 *model.Client4) (*model.Response, error) {
		r, err := v4.DoAPIPostJSON(ctx, "/posts", fresh(p))
		return decode(r, err, &out)
	})
	return out, err
}

// fresh is what a new post may consist of; the library's form has more fields than
// a client is to send.
func fresh(p *model.Post) map[string]any {
	out := map[string]any{"channel_id": p.ChannelId, "message": p.Message, "props": p.GetProps()}
	if p.RootId != "" {
		out["root_id"] = p.RootId
	}
	if p.PendingPostId != "" {
		out["pending_post_id"] = p.PendingPostId
	}
	if len(p.FileIds) > 0 {
		out["file_ids"] = p.FileIds
	}
	return out
}

// Whisper posts for one account alone; the server stores nothing of it.
func (c *Client) Whisper(ctx context.Context, user string, p *model.Post) error {
	return c.call(ctx, "posts/ephemeral", true, func(v4 *model.Client4) (*model.Response, error) {
		var out model.Post
		r, err := v4.DoAPIPostJSON(ctx, "/posts/ephemeral", map[string]any{"user_id": user, "post": fresh(p)})
		return decode(r, err, &out)
	})
}

// Patch replaces message and props of a post, all of them: what the server gives of
// props to read lacks what buttons need. files nil leaves the files.
func (c *Client) Patch(ctx context.Context, id, message string, props model.StringInterface, files *model.StringArray) (out *model.Post, err error) {
	patch := map[string]any{"message": message, "props": props}
	if files != nil {
		patch["file_ids"] = *files
	}
	err = c.call(ctx, "posts/{id}/patch", true, func(v4 *model.Client4) (*model.Response, error) {
		r, err := v4.DoAPIPutJSON(ctx, "/posts/"+url.PathEscape(id)+"/patch", patch)
		return decode(r, err, &out)
	})
	return out, err
}

// Delete removes a post.
func (c *Client) Delete(ctx context.Context, id string) error {
	return c.call(ctx, "posts/{id}", true, func(v4 *model.Client4) (*model.Response, error) { return v4.DeletePost(ctx, id) })
}

// Post is a post by its id; CodeNotFound when it was removed.
func (c *Client) Post(ctx context.Context, id string) (out *model.Post, err error) {
	err = c.call(ctx, "posts/{id}", true, func(v4 *model.Client4) (resp *model.Response, err error) {
		out, resp, err = v4.GetPost(ctx, id, "")
		return resp, err
	})
	return out, err
}

// Thread are the posts of a thread, the root among them.
func (c *Client) Thread(ctx context.Context, root string) (out *model.PostList, err error) {
	err = c.call(ctx, "posts/{id}/thread", true, func(v4 *model.Client4) (*model.Response, error) {
		r, err := v4.DoAPIGet(ctx, "/posts/"+url.PathEscape(root)+"/thread", "")
		return decode(r, err, &out)
	})
	return out, err
}

// PageSize is how many posts a page has, the most that the server gives.
const PageSize = 200

// Page are posts of a channel, newest first, from page 0 on, size of them at the most;
// deleted posts and old versions of edited ones are not among them. CodeTooLarge asks
// for smaller pages.
func (c *Client) Page(ctx context.Context, channel string, page, size int) (out *model.PostList, err error) {
	query := "?page=" + strconv.Itoa(page) + "&per_page=" + strconv.Itoa(size)
	err = c.call(ctx, "channels/{id}/posts", true, func(v4 *model.Client4) (*model.Response, error) {
		r, err := v4.DoAPIGet(ctx, "/channels/"+url.PathEscape(channel)+"/posts"+query, "")
		return decode(r, err, &out)
	})
	return out, err
}

// OpenDialog opens a form before whoever the trigger belongs to.
func (c *Client) OpenDialog(ctx context.Context, d model.OpenDialogRequest) error {
	return c.call(ctx, "actions/dialogs/open", false, func(v4 *model.Client4) (*model.Response, error) {
		return v4.OpenInteractiveDialog(ctx, d)
	})
}

// Role is a role with its permissions.
func (c *Client) Role(ctx context.Context, name string) (out *model.Role, err error) {
	err = c.call(ctx, "roles/name/{name}", true, func(v4 *model.Client4) (resp *model.Response, err error) {
		out, resp, err = v4.GetRoleByName(ctx, name)
		return resp, err
	})
	return out, err
}

// Config is what the server tells clients of its configuration.
func (c *Client) Config(ctx context.Context) (out map[string]string, err error) {
	err = c.call(ctx, "config/client", true, func(v4 *model.Client4) (*model.Response, error) {
		r, err := v4.DoAPIGet(ctx, "/config/client?format=old", "")
		return decode(r, err, &out)
	})
	return out, err
}

// Upload stores a file in a channel and gives its id; it is shown once a post has it.
func (c *Client) Upload(ctx context.Context, channel, name string, size int64, content io.Reader) (id string, err error) {
	query := url.Values{"channel_id": {channel}, "filename": {name}}
	var out model.FileUploadResponse
	err = c.call(ctx, "files", true, func(v4 *model.Client4) (*model.Response, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, v4.APIURL+"/files?"+query.Encode(), content)
		if err != nil {
			return nil, err
		}
		req.ContentLength = size // the server wants to know it
		req.Header.Set("Accept", "application/json")
		req.Header.Set("Content-Type", "application/octet-stream")
		r, err := c.http.Do(req)
		if err == nil && r.StatusCode >= http.StatusMultipleChoices {
			defer r.Body.Close()
			err = model.AppErrorFromJSON(r.Body)
		}
		return decode(r, err, &out)
	})
	if err == nil && len(out.FileInfos) != 1 {
		err = bot.Errorf(bot.CodeUnavailable, "%s took the file %s and gave no id for it.", c.o.Service, name)
	}
	if err != nil {
		return "", err
	}
	return out.FileInfos[0].Id, nil
}
