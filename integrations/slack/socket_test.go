package slack

import (
	"fmt"
	"strings"
	"testing"
	"time"

	fake "opsbot/test/fakes/slack"
)

// TestTwoConnections: two are open, and what comes over either counts.
func TestTwoConnections(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.run()
	for i := range 10 {
		r.Say(r.alice, r.dev, fmt.Sprint("message ", i), "")
	}
	r.settled()
	r.received(10)
	if r.Connections() != 2 || len(r.Lost()) > 0 {
		t.Errorf("%d connections, lost %q", r.Connections(), r.Lost())
	}
}

// TestRefresh: a connection that is to end is replaced before it does, and nothing
// that is said meanwhile is lost or comes late.
func TestRefresh(t *testing.T) {
	t.Parallel()
	for reason, times := range map[string]int{fake.Warning: 1, fake.RefreshRequested: 4} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			r.run()
			for i := range times {
				before := r.Opened()
				r.Disconnect(reason)
				r.Say(r.alice, r.dev, fmt.Sprint("during ", i), "")
				r.await("a new connection", func() bool { return r.Opened() == before+1 })
				if n := r.Connections(); n < 2 {
					t.Errorf("only %d connections are open while one is replaced", n)
				}
			}
			r.settled()
			r.received(times)
			if r.log.count("slack sends an event again") > 0 {
				t.Errorf("something had to be sent twice:\n%s", r.log)
			}
		})
	}
}

// TestCut: connections that break are opened again.
func TestCut(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.run()
	r.CutConnections()
	r.Say(r.alice, r.dev, "while cut", "")
	r.await("new connections", func() bool { return r.Opened() == 4 && r.Connections() == 2 })
	r.Say(r.alice, r.dev, "afterwards", "")
	r.settled()
	if got := r.inbox.messages(); len(got)+len(r.Lost()) != 2 || got[len(got)-1].Text != "afterwards" {
		t.Errorf("received %+v, lost %q", got, r.Lost())
	}
}

// TestLinkDisabled: when Socket Mode is turned off that is said once, and it is tried
// again after a while.
func TestLinkDisabled(t *testing.T) {
	t.Parallel()
	clock := &stubClock{now: time.Now().UTC()}
	r := setupAt(t, clock)
	r.run()
	r.Disconnect(fake.LinkDisabled)
	r.await("the end of both", func() bool { return r.Connections() == 0 && r.log.count("Socket Mode is turned off") >= 2 })
	if text := findings(r.chat.Probe(r.within())); !strings.Contains(text, "Socket Mode is turned off") {
		t.Errorf("doctor says %s", text)
	}
	r.EnableSocketMode()
	r.await("new connections", func() bool {
		clock.advance(time.Minute)
		return r.Connections() == 2
	})
	if text := findings(r.chat.Probe(r.within())); !strings.Contains(text, "ok app token: Socket Mode is open") {
		t.Errorf("doctor says %s", text)
	}
}

// TestRevokedAppToken: connecting fails, that is said once, and works again when the
// token does.
func TestRevokedAppToken(t *testing.T) {
	t.Parallel()
	clock := &stubClock{now: time.Now().UTC()}
	r := setupAt(t, clock)
	r.RevokeAppToken()
	r.start(r.chat)
	r.await("attempts", func() bool {
		clock.advance(time.Minute)
		return len(r.CallsOf("apps.connections.open")) > 8
	})
	if n := r.log.count("could not be opened"); n > 3 {
		t.Errorf("said %d times:\n%s", n, r.log)
	}
	r.RestoreTokens()
	r.await("connections", func() bool {
		clock.advance(time.Minute)
		return r.Connections() == 2
	})
}

// TestRevokedToken: a bot token that is taken away is said once in the log and by
// doctor; nothing is asked in vain, nothing is given up, and it goes on when the token
// works.
func TestRevokedToken(t *testing.T) {
	t.Parallel()
	clock := &stubClock{now: time.Now().UTC()}
	r := setupAt(t, clock)
	r.run()
	r.RevokeTokens()
	r.settled()
	for range 5 {
		_, err := r.chat.Send(r.within(), r.post("a", "hello"))
		wantWait(t, err)
	}
	if n := len(r.CallsOf("chat.postMessage")); n > 0 {
		t.Errorf("posted %d times in vain", n)
	}
	if n := r.log.count("slack does not accept the bot token"); n != 1 {
		t.Errorf("said %d times:\n%s", n, r.log)
	}
	if text := findings(r.chat.Probe(r.within())); !strings.Contains(text, "BAD bot token: Slack does not accept OpsBot's bot token (token_revoked)") {
		t.Errorf("doctor says %s", text)
	}
	r.RestoreTokens()
	r.await("the token to work", func() bool {
		clock.advance(time.Minute)
		return r.log.count("accepts the bot token again") == 1
	})
	r.send(r.post("a", "hello"))
}

// TestUp: how many connections are open is known.
func TestUp(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.run()
	r.await("both", func() bool {
		n, problem := r.chat.doors.pool.Up()
		return n == 2 && problem == ""
	})
}
