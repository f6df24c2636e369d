package mattermost_test

import (
	"testing"
)

// TestReplay plays the recordings of a real server, in their order, and compares
// status, error id, headers and JSON.
func TestReplay(t *testing.T) { //nolint:tparallel // one story: each step builds on the one before
	t.Parallel()
	total := 0
	for _, story := range []struct {
		name string
		tell func(t *testing.T) int
	}{
		{"accounts", replayAccounts},
		{"tokens", replayTokens},
		{"posts", replayPosts},
		{"commands", replayCommands},
		{"actions", replayActions},
		{"errors", replayErrors},
		{"lookups", replayLookups},
		{"lives of tokens", replayTokenLives},
	} {
		t.Run(story.name, func(t *testing.T) { total += story.tell(t) })
	}
	t.Logf("replayed %d recordings of requests", total)
	if total < 340 {
		t.Errorf("only %d recordings were replayed", total)
	}
}

func replayAccounts(t *testing.T) int {
	r := newReplay(t)
	r.LeaveTeam(r.Team.ID, r.bot.ID)
	return r.play(t, "http-1xx.jsonl", map[string]func(*testing.T){
		"116-bot-get-public-channel-not-member": func(*testing.T) {
			r.secret, r.lobby = r.AddPrivateChannel("secret"), r.AddChannel("lobby")
			r.dict.learn(recSecret, r.secret.ID)
		},
		"118-bot-read-posts-not-in-public-channel": func(*testing.T) { r.Join(r.dict.ours[recOps], r.bob.ID) },
	}, map[string]string{
		"102-first-user":               "people are made with AddUser",
		"103-login-admin":              "AddUser logs in",
		"103b-login-wrong-password":    "AddUser logs in",
		"104-create-team":              "the first team is there",
		"108-create-bot-as-plain-user": "bots are made with AddBot",
		"109-create-bot":               "bots are made with AddBot",
		"109b-create-bot-duplicate":    "bots are made with AddBot",
		"109c-create-bot-bad-username": "bots are made with AddBot",
		"122-bot-get-itself":           "bots don't look for themselves under /bots",
		"122b-bot-list-bots":           "bots don't look for themselves under /bots",
		"122c-bot-put-itself":          "bots don't look for themselves under /bots",
		"122d-bot-put-itself":          "bots don't look for themselves under /bots",
	})
}
