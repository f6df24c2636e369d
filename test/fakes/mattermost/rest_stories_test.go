package mattermost_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"testing"

	"opsbot/test/fakes/mattermost"
)

func replayTokens(t *testing.T) int {
	r := newReplay(t).withChannels()
	second := r.NewToken(r.bot.ID)
	r.tokens["<BOT_TOKEN_2>"] = second
	r.DM(r.bob.ID, r.bot.ID)
	r.DM(r.bot.ID, r.Admin.ID)
	return r.play(t, "http-2xx.jsonl", map[string]func(*testing.T){
		"250-revoke-bot-token":           func(*testing.T) { r.dict.learn("zxsepec8c3y8fym9ikw97kk56e", r.TokenID(second)) },
		"251c-use-token-of-disabled-bot": func(*testing.T) { r.DisableBot(r.bot.ID) },
		"251f-token-after-enable":        func(*testing.T) { r.EnableBot(r.bot.ID) },
		"254-token-after-restart": func(t *testing.T) {
			if err := r.Restart(0); err != nil {
				t.Fatal(err)
			}
		},
		"255b-bot-channel-membership-after-team-removal": func(*testing.T) { r.LeaveTeam(r.Team.ID, r.bot.ID) },
		"255d-bot-channels-after-readd":                  func(*testing.T) { r.JoinTeam(r.Team.ID, r.bot.ID) },
	}, map[string]string{
		"251-disable-bot":                 "done with DisableBot",
		"251e-enable-bot":                 "done with EnableBot",
		"255-admin-removes-bot-from-team": "done with LeaveTeam",
	})
}

// call asks the server as a hook does.
func (r *replay) call(t *testing.T, token, method, path string, body any) answer {
	t.Helper()
	w := &world{Server: r.Server}
	got := w.do(t, token, method, path, body)
	if got.status >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, got.status, got.body)
	}
	return got
}

// picture is a PNG of a size in pixels and in bytes.
func picture(t *testing.T, width, height, size int) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := png.Encode(&buf, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return append(buf.Bytes(), make([]byte, max(size-buf.Len(), 0))...)[:max(size, 33)]
}

// upload sends a file as the bot, the channel before it, and learns its id.
func (r *replay) upload(t *testing.T, recorded, channel, name string, data []byte) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("channel_id", channel); err != nil {
		t.Fatal(err)
	}
	if err := form.WriteField("client_ids", "c1"); err != nil {
		t.Fatal(err)
	}
	part, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="files"; filename="` + name + `"`}, "Content-Type": {"image/png"},
	})
	if err != nil {
		t.Fatal(err)
	}
	part.Write(data)
	form.Close()
	req, err := http.NewRequestWithContext(t.Context(), "POST", r.URL+"/api/v4/files", &body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.bot.Token)
	req.Header.Set("Content-Type", form.FormDataContentType())
	got := send(t, req)
	if got.status != http.StatusCreated {
		t.Fatalf("upload: %d %s", got.status, got.body)
	}
	var out struct {
		Infos   []struct{ ID string } `json:"file_infos"`
		Clients []string              `json:"client_ids"`
	}
	if err := json.Unmarshal(got.body, &out); err != nil || len(out.Infos) != 1 || out.Clients[0] != "c1" {
		t.Fatalf("upload answers %s", got.body)
	}
	r.dict.learn(recorded, out.Infos[0].ID)
}

func replayPosts(t *testing.T) int {
	r := newReplay(t).withChannels()
	return r.play(t, "http-3xx.jsonl", map[string]func(*testing.T){
		"302e-create-reply-deleted-root": func(*testing.T) {
			gone := r.Say(r.bot.ID, r.ops.ID, "gone", "")
			r.DeletePost(gone.ID)
			r.dict.learn("esopfuc1p7gq7djom166r7zwuc", gone.ID)
		},
		"303-delete-own-post": func(*testing.T) {
			r.dict.learn("esopfuc1p7gq7djom166r7zwuc", r.Say(r.bot.ID, r.ops.ID, "again", "").ID)
		},
		"312-patch-someone-elses-post": func(*testing.T) {
			r.dict.learn("w8z4i69emfbq5cgkmaaczggrbe", r.Say(r.alice.ID, r.ops.ID, "alice's", "").ID)
		},
		"321-post-with-file": func(t *testing.T) {
			r.upload(t, "bxr1hip5yirppkjjy5fauw5ofr", r.ops.ID, "chart.png", picture(t, 64, 32, 135))
			r.upload(t, "nhpu5rsjyb8djexno54mi5t6to", r.ops.ID, "only.png", picture(t, 4, 4, 73))
			r.upload(t, "4rmbfdnchi81jbkpiujk55djqw", r.dm.ID, "dm.png", picture(t, 4, 4, 73))
			r.Join(r.ops.ID, r.bob.ID)
		},
		"330f-ephemeral-bot-demoted":           func(*testing.T) { r.SetRoles(r.bot.ID, "system_user") },
		"331i-ephemeral-after-role-patch":      func(*testing.T) { r.SetRoles(r.bot.ID, "system_user") },
		"331k-ephemeral-bot-with-patched-role": func(*testing.T) { r.SetRoles(r.bot.ID, "system_user system_post_all") },
		"340-pin": func(*testing.T) {
			r.EditPost(r.dict.ours["imf8gk6w1jrkfk9w49jurq4bdy"], "back")
			r.SetRoles(r.bot.ID, "system_user")
		},
		"351e-posts-since-with-edit-history": func(t *testing.T) { r.editHistory(t) },
	}, nil)
}

// editHistory makes an edited and a deleted post, and the moment to ask for.
func (r *replay) editHistory(t *testing.T) {
	t.Helper()
	edited := r.Say(r.alice.ID, r.ops.ID, "v1", "")
	r.EditPost(edited.ID, "v2")
	r.DeletePost(r.Say(r.alice.ID, r.ops.ID, "away with it", "").ID)
	r.dict.learn("1795219923406", strconv.FormatInt(edited.CreateAt, 10))
}

func replayErrors(t *testing.T) int {
	r := newReplay(t).withChannels()
	r.setHeader(t)
	burst := func(t *testing.T) {
		r.RateLimit(2, 3)
		for range 4 {
			r.call(t, r.bot.Token, "GET", "/api/v4/system/ping", nil)
		}
	}
	return r.play(t, "http-7xx.jsonl", map[string]func(*testing.T){
		"710varybyaddr-ratelimit-first-ok": func(*testing.T) { r.RateLimit(2, 3) },
		"710varybyuser-ratelimit-first-ok": func(*testing.T) { r.RateLimit(2, 3) },
		"711varybyaddr-ratelimit-429":      burst,
		"711varybyuser-ratelimit-429":      burst,
	}, map[string]string{
		"702d-create-user-as-bot": "people are made with AddUser",
	})
}

// setHeader gives the channel what somebody had written there.
func (r *replay) setHeader(t *testing.T) {
	t.Helper()
	r.call(t, r.Admin.Token, "PUT", "/api/v4/channels/"+r.ops.ID+"/patch", object{"header": "set by the bot", "purpose": "p"})
}

func replayLookups(t *testing.T) int {
	r := newReplay(t).withChannels()
	r.setHeader(t)
	r.UpdateUser(r.alice.ID, func(u *mattermost.User) { u.Nickname = "Al" })
	r.Say(r.alice.ID, r.ops.ID, "I am here", "")
	r.Say(r.bot.ID, r.ops.ID, "me too", "")
	r.Join(r.ops.ID, r.bob.ID)
	r.AddTeam("other")
	r.DM(r.bob.ID, r.bot.ID)
	r.DM(r.bot.ID, r.Admin.ID)
	r.call(t, r.Admin.Token, "POST", "/api/v4/channels", object{"team_id": r.Team.ID, "name": "made-by-admin", "display_name": "Made by admin", "type": "O"})
	made := r.call(t, r.bot.Token, "POST", "/api/v4/channels", object{"team_id": r.Team.ID, "name": "made-by-bot", "display_name": "Made by bot", "type": "O"}).decode(t)
	id := made["id"].(string)
	r.call(t, r.Admin.Token, "PUT", "/api/v4/channels/"+id+"/patch", object{"header": "new header"})
	r.RenameChannel(id, "renamed-by-admin", "Renamed")
	r.ArchiveChannel(id)
	return r.play(t, "http-8xx.jsonl", map[string]func(*testing.T){
		"803c-users-in-channel": func(*testing.T) { r.Join(r.ops.ID, r.carol.ID) },
		"804l-if-none-match": func(*testing.T) {
			r.dict.learn("1795220484282", strconv.FormatInt(r.User("alice").UpdateAt, 10))
		},
		"811-permalink-post": func(*testing.T) {
			p := r.Say(r.bot.ID, r.ops.ID, "", "")
			// It was edited to this, had lost its props and has two replies.
			r.call(t, r.bot.Token, "PUT", "/api/v4/posts/"+p.ID, object{"id": p.ID, "message": "back"})
			r.Say(r.bot.ID, r.ops.ID, "one", p.ID)
			r.Say(r.bot.ID, r.ops.ID, "two", p.ID)
			r.dict.learn("imf8gk6w1jrkfk9w49jurq4bdy", p.ID)
		},
	}, map[string]string{
		"803d-channel-members": "which two of three come first is the database's choice",
	})
}

func replayTokenLives(t *testing.T) int {
	r := newReplay(t).withChannels()
	archived := r.AddChannel("archived", r.bot.ID)
	r.ArchiveChannel(archived.ID)
	r.dict.learn("nxre7hpmitd5dmyreih11ewgmo", archived.ID)
	token := r.NewToken(r.bot.ID)
	r.dict.learn("qu77ubrbq7geueuy3aekkhgkao", r.TokenID(token))
	r.tokens["<BOT_TOKEN_4>"] = token
	return r.play(t, "http-9xx.jsonl", map[string]func(*testing.T){
		"904c-use-enabled-token": func(*testing.T) { r.EnableToken(token) },
	}, nil)
}
