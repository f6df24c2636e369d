package chats_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"opsbot/test/fakes/mattermost"
	"opsbot/test/fakes/slack"
	"opsbot/test/program"
	"opsbot/test/talk"
)

var (
	binary program.Binary
	ports  program.Ports
)

func TestMain(m *testing.M) { os.Exit(binary.Main(m)) }

// patience bounds what one thing that is waited for may take.
const patience = 2 * time.Minute

// troubled is a chat that can be made to fail.
type troubled struct {
	talk.Chat
	line    *line
	limit   func(n int)        // the next n posts are refused with 429
	broken  func(n int)        // the next n posts are answered with 500
	lost    func(n int)        // the next n posts arrive, their answers don't
	restart func(t *testing.T) // the service ends all connections and comes back
}

// newSlack is a workspace behind a line.
func newSlack(t *testing.T) troubled {
	t.Helper()
	// Slack tries again for an hour; here for as long as a trouble lasts.
	server := slack.New(t, slack.WithBackoff(500*time.Millisecond, 2*time.Second, 10*time.Second), slack.WithPing(500*time.Millisecond))
	l := newLine(t, server.URL)
	server.URL = l.url
	const method = "chat.postMessage"
	return troubled{
		Chat: talk.InSlack(server), line: l,
		limit:   func(n int) { server.Storm(method, n, time.Second) },
		broken:  func(n int) { server.Fail(slack.Fault{Method: method, Times: n, Status: 500}) },
		lost:    func(n int) { server.Fail(slack.Fault{Method: method, Times: n, Cut: true, After: true}) },
		restart: func(*testing.T) { server.Disconnect("warning"); server.CutConnections() },
	}
}

// newMattermost is a server behind a line.
func newMattermost(t *testing.T) troubled {
	t.Helper()
	server := mattermost.New(t)
	l := newLine(t, server.URL)
	chat := talk.InMattermost(server)
	server.URL = l.url
	const path = "/api/v4/posts"
	return troubled{
		Chat: chat, line: l,
		limit:  func(n int) { server.Storm(n, "POST", path, 1) },
		broken: func(n int) { server.Fail(mattermost.Fault{Method: "POST", Path: path, Times: n, Status: 500}) },
		lost: func(n int) {
			server.Fail(mattermost.Fault{Method: "POST", Path: path, Times: n, Drop: true, After: true})
		},
		restart: func(t *testing.T) {
			t.Helper()
			if err := server.Restart(time.Second); err != nil {
				t.Error(err)
			}
		},
	}
}

// each runs a test in both chats.
func each(t *testing.T, test func(t *testing.T, c troubled)) {
	t.Helper()
	for name, open := range map[string]func(*testing.T) troubled{"slack": newSlack, "mattermost": newMattermost} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// folder is where the program runs, connected to chats.
func folder(t *testing.T, chats ...talk.Chat) program.Folder {
	t.Helper()
	c := program.Configuration{Localrun: "watch: 300ms, drain: 300ms, start_timeout: 4s"}
	for _, one := range chats {
		one.Configure(&c)
	}
	fixed, err := ports.Fixed(c)
	if err != nil {
		t.Fatal(err)
	}
	return binary.Folder(t, t.TempDir(), fixed)
}

// ended waits until all that a message set going has ended; well tells how.
func ended(t *testing.T, f program.Folder, c talk.Chat, id string) (well bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, code := f.Run(ctx, "outcome", "--wait", patience.String(), "--", c.Name(), id)
	if code != 0 && strings.Contains(out, "was for OpsBot") || strings.Contains(out, "not everything") {
		t.Errorf("%s: %s", id, out)
	}
	return code == 0
}

// wait looks until the texts that a person is shown match, and gives what matched.
func wait(t *testing.T, c talk.Chat, user, pattern string) talk.Entry {
	t.Helper()
	want := regexp.MustCompile(pattern)
	deadline := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		all := c.Shown(user)
		for _, e := range all {
			if want.MatchString(strings.Join(e.Lines(), "\n")) {
				return e
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			var texts []string
			for _, e := range all {
				texts = append(texts, strings.Join(e.Lines(), "\n"))
			}
			t.Fatalf("%s does not show %s %s:\n%s", c.Name(), user, pattern, strings.Join(texts, "\n--\n"))
		}
	}
}

// answers are the program's messages in a thread, in order, without the message that
// starts it.
func answers(c talk.Chat, user, thread string) (out []talk.Entry) {
	for _, e := range c.Shown(user) {
		if e.Thread == thread && e.ID != thread {
			out = append(out, e)
		}
	}
	return out
}

// count counts the messages that match.
func count(c talk.Chat, user, pattern string) (n int) {
	want := regexp.MustCompile(pattern)
	for _, e := range c.Shown(user) {
		if want.MatchString(e.Text) {
			n++
		}
	}
	return n
}
