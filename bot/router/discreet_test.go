package router

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"opsbot/bot"
)

// whisper is a command with a secret: "whisper set NAME" asks for its value by a form,
// "whisper list NAME" does not.
type whisper struct {
	fake
	heard []string
}

var (
	_ bot.FormAsker = (*whisper)(nil)
	_ bot.Discreet  = (*whisper)(nil)
)

func (w *whisper) Form(_ context.Context, req *bot.Request) (*bot.Form, error) {
	return &bot.Form{Title: "Whisper", Fields: []bot.FormField{
		{Name: "user", Kind: bot.FieldText}, {Name: "value", Kind: bot.FieldSecret, Required: true},
	}}, nil
}

func (w *whisper) Fill(_ context.Context, req *bot.Request, values map[string]string) (bot.Args, map[string]string, error) {
	if values["value"] == "" {
		return req.Args, map[string]string{"value": "It is empty."}, nil
	}
	return req.Args, nil, nil
}

func (w *whisper) Asks(args bot.Args) string {
	if args.Values["action"] == "set" {
		return "It is not typed here."
	}
	return ""
}

func (w *whisper) Keep(_ context.Context, line string, args *bot.Args) string {
	words := strings.Fields(line)
	switch {
	case args != nil && args.Values["name"] == "it":
		return line
	case len(words) > 1 && words[1] == "set":
		return "whisper set"
	}
	return "whisper"
}

// turned seals by turning every letter round, so that a test sees what was sealed.
type turned struct{ err error }

func (s turned) turn(text string) string {
	out := []rune(text)
	for i := range out {
		out[i] = 0x4e00 + out[i]
	}
	return string(out)
}

func (s turned) Seal(_ context.Context, purpose, value string) (string, error) {
	return purpose + "|" + s.turn(value), s.err
}

func (s turned) Unseal(_ context.Context, purpose, sealed string) (string, error) {
	text, ok := strings.CutPrefix(sealed, purpose+"|")
	if !ok {
		return "", bot.Errorf(bot.CodeInternal, "It can't be opened.")
	}
	out := []rune(text)
	for i := range out {
		out[i] -= 0x4e00
	}
	return string(out), s.err
}

func newWhispers(t *testing.T) (*rig, *whisper) {
	t.Helper()
	w := &whisper{}
	w.fake = fake{bot.Spec{Verb: "whisper", Aliases: []string{"hush"}, Params: []bot.Param{
		{Name: "action", Type: bot.ParamWord, Example: "set"}, {Name: "name", Type: bot.ParamWord, Example: "it"},
	}}, func(_ context.Context, req *bot.Request) (*bot.Outcome, error) {
		if req.Message.Form != nil {
			t.Error("the message carries what the form submitted")
		}
		return &bot.Outcome{Reply: &bot.Post{Text: []bot.Text{"heard"}}, Commit: func(context.Context, *bot.Tx) error {
			w.heard = append(w.heard, req.Form["user"]+":"+req.Form["value"])
			return nil
		}}, nil
	}}
	r := newRig(t, w)
	r.opt.Opens = func(string) bool { return true }
	r.opt.Sealer = turned{}
	r.reopen()
	return r, w
}

// nowhere checks that none of the texts is in the database's files, whatever table, and
// not even in what was overwritten since.
func (r *rig) nowhere(texts ...string) {
	r.t.Helper()
	files, err := filepath.Glob(filepath.Join(r.dir, "opsbot.db*"))
	if err != nil || len(files) < 2 {
		r.t.Fatalf("searching %v (%v): the log must be among them", files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, text := range texts {
			if strings.Contains(string(content), text) {
				r.t.Errorf("%s holds %q", filepath.Base(file), text)
			}
		}
	}
}

func TestSecretFieldIsSealedUntilItIsRun(t *testing.T) {
	t.Parallel()
	r, w := newWhispers(t)
	form := r.opened("alice", "whisper set it", slash)
	if got := r.storedAction(form.ID).Secret; len(got) != 1 || got[0] != "value" {
		t.Fatalf("the fields %v are secret", got)
	}
	values := map[string]string{"user": "scott", "value": "tiger-in-the-tank"}
	given := maps.Clone(values)
	if problems := r.checked("alice", form.ID, values); len(problems) != 0 {
		t.Fatalf("%v", problems)
	}
	r.nowhere("tiger-in-the-tank")
	m := r.message("alice", "", submit(form.ID, values))
	r.receive(m)
	r.nowhere("tiger-in-the-tank") // while it waits to be run
	r.step()
	if len(w.heard) != 1 || w.heard[0] != "scott:tiger-in-the-tank" {
		t.Errorf("heard %v", w.heard)
	}
	r.nowhere("tiger-in-the-tank")
	if !maps.Equal(values, given) {
		t.Errorf("the chat's own values were changed: %v", values)
	}
}

// TestFormThatIsRefusedIsKeptEmpty: what of it would be secret nobody can tell.
func TestFormThatIsRefusedIsKeptEmpty(t *testing.T) {
	t.Parallel()
	r, w := newWhispers(t)
	button := r.say("alice", "!whisper set it").post.Buttons[0].Action
	for _, id := range []string{bot.NewToken(), button} {
		got := r.say("alice", "", submit(id, map[string]string{"value": "tiger-in-the-tank"}))
		if !strings.Contains(got.text(), "not known any more") {
			t.Errorf("%q", got.text())
		}
	}
	if len(w.heard) != 0 {
		t.Errorf("heard %v", w.heard)
	}
	r.nowhere("tiger-in-the-tank")
}

func TestFormWithoutAKey(t *testing.T) {
	t.Parallel()
	r, w := newWhispers(t)
	form := r.opened("alice", "whisper set it", slash)
	values := map[string]string{"value": "tiger-in-the-tank"}
	r.opt.Sealer = turned{bot.Errorf(bot.CodeConflict, "There is no key.")}
	r.reopen()
	if got := r.checked("alice", form.ID, values); got[""] != "There is no key." {
		t.Errorf("checked %v", got)
	}
	if _, err := r.router.Receive(t.Context(), r.message("alice", "", submit(form.ID, values))); bot.MessageOf(err) != "There is no key." {
		t.Errorf("received: %v", err)
	}
	r.opt.Sealer = nil
	r.reopen()
	if got := r.checked("alice", form.ID, values); got[""] != "This OpsBot can't keep secrets." {
		t.Errorf("checked %v", got)
	}
	r.nowhere("tiger-in-the-tank")
	if len(w.heard) != 0 {
		t.Errorf("heard %v", w.heard)
	}
}

// TestAskedByFormAlone: a line that lacks nothing opens the form all the same.
func TestAskedByFormAlone(t *testing.T) {
	t.Parallel()
	r, w := newWhispers(t)
	r.expect(r.say("alice", "!whisper set it"), "It is not typed here.", "whisper invalid failed: It is not typed here.")
	r.expect(r.say("alice", "!whisper list it"), "heard", "whisper allowed done")
	if form, err := r.router.Form(t.Context(), r.message("alice", "whisper list it", slash)); form != nil || err != nil {
		t.Errorf("opens %+v, %v", form, err)
	}
	r.opt.Opens = nil
	r.reopen()
	r.expect(r.say("alice", "!whisper set it"), "heard", "whisper allowed done") // the command itself says no
	if len(w.heard) != 2 {
		t.Errorf("heard %v", w.heard)
	}
}

func TestDiscreetLineIsNotKept(t *testing.T) {
	t.Parallel()
	const value = "tiger-in-the-tank"
	for line, kept := range map[string]string{
		"!whisper set it " + value:             "whisper set",
		"!whisper set other " + value:          "whisper set",
		"!Whisper set \"" + value:              "whisper set",
		"!whisper --" + value + "=x":           "whisper",
		"!hush " + value + " other":            "whisper",
		"@opsbot whisper set it\n" + value:     "whisper set",
		"whisper set it " + value + " @opsbot": "whisper set",
		"!“whisper” set " + value:              "whisper set",
		"!wisper set it " + value:              "wisper",
		"!please whisper set it " + value:      "please whisper",
		"@opsbot: `whisper set it " + value:    "whisper set",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			r, w := newWhispers(t)
			got := r.say("alice", line)
			switch kept {
			case "wisper":
				r.expect(got, `I don't know the command "wisper". Did you mean whisper?`, "? invalid failed: *")
			case "please whisper":
				r.expect(got, `I don't know the command "please"`, "? invalid failed: *")
			default:
				r.expect(got, "and have not kept it", "whisper invalid failed: *")
				if !strings.Contains(got.text(), "change that value where it comes from") {
					t.Errorf("%q", got.text())
				}
			}
			if got.audit[0].Args != kept || len(w.heard) != 0 {
				t.Errorf("audited as %q, heard %v", got.audit[0].Args, w.heard)
			}
			r.nowhere(value)
		})
	}
}

// TestDiscreetLineThatIsKept: what is nobody's secret stays as it was said.
func TestDiscreetLineThatIsKept(t *testing.T) {
	t.Parallel()
	r, _ := newWhispers(t)
	for _, line := range []string{"!whisper list it", "@opsbot whisper list it", "!echo whisper set it x", "!nothing said in a whisper", "!nobody of us would whisper set it", "!whisper", "!nothing like it", "", "@opsbot"} {
		m := r.message("alice", line)
		got, err := r.router.Redact(t.Context(), m)
		if err != nil || got.Text != m.Text || got.Redacted {
			t.Errorf("%q is kept as %q, %v", line, got.Text, err)
		}
	}
}

// TestDiscreetInAThread: people's talk is not answered, what was meant for us is.
func TestDiscreetInAThread(t *testing.T) {
	t.Parallel()
	r, _ := newWhispers(t)
	r.shown(bot.Post{Key: "k", Text: []bot.Text{"hello"}}, "b1", "")
	if got := r.say("alice", "whisper it to him", inThread("b1")); got.post != nil {
		t.Errorf("answered %q", got.text())
	}
	if got := r.say("alice", "just whisper set it tiger-in-the-tank", inThread("b1")); got.post != nil {
		t.Errorf("answered %q", got.text())
	}
	r.expect(r.say("alice", "whisper set it tiger-in-the-tank", inThread("b1")), "and have not kept it", "whisper invalid failed: *")
	r.nowhere("tiger-in-the-tank", "to him")
}
