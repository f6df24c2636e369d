package mattermost

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/mattermost"
)

func TestResumesALostSocket(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.run()
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot before", "")
	r.inbox.wait(t, "@opsbot before")
	pages := r.srv.Count("GET", "/channels/*/posts")
	r.srv.CutSocket(r.bot.ID)
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot between", "")
	r.log.waitFor(t, "mattermost: connected", 2)
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot after", "")
	if got := saidIn(r.inbox.wait(t, "@opsbot after")); !slices.Equal(got, []string{"@opsbot before", "@opsbot between", "@opsbot after"}) {
		t.Errorf("came in: %q", got)
	}
	if n := r.srv.Count("GET", "/channels/*/posts"); n != pages {
		t.Errorf("a resumed connection read %d pages of channels", n-pages)
	}
}

func TestCatchesUpAfterARestartOfTheServer(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.run()
	dm := r.srv.DM(r.alice.ID, r.bot.ID)
	root := r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot before", "")
	r.inbox.wait(t, "@opsbot before")
	r.srv.Stop()
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot away", "")
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot in the thread", root.ID)
	r.srv.Say(r.alice.ID, dm.ID, "directly", "")
	gone := r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot deleted", "")
	r.srv.DeletePost(gone.ID)
	edited := r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot first words", "")
	r.srv.EditPost(edited.ID, "@opsbot other words")
	r.srv.EditPost(root.ID, "@opsbot before, edited")
	for _, text := range []string{"`@opsbot code`", "@opsbot-2 other", "x@opsbot.com", "@all hello"} {
		r.srv.Say(r.alice.ID, r.ops.ID, text, "")
	}
	if err := r.srv.Resume(); err != nil {
		t.Fatal(err)
	}
	r.log.waitFor(t, "mattermost: connected", 2)
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot after", "")
	got := r.inbox.wait(t, "@opsbot after")
	texts := saidIn(got)
	slices.Sort(texts)
	want := []string{"@opsbot after", "@opsbot away", "@opsbot before", "@opsbot in the thread", "@opsbot other words", "directly"}
	if !slices.Equal(texts, want) {
		t.Errorf("came in: %q, want %q", texts, want)
	}
	for _, m := range got {
		if m.Missed {
			t.Errorf("%q of this minute counts as missed", m.Text)
		}
		if m.Text == "directly" && !m.Direct || m.Text == "@opsbot in the thread" && m.Thread != root.ID {
			t.Errorf("caught up: %+v", m)
		}
	}
}

func TestCatchesUpAtStart(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot before the bot's first day", "")
	stop := r.run()
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot one", "")
	r.inbox.wait(t, "@opsbot one")
	stop()
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot two", "")
	r.Chat = r.another()
	r.run()
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot three", "")
	got := saidIn(r.inbox.wait(t, "@opsbot three"))
	if want := []string{"@opsbot one", "@opsbot two", "@opsbot three"}; !slices.Equal(got[len(got)-3:], want) {
		t.Errorf("came in: %q", got)
	}
}

// TestFirstWords: what is said once OpsBot is ready is for it, also on its first day
// before its socket is there.
func TestFirstWords(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot before the bot's first day", "")
	if err := r.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot first", "")
	r.run()
	if got := saidIn(r.inbox.wait(t, "@opsbot first")); !slices.Equal(got, []string{"@opsbot first"}) {
		t.Errorf("came in: %q", got)
	}
}

// TestOldWordsAreMissed: what was said more than an hour before it is read is marked,
// and what people said to each other meanwhile is left alone.
func TestOldWordsAreMissed(t *testing.T) {
	t.Parallel()
	r := setup(t)
	stop := r.run()
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot one", "")
	r.inbox.wait(t, "@opsbot one")
	stop()
	r.Chat = r.another()
	r.env.Clock = &ahead{by: 2 * time.Hour}
	root := r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot old", "")
	r.srv.Say(r.alice.ID, r.ops.ID, "thanks", root.ID)
	r.inbox.mu.Lock()
	r.inbox.wanted = func(m bot.Message) bool { return m.Addressed || m.Thread != "" }
	r.inbox.mu.Unlock()
	r.run()
	got := r.inbox.wait(t, "@opsbot old")
	if len(got) != 2 || !got[1].Missed || got[0].Missed {
		t.Errorf("came in: %+v", got)
	}
}

// ahead is a clock that is ahead of the machine's.
type ahead struct {
	bot.SystemClock
	by time.Duration
}

func (a *ahead) Now() time.Time { return a.SystemClock.Now().Add(a.by) }

func TestAMessageThatCannotBeStoredComesAgain(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.run()
	r.inbox.failNext(bot.Errorf(bot.CodeStorageFull, "no space"))
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot one", "")
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot two", "")
	if got := saidIn(r.inbox.wait(t, "@opsbot two")); !slices.Equal(got, []string{"@opsbot one", "@opsbot two"}) {
		t.Errorf("came in: %q", got)
	}
}

// TestWhatCannotBeTakenHoldsNothingUp: a message that no attempt helps is left out, and
// said in the log.
func TestWhatCannotBeTakenHoldsNothingUp(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.run()
	r.inbox.mu.Lock()
	r.inbox.poison = "@opsbot poison"
	r.inbox.mu.Unlock()
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot poison", "")
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot two", "")
	if got := saidIn(r.inbox.wait(t, "@opsbot two")); !slices.Equal(got, []string{"@opsbot two"}) {
		t.Errorf("came in: %q", got)
	}
	r.log.wait(t, "can't be taken and is left out")
}

func TestARevokedTokenIsSaidOnceAndComesBack(t *testing.T) {
	t.Parallel()
	r := setup(t, func(c *Config) { c.PingInterval = time.Second })
	r.time.ping = 20 * time.Millisecond
	r.run()
	r.srv.DisableToken(r.bot.Token)
	r.log.wait(t, "does not accept the bot's token")
	if _, err := r.Send(r.ctx, r.post("a", "hello")); bot.CodeOf(err) != bot.CodeUnauthenticated {
		t.Errorf("send: %v", err)
	} else if class, _ := bot.RetryOf(err); class != bot.RetryBackoff {
		t.Errorf("send is not tried again: %v", err)
	}
	if f := r.finding("token"); f.OK {
		t.Errorf("doctor says %+v", f)
	}
	tries := r.srv.Count("GET", "/users/me")
	if err := r.srv.Wait(r.ctx, func() bool { return r.srv.Count("GET", "/users/me") > tries+3 }); err != nil {
		t.Fatal(err)
	}
	if n := r.log.count("does not accept the bot's token"); n != 1 {
		t.Errorf("it is said %d times", n)
	}
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot away", "")
	r.srv.EnableToken(r.bot.Token)
	r.log.waitFor(t, "mattermost: connected", 2)
	r.inbox.wait(t, "@opsbot away")
	if f := r.finding("token"); !f.OK {
		t.Errorf("doctor says %+v", f)
	}
	if r.log.count(r.bot.Token) != 0 {
		t.Error("the token is in the log")
	}
}

// finding is what doctor says of a subject.
func (r *rig) finding(subject string) bot.Finding {
	r.t.Helper()
	for _, f := range r.Probe(r.ctx) {
		if f.Subject == subject {
			return f
		}
	}
	r.t.Fatalf("doctor says nothing of %q", subject)
	return bot.Finding{}
}

func TestAHalfOpenSocketIsGivenUp(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.time.ping = 50 * time.Millisecond
	r.run()
	r.srv.Freeze()
	r.log.wait(t, "the connection is interrupted")
	r.srv.Thaw()
	r.log.waitFor(t, "mattermost: connected", 2)
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot after", "")
	r.inbox.wait(t, "@opsbot after")
}

// TestMoreThanTheServerKeeps: 300 events are more than a lost connection keeps, so
// that the rest is read from the channel.
func TestMoreThanTheServerKeeps(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.run()
	r.srv.Fail(fake.Fault{Method: "GET", Path: "/users/me", Times: -1, Status: 503})
	r.srv.CutSocket(r.bot.ID)
	for i := range 300 {
		r.srv.Say(r.alice.ID, r.ops.ID, fmt.Sprintf("@opsbot %d", i), "")
	}
	r.srv.ClearFaults()
	got := r.inbox.wait(t, "@opsbot 299")
	if len(got) != 300 || got[0].Text != "@opsbot 0" {
		t.Errorf("%d came in, the first is %q", len(got), got[0].Text)
	}
}

func TestPauseBetweenAttempts(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.time.again, r.time.longest, r.time.refused = time.Second, time.Minute, 2*time.Minute
	for tries, most := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		if d := r.pause(errors.New("x"), tries); d < most/2 || d > most {
			t.Errorf("pause %d is %s", tries, d)
		}
	}
	if d := r.pause(errors.New("x"), 60); d < 30*time.Second || d > time.Minute {
		t.Errorf("the longest pause is %s", d)
	}
	if d := r.pause(bot.Errorf(bot.CodeUnauthenticated, "x"), 0); d < time.Minute {
		t.Errorf("a refused token is tried again after %s", d)
	}
	if d := r.pause(bot.Errorf(bot.CodeUnavailable, "x").Wait(7*time.Second), 0); d != 7*time.Second {
		t.Errorf("asked to wait 7 s: %s", d)
	}
}

// TestASlowReaderLosesNothing: once 256 events wait for a reader the server ends the
// socket and drops what comes later; that is read from the channel.
func TestASlowReaderLosesNothing(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.run()
	release := r.srv.HoldEvents()
	for i := range 800 {
		text := "people talk"
		if i%40 == 39 {
			text = fmt.Sprintf("@opsbot %d", i)
		}
		r.srv.Say(r.alice.ID, r.ops.ID, text, "")
	}
	release()
	got := r.inbox.wait(t, "@opsbot 799")
	r.log.waitFor(t, "mattermost: connected", 2)
	if len(got) != 20 || got[0].Text != "@opsbot 39" {
		t.Errorf("%d came in, the first is %q", len(got), got[0].Text)
	}
}

// TestMoreThanIsReadAfterwards: what is lost beyond the bound is said in the log.
func TestMoreThanIsReadAfterwards(t *testing.T) {
	t.Parallel()
	r := setup(t)
	stop := r.run()
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot one", "")
	r.inbox.wait(t, "@opsbot one")
	stop()
	for i := range mostPosts + 150 {
		r.srv.Say(r.alice.ID, r.ops.ID, "people talk", "")
		if i == 0 {
			r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot lost", "")
		}
	}
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot last", "")
	r.Chat = r.another()
	r.run()
	if got := saidIn(r.inbox.wait(t, "@opsbot last")); !slices.Equal(got, []string{"@opsbot one", "@opsbot last"}) {
		t.Errorf("came in: %q", got)
	}
	r.log.wait(t, "too much was said")
}

// TestAChannelThatCannotBeRead holds up neither the others nor what is said now.
func TestAChannelThatCannotBeRead(t *testing.T) {
	t.Parallel()
	r := setup(t)
	stop := r.run()
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot one", "")
	r.inbox.wait(t, "@opsbot one")
	stop()
	bad := r.srv.AddChannel("bad", r.alice.ID, r.bot.ID)
	r.srv.Say(r.alice.ID, bad.ID, "@opsbot bad", "")
	r.srv.Say(r.alice.ID, r.ops.ID, "@opsbot two", "")
	r.srv.Fail(fake.Fault{Method: "GET", Path: "/channels/" + bad.ID + "/posts", Times: -1, Status: 413})
	r.Chat = r.another()
	r.run()
	r.log.waitFor(t, "mattermost: connected", 2)
	if got := saidIn(r.inbox.wait(t, "@opsbot two")); !slices.Equal(got, []string{"@opsbot one", "@opsbot two"}) {
		t.Errorf("came in: %q", got)
	}
	small := 0
	for _, c := range r.srv.Calls() {
		if strings.Contains(c.Path, bad.ID) && strings.Contains(c.Query, "per_page=20") && !strings.Contains(c.Query, "per_page=200") {
			small++
		}
	}
	if small != mostTries {
		t.Errorf("smaller pages were tried %d times", small)
	}
}
