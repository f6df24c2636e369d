package router

import (
	"strings"
	"testing"
	"time"

	"opsbot/bot"
)

func TestFormOfALine(t *testing.T) {
	t.Parallel()
	r, _ := newForms(t)
	got := r.opened("alice", "  build-it --size 3", slash)
	if got.Title != "Make one" || len(got.ID) != 22 || got.Fields[1].Value != "3" {
		t.Errorf("%+v", got)
	}
	a := r.storedAction(got.ID)
	if a.Verb != "make" || !a.Form || !a.Once || a.UserID == "" || a.Room != room() || !a.ExpiresAt.Equal(r.clock.Now().Add(formLife)) {
		t.Errorf("stored: %+v", a)
	}
	if again := r.opened("alice", "make --size 3", slash); again.ID == got.ID {
		t.Error("two forms are one")
	}
	for _, line := range []string{"make it", "make it --size 3", "make --colour red", `make "`, "", "look", "echo", "help", "nothing like it"} {
		if got, err := r.router.Form(t.Context(), r.message("alice", line, slash)); got != nil || err != nil {
			t.Errorf("%q opens %+v, %v", line, got, err)
		}
	}
	r.shown(bot.Post{Key: "k", Text: []bot.Text{"hello"}}, "b1", "")
	for name, m := range map[string]bot.Message{
		"talk": r.message("alice", "make"), "talk in a thread": r.message("alice", "make", inThread("b1")), "what was missed": r.message("alice", "make", slash, r.away),
	} {
		if got, err := r.router.Form(t.Context(), m); got != nil || err != nil {
			t.Errorf("%s opens %+v, %v", name, got, err)
		}
	}
	if len(r.ran) != 0 {
		t.Errorf("ran %v", r.ran)
	}
}

func TestFormIsRefused(t *testing.T) {
	t.Parallel()
	r, _ := newForms(t)
	r.judge.refuse = func(a bot.Access) string {
		if a.User.Name == "guest" {
			return "no-guests"
		}
		return ""
	}
	got, err := r.router.Form(t.Context(), r.message("guest", "make", slash))
	if got != nil || bot.CodeOf(err) != bot.CodeForbidden || bot.MessageOf(err) != "You may not make. Forbidden by the policy no-guests." {
		t.Errorf("%+v, %v", got, err)
	}
	r.people().refuse["id-mallory"] = bot.Errorf(bot.CodeForbidden, "The account is deactivated.")
	if _, err := r.router.Form(t.Context(), r.message("mallory", "make", slash)); bot.MessageOf(err) != "The account is deactivated." {
		t.Errorf("%v", err)
	}
	form := r.opened("alice", "make", slash)
	r.people().refuse["id-alice"] = bot.Errorf(bot.CodeForbidden, "The account is deactivated.")
	if got := r.checked("alice", form.ID, map[string]string{"name": "it"}); got[""] != "The account is deactivated." {
		t.Errorf("deactivated since: %v", got)
	}
}

// TestFormOffered: where nobody waits, a button opens the form.
func TestFormOffered(t *testing.T) {
	t.Parallel()
	r, _ := newForms(t)
	got := r.say("alice", "!make --size 3")
	r.expect(got, "Fill in the form, or type all of it.", "make invalid failed: *")
	if len(got.post.Buttons) != 1 || got.post.Buttons[0].Label != "Make one" {
		t.Fatalf("%+v", got.post)
	}
	button := got.post.Buttons[0].Action
	for _, who := range []string{"alice", "bob"} { // it is for whoever may
		form := r.opened(who, "", press(button))
		if form.ID == button || form.Fields[1].Value != "3" {
			t.Errorf("%s: %+v", who, form)
		}
	}
	for name, with := range map[string]func(*bot.Message){"another room": elsewhere, "long ago": func(m *bot.Message) { m.Missed = true }} {
		if form, err := r.router.Form(t.Context(), r.message("alice", "", press(button), with)); form != nil || err != nil {
			t.Errorf("from %s: %+v, %v", name, form, err)
		}
	}
	r.expect(r.say("alice", "", press(button)), "That button opens a form, which this chat can't show. Type `make` instead.", "make invalid failed: *")
	r.expect(r.say("alice", "", press(button), elsewhere), "That button belongs to a message in another room.", "make refused failed: *")
	// Nobody sends in the button itself, as often as they like.
	r.expect(r.say("alice", "", submit(button, map[string]string{"name": "it"})), "This form is not known any more. Ask for it again.", "make invalid failed: *")
	if got := r.checked("alice", button, map[string]string{"name": "it"}); got[""] != "This form is not known any more. Ask for it again." {
		t.Errorf("%v", got)
	}
	r.clock.Advance(formLife + time.Second)
	if form, err := r.router.Form(t.Context(), r.message("alice", "", press(button))); form != nil || err != nil {
		t.Errorf("expired: %+v, %v", form, err)
	}
	r.ranTimes(0)
	r.opt.Opens = nil
	r.reopen()
	r.expect(r.say("alice", "!make"), "NAME is missing.", "make invalid failed: NAME is missing.")
}

func TestFormIsSentOnce(t *testing.T) {
	t.Parallel()
	r, _ := newForms(t)
	id := r.opened("alice", "make --size 3", slash).ID
	values := map[string]string{"name": "it", "size": "4"}
	if got := r.checked("alice", id, values); len(got) != 0 {
		t.Fatalf("%v", got)
	}
	r.ranTimes(0)
	got := r.say("alice", "", submit(id, values))
	r.expect(got, "made it", "make allowed done")
	if got.audit[0].Args != "make it --size 4" || got.post.Thread != "" {
		t.Errorf("audited as %q, answered in %q", got.audit[0].Args, got.post.Thread)
	}
	const again = "That form was sent already, at 12:00:00 UTC."
	r.expect(r.say("alice", "", submit(id, values)), again, "make invalid failed: "+again)
	if got := r.checked("alice", id, values); got[""] != again {
		t.Errorf("%v", got)
	}
	r.ranTimes(1)
	// Two at once: both are found right, one counts.
	id = r.opened("alice", "make", slash).ID
	first, second := r.message("alice", "", submit(id, values)), r.message("alice", "", submit(id, values))
	calls := []*call{{m: first}, {m: second}}
	results := make([]*result, len(calls))
	for i, c := range calls {
		r.receive(c.m)
		var err error
		if results[i], err = r.router.guarded(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.router.commit(t.Context(), calls[0], results[0]); err != nil {
		t.Fatal(err)
	}
	if err := r.router.commit(t.Context(), calls[1], results[1]); bot.CodeOf(err) != bot.CodeConflict {
		t.Errorf("the second: %v", err)
	}
	r.ranTimes(2)
}

// TestCheckAndReceiveAgree: what the desk finds wrong is refused when it is received all
// the same, by the same sentence, and changes nothing.
func TestCheckAndReceiveAgree(t *testing.T) {
	t.Parallel()
	r, f := newForms(t)
	r.judge.refuse = func(a bot.Access) string {
		if a.User.Name == "guest" && a.Verb == "make" && len(r.judge.asked) > 2 {
			return "no-guests"
		}
		return ""
	}
	alices, guests := r.opened("alice", "make", slash).ID, r.opened("guest", "make", slash).ID
	good := map[string]string{"name": "it"}
	for name, x := range map[string]struct {
		from, id string
		values   map[string]string
		with     func(*bot.Message)
		field    string
		want     string
		private  bool
	}{
		"one field":      {"alice", alices, map[string]string{"size": "3"}, nil, "name", "It needs a name.", false},
		"nothing at all": {"alice", alices, map[string]string{}, nil, "name", "It needs a name.", false},
		"two fields":     {"alice", alices, map[string]string{"size": "big"}, nil, "size", "Say it in numbers.", false},
		"of the whole":   {"alice", alices, map[string]string{"name": "nowhere"}, nil, "", "There is no such place.", false},
		"the command's":  {"alice", alices, map[string]string{"name": "taken"}, nil, "", "There is a taken already.", false},
		"another room":   {"alice", alices, good, elsewhere, "", "That form was opened in another room. Ask for it here, or type `make` here.", true},
		"another's":      {"bob", alices, good, nil, "", "That form is for somebody else.", true},
		"not allowed":    {"guest", guests, good, nil, "", "You may not make. Forbidden by the policy no-guests.", true},
	} {
		with := []func(*bot.Message){submit(x.id, x.values)}
		if x.with != nil {
			with = append(with, x.with)
		}
		got, err := r.router.Check(t.Context(), r.message(x.from, "", with...))
		if err != nil || got[x.field] != x.want {
			t.Errorf("%s: checked %v, %v", name, got, err)
		}
		said := r.say(x.from, "", with...)
		if !strings.Contains(said.text(), x.want) || said.post.To != nil != x.private {
			t.Errorf("%s: received %q, to %v", name, said.text(), said.post.To)
		}
		if a := said.audit[0]; a.Decision == "allowed" && x.want != "There is a taken already." || !strings.Contains(a.Outcome, x.want) && !x.private {
			t.Errorf("%s: audited %+v", name, a)
		}
	}
	if both := r.say("alice", "", submit(alices, map[string]string{"size": "big"})).text(); both != "It needs a name. Say it in numbers." {
		t.Errorf("two problems are told as %q", both)
	}
	r.ranTimes(0)
	if f.fills == 0 || r.storedAction(alices).UsedAt != (time.Time{}) {
		t.Error("what was wrong used the form up")
	}
	r.expect(r.say("alice", "", submit(alices, good)), "made it", "make allowed done")
}

func TestCheckOfWhatIsNoForm(t *testing.T) {
	t.Parallel()
	r, _ := newForms(t)
	values := map[string]string{"name": "it"}
	for _, id := range []string{bot.NewToken(), r.button(bot.Action{Verb: "echo"}).ID} {
		for _, sent := range []map[string]string{values, nil} {
			if got := r.checked("alice", id, sent); got[""] != "This form is not known any more. Ask for it again." {
				t.Errorf("%v", got)
			}
		}
	}
	id := r.opened("alice", "make", slash).ID
	r.expect(r.say("alice", "", press(id)), "It needs a name.", "make invalid failed: *") // pressed as if it were a button
	if form, err := r.router.Form(t.Context(), r.message("alice", "", press(id))); form != nil || err != nil {
		t.Errorf("a form opens a form: %+v %v", form, err)
	}
	_, err := r.router.Check(t.Context(), r.message("alice", "", submit(id, map[string]string{"name": "panic"})))
	if bot.CodeOf(err) != bot.CodeInternal {
		t.Errorf("a command's panic: %v", err)
	}
	r.clock.Advance(formLife + time.Second)
	if got := r.checked("alice", id, values); got[""] != "That form has expired. Type `make` instead." {
		t.Errorf("%v", got)
	}
	r.ranTimes(0)
}

// TestFormOfWhatAsksFirst: the plan stands where the form was sent from.
func TestFormOfWhatAsksFirst(t *testing.T) {
	t.Parallel()
	r, _ := newForms(t)
	id := r.opened("alice", "order", slash).ID
	values := map[string]string{"name": "taken"} // which the plan, not the desk, would say
	if got := r.checked("alice", id, values); len(got) != 0 {
		t.Errorf("%v", got)
	}
	got := r.say("alice", "", submit(id, values))
	r.expect(got, "Order of taken", "order allowed planned *")
	if r.storedAction(id).UsedAt.IsZero() {
		t.Error("the form can be sent again")
	}
	r.ranTimes(0)
}
