package block_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/integrations/slack/block"
)

var update = flag.Bool("update", false, "write the golden files anew")

// evil is foreign text that tries everything at once.
const evil = "**b** `c` [l](http://evil.example.com) <!channel> <@U0123> <!subteam^S1|x> <http://a.example.com|b> @here :tada: *x* _y_ ~z~ &lt; \x1b[31mred\x07 \u202eback\u202c"

func link(label, to string) bot.Text { return bot.Text("[" + label + "](" + to + ")") }

// posts are one of each kind.
func posts() map[string]bot.Post {
	alice := bot.Account{Instance: "slack", Workspace: "T1", ID: "U0ALICE", Name: "alice"}
	return map[string]bot.Post{
		"reply":    {Mention: alice, Text: []bot.Text{"Success! Your project is available on localgit: http://127.0.0.1:8443/git/local/hello", "To start it use `buildNow hello`"}},
		"stranger": {Mention: bot.Account{Instance: "console", ID: "U0ALICE", Name: "<!here>"}, Text: []bot.Text{"**hello**"}},
		"titled":   {Mention: alice, Title: "**hello** · main", Tone: bot.ToneBad, Text: []bot.Text{"with [the log](http://ci.example.com/1)", link("github.com", "http://evil.example.com"), link("x", "javascript:alert(1)"), link("git.example.com", "https://git.example.com/a")}},
		"progress": {Title: "Creating hello", Tone: bot.ToneBusy, Steps: []bot.Tick{
			{Title: "Repository", State: "done", URL: "http://git.example.com/hello"},
			{Title: "Webhook", State: "running"},
			{Title: "Job", State: "failed", Detail: "no room left"},
			{Title: "Hook", State: "unknown"},
			{Title: "Seed", State: "skipped", URL: "javascript:alert(1)"},
			{Title: "Environments", State: "pending"},
		}},
		"card": {
			Title: "hello · main · 3f2c1ab", Tone: bot.ToneGood,
			Fields: []bot.Field{
				{Name: "Build #1", Value: "SUCCESS in 41 s", URL: "http://ci.example.com/1", Tone: bot.ToneGood},
				{Name: "staging", Value: "0.1.0 at http://hello.staging", URL: "http://hello.staging"},
			},
			Buttons: []bot.Button{{Label: "Deploy to production", Action: "a1", Style: "primary"}, {Label: "Undo", Action: "a2", Style: "danger"}, {Label: "Log", URL: "http://ci.example.com/log"}, {Label: "Bad", URL: "javascript:alert(1)"}},
		},
		"table": {Table: &bot.Table{Head: []string{"Name", "State"}, Rows: [][]bot.Text{{"hello", "**good**"}, {"longer-name", "[red](http://x.example.com)"}}}},
		"wide":  {Title: "Commands", Table: &bot.Table{Head: []string{"Command", "What"}, Rows: [][]bot.Text{{"`deploy NAME`", bot.Text(strings.Repeat("words ", 20))}, {"and", "[more](https://docs.example.com/)"}}}},
		"log":   {Text: []bot.Text{"The end of the log:"}, Code: "one\r\n\ttwo\n\nthree ``` <!here>\n", File: &bot.File{Name: "log.txt", Bytes: 1234}},
		"menu": {Title: "Pick", Buttons: []bot.Button{
			{Label: "1", Action: "a1"},
			{Label: "2", Action: "a2"},
			{Label: "3", Action: "a3"},
			{Label: "4", Action: "a4"},
			{Label: "5", Action: "a5"},
			{Label: strings.Repeat("six ", 40), Action: "a6"},
			{Label: "Log", URL: "http://ci.example.com/log"},
		}},
		"foreign": everywhere(evil, bot.Escape(evil)),
		"empty":   {},
	}
}

// everywhere puts a text into every field of a post.
func everywhere(s string, x bot.Text) bot.Post {
	return bot.Post{
		Mention: bot.Account{Instance: "slack", ID: s, Name: s}, Title: x, Text: []bot.Text{x, bot.Escape(s)}, Code: s, Tone: bot.Tone(s),
		Steps:   []bot.Tick{{Title: x, State: s, Detail: x, URL: s}},
		Fields:  []bot.Field{{Name: s, Value: x, URL: s, Tone: bot.Tone(s)}},
		Table:   &bot.Table{Head: []string{s}, Rows: [][]bot.Text{{x}, {x, x}}},
		Buttons: []bot.Button{{Label: s, Action: s, Style: s}, {Label: s, URL: s}}, File: &bot.File{Name: s},
	}
}

func render(p bot.Post) block.Message { return block.Post(p, block.Options{Instance: "slack"}) }

func TestPosts(t *testing.T) {
	t.Parallel()
	for name, p := range posts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := render(p)
			golden(t, name, struct {
				Text   string
				Blocks any
				Rest   string `json:",omitempty"`
			}{m.Text, m.Blocks, m.Rest})
			look(t, m)
		})
	}
}

func golden(t *testing.T, name string, v any) {
	t.Helper()
	var got bytes.Buffer
	enc := json.NewEncoder(&got)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("%s differs (-update writes it):\n%s", path, got.String())
	}
}

// TestMasks: what a label may be beside the address that it leads to.
func TestMasks(t *testing.T) {
	t.Parallel()
	for in, want := range map[bot.Text]string{
		link("the log", "https://ci.example.com/1"):                    "the log -> https://ci.example.com/1",
		link("ci.example.com", "https://ci.example.com/1"):             "ci.example.com -> https://ci.example.com/1",
		link("github.com", "https://evil.example.com/"):                "github.com (https://evil.example.com/)",
		link("https://a", "https://evil.example.com/"):                 "https://a (https://evil.example.com/)",
		link("https://evil.example.com", "https://evil.example.com/x"): "https://evil.example.com -> https://evil.example.com/x",
		link("google。com", "https://evil.example.com/"):                "google。com (https://evil.example.com/)",
		link("x", "https://user:pw@evil.example.com/"):                 "x (https://user:pw@evil.example.com/)",
		link("", "https://evil.example.com/"):                          "https://evil.example.com/",
		link(strings.Repeat("x", 2600), "https://a.example.com/"):      strings.Repeat("x", 2600) + " (https://a.example.com/)",
	} {
		got := look(t, render(bot.Post{Text: []bot.Text{in}}))
		if got.shown != want {
			t.Errorf("%s is shown as %q, want %q", in, got.shown, want)
		}
	}
}

// TestLong: whatever is too long is cut with a word about it, and kept whole.
func TestLong(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("0123456789abcdef ä🎉 ", 2000)
	rows := make([][]bot.Text, 300)
	steps := make([]bot.Tick, 300)
	for i := range rows {
		rows[i] = []bot.Text{bot.Escape(fmt.Sprintf("row %d", i)), bot.Escape(many[:40])}
		steps[i] = bot.Tick{Title: bot.Text(fmt.Sprintf("step %d", i)), State: "done"}
	}
	buttons := make([]bot.Button, 300)
	for i := range buttons {
		buttons[i] = bot.Button{Label: fmt.Sprintf("choice %d %s", i, many), Action: fmt.Sprintf("%022d", i)}
	}
	for name, p := range map[string]bot.Post{
		"text":  {Text: []bot.Text{bot.Escape(many), "end of it"}},
		"code":  {Code: many + "\n" + strings.Repeat("line\n", 5000) + "end of it"},
		"table": {Table: &bot.Table{Head: []string{"a", "b"}, Rows: append(rows, []bot.Text{"end of it", "x"})}},
		"steps": {Steps: append(steps, bot.Tick{Title: "end of it"})},
	} {
		p.Buttons = []bot.Button{{Label: "Go", Action: "go"}}
		m := render(p)
		got := look(t, m)
		if strings.Contains(got.shown, "end of it") || !strings.Contains(got.shown, "in the file") || !strings.Contains(m.Rest, "end of it") {
			t.Errorf("%s: the message ends with %q, the file with %q", name, tail(got.shown), tail(m.Rest))
		}
		if got.controls != 1 || len(got.shown) < map[string]int{"text": 9000, "code": 9000, "table": 9000, "steps": 900}[name] {
			t.Errorf("%s: %d buttons, %d bytes", name, got.controls, len(got.shown))
		}
	}
	m := render(bot.Post{Title: "Pick", Buttons: buttons})
	if got := look(t, m); !strings.Contains(m.Rest, "choice 299") || got.controls != 40 {
		t.Errorf("%d choices, the file ends with %q", got.controls, tail(m.Rest))
	}
	if m := render(bot.Post{Text: []bot.Text{"short"}}); m.Rest != "" {
		t.Errorf("a short post leaves %q for a file", m.Rest)
	}
}

func tail(s string) string { return s[max(len(s)-200, 0):] }

func FuzzPost(f *testing.F) {
	for _, s := range []string{
		evil, "[x](javascript:alert(1))", "[a](http://b|c)", "`<!here>`", "**<@U012345>**", "http://a/\\_b\\@c", "[\\](http://x)](http://y)", "\\", "\\é",
		"U0123ABC", "a\r\nb", "&lt;!here&gt;", "\xff\xfe<b>", "[github.com](http://evil.example.com)", "http://user:pw@a", "https://a.example.com/?q=1&b=%20", "🎉", "", "\n\n", "x\u2028y",
		strings.Repeat("x", 4000), strings.Repeat("[a](http://b.example.com/"+strings.Repeat("c", 200)+") ", 30),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		look(t, render(everywhere(s, bot.Text(s))))
		look(t, render(everywhere(s, bot.Escape(s))))
		if len(s) > 1000 {
			return // what is cut is tested elsewhere
		}
		got := look(t, render(bot.Post{Text: []bot.Text{bot.Escape(s)}}))
		if want := bot.OneLine(s); got.shown != want && (want != "" || got.shown != "\n") {
			t.Errorf("escaped text is shown as %q, want %q", got.shown, want)
		}
		if got := look(t, render(bot.Post{Code: "." + s})); got.links != 0 {
			t.Errorf("code has %d links", got.links)
		}
		if p := block.Lines(bot.Post{Text: []bot.Text{bot.Escape(s)}}); strings.Join(p, "\n") != bot.OneLine(s) {
			t.Errorf("the lines are %q", p)
		}
	})
}

// FuzzForm: whatever a form holds, Slack takes it.
func FuzzForm(f *testing.F) {
	f.Add("name", "Name", "text", "x", 20)
	f.Add("", "", "select", "", 0)
	f.Add("n", evil, "number", "1e3", 300)
	f.Add("n", "ok", "checkbox", "true", -5)
	f.Fuzz(func(t *testing.T, name, words, kind, value string, n int) {
		options := make([]bot.FormOption, min(max(n, 0), 300))
		for i := range options {
			options[i] = bot.FormOption{Value: fmt.Sprint(value, i), Label: words}
		}
		form := bot.Form{ID: "id", Title: words, Intro: bot.Text(words), Submit: words, Fields: []bot.FormField{
			{Name: "field", Label: words, Hint: words, Kind: bot.FieldKind(kind), Value: value, Options: options, Max: n},
		}}
		view, err := block.Form(form, "state")
		if err != nil {
			t.Fatal(err)
		}
		blocks := generic(t, view.Blocks.BlockSet)
		s := &seen{t: t}
		s.blocks(blocks, 100)
		if size := len([]rune(view.Title.Text)); size > 24 || size == 0 {
			t.Errorf("the title has %d characters", size)
		}
	})
}

var safeLink = regexp.MustCompile(`^https?://[^/?#@\s]+([/?#]\S*)?$`)
