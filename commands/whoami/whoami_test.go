package whoami

import (
	"strings"
	"testing"

	"opsbot/test/conformance/commandtest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	text := r.Said(c)
	r.Want(text, "You are alice", "Account: console:alice", "Groups: none")
	if strings.Contains(text, "Data folder") {
		t.Errorf("alice owns nothing:\n%s", text)
	}
	req := r.Request(c)
	req.User.Owner, req.User.Groups = true, []string{"admins", "o*ps"}
	post, err := r.Do(c, req)
	if err != nil {
		t.Fatal(err)
	}
	r.Want(commandtest.Text(post), "Groups: admins, o*ps", "Data folder: you own it")
}
