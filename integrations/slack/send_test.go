package slack

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/integrations/slack/wire"
	fake "opsbot/test/fakes/slack"
)

func TestSend(t *testing.T) {
	t.Parallel()
	r := setup(t)
	p := r.post("a", "Hello <!channel> http://ci.example.com/1")
	p.Mention = r.account(r.alice)
	id := r.send(p)
	all := r.FromBot(r.dev)
	if len(all) != 1 || id != wire.MessageID(r.dev, all[0].TS) {
		t.Fatalf("%q is not the one of %+v", id, all)
	}
	m := all[0]
	if m.Text() != "@alice Hello <!channel> http://ci.example.com/1" || fmt.Sprint(m.Mentions) != "["+r.alice+"]" {
		t.Errorf("it says %q and mentions %v", m.Text(), m.Mentions)
	}
	if m.Metadata["event_type"] != metadataType || fmt.Sprint(m.Metadata["event_payload"]) != "map[key:a]" {
		t.Errorf("metadata %v", m.Metadata)
	}
	args := r.CallsOf("chat.postMessage")[0].Args
	for name, want := range map[string]string{"unfurl_links": "false", "unfurl_media": "false", "link_names": "false", "parse": "none", "mrkdwn": "false"} {
		if args[name] != want {
			t.Errorf("%s is %v, want %s", name, args[name], want)
		}
	}
}

func TestThreads(t *testing.T) {
	t.Parallel()
	r := setup(t)
	said := r.Say(r.alice, r.dev, "hello", "")
	p := r.post("a", "one")
	p.Thread = wire.MessageID(r.dev, said)
	r.send(p)
	odd := r.post("b", "two")
	odd.Thread = "command:1.2.3"
	r.send(odd)
	if in := r.Thread(r.dev, said); len(in) != 2 || in[1].Text() != "one" {
		t.Errorf("the thread holds %+v", in)
	}
	if all := r.FromBot(r.dev); len(all) != 2 || all[1].Thread != "" {
		t.Errorf("what answers no message is %+v", all)
	}
}

// TestAgain: after a crash the post of an earlier call is found, in a channel and in a
// thread, however much was said since.
func TestAgain(t *testing.T) {
	t.Parallel()
	r := setup(t)
	root := r.send(r.post("root", "root"))
	reply := r.post("reply", "reply")
	reply.Thread = root
	inThread := r.send(reply)
	_, rootTS, _ := wire.SplitID(root)
	for i := range 250 {
		r.Say(r.alice, r.dev, fmt.Sprint("chatter ", i), "")
		r.Say(r.alice, r.dev, fmt.Sprint("more ", i), rootTS)
	}
	again := r.newChat(t.TempDir())
	for _, want := range []struct {
		p  bot.Post
		id string
	}{{r.post("root", "root"), root}, {reply, inThread}} {
		want.p.Again = true
		got, err := again.Send(r.within(), want.p)
		if err != nil || got != want.id {
			t.Errorf("%s is found as %q (%v), want %q", want.p.Key, got, err, want.id)
		}
	}
	fresh := r.post("new", "new")
	fresh.Again = true
	if _, err := again.Send(r.within(), fresh); err != nil {
		t.Error(err)
	}
	if n := len(r.FromBot(r.dev)); n != 3 {
		t.Errorf("%d posts, want 3", n)
	}
}

// TestAgainAsksFirst: as long as it can't be told whether a post arrived, it is not
// made again.
func TestAgainAsksFirst(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.Fail(fake.Fault{Method: "chat.postMessage", Times: 1, Cut: true, After: true})
	_, err := r.chat.Send(r.within(), r.post("a", "hello"))
	if class, _ := bot.RetryOf(err); err == nil || class != bot.RetryBackoff {
		t.Fatalf("an answer that got lost is %v", err)
	}
	r.Fail(fake.Fault{Method: "conversations.history", Times: 1, Status: 500})
	p := r.post("a", "hello")
	p.Again = true
	if _, err = r.chat.Send(r.within(), p); err == nil {
		t.Error("it was sent without having looked")
	}
	r.send(p)
	if n := len(r.FromBot(r.dev)); n != 1 {
		t.Errorf("%d posts, want 1", n)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault fake.Fault
		code  bot.Code
		retry bot.Retry
	}{
		"limited":  {fake.Fault{Status: 429, RetryAfter: 7 * time.Second}, bot.CodeUnavailable, bot.RetryAfter},
		"broken":   {fake.Fault{Status: 500}, bot.CodeUnknown, bot.RetryBackoff},
		"away":     {fake.Fault{Status: 503}, bot.CodeUnavailable, bot.RetryBackoff},
		"cut":      {fake.Fault{Cut: true}, bot.CodeUnknown, bot.RetryBackoff},
		"archived": {fake.Fault{Code: "is_archived"}, bot.CodeForbidden, bot.RetryNever},
		"internal": {fake.Fault{Code: "internal_error"}, bot.CodeUnknown, bot.RetryBackoff},
		"odd":      {fake.Fault{Code: "never_heard_of"}, bot.CodeUnavailable, bot.RetryNever},
		"token":    {fake.Fault{Code: "invalid_auth"}, bot.CodeUnauthenticated, bot.RetryBackoff},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			c.fault.Method, c.fault.Times = "chat.postMessage", 1
			r.Fail(c.fault)
			_, err := r.chat.Send(r.within(), r.post("a", "hello"))
			class, after := bot.RetryOf(err)
			if bot.CodeOf(err) != c.code || class != c.retry || class == bot.RetryAfter && after != 7*time.Second {
				t.Errorf("code %s, retry %v after %s: %v", bot.CodeOf(err), class, after, err)
			}
			if err != nil && strings.Contains(err.Error(), r.BotToken) {
				t.Errorf("the error tells the token: %v", err)
			}
		})
	}
}

// TestNotInChannel: a sentence says what to do.
func TestNotInChannel(t *testing.T) {
	t.Parallel()
	r := setup(t)
	p := r.post("a", "hello")
	p.Room = r.room(r.AddChannel(fake.Channel{Name: "other", Members: []string{r.alice}}))
	_, err := r.chat.Send(r.within(), p)
	if class, _ := bot.RetryOf(err); class != bot.RetryNever || !strings.Contains(bot.MessageOf(err), "/invite @opsbot") {
		t.Errorf("%v: %s", class, bot.MessageOf(err))
	}
}

// TestRefusedBlocks: when Slack does not take the blocks, the words arrive.
func TestRefusedBlocks(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.Fail(fake.Fault{Method: "chat.postMessage", Times: 1, Code: "invalid_blocks"})
	r.send(r.post("a", "**Hello** <!here> & all"))
	if m := r.FromBot(r.dev)[0]; m.Text() != "Hello <!here> & all" || len(m.Mentions) > 0 || r.log.count("words are sent alone") != 1 {
		t.Errorf("%q, mentions %v", m.Text(), m.Mentions)
	}
}

// TestFiles: a file is put into the thread of its post, once, whatever happens.
func TestFiles(t *testing.T) {
	t.Parallel()
	r := setup(t)
	content := bytes.Repeat([]byte("line of a log\n"), 1000)
	digest, size, err := r.store.Blobs().Put(t.Context(), bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	p := r.post("log", "the log")
	p.File = &bot.File{Name: "../build 1.log", Type: "text/plain", Blob: digest, Bytes: size}
	r.Fail(fake.Fault{Method: "files.completeUploadExternal", Times: 1, Cut: true, After: true})
	if _, err := r.chat.Send(r.within(), p); err == nil {
		t.Fatal("an upload whose answer is lost is no success")
	}
	p.Again = true
	for _, c := range []*Chat{r.chat, r.chat, r.newChat(t.TempDir())} {
		if _, err := c.Send(r.within(), p); err != nil {
			t.Fatal(err)
		}
	}
	in := r.FromBot(r.dev)
	if len(in) != 2 || in[1].Thread != in[0].TS || len(in[1].Files) != 1 {
		t.Fatalf("the room holds %+v", in)
	}
	if f := in[1].Files[0]; f.Title != "build 1.log" || !bytes.Equal(f.Content, content) {
		t.Errorf("file %q, %d bytes", f.Title, len(f.Content))
	}
}

// TestLongPost: what is too long is whole in a file below it, again when it changes.
func TestLongPost(t *testing.T) {
	t.Parallel()
	r := setup(t)
	long := bot.Escape(strings.Repeat("words and more ", 2000))
	id := r.send(r.post("long", long+"one"))
	for range 2 {
		if err := r.chat.Edit(r.within(), id, r.post("long", long+"two")); err != nil {
			t.Fatal(err)
		}
	}
	_, ts, _ := wire.SplitID(id)
	in := r.Thread(r.dev, ts)
	if len(in) != 3 || !strings.HasSuffix(string(in[1].Files[0].Content), "one\n") || !strings.HasSuffix(string(in[2].Files[0].Content), "two\n") {
		t.Errorf("the thread holds %d messages", len(in))
	}
}

// TestNoFile: a file that can't be had is said, and is no reason to lose the post.
func TestNoFile(t *testing.T) {
	t.Parallel()
	r := setup(t)
	p := r.post("log", "the log")
	p.File = &bot.File{Name: "big.bin", Blob: "sha256:0", Bytes: maxUpload + 1}
	r.send(p)
	r.send(p)
	in := r.FromBot(r.dev)
	if len(in) != 2 || !strings.Contains(in[1].Text(), "could not be shown here") {
		t.Errorf("the room holds %+v", in)
	}
}

func TestEphemeral(t *testing.T) {
	t.Parallel()
	r := setup(t)
	said := r.Say(r.alice, r.dev, "hello", "")
	alice, stranger := r.account(r.alice), r.account(r.AddUser(fake.User{Name: "carol"}))
	p := r.post("no", "You may not do that.")
	p.To, p.Thread = &alice, wire.MessageID(r.dev, said)
	p.Buttons = []bot.Button{{Label: "Retry", Action: "a"}, {Label: "Docs", URL: "https://docs.example.com/"}}
	for range 2 {
		if err := r.chat.SendEphemeral(r.within(), p); err != nil {
			t.Fatal(err)
		}
	}
	if seen := r.Ephemerals(r.alice, r.dev); len(seen) != 1 || seen[0].Text() != "You may not do that." || seen[0].Thread != said {
		t.Errorf("alice sees %+v", seen)
	}
	p.To = &stranger
	for range 2 {
		if err := r.chat.SendEphemeral(r.within(), p); err != nil {
			t.Fatal(err)
		}
	}
	direct := r.FromBot(r.DM(stranger.ID))
	if len(direct) != 1 || len(direct[0].Controls) != 2 {
		t.Fatalf("carol, who is not in the channel, sees %+v", direct)
	}
	if b, ok := direct[0].Button("Open the thread"); !ok || !strings.Contains(b.URL, strings.ReplaceAll(said, ".", "")) {
		t.Errorf("the way back is %+v", b)
	}
	p.Room, p.To, p.Key = r.room(r.DM(r.bob)), &bot.Account{Instance: "slack", ID: r.bob}, "dm"
	if err := r.chat.SendEphemeral(r.within(), p); err != nil {
		t.Fatal(err)
	}
	if got := r.FromBot(r.DM(r.bob)); len(got) != 1 {
		t.Errorf("bob's own conversation holds %+v", got)
	}
}

// TestOnceSharesGoodNewsOnly: whoever waits for somebody else's call tries when that
// failed.
func TestOnceSharesGoodNewsOnly(t *testing.T) {
	t.Parallel()
	r := setup(t)
	inside, leave := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		_, err := r.chat.once(t.Context(), "k", func(string) (string, error) {
			close(inside)
			<-leave
			return "", errors.New("broken")
		})
		if err == nil {
			t.Error("the failure is lost")
		}
	})
	<-inside
	all.Go(func() {
		got, err := r.chat.once(t.Context(), "k", func(string) (string, error) { return "mine", nil })
		if got != "mine" || err != nil {
			t.Errorf("the second call gives %q, %v", got, err)
		}
	})
	close(leave)
	all.Wait()
}
