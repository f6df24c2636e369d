package slack_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	slackgo "github.com/slack-go/slack"

	"opsbot/test/fakes/slack"
)

func TestWhatPeopleTypeIsEncoded(t *testing.T) {
	t.Parallel()
	r := setup(t)
	group := r.AddGroup(slack.Group{Handle: "oncall"})
	for typed, want := range map[string]string{
		"@opsbot hi":              "<@" + r.BotUserID + "> hi",
		"ask @alice.":             "ask <@" + r.alice + ">.",
		"@alicex is not @alice":   "@alicex is not <@" + r.alice + ">",
		"in #dev, please":         "in <#" + r.dev + "|dev>, please",
		"a < b && c > d":          "a &lt; b &amp;&amp; c &gt; d",
		"@oncall @here":           "<!subteam^" + group + "> <!here>",
		"see http://a/b?x=1&y=2.": "see <http://a/b?x=1&amp;y=2>.",
		"mail a.b@c.example.com":  "mail <mailto:a.b@c.example.com|a.b@c.example.com>",
		"ping shop.example.com":   "ping <http://shop.example.com|shop.example.com>",
	} {
		ts := r.Say(r.bob, r.dev, typed, "")
		m, _ := r.Message(r.dev, ts)
		if m.Raw != want {
			t.Errorf("%q is sent as %q, want %q", typed, m.Raw, want)
		}
	}
	ts := r.SayRaw(r.bob, r.dev, "<@U0NOBODY> &lt;x&gt; <https://a.example.com|safe>", "")
	if m, _ := r.Message(r.dev, ts); m.Text() != "@U0NOBODY <x> safe (https://a.example.com)" {
		t.Errorf("shown as %q", m.Text())
	}
}

func TestForeignTextIsShownAsItIs(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for sent, want := range map[string]string{
		"a < b & <c>":       "a < b & <c>",
		"&lt;!channel&gt;":  "<!channel>",
		"<script>":          "<script>",
		"<!channel> & <@U>": "@channel & <@U>",
	} {
		ts := r.accepted(t, "chat.postMessage", "channel", r.dev, "text", sent)["ts"].(string)
		if m, _ := r.Message(r.dev, ts); m.Text() != want {
			t.Errorf("%q is shown as %q, want %q", sent, m.Text(), want)
		}
	}
	if m := r.FromBot(r.dev); slices.ContainsFunc(m, func(m slack.Message) bool {
		return (len(m.Mentions) > 0) != strings.HasPrefix(m.Text(), "@channel")
	}) {
		t.Errorf("notified by %+v", m)
	}
}

func TestMentions(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	ts := r.Say(r.alice, r.dev, "deploy", "")
	r.Edit(r.alice, r.dev, ts, "@opsbot deploy")
	e := a.event(t, "app_mention", "")
	if e["ts"] != ts || e["edited"] == nil {
		t.Errorf("edited into a mention: %v", e)
	}
	r.Edit(r.alice, r.dev, ts, "@opsbot deploy now")
	a.event(t, "message", "message_changed")
	r.Say(r.alice, r.DM(r.alice), "@opsbot hello", "")
	r.SayAsBot("jenkins", r.unjoined, "@opsbot I built it", "")
	last := r.Say(r.alice, r.dev, "the end", "")
	for {
		e := a.next(t).payload(t)["event"].(map[string]any)
		if e["type"] == "app_mention" {
			t.Errorf("a mention in a direct message, after an edit, or where the bot is not: %v", e)
		}
		if e["ts"] == last {
			return
		}
	}
}

func TestOtherOrganisations(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	shared := r.AddChannel(slack.Channel{Name: "partners", Shared: true, Members: []string{r.BotUserID}})
	eve := r.AddUser(slack.User{Name: "eve", Team: "T0OTHER"})
	r.Join(eve, shared, "")
	r.Say(eve, shared, "hello", "")
	for {
		outer := a.next(t).payload(t)
		if e := outer["event"].(map[string]any); e["type"] == "message" && e["subtype"] == nil {
			if outer["is_ext_shared_channel"] != true || e["team"] != "T0OTHER" || outer["team_id"] != r.TeamID {
				t.Errorf("event %v", outer)
			}
			break
		}
	}
	u, err := r.api.GetUserInfo(eve)
	if err != nil || !u.IsStranger || u.TeamID != "T0OTHER" {
		t.Errorf("user %+v, %v", u, err)
	}
}

func TestUsersChange(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	guest := r.AddUser(slack.User{Name: "gus", Ultra: true})
	r.Deactivate(guest)
	if u := a.event(t, "user_change", "")["user"].(map[string]any); u["deleted"] != true || u["is_ultra_restricted"] != true || u["is_restricted"] != true {
		t.Errorf("user %v", u)
	}
	r.Reactivate(guest)
	r.RenameUser(guest, "gustav")
	a.event(t, "user_change", "")
	if u := a.event(t, "user_change", "")["user"].(map[string]any); u["deleted"] != false || u["name"] != "gustav" || u["id"] != guest {
		t.Errorf("user %v", u)
	}
	r.refused(t, "users_not_found", "users.lookupByEmail", "email", "nobody@acme.example.com")
	r.refused(t, "user_not_found", "users.info", "user", "U404")
	var names []string
	for p := r.api.GetUsersPaginated(slackgo.GetUsersOptionLimit(2)); ; {
		var err error
		if p, err = p.Next(within(t)); err != nil {
			if p.Done(err) {
				break
			}
			t.Fatal(err)
		}
		for _, u := range p.Users {
			names = append(names, u.Name)
		}
	}
	if got := strings.Join(names, " "); got != "opsbot alice bob gustav" {
		t.Errorf("users %s", got)
	}
	r.SetScopes("users:read")
	if u, err := r.api.GetUserInfo(r.alice); err != nil || u.Profile.Email != "" {
		t.Errorf("e-mail without its scope: %+v, %v", u, err)
	}
}

func TestGroupsChange(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	id := r.AddGroup(slack.Group{Handle: "oncall", Members: []string{r.alice}})
	r.ChangeGroup(id, r.bob)
	e := a.event(t, "subteam_members_changed", "")
	if fmt.Sprint(e["added_users"], e["removed_users"]) != fmt.Sprint([]string{r.bob}, []string{r.alice}) {
		t.Errorf("event %v", e)
	}
	a.event(t, "subteam_updated", "")
	got, err := r.api.GetUserGroups(slackgo.GetUserGroupsOptionIncludeUsers(true))
	if err != nil || len(got) != 1 || got[0].Handle != "oncall" || !slices.Equal(got[0].Users, []string{r.bob}) {
		t.Errorf("groups %+v, %v", got, err)
	}
}

func TestChannelsChange(t *testing.T) {
	t.Parallel()
	r := setup(t)
	private := r.addPrivate()
	got, _, err := r.api.GetConversations(&slackgo.GetConversationsParameters{Types: []string{"public_channel", "private_channel"}})
	if err != nil || len(got) != 3 || got[2].ID != private || !got[2].IsPrivate || got[1].IsMember {
		t.Errorf("channels %+v, %v", got, err)
	}
	if _, _, _, err := r.api.JoinConversation(r.unjoined); err != nil || !slices.Contains(r.Members(r.unjoined), r.BotUserID) {
		t.Errorf("join: %v", err)
	}
	if left, err := r.api.LeaveConversation(r.unjoined); err != nil || left || slices.Contains(r.Members(r.unjoined), r.BotUserID) {
		t.Errorf("leave: %v %v", left, err)
	}
	r.refused(t, "method_not_supported_for_channel_type", "conversations.join", "channel", private)
	r.RenameChannel(r.alice, private, "vault")
	r.Archive(r.alice, private)
	c, err := r.api.GetConversationInfo(&slackgo.GetConversationInfoInput{ChannelID: private})
	if err != nil || c.Name != "vault" || !c.IsArchived || !slices.Equal(c.PreviousNames, []string{"secret"}) {
		t.Errorf("channel %+v, %v", c, err)
	}
	dm, noOp, _, err := r.api.OpenConversation(&slackgo.OpenConversationParameters{Users: []string{r.bob}})
	if err != nil || noOp || dm.ID != r.DM(r.bob) {
		t.Errorf("open: %+v %v %v", dm, noOp, err)
	}
	r.refused(t, "users_list_not_supplied", "conversations.open")
	r.Deactivate(r.bob)
	r.refused(t, "user_disabled", "conversations.open", "users", r.bob)
}

func TestPrivateChannelsOfOthersDoNotExist(t *testing.T) {
	t.Parallel()
	r := setup(t)
	hidden := r.AddChannel(slack.Channel{Name: "hidden", Kind: slack.Private, Members: []string{r.alice}})
	r.refused(t, "channel_not_found", "conversations.info", "channel", hidden)
	r.refused(t, "channel_not_found", "conversations.history", "channel", hidden)
	for _, c := range r.accepted(t, "conversations.list", "types", "public_channel,private_channel")["channels"].([]any) {
		if c.(map[string]any)["id"] == hidden {
			t.Error("it is listed")
		}
	}
	r.Say(r.alice, hidden, "@opsbot hello", "")
	if err := r.Settle(within(t)); err != nil || len(r.Acknowledged())+len(r.Lost()) != 0 {
		t.Errorf("%v: the app heard of it: %v %v", err, r.Acknowledged(), r.Lost())
	}
}

func TestChoosing(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	menu := `[{"type":"section","text":{"type":"plain_text","text":"x"},"accessory":{"type":"static_select","action_id":"pick",
		"options":[{"text":{"type":"plain_text","text":"One"},"value":"1"},{"text":{"type":"plain_text","text":"Two"},"value":"2"}]}}]`
	ts := r.accepted(t, "chat.postMessage", "channel", r.dev, "text", "x", "attachments", `[{"color":"good","blocks":`+menu+`}]`)["ts"].(string)
	if got := r.Choose(r.alice, r.dev, ts, "pick", "Two"); !got.Acked {
		t.Errorf("answer %+v", got)
	}
	in := a.interaction(t)
	action := in["actions"].([]any)[0].(map[string]any)
	if action["selected_option"].(map[string]any)["value"] != "2" || in["container"].(map[string]any)["type"] != "message_attachment" {
		t.Errorf("interaction %v", in)
	}
}

func TestMistakesOfTheTestItself(t *testing.T) {
	t.Parallel()
	r := setup(t, quiet())
	ts := r.Say(r.alice, r.dev, "x", "")
	r.Say(r.bob, r.unjoined, "not there", "")
	r.Click(r.alice, r.dev, ts, "No such button")
	r.React(r.alice, r.dev, "1.2", "eyes")
	r.Submit(r.alice, "V404", nil)
	for i, about := range []string{"is not in", "there is no", "no message", "has no form"} {
		if got := r.Unexpected(); len(got) != 4 || !strings.HasPrefix(got[i], "the test itself: ") || !strings.Contains(got[i], about) {
			t.Errorf("complaint %d: %q", i, got)
		}
	}
}
