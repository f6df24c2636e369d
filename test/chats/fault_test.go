package chats_test

import (
	"strings"
	"testing"
	"time"
)

// trouble is something that happens to a chat while people talk.
type trouble struct {
	name       string
	begin, end func(c troubled)
}

func troubles() []trouble {
	nothing := func(troubled) {}
	return []trouble{
		{"calm", nothing, nothing},
		{"cut", func(c troubled) { c.line.cut() }, func(c troubled) { c.line.mend() }},
		{"slow", func(c troubled) { c.line.slow(600 * time.Millisecond) }, func(c troubled) { c.line.heal() }},
		{"half open", func(c troubled) { c.line.freeze() }, func(c troubled) { c.line.heal() }},
		{"429", func(c troubled) { c.limit(3) }, nothing},
		{"500", func(c troubled) { c.broken(3) }, nothing},
		{"lost answers", func(c troubled) { c.lost(2) }, nothing},
		{"cut again", func(c troubled) { c.line.cut() }, func(c troubled) { c.line.mend() }},
	}
}

// lasts is how long a trouble takes.
const lasts = 1500 * time.Millisecond

// TestTroubles: whatever happens to the chat, each command has exactly one answer, and
// the answers in a thread are in the order of what was said there, also where the
// chat delivers again what did not arrive, in any order.
func TestTroubles(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c troubled) {
		f := folder(t, c)
		s := f.Serve(t)
		wait1 := c.Say("alice", "@opsbot help whoami", "")
		ended(t, f, c, wait1)
		for _, tr := range troubles() {
			verbs := []string{"deploy", "status", "rollback"}
			said := []string{c.Say("alice", "@opsbot help "+verbs[0], "")}
			tr.begin(c)
			for _, verb := range verbs[1:] {
				said = append(said, c.Say("alice", "@opsbot help "+verb, said[0]))
			}
			pause(lasts)
			tr.end(c)
			since := time.Now()
			for _, id := range said {
				ended(t, f, c, id)
			}
			t.Logf("%s: all was answered %s after its end", tr.name, time.Since(since).Round(100*time.Millisecond))
			got := answers(c, "alice", said[0])
			if len(got) != len(verbs) {
				t.Errorf("%s: %d answers to %d commands: %+v", tr.name, len(got), len(verbs), got)
				continue
			}
			for i, verb := range verbs {
				if !strings.Contains(got[i].Text, verb+": ") {
					t.Errorf("%s: answer %d is not of help %s:\n%s", tr.name, i+1, verb, got[i].Text)
				}
			}
		}
		if t.Failed() {
			t.Log(s.Log())
		}
	})
}

// TestRestartInTheMiddle kills the program, and ends the chat's connections, while a
// project is made: one card and one success, whatever was under way.
func TestRestartInTheMiddle(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c troubled) {
		f := folder(t, c)
		s := f.Serve(t)
		c.lost(1)
		first := c.Say("alice", "@opsbot new-project first", "")
		wait(t, c, "alice", `Creat(ing|ed) first`)
		s.Kill()
		s = f.Serve(t)
		second := c.Say("bob", "@opsbot new-project second", "")
		wait(t, c, "bob", `Creat(ing|ed) second`)
		c.restart(t)
		for _, id := range []string{first, second} {
			if !ended(t, f, c, id) {
				t.Errorf("%s did not end well", id)
			}
		}
		for _, name := range []string{"first", "second"} {
			for what, pattern := range map[string]string{
				"card":    `Created ` + name + ` from`,
				"success": `Success! Your project is available on localgit: \S+/` + name,
				"change":  name + ` · main · `,
			} {
				if n := count(c, "alice", pattern); n != 1 {
					t.Errorf("%s: %d of its %s", name, n, what)
				}
			}
		}
		if t.Failed() {
			t.Log(s.Log())
		}
	})
}

// pause lets a trouble last. It is the trouble's length, not a wait for anything.
func pause(d time.Duration) { <-time.After(d) }
