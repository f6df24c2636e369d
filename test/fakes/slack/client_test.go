package slack_test

import (
	"context"
	"strings"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"

	"opsbot/test/fakes/slack"
)

// rig is a workspace with two people, a channel with the bot, and the client library.
type rig struct {
	*slack.Server
	api                       *slackgo.Client
	alice, bob, dev, unjoined string
}

func setup(t *testing.T, opts ...slack.Option) *rig {
	t.Helper()
	r := &rig{Server: slack.New(t, opts...)}
	r.alice = r.AddUser(slack.User{Name: "alice", RealName: "Alice Archer", Email: "alice@acme.example.com"})
	r.bob = r.AddUser(slack.User{Name: "bob"})
	r.dev = r.AddChannel(slack.Channel{Name: "dev", Members: []string{r.alice, r.bob, r.BotUserID}})
	r.unjoined = r.AddChannel(slack.Channel{Name: "random", Members: []string{r.alice}})
	r.api = slackgo.New(r.BotToken, slackgo.OptionAPIURL(r.URL+"/api/"), slackgo.OptionAppLevelToken(r.AppToken))
	return r
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// await fails the test if ok does not come true in time.
func (r *rig) await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if err := r.Await(within(t), ok); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// connect runs n socket mode clients that acknowledge all; what came goes to the channel.
func (r *rig) connect(t *testing.T, n int) <-chan socketmode.Event {
	t.Helper()
	got := make(chan socketmode.Event, 100)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	for range n {
		c := socketmode.New(r.api)
		go func() { _ = c.RunContext(ctx) }()
		go func() {
			for {
				select {
				case e := <-c.Events:
					if e.Request != nil && e.Request.EnvelopeID != "" {
						_ = c.Ack(*e.Request)
						got <- e
					}
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	r.await(t, "connections", func() bool { return r.Connections() == n })
	return got
}

func next(t *testing.T, from <-chan socketmode.Event) socketmode.Event {
	t.Helper()
	select {
	case e := <-from:
		return e
	case <-within(t).Done():
		t.Fatal("nothing came")
		return socketmode.Event{}
	}
}

func TestClientPostsEditsAndReads(t *testing.T) {
	t.Parallel()
	r := setup(t)
	who, err := r.api.AuthTest()
	if err != nil || who.UserID != r.BotUserID || who.Header.Get("X-OAuth-Scopes") == "" {
		t.Fatalf("auth.test: %+v, %v", who, err)
	}
	blocks := slackgo.MsgOptionBlocks(
		slackgo.NewHeaderBlock(slackgo.NewTextBlockObject("plain_text", "Deploy", false, false)),
		slackgo.NewSectionBlock(slackgo.NewTextBlockObject("mrkdwn", "see <https://a.example.com/x|here> &amp; <@"+r.alice+">", false, false), nil, nil),
		slackgo.NewActionBlock("", slackgo.NewButtonBlockElement("abc", "v", slackgo.NewTextBlockObject("plain_text", "Go", false, false))),
	)
	_, ts, err := r.api.PostMessage(r.dev, slackgo.MsgOptionText("Deploy", false), blocks,
		slackgo.MsgOptionMetadata(slackgo.SlackMetadata{EventType: "opsbot_post", EventPayload: map[string]any{"key": "k1"}}))
	if err != nil {
		t.Fatal(err)
	}
	m, ok := r.Message(r.dev, ts)
	if want := "Deploy\nsee here (https://a.example.com/x) & @alice"; !ok || m.Text() != want {
		t.Errorf("text %q, want %q", m.Text(), want)
	}
	if b, ok := m.Button("Go"); !ok || b.ActionID != "abc" || b.Value != "v" {
		t.Errorf("button %+v", b)
	}
	if _, _, _, err := r.api.UpdateMessage(r.dev, ts, slackgo.MsgOptionText("done", false)); err != nil {
		t.Fatal(err)
	}
	h, err := r.api.GetConversationHistory(&slackgo.GetConversationHistoryParameters{ChannelID: r.dev, IncludeAllMetadata: true})
	if err != nil || len(h.Messages) != 1 || h.Messages[0].Text != "done" || h.Messages[0].Metadata.EventPayload["key"] != "k1" || len(h.Messages[0].Blocks.BlockSet) != 0 {
		t.Errorf("history %+v, %v", h, err)
	}
	link, err := r.api.GetPermalink(&slackgo.PermalinkParameters{Channel: r.dev, Ts: ts})
	if err != nil || !strings.HasSuffix(link, "/archives/"+r.dev+"/p"+strings.ReplaceAll(ts, ".", "")) {
		t.Errorf("permalink %q, %v", link, err)
	}
	if _, _, err := r.api.PostMessage(r.unjoined, slackgo.MsgOptionText("x", false)); err == nil || err.Error() != "not_in_channel" {
		t.Errorf("post without being there: %v", err)
	}
}

func TestClientHearsOverTwoSockets(t *testing.T) {
	t.Parallel()
	r := setup(t)
	events := r.connect(t, 2)
	ts := r.Say(r.alice, r.dev, "@opsbot deploy <shop> & see http://a.example.com/x", "")
	kinds := map[string]string{}
	for range 2 {
		outer := next(t, events).Data.(slackevents.EventsAPIEvent)
		id := outer.Data.(*slackevents.EventsAPICallbackEvent).EventID
		switch e := outer.InnerEvent.Data.(type) {
		case *slackevents.MessageEvent:
			kinds["message"] = id
			if e.TimeStamp != ts || e.Text != "<@"+r.BotUserID+"> deploy &lt;shop&gt; &amp; see <http://a.example.com/x>" {
				t.Errorf("message %+v", e)
			}
		case *slackevents.AppMentionEvent:
			kinds["mention"] = id
			if e.TimeStamp != ts {
				t.Errorf("mention at %s, want %s", e.TimeStamp, ts)
			}
		}
	}
	if kinds["message"] == "" || kinds["mention"] == "" || kinds["message"] == kinds["mention"] {
		t.Errorf("events %v", kinds)
	}
	if err := r.Settle(within(t)); err != nil {
		t.Fatal(err)
	}
	if lost := r.Lost(); len(lost) > 0 {
		t.Errorf("lost %v", lost)
	}
}

func TestClientIsClicked(t *testing.T) {
	t.Parallel()
	r := setup(t)
	events := r.connect(t, 1)
	_, ts, err := r.api.PostMessage(r.dev, slackgo.MsgOptionBlocks(slackgo.NewActionBlock("", slackgo.NewButtonBlockElement("abc", "v", slackgo.NewTextBlockObject("plain_text", "Go", false, false)))))
	if err != nil {
		t.Fatal(err)
	}
	next(t, events) // the echo of the own message
	if a := r.Click(r.alice, r.dev, ts, "Go"); !a.Acked {
		t.Fatalf("click: %+v", a)
	}
	in := next(t, events).Data.(slackgo.InteractionCallback)
	if in.Type != slackgo.InteractionTypeBlockActions || in.ActionCallback.BlockActions[0].ActionID != "abc" || in.User.ID != r.alice || in.Container.MessageTs != ts {
		t.Errorf("interaction %+v", in)
	}
	view := slackgo.ModalViewRequest{Type: slackgo.VTModal, Title: slackgo.NewTextBlockObject("plain_text", "New", false, false), Blocks: slackgo.Blocks{BlockSet: []slackgo.Block{slackgo.NewDividerBlock()}}}
	if _, err := r.api.OpenView(in.TriggerID, view); err != nil {
		t.Errorf("open: %v", err)
	}
	if _, err := r.api.OpenView(in.TriggerID, view); err == nil || err.Error() != "exchanged_trigger_id" {
		t.Errorf("open again: %v", err)
	}
	if v, ok := r.View(r.alice); !ok || v.Title != "New" {
		t.Errorf("view %+v", v)
	}
	if a := r.Slash(r.bob, r.dev, "/ops", "help"); !a.Acked {
		t.Errorf("slash: %+v", a)
	}
}

func userNamed(name string) slack.User { return slack.User{Name: name} }

// addPrivate adds a private channel with alice and the bot.
func (r *rig) addPrivate() string {
	return r.AddChannel(slack.Channel{Name: "secret", Kind: slack.Private, Members: []string{r.alice, r.BotUserID}})
}
