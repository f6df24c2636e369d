package router

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
)

// planShown asks for a plan as alice and returns it with its post.
func planShown(t *testing.T, line string, prepare ...func(*rig)) (*rig, *bot.Plan, said) {
	t.Helper()
	r := newRig(t)
	r.project("hello")
	for _, p := range prepare {
		p(r)
	}
	got := r.say("alice", line)
	if got.post == nil {
		t.Fatalf("%s shows no plan", line)
	}
	if len(r.ran) != 0 {
		t.Fatalf("%s ran without being asked: %v", line, r.ran)
	}
	return r, r.openPlan(), got
}

// ranTimes checks how often ship ran.
func (r *rig) ranTimes(n int) {
	r.t.Helper()
	if len(r.ran) != n {
		r.t.Errorf("ran %d times (%v), want %d", len(r.ran), r.ran, n)
	}
}

// planPost reads the plan's post.
func (r *rig) planPost(p *bot.Plan) *bot.Post {
	r.t.Helper()
	var post *bot.Post
	r.read(func(ctx context.Context, tx *bot.Tx) error {
		row, err := tx.Posts.Get(ctx, room(), "plan:"+p.ID)
		post = row.Content
		return err
	})
	return post
}

func TestConfirmedByRequester(t *testing.T) {
	t.Parallel()
	r, p, shown := planShown(t, "!ship hello to staging")
	if !strings.Contains(shown.text(), "To go ahead: `confirm "+p.ID+"`") || shown.post.Tone != bot.ToneWaiting || len(shown.post.Buttons) != 2 {
		t.Errorf("the plan: %s, %+v", shown.text(), shown.post.Buttons)
	}
	got := r.say("alice", "!confirm "+p.ID)
	r.expect(got, "shipped", "confirm allowed confirmed "+p.ID)
	r.ranTimes(1)
	if a := got.audit[0]; a.PlanHash != p.Hash || a.ProjectID != p.ProjectID || a.Environment != "staging" || a.Policies[0] != "all-ship" {
		t.Errorf("%+v", a)
	}
	if post := r.planPost(p); len(post.Buttons) != 0 || !strings.Contains(string(post.Text[len(post.Text)-1]), "Confirmed by alice.") {
		t.Errorf("the plan's post still invites: %+v", post)
	}
	r.expect(r.say("alice", "!confirm "+p.ID), "The plan "+p.ID+" is confirmed already.", "confirm allowed failed: *")
	r.expect(r.say("alice", "!cancel "+p.ID), "is confirmed already.", "cancel allowed failed: *")
	r.ranTimes(1)
}

func TestStrangerCannotConfirm(t *testing.T) {
	t.Parallel()
	r, p, _ := planShown(t, "!ship hello to staging")
	r.expect(r.say("mallory", "!confirm "+p.ID), "Only the person who asked for the plan "+p.ID+" can confirm it.", "confirm refused failed: *")
	r.ranTimes(0)
	r.expect(r.say("alice", "!confirm "+p.ID), "shipped", "confirm allowed confirmed "+p.ID)
}

func TestPlanExpires(t *testing.T) {
	t.Parallel()
	r, p, _ := planShown(t, "!ship hello to staging")
	r.clock.Advance(30*time.Minute + time.Second)
	r.expect(r.say("alice", "!confirm "+p.ID), "has expired; ask again: ship hello to staging", "confirm allowed failed: *")
	r.expect(r.say("alice", "!confirm zzzzzz"), `There is no plan "zzzzzz".`, "confirm allowed failed: *")
	r.ranTimes(0)
}

func TestChangedWorldShowsThePlanAnew(t *testing.T) {
	t.Parallel()
	r, old, _ := planShown(t, "!ship hello to staging")
	r.world = "v2"
	got := r.say("alice", "!confirm "+old.ID)
	fresh := r.openPlan()
	r.expect(got, "Plan: v2", "confirm allowed planned "+fresh.ID)
	r.ranTimes(0)
	post := r.planPost(fresh)
	if text := string(post.Title) + string(post.Text[0]); fresh.ID == old.ID || !strings.Contains(text, "Plan: v2") || !strings.Contains(text, "Things have changed since the plan "+old.ID) {
		t.Errorf("shown: %s", text)
	}
	r.expect(r.say("alice", "!confirm "+old.ID), "is replaced already.", "confirm allowed failed: *")
	r.ranTimes(0)
	r.expect(r.say("alice", "!confirm "+fresh.ID), "shipped", "confirm allowed confirmed "+fresh.ID)
	r.ranTimes(1)
}

// TestRightsAreAskedAgain: what the policy says when it runs is what counts.
func TestRightsAreAskedAgain(t *testing.T) {
	t.Parallel()
	r, p, _ := planShown(t, "!ship hello to staging")
	r.judge.refuse = func(a bot.Access) string {
		if a.Verb == "ship" {
			return "fired"
		}
		return ""
	}
	got := r.say("alice", "!confirm "+p.ID)
	r.expect(got, "You may not ship hello (staging). Forbidden by the policy fired.", "confirm refused refused: *")
	if got.audit[0].Policies[0] != "fired" {
		t.Errorf("%+v", got.audit[0])
	}
	r.ranTimes(0)
}

func TestProjectGoneMeanwhile(t *testing.T) {
	t.Parallel()
	r, p, _ := planShown(t, "!ship hello to staging")
	r.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Projects.Purge(ctx, p.ProjectID) })
	r.expect(r.say("alice", "!confirm "+p.ID), "The project of the plan "+p.ID+" is not there any more.", "confirm allowed failed: *")
	r.ranTimes(0)
}

func TestYes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.project("hello")
	r.expect(r.say("alice", "!ship hello to staging --yes"), "shipped", "ship allowed done")
	r.ranTimes(1)
	r.judge.refuse = func(a bot.Access) string {
		if a.Verb == "yes" && a.Environment == "production" {
			return "always-asked"
		}
		return ""
	}
	r.expect(r.say("alice", "!ship hello to production --yes"), "--yes is not allowed here: Forbidden by the policy always-asked.", "ship allowed planned *")
	r.expect(r.say("alice", "!ship hello to staging --yes --approved 1"), "approval of 1 other(s)", "ship allowed planned *")
	r.expect(r.say("alice", "!ship hello to staging --yes --typed"), "To go ahead type", "ship allowed planned *")
	r.ranTimes(1)
	r.judge.err = bot.Errorf(bot.CodeInternal, "no answer")
	r.expect(r.say("alice", "!ship hello to staging --yes"), "You may not", "ship refused *")
	r.ranTimes(1)
}

func TestTypedConfirmation(t *testing.T) {
	t.Parallel()
	r, p, shown := planShown(t, "!ship hello to staging --typed")
	if len(shown.post.Buttons) != 1 || shown.post.Buttons[0].Label != "Cancel" {
		t.Errorf("a click is not typing: %+v", shown.post.Buttons)
	}
	for _, wrong := range []string{"", " Hello", " hello world"} {
		r.expect(r.say("alice", "!confirm "+p.ID+wrong), "This needs its name typed: confirm "+p.ID+" hello", "confirm allowed failed: *")
	}
	r.ranTimes(0)
	r.expect(r.say("alice", "!confirm "+p.ID+" hello"), "shipped", "confirm allowed confirmed "+p.ID)
	r.ranTimes(1)
}

func TestApproval(t *testing.T) {
	t.Parallel()
	r, p, _ := planShown(t, "!ship hello to staging --approved 1")
	r.judge.refuse = func(a bot.Access) string {
		if a.Verb == "approve" && a.User.Name == "guest" {
			return "no-guests"
		}
		return ""
	}
	r.expect(r.say("alice", "!confirm "+p.ID), "still needs the approval of 1 other(s).", "confirm allowed failed: *")
	got := r.say("guest", "!confirm "+p.ID)
	r.expect(got, "You may not approve ship hello (staging). Forbidden by the policy no-guests.", "confirm refused failed: *")
	if i := slices.IndexFunc(r.judge.asked, func(a bot.Access) bool { return a.Verb == "approve" }); r.judge.asked[i].Requester != p.UserID || r.judge.asked[i].User.ID == p.UserID {
		t.Errorf("asked: %+v", r.judge.asked[i])
	}
	r.expect(r.say("bob", "!confirm "+p.ID), "bob approved the plan "+p.ID+".", "confirm allowed approved "+p.ID)
	r.expect(r.say("bob", "!confirm "+p.ID), "You have approved the plan "+p.ID+" already.", "confirm allowed failed: *")
	r.ranTimes(0)
	r.expect(r.say("alice", "!confirm "+p.ID), "shipped", "confirm allowed confirmed "+p.ID)
	r.ranTimes(1)
}

// TestApprovalOfWhoIsGone counts no more; one of somebody who can't be looked up does.
func TestApprovalOfWhoIsGone(t *testing.T) {
	t.Parallel()
	r, p, _ := planShown(t, "!ship hello to staging --approved 2")
	r.say("bob", "!confirm "+p.ID)
	r.say("carol", "!confirm "+p.ID)
	bob := r.openPlan().Approved[0]
	r.people().refuse[bob] = bot.Errorf(bot.CodeForbidden, "The account is deactivated.")
	r.expect(r.say("alice", "!confirm "+p.ID), "still needs the approval of 1 other(s).", "confirm allowed failed: *")
	r.ranTimes(0)
	r.people().refuse[bob] = bot.Errorf(bot.CodeUnavailable, "The chat is down.").Backoff()
	r.expect(r.say("alice", "!confirm "+p.ID), "shipped", "confirm allowed confirmed "+p.ID)
}

// TestApprovalIsOfOnePlan: another plan needs its own.
func TestApprovalIsOfOnePlan(t *testing.T) {
	t.Parallel()
	r, p, _ := planShown(t, "!ship hello to staging --approved 1")
	r.say("bob", "!confirm "+p.ID)
	r.world = "v2"
	r.say("alice", "!confirm "+p.ID)
	fresh := r.openPlan()
	r.expect(r.say("alice", "!confirm "+fresh.ID), "still needs the approval of 1 other(s).", "confirm allowed failed: *")
	r.ranTimes(0)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	r, p, _ := planShown(t, "!ship hello to staging")
	r.judge.refuse = func(a bot.Access) string {
		if a.Verb == "ship" && a.User.Name == "guest" {
			return "no-guests"
		}
		return ""
	}
	got := r.say("guest", "!cancel "+p.ID)
	r.expect(got, "You may not ship hello (staging). Forbidden by the policy no-guests.", "cancel refused refused: *")
	r.expect(r.say("bob", "!cancel "+p.ID), "Cancelled the plan "+p.ID, "cancel allowed cancelled "+p.ID)
	if post := r.planPost(p); len(post.Buttons) != 0 || !strings.Contains(string(post.Text[len(post.Text)-1]), "Cancelled by bob.") {
		t.Errorf("the plan's post: %+v", post)
	}
	r.expect(r.say("alice", "!confirm "+p.ID), "is cancelled already.", "confirm allowed failed: *")
	r.ranTimes(0)
}

// TestHashIsOfWhatIsAgreedTo: each part of it changes it, --yes does not.
func TestHashIsOfWhatIsAgreedTo(t *testing.T) {
	t.Parallel()
	base := func() *bot.Plan {
		return &bot.Plan{Verb: "ship", Args: bot.Args{Values: map[string]string{"a": "b"}, Flags: map[string]string{}}, ProjectID: "p", Environment: "e", Content: []byte(`1`)}
	}
	hash := func(change func(*bot.Plan)) string {
		p := base()
		change(p)
		h, err := hashOf(p)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	same := hash(func(*bot.Plan) {})
	if hash(func(p *bot.Plan) { p.Args.Flags["yes"] = "true" }) != same || hash(func(p *bot.Plan) { p.ID, p.Title = "x", "y" }) != same {
		t.Error("what is no part of the agreement changes its hash")
	}
	for i, change := range []func(*bot.Plan){
		func(p *bot.Plan) { p.Verb = "x" }, func(p *bot.Plan) { p.Args.Values["a"] = "c" }, func(p *bot.Plan) { p.Args.Flags["purge"] = "true" },
		func(p *bot.Plan) { p.ProjectID = "x" }, func(p *bot.Plan) { p.Environment = "x" }, func(p *bot.Plan) { p.Content = []byte(`2`) },
		func(p *bot.Plan) { p.Typed = "x" }, func(p *bot.Plan) { p.Approvals = 1 }, func(p *bot.Plan) { p.Args.Pairs = []bot.Pair{{Key: "k"}} },
	} {
		if hash(change) == same {
			t.Errorf("change %d leaves the hash", i)
		}
	}
}
