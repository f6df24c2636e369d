package router

import (
	"context"
	"errors"
	"testing"

	"opsbot/bot"
)

// memo is a command about a project: "memo NAME because TEXT".
type memo struct{ fake }

var _ bot.FormCommand = (*memo)(nil)

func (*memo) Form(_ context.Context, req *bot.Request) (*bot.Form, error) {
	return &bot.Form{Title: "About " + req.Value("name"), Fields: []bot.FormField{{Name: "text", Value: req.Value("text")}}}, nil
}

func (*memo) Fill(_ context.Context, req *bot.Request, values map[string]string) (bot.Args, map[string]string, error) {
	args := req.Args
	args.Values["text"] = values["text"]
	return args, nil, nil
}

func newMemo(t *testing.T) *rig {
	t.Helper()
	var r *rig
	r = newRig(t, &memo{fake{
		bot.Spec{Verb: "memo", Params: []bot.Param{
			{Name: "name", Type: bot.ParamProject, Example: "hello"}, {Name: "text", Type: bot.ParamText, Keyword: "because", Example: "why"},
		}},
		func(_ context.Context, req *bot.Request) (*bot.Outcome, error) {
			note := req.Project.Slug + ": " + req.Value("text") // a command may rely on its project
			return &bot.Outcome{Reply: &bot.Post{Text: []bot.Text{bot.Escape(note)}}, Commit: func(context.Context, *bot.Tx) error {
				r.ran = append(r.ran, note)
				return nil
			}}, nil
		},
	}})
	r.opt.Opens = func(string) bool { return true }
	r.reopen()
	r.project("hello")
	r.project("secret")
	return r
}

// TestFormOfAProject: the policy is asked about the project that the form is about,
// when it is opened, when it is tried and when it is run.
func TestFormOfAProject(t *testing.T) {
	t.Parallel()
	r := newMemo(t)
	r.judge.refuse = func(a bot.Access) string {
		if a.Project == "secret" && a.Team == "team-secret" && a.OwnerName == "acme" {
			return "hidden"
		}
		return ""
	}
	form := r.opened("alice", "memo HELLO", slash)
	if form.Title != "About hello" {
		t.Errorf("%+v", form)
	}
	values := map[string]string{"text": "it works"}
	if got := r.checked("alice", form.ID, values); len(got) != 0 {
		t.Errorf("%v", got)
	}
	r.expect(r.say("alice", "", submit(form.ID, values)), "hello: it works", "memo allowed done")
	for line, want := range map[string]string{
		"memo secret":  "You may not memo secret. Forbidden by the policy hidden.",
		"memo nothere": `There is no project "nothere". ` + "`projects` lists them.",
	} {
		if got, err := r.router.Form(t.Context(), r.message("alice", line, slash)); got != nil || bot.MessageOf(err) != want {
			t.Errorf("%s: %+v, %v", line, got, err)
		}
		r.expect(r.say("alice", "!"+line), want, "memo *")
	}
	r.ranTimes(1)
}

// TestFormInABoundRoom: what the room says need not be asked for.
func TestFormInABoundRoom(t *testing.T) {
	t.Parallel()
	r := newMemo(t)
	r.bind("hello")
	if form := r.opened("alice", "memo", slash); form.Title != "About hello" {
		t.Errorf("%+v", form)
	}
	if form, err := r.router.Form(t.Context(), r.message("alice", "memo because it works", slash)); form != nil || err != nil {
		t.Errorf("nothing is missing: %+v, %v", form, err)
	}
	r.expect(r.say("alice", "  memo   because  it  works ", slash), "hello: it  works", "memo allowed done")
}

// TestFormKeepsWhatWasTyped, whatever stands before it.
func TestFormKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	r := newMemo(t)
	for _, line := range []string{"memo because it works", "   memo because it works", "@opsbot memo because it works"} {
		got, err := r.router.Form(t.Context(), r.message("alice", line, slash))
		if err != nil || got == nil || got.Fields[0].Value != "it works" {
			t.Errorf("%q: %+v, %v", line, got, err)
		}
	}
}

// TestDeskWithoutTheStore: nobody is told that a form is right, or gets none, by an
// outage.
func TestDeskWithoutTheStore(t *testing.T) {
	t.Parallel()
	r := newMemo(t)
	id := r.opened("alice", "memo hello", slash).ID
	r.work.kill()
	if form, err := r.router.Form(t.Context(), r.message("alice", "memo hello", slash)); !errors.Is(err, errDead) {
		t.Errorf("a form that can't be sent: %+v, %v", form, err)
	}
	if err := r.db.Close(); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"form":  second(r.router.Form(t.Context(), r.message("alice", "", press(id)))),
		"check": second(r.router.Check(t.Context(), r.message("alice", "", submit(id, map[string]string{})))),
		"home":  second(r.router.Home(t.Context(), person("alice"), room())),
	} {
		if err == nil || bot.CodeOf(err) == bot.CodeNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
