package router

import (
	"testing"

	"opsbot/bot"
)

// TestQuestionIsWhatIsAsked: what is explained is what is asked when it runs.
func TestQuestionIsWhatIsAsked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.project("hello")
	r.say("alice", "!ship HELLO to Staging")
	asked := r.judge.asked[0]
	q, err := r.router.Question(t.Context(), asked.User, room(), " send HELLO  to Staging")
	if err != nil || q.Yes || q.Unknown != "" {
		t.Fatalf("%+v, %v", q, err)
	}
	if q.Access.Verb != asked.Verb || q.Access.Project != asked.Project || q.Access.Environment != asked.Environment || q.Access.Team != asked.Team ||
		q.Access.OwnerName != asked.OwnerName || q.Access.Room != asked.Room || asked.Project != "hello" || asked.Environment != "staging" {
		t.Errorf("the question is %+v\nwhen it runs %+v", q.Access, asked)
	}
	q, err = r.router.Question(t.Context(), asked.User, room(), "ship nothere to staging --yes")
	if err != nil || !q.Yes || q.Unknown != "nothere" || q.Access.Project != "nothere" || q.Access.Team != "" {
		t.Errorf("%+v, %v", q, err)
	}
	r.ranTimes(0)
}

func TestQuestionRefusesWhatIsNoCall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for line, want := range map[string]string{
		"":                   "Say what: a command line as in the chat.",
		`"open`:              "The quotation that starts at character 1 does not end.",
		"shp hello":          `There is no command "shp"; did you mean ship?`,
		"xyzzy":              `There is no command "xyzzy".`,
		"ship hello":         "ENV is missing. Usage: ship NAME to ENV [--yes] [--typed] [--approved N]",
		"ship hello to a b":  `I don't know what to do with "b". Usage: ship NAME to ENV [--yes] [--typed] [--approved N]`,
		"ship hello to a =1": `I don't know what to do with "=1". Usage: ship NAME to ENV [--yes] [--typed] [--approved N]`,
	} {
		if _, err := r.router.Question(t.Context(), bot.User{}, room(), line); bot.CodeOf(err) != bot.CodeInvalid || bot.MessageOf(err) != want {
			t.Errorf("%q: %v, want %s", line, err, want)
		}
	}
	if err := r.db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.router.Question(t.Context(), bot.User{}, room(), "ship hello to a"); err == nil {
		t.Error("a store that can't be read is no answer")
	}
}
