package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"opsbot/bot"
	"opsbot/test/talk"
)

// chatKey is where a script keeps its chat, environmentKey the chat's secrets.
type (
	chatKey        struct{}
	environmentKey struct{}
)

func chatOf(ts *testscript.TestScript) talk.Chat {
	c, _ := ts.Value(chatKey{}).(talk.Chat)
	return c
}

var (
	planWords = regexp.MustCompile(`^(confirm|cancel|yes|no)\b`)
	spoken    = regexp.MustCompile(`^[@!]`)
)

// sayIn says texts one after the other, waits for what each sets going, and gives
// what the person is shown anew. Words that answer a plan go into its thread.
func sayIn(ts *testscript.TestScript, c talk.Chat, user string, texts []string) (out string, err error) {
	plan := ""
	for _, text := range texts {
		before := lines(c.Shown(user))
		thread := ""
		if planWords.MatchString(text) {
			thread = plan
		}
		if !spoken.MatchString(text) {
			text = "@opsbot " + text
		}
		id := c.Say(user, text, thread)
		ended := ts.Exec("opsbot", append(arguments(ts, "outcome", "--wait", "3m"), "--", c.Name(), id)...)
		if ended != nil && ts.ReadFile("stderr") != "" {
			return out, fmt.Errorf("%s: %w: %s", text, ended, ts.ReadFile("stderr"))
		}
		err = errors.Join(err, ended)
		now := c.Shown(user)
		for _, e := range now {
			if strings.Contains(e.Text, "To go ahead") && before[e.ID] == nil {
				plan = e.Thread
			}
		}
		out += news(before, now)
	}
	return out, err
}

// lines are the lines of each message.
func lines(all []talk.Entry) map[string][]string {
	out := map[string][]string{}
	for _, e := range all {
		out[e.ID] = e.Lines()
	}
	return out
}

// news is what was not there before, as the terminal of `say` shows it.
func news(before map[string][]string, now []talk.Entry) string {
	var out strings.Builder
	for _, e := range now {
		name := "opsbot"
		for _, line := range e.Lines() {
			if !slices.Contains(before[e.ID], line) {
				fmt.Fprintf(&out, "%-8s   %s\n", name, line)
				name = ""
			}
		}
	}
	return out.String()
}

// ask USER TEXT says a text and prints, for capture, the thread and the buttons of
// what answers it: "thread ID", "button LABEL ACTION".
func ask(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 2, "ask USER TEXT")
	c := chatOf(ts)
	if c == nil {
		askConsole(ts, args[0], args[1])
		return
	}
	before := lines(c.Shown(args[0]))
	id := c.Say(args[0], "@opsbot "+args[1], "")
	ts.Check(ts.Exec("opsbot", append(arguments(ts, "outcome"), "--", c.Name(), id)...))
	for _, e := range c.Shown(args[0]) {
		if before[e.ID] == nil {
			print1(ts, e)
		}
	}
}

func print1(ts *testscript.TestScript, e talk.Entry) {
	fmt.Fprintf(ts.Stdout(), "thread %s\n", e.Thread)
	for _, b := range e.Buttons {
		fmt.Fprintf(ts.Stdout(), "button %s %s\n", b.Label, b.Action)
	}
}

// lookIn looks until what a person is shown matches, or once.
func lookIn(c talk.Chat, user string, pattern *regexp.Regexp, once bool) error {
	deadline := time.After(time.Minute)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var all strings.Builder
		for _, e := range c.Shown(user) {
			all.WriteString(e.Text + "\n")
		}
		if pattern.MatchString(all.String()) {
			return nil
		}
		select {
		case <-tick.C:
			if !once {
				continue
			}
		case <-deadline:
		}
		return fmt.Errorf("%s does not show %s %s:\n%s", c.Name(), user, pattern, all.String())
	}
}

// askConsole is ask over the terminal.
func askConsole(ts *testscript.TestScript, user, text string) {
	ts.Check(ts.Exec("opsbot", append(arguments(ts, "say", "--json", "--as", user), "--", text)...))
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	var all []talk.Entry
	for {
		var e bot.RoomEntry
		if err := dec.Decode(&e); err != nil {
			break
		}
		if e.Post == nil {
			continue
		}
		shown := talk.Entry{ID: e.ID, Thread: e.Thread}
		for _, b := range e.Post.Buttons {
			shown.Buttons = append(shown.Buttons, talk.Button{Label: b.Label, Action: b.Action})
		}
		all = append(all, shown)
	}
	for _, e := range all {
		print1(ts, e)
	}
}

// served is the environment of a program that is served.
func served(ts *testscript.TestScript) []string {
	env := []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME")}
	more, _ := ts.Value(environmentKey{}).([]string)
	return append(env, more...)
}
