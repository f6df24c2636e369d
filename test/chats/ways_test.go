package chats_test

import (
	"context"
	"strings"
	"testing"

	"opsbot/test/fakes/mattermost"
	"opsbot/test/fakes/slack"
	"opsbot/test/program"
	"opsbot/test/talk"
)

// TestWaysInSlack: the slash command opens the form, which says what is wrong beside
// the field; a thumb confirms a plan; the App Home knows what is mine and opens the
// form too; in a direct message no mention is needed; guests are refused.
func TestWaysInSlack(t *testing.T) {
	t.Parallel()
	server := slack.New(t)
	c := talk.InSlack(server)
	f := folder(t, c)
	s := f.Serve(t)
	defer logOf(t, s)
	alice := c.Person("alice")
	c.Say("alice", "@opsbot help whoami", "") // when it is answered, the app is connected
	wait(t, c, "alice", `whoami: who you are`)

	server.Slash(alice, c.Channel(), "/ops", "new-project")
	form, open := server.View(alice)
	if !open || form.Title != "New static-site" {
		t.Fatalf("the slash command opened %+v", form)
	}
	if wrong := server.Submit(alice, form.ID, map[string]string{"Name": "Hello World"}); len(wrong.Errors) != 1 {
		t.Fatalf("a wrong name gives %+v", wrong)
	}
	if sent := server.Submit(alice, form.ID, map[string]string{"Name": "hello-world"}); len(sent.Errors) > 0 {
		t.Fatalf("refused: %+v", sent.Errors)
	}
	wait(t, c, "alice", `Success! Your project is available on localgit: \S+/hello-world`)
	wait(t, c, "alice", `staging\s+\S+ succeeded`)

	ended(t, f, c, c.Say("alice", "@opsbot deploy hello-world to production", ""))
	plan := wait(t, c, "alice", `Plan: production gets hello-world`)
	channel, ts, _ := strings.Cut(plan.ID, ":")
	server.React(c.Person("bob"), channel, ts, "+1") // applause
	server.React(alice, channel, ts, "+1")
	wait(t, c, "alice", `Success! hello-world \S+ runs in production`)
	if n := count(c, "alice", `runs in production`); n != 1 {
		t.Errorf("%d deployments", n)
	}

	server.OpenHome(alice)
	awaitHome(t, server, alice, "hello-world")
	home, _ := server.Home(alice)
	server.ClickView(alice, home.ID, "New project", "")
	if form, open := server.View(alice); !open || form.Title != "New static-site" {
		t.Errorf("the home opened %+v", form)
	}

	dm := server.DM(alice)
	server.Say(alice, dm, "whoami", "")
	wait(t, c, "alice", `You are alice`)

	server.ChangeUser(c.Person("gus"), func(u *slack.User) { u.Restricted = true })
	refused(t, c, "gus", `Forbidden by the policy no-strangers`)
}

// TestWaysInMattermost is the same with the server's own means. Who was deactivated
// has no rights, also as long as a connection of theirs lasts.
func TestWaysInMattermost(t *testing.T) {
	t.Parallel()
	server := mattermost.New(t)
	c := talk.InMattermost(server)
	config := program.Configuration{Localrun: "watch: 300ms, drain: 300ms, start_timeout: 4s"}
	config, err := ports.Fixed(config)
	if err != nil {
		t.Fatal(err)
	}
	c.Command(server.AddCommand("ops", config.PublicURL()+"/mattermost/command").Token)
	c.Configure(&config)
	f := binary.Folder(t, t.TempDir(), config)
	s := f.Serve(t)
	defer logOf(t, s)
	alice := c.Person("alice")

	if r := server.Slash(alice, c.Channel(), "/ops new-project", ""); r.ErrorID != "" {
		t.Fatalf("the slash command gives %+v", r)
	}
	form, err := server.WaitDialog(t.Context(), alice)
	if err != nil || form.Title != "New static-site" {
		t.Fatalf("the slash command opened %+v %v", form, err)
	}
	if wrong := server.SubmitDialog(form, map[string]any{"name": "Hello World"}); len(wrong.Errors) != 1 {
		t.Fatalf("a wrong name gives %+v", wrong)
	}
	if sent := server.SubmitDialog(form, map[string]any{"name": "hello-world"}); len(sent.Errors) > 0 || sent.Error != "" {
		t.Fatalf("refused: %+v", sent)
	}
	wait(t, c, "alice", `Success! Your project is available on localgit: \S+/hello-world`)
	wait(t, c, "alice", `staging\s+\S+ succeeded`)

	ended(t, f, c, c.Say("alice", "@opsbot deploy hello-world to production", ""))
	plan := wait(t, c, "alice", `Plan: production gets hello-world`)
	server.React(c.Person("bob"), plan.ID, "+1")
	server.React(alice, plan.ID, "+1")
	wait(t, c, "alice", `Success! hello-world \S+ runs in production`)
	if n := count(c, "alice", `runs in production`); n != 1 {
		t.Errorf("%d deployments", n)
	}

	server.SetRoles(c.Person("gus"), "system_guest")
	refused(t, c, "gus", `Forbidden by the policy no-strangers`)
	server.Deactivate(c.Person("bob"))
	left(t, f, c, "bob")
}

// refused checks that somebody is told why nothing is done for them.
func refused(t *testing.T, c talk.Chat, user, pattern string) {
	t.Helper()
	c.Say(user, "@opsbot projects", "")
	wait(t, c, user, pattern)
	if count(c, user, `Projects`) > 0 {
		t.Errorf("%s was answered all the same", user)
	}
}

// left checks that whoever is deactivated has no rights any more. They can't be told:
// nobody sees what is said to them.
func left(t *testing.T, f program.Folder, c talk.Chat, user string) {
	t.Helper()
	if ended(t, f, c, c.Say(user, "@opsbot projects", "")) {
		t.Errorf("%s was let in", user)
	}
	if out, code := f.Say(t.Context(), "audit"); code != 0 || !strings.Contains(out, "is deactivated") {
		t.Errorf("the audit does not say why: exit %d\n%s", code, out)
	}
}

// awaitHome waits until a person's home shows a text.
func awaitHome(t *testing.T, server *slack.Server, user, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := server.Await(ctx, func() bool {
		home, there := server.Home(user)
		return there && strings.Contains(home.Text(), text)
	})
	if err != nil {
		home, _ := server.Home(user)
		t.Fatalf("the home shows\n%s", home.Text())
	}
}

// logOf shows the program's log of a test that failed.
func logOf(t *testing.T, s *program.Server) {
	if t.Failed() {
		t.Log(s.Log())
	}
}
