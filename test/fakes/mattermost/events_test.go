package mattermost_test

import (
	"net/http"
	"testing"

	"github.com/gorilla/websocket"

	"opsbot/test/fakes/mattermost"
)

func TestEventsOfPosts(t *testing.T) { //nolint:tparallel // one story: each step builds on the one before
	t.Parallel()
	s := newStory(t)
	ws := dial(t, s.Server, s.bot.Token, "")
	ws.untilNow(t)
	for _, name := range []string{
		"210-ws-posted-mention", "211-ws-posted-no-mention", "211b-ws-posted-mention-forms", "212-ws-posted-dm", "212b-ws-posted-group-dm",
		"212c-ws-posted-dm-thread", "213-ws-posted-thread-reply", "214-ws-posted-own-thread-reply",
		"215-ws-posted-reply-after-bot-in-thread", "216-ws-posted-own-toplevel",
	} {
		s.tell(t, name, func(t *testing.T, rec socketRecording) { s.retell(t, ws, rec.Frames) })
	}
	does := func(name string, do func(t *testing.T)) {
		s.tell(t, name, func(t *testing.T, rec socketRecording) {
			do(t)
			s.same(t, ws, received(rec.Frames))
		})
	}
	does("217-ws-post-edited", func(*testing.T) { s.EditPost(s.our("re8swpcqnbnpzxt8w4rgdgcp1w"), "@opsbot new-project hello-world2") })
	does("217b-ws-post-edited-adds-mention", func(t *testing.T) {
		p := s.Say(s.alice.ID, s.ops.ID, "later", "")
		s.dict.learn("3dfbkci3ppbymr7kj7o97pyzge", p.ID)
		ws.untilNow(t)
		s.EditPost(p.ID, "@opsbot now mentioned")
	})
	does("218-ws-reaction-added", func(*testing.T) {
		s.React(s.alice.ID, s.our("7prj3bryo7dsjpzrrossgiohqy"), "white_check_mark")
		s.Unreact(s.alice.ID, s.our("7prj3bryo7dsjpzrrossgiohqy"), "white_check_mark")
	})
	does("219-ws-post-deleted", func(*testing.T) { s.DeletePost(s.our("3dfbkci3ppbymr7kj7o97pyzge")) })
	does("219b-ws-thread-root-deleted", func(*testing.T) {
		root := s.Say(s.alice.ID, s.ops.ID, "root to delete", "")
		s.Say(s.alice.ID, s.ops.ID, "child", root.ID)
		s.DeletePost(root.ID)
	})
	does("230-ws-ephemeral-to-bot", func(t *testing.T) {
		s.call(t, s.Admin.Token, "POST", "/api/v4/posts/ephemeral", object{"user_id": s.bot.ID, "post": object{"channel_id": s.ops.ID, "message": "only for the bot"}})
	})
	does("231-ws-pin", func(t *testing.T) {
		s.call(t, s.alice.Token, "POST", "/api/v4/posts/"+s.our("7prj3bryo7dsjpzrrossgiohqy")+"/pin", nil)
	})
	does("820b-ws-forged-props", func(*testing.T) {
		s.SayWith(s.alice.ID, s.ops.ID, "@opsbot forged props", "", object{"from_bot": "true", "from_webhook": "true", "override_username": "root", "from_plugin": "true"})
	})
	does("821b-ws-bot-override", func(t *testing.T) {
		s.call(t, s.bot.Token, "POST", "/api/v4/posts", object{"channel_id": s.ops.ID, "message": "bot with override", "props": object{"override_username": "Nice Name", "override_icon_url": "http://127.0.0.1/x.png"}})
	})
	s.linkedPost(t)
	ws.untilNow(t)
	does("828-ws-of-822-827", func(t *testing.T) { s.lookupsPosts(t) })
	t.Logf("replayed %d recordings of sockets", s.told)
}

// linkedPost makes the post that a later one links to: edited, without props, with
// two replies.
func (s *story) linkedPost(t *testing.T) {
	t.Helper()
	p := s.Say(s.bot.ID, s.ops.ID, "", "")
	s.dict.learn("imf8gk6w1jrkfk9w49jurq4bdy", p.ID)
	s.call(t, s.bot.Token, "PUT", "/api/v4/posts/"+p.ID, object{"id": p.ID, "message": "back"})
	s.Say(s.bot.ID, s.ops.ID, "one", p.ID)
	s.Say(s.bot.ID, s.ops.ID, "two", p.ID)
}

// lookupsPosts repeats the posts of 822 to 827.
func (s *story) lookupsPosts(t *testing.T) {
	t.Helper()
	for _, rec := range readLines[recording](t, "http-8xx.jsonl") {
		if rec.Name < "822" || rec.Name > "828" {
			continue
		}
		if got := send(t, s.request(t, rec)); got.status != http.StatusCreated {
			t.Errorf("%s: %d %s", rec.Name, got.status, got.body)
		}
	}
}

func TestEventsOfChannels(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.Join(s.ops.ID, s.bob.ID)
	s.LeaveTeam(s.Team.ID, s.carol.ID)
	ws := dial(t, s.Server, s.bot.Token, "")
	ws.untilNow(t)
	does := func(name string, do func(t *testing.T)) {
		s.tell(t, name, func(t *testing.T, rec socketRecording) {
			do(t)
			s.same(t, ws, received(rec.Frames))
		})
	}
	made := "187geiwyopfmbppt7ksg33ssra"
	does("220-ws-user-added", func(*testing.T) {
		s.Leave(s.ops.ID, s.bob.ID)
		s.Join(s.ops.ID, s.bob.ID)
	})
	does("221-ws-bot-added-to-channel", func(*testing.T) { s.Join(s.lobby.ID, s.bot.ID) })
	does("221b-ws-bot-removed-from-channel", func(*testing.T) { s.Leave(s.lobby.ID, s.bot.ID) })
	does("221c-ws-private-channel-mention-not-member", func(*testing.T) { s.Say(s.Admin.ID, s.secret.ID, "@opsbot", "") })
	does("221d-ws-public-channel-mention-not-member", func(*testing.T) { s.Say(s.Admin.ID, s.lobby.ID, "@opsbot", "") })
	does("222-ws-channel-created-by-admin", func(*testing.T) { s.AddChannel("quiet") })
	does("223-ws-channel-created-by-bot", func(t *testing.T) {
		out := s.call(t, s.bot.Token, "POST", "/api/v4/channels", object{"team_id": s.Team.ID, "name": "made-by-bot", "display_name": "Made by bot", "type": "O"}).decode(t)
		s.dict.learn(made, out["id"].(string))
	})
	does("224-ws-channel-updated", func(t *testing.T) {
		s.RenameChannel(s.our(made), "renamed-by-admin", "Renamed")
		s.call(t, s.Admin.Token, "PUT", "/api/v4/channels/"+s.our(made)+"/patch", object{"header": "new header"})
	})
	does("225-ws-channel-deleted", func(*testing.T) { s.ArchiveChannel(s.our(made)) })
	does("227-ws-typing", func(*testing.T) { s.Type(s.alice.ID, s.ops.ID) })
	does("229-ws-direct-added", func(*testing.T) {
		dm := s.DM(s.bob.ID, s.bot.ID)
		s.Say(s.bob.ID, dm.ID, "hi bot", "")
	})
	does("255c-ws-bot-removed-from-and-readded-to-team", func(*testing.T) {
		s.LeaveTeam(s.Team.ID, s.bot.ID)
		s.JoinTeam(s.Team.ID, s.bot.ID)
	})
	t.Logf("replayed %d recordings of sockets", s.told)
}

func TestEventsOfUsers(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	ws, alices := dial(t, s.Server, s.bot.Token, ""), dial(t, s.Server, s.alice.Token, "")
	ws.untilNow(t)
	alices.untilNow(t)
	does := func(name string, who *socket, do func(t *testing.T)) {
		s.tell(t, name, func(t *testing.T, rec socketRecording) {
			do(t)
			s.same(t, who, received(rec.Frames))
		})
	}
	status := func(t *testing.T, u mattermost.User, value string) {
		s.call(t, u.Token, "PUT", "/api/v4/users/"+u.ID+"/status", object{"user_id": u.ID, "status": value})
	}
	does("226-ws-status-change-other", ws, func(t *testing.T) {
		status(t, s.alice, "dnd")
		status(t, s.alice, "online")
	})
	does("226b-ws-status-change-self", ws, func(t *testing.T) {
		status(t, s.bot, "away")
		status(t, s.bot, "online")
	})
	does("228-ws-new-user-and-team-join", ws, func(*testing.T) {
		delete(s.dict.ours, recCarol)
		s.UpdateUser(s.carol.ID, func(u *mattermost.User) { u.Username = "carol-2" })
		ws.untilNow(t)
		s.AddUser("carol", func(u *mattermost.User) { u.FirstName = "" })
	})
	does("232-ws-user-updated", ws, func(t *testing.T) {
		s.call(t, s.alice.Token, "PUT", "/api/v4/users/"+s.alice.ID+"/patch", object{"nickname": "Al"})
	})
	alices.untilNow(t)
	does("334b-ws-ephemeral-at-alice", alices, func(t *testing.T) {
		s.call(t, s.Admin.Token, "POST", "/api/v4/posts/ephemeral", object{"user_id": s.alice.ID, "post": object{"channel_id": s.ops.ID, "message": "only alice sees this"}})
	})
	does("331d-ws-ephemeral-at-alice", alices, func(t *testing.T) {
		w := &world{Server: s.Server}
		if got := w.do(t, s.bot.Token, "POST", "/api/v4/posts/ephemeral", object{"user_id": s.alice.ID, "post": object{"channel_id": s.ops.ID, "message": "x"}}); got.status != 403 {
			t.Errorf("a bot's ephemeral post: %d", got.status)
		}
	})
	s.dict.learn("aaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaa")
	does("334j-ws-ephemerals-at-alice", alices, func(t *testing.T) {
		for _, rec := range readLines[recording](t, "http-3xx.jsonl") {
			if rec.Name >= "334f" && rec.Name < "334j" {
				send(t, s.request(t, rec))
			}
		}
	})
	does("342c-ws-typing-at-alice", alices, func(t *testing.T) {
		for _, rec := range readLines[recording](t, "http-3xx.jsonl") {
			if rec.Name >= "342" && rec.Name < "343" {
				send(t, s.request(t, rec))
			}
		}
	})
	does("305b-ws-attachments-as-seen-by-alice", alices, func(t *testing.T) {
		for _, rec := range readLines[recording](t, "http-3xx.jsonl") {
			if rec.Name == "305-create-post-attachments" {
				send(t, s.request(t, rec))
			}
		}
	})
	t.Logf("replayed %d recordings of sockets", s.told)
}

func TestTwoSockets(t *testing.T) { //nolint:tparallel // one story: each step builds on the one before
	t.Parallel()
	s := newStory(t)
	first := dial(t, s.Server, s.bot.Token, "")
	s.Say(s.alice.ID, s.ops.ID, "only the first hears it", "")
	first.untilNow(t)
	second := dial(t, s.Server, s.bot.Token, "?posted_ack=true")
	second.untilNow(t)
	s.tell(t, "234-ws-two-sockets-same-bot", func(t *testing.T, rec socketRecording) {
		s.Say(s.alice.ID, s.ops.ID, "@opsbot to both sockets", "")
		a, b := first.frame(), second.frame()
		if a["seq"] == b["seq"] {
			t.Errorf("both have seq %v, each counts for itself", a["seq"])
		}
		delete(b["data"].(object), "should_ack")
		for i, pair := range [][2]map[string]any{{received(rec.First)[0], a}, {received(rec.Second)[0], b}} {
			for _, diff := range s.dict.compare("frame", pair[0], pair[1]) {
				t.Errorf("socket %d: %s", i, diff)
			}
		}
	})
	s.tell(t, "235-ws-posted-ack", func(t *testing.T, rec socketRecording) {
		s.Say(s.alice.ID, s.ops.ID, "@opsbot with posted_ack", "")
		s.next(t, second, received(rec.Frames)[0])
	})
	s.tell(t, "236-ws-client-close", func(t *testing.T, _ socketRecording) {
		text := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
		if err := first.WriteMessage(websocket.CloseMessage, text); err != nil {
			t.Fatal(err)
		}
		if err := first.ends(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
			t.Errorf("the server answers a close with %v", err)
		}
	})
	t.Logf("replayed %d recordings of sockets", s.told)
}
