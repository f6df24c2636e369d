package render

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"opsbot/bot"
	"opsbot/integrations/mattermost/markup"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update writes it):\n%s", path, got)
	}
}

// evil is foreign text that tries everything at once.
const evil = "**b** `c` [l](http://evil.example.com) <script>alert(1)</script> \x1b[31mred\x07 \u202eback\u202c @all ~ops #tag :smile: | & \"q\" 'q'"

// posts are one of each kind.
func posts() map[string]bot.Post {
	mention := bot.Account{Instance: "mm", ID: "u1", Name: "alice"}
	many := make([]bot.Button, 7)
	for i := range many {
		many[i] = bot.Button{Label: fmt.Sprint("Do ", i), Action: fmt.Sprint("action", i)}
	}
	return map[string]bot.Post{
		"1 reply":  {Mention: mention, Text: []bot.Text{"Success! Your project is available on localgit: http://127.0.0.1:8443/git/local/hello", "To start it use `buildNow hello`"}},
		"2 titled": {Mention: mention, Title: "**hello** · main", Text: []bot.Text{"with [the log](http://ci.example.com/1)"}},
		"3 progress": {Title: "Creating hello", Tone: bot.ToneBusy, Steps: []bot.Tick{
			{Title: "Repository", State: "done", URL: "http://git.example.com/hello"},
			{Title: "Webhook", State: "running"},
			{Title: "Job", State: "failed", Detail: "no room left"},
			{Title: "Hook", State: "unknown"},
			{Title: "Seed", State: "skipped"},
			{Title: "Old", State: "undone"},
			{Title: "Again", State: "retrying"},
			{Title: "Environments", State: "pending"},
		}, Text: []bot.Text{"One step failed."}, Buttons: []bot.Button{{Label: "Retry", Action: "action1", Style: "primary"}, {Label: "Undo", Action: "action2", Style: "danger"}}},
		"4 card": {
			Title: "hello · main · 3f2c1ab", Tone: bot.ToneGood,
			Fields: []bot.Field{
				{Name: "Build #1", Value: "SUCCESS in 41 s", URL: "http://ci.example.com/1"},
				{Name: "staging", Value: "0.1.0 at http://hello.staging", URL: "http://hello.staging"},
				{Name: "Title", Value: "a longer text than what leaves room for another one beside it"},
			},
			Text:    []bot.Text{"Initial commit"},
			Buttons: []bot.Button{{Label: "Deploy to production", Action: "action1"}, {Label: "Log", URL: "http://ci.example.com/log"}},
		},
		"5 table": {Table: &bot.Table{Head: []string{"Name", "State"}, Rows: [][]bot.Text{{"hello", "**good**"}, {"longer-name", "[red](http://x.example.com)"}, {"a `b|c`"}}}},
		"6 log":   {Text: []bot.Text{"The end of the log:"}, Code: "one\r\n\ttwo\n\nthree ``` four\n", File: &bot.File{Name: "log.txt", Bytes: 1234}},
		"7 foreign": {
			Mention: bot.Account{Name: evil}, Title: bot.Escape(evil), Text: []bot.Text{bot.Escape(evil)}, Code: evil,
			Steps:   []bot.Tick{{Title: bot.Escape(evil), State: "done", Detail: bot.Escape(evil), URL: evil}},
			Fields:  []bot.Field{{Name: evil, Value: bot.Escape(evil), URL: evil}},
			Table:   &bot.Table{Head: []string{evil}, Rows: [][]bot.Text{{bot.Escape(evil)}}},
			Buttons: []bot.Button{{Label: evil, Action: "action1"}, {Label: evil, URL: "http://example.com/" + evil}},
		},
		"8 menu":  {Tone: bot.ToneWaiting, Mention: mention, Text: []bot.Text{"What now?", "Choose."}, Buttons: many},
		"9 empty": {},
		"a bad":   {Tone: bot.ToneBad, Mention: mention, Text: []bot.Text{`There is no project "nothere".`}},
	}
}

func TestPosts(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	all := posts()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		o := Options{ActionURL: "https://opsbot.example.com/mm/actions"}
		if all[name].Mention.Instance == "mm" {
			o.Mention = "alice"
		}
		fmt.Fprintf(&b, "--- %s\n", name)
		for _, p := range Post(all[name], o) {
			show(&b, p)
		}
	}
	golden(t, "posts.golden", b.String())
}

func show(b *strings.Builder, p Part) {
	fmt.Fprintf(b, "message: %s\n", visible(p.Message))
	for _, a := range p.Attachments {
		fmt.Fprintf(b, "attachment %s, in short %q\n%s\n", a.Color, visible(a.Fallback), visible(a.Text))
		for _, f := range a.Fields {
			fmt.Fprintf(b, "  field %s: %s (short %v)\n", visible(f.Title), visible(f.Value.(string)), f.Short)
		}
		for _, act := range a.Actions {
			fmt.Fprintf(b, "  %s %s %q style %q to %s with %v\n", act.Type, act.Id, visible(act.Name), act.Style, act.Integration.URL, act.Integration.Context)
			for _, o := range act.Options {
				fmt.Fprintf(b, "    %s = %s\n", o.Value, o.Text)
			}
		}
	}
}

// visible shows the gaps.
func visible(s string) string { return strings.ReplaceAll(s, "\u200b", "<gap>") }

func TestForms(t *testing.T) {
	t.Parallel()
	var options []bot.FormOption
	for i := range mostOptions + 1 {
		options = append(options, bot.FormOption{Value: fmt.Sprint("v", i)})
	}
	f := bot.Form{
		ID: "form1", Title: "New project from blueprint größer", Intro: "From **go-service** by " + bot.Escape(evil), Submit: "Create it now, as it stands here",
		Fields: []bot.FormField{
			{Name: "name", Label: "Name of the project that is made", Hint: strings.Repeat("lower case ", 30), Kind: bot.FieldText, Required: true, Max: 40},
			{Name: "text", Label: "", Kind: bot.FieldText, Max: 9000, Value: strings.Repeat("x", 200)},
			{Name: "n", Label: "Replicas", Kind: bot.FieldNumber, Value: "2"},
			{Name: "env", Label: "Environment", Kind: bot.FieldSelect, Value: "gone", Options: []bot.FormOption{{Value: "a"}, {Value: "b", Label: "Bee"}}, Required: true},
			{Name: "many", Label: "Version", Kind: bot.FieldSelect, Value: "v3", Options: options},
			{Name: "dry", Label: "Dry run", Kind: bot.FieldCheckbox, Required: true},
		},
	}
	d := Form(f)
	if err := d.IsValid(); err != nil {
		t.Errorf("the server would warn: %v", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q submit %q\n%s\n", d.CallbackId, d.Title, d.SubmitLabel, visible(d.IntroductionText))
	for _, e := range d.Elements {
		fmt.Fprintf(&b, "%s/%s %s %q optional %v default %q at most %d help %q placeholder %q options %d\n",
			e.Type, e.SubType, e.Name, e.DisplayName, e.Optional, e.Default, e.MaxLength, e.HelpText, e.Placeholder, len(e.Options))
	}
	golden(t, "form.golden", b.String())
}

// TestSecretFields: nothing of them is filled in, and one line is hidden.
func TestSecretFields(t *testing.T) {
	t.Parallel()
	d := Form(bot.Form{ID: "f", Title: "t", Fields: []bot.FormField{
		{Name: "value", Label: "Value", Kind: bot.FieldSecret, Required: true, Value: "from before"},
		{Name: "pin", Label: "Pin", Kind: bot.FieldSecret, Max: 4, Hint: "of digits."},
		{Name: "file", Label: "File", Kind: bot.FieldSecret, Lines: true, Value: "from before"},
	}})
	if err := d.IsValid(); err != nil {
		t.Errorf("the server would warn: %v", err)
	}
	value, pin, file := d.Elements[0], d.Elements[1], d.Elements[2]
	if value.Type != "text" || value.SubType != "password" || value.MaxLength != 150 || value.Default != "" || value.Optional {
		t.Errorf("one line: %+v", value)
	}
	if pin.MaxLength != 4 || pin.HelpText != "of digits. At most 4 characters here; `--kind=file` takes more." {
		t.Errorf("a short one: %+v", pin)
	}
	if file.Type != "textarea" || file.SubType != "" || file.MaxLength != 3000 || file.Default != "" {
		t.Errorf("several lines: %+v", file)
	}
}

func TestAFormThatIsTooLong(t *testing.T) {
	t.Parallel()
	f := bot.Form{ID: "f", Title: "t"}
	for i := range mostElements + 3 {
		f.Fields = append(f.Fields, bot.FormField{Name: fmt.Sprint("f", i), Label: "l", Kind: bot.FieldText, Required: i > mostElements})
	}
	d := Form(f)
	if len(d.Elements) != mostElements || d.Elements[mostElements-1].Name != fmt.Sprint("f", mostElements+2) || !strings.Contains(d.IntroductionText, "3 more can be given") {
		t.Errorf("%d elements, %q", len(d.Elements), d.IntroductionText)
	}
}

func TestActionIDsAreWhatTheServerTakes(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 200 {
		action := bot.NewToken()
		id := ActionID(action)
		if !regexp.MustCompile(`^[A-Za-z0-9]{22}$`).MatchString(id) || id == action || seen[id] {
			t.Fatalf("%s becomes %q", action, id)
		}
		seen[id] = true
	}
}

func TestWhatIsTooLongForACard(t *testing.T) {
	t.Parallel()
	p := bot.Post{
		Title: "Log", Tone: bot.ToneBad, Code: strings.Repeat("line of a log\n", 2000), Buttons: []bot.Button{{Label: "Retry", Action: "a"}},
		Fields: []bot.Field{{Name: "Build", Value: "#1"}}, Steps: []bot.Tick{{Title: "Test", State: "failed"}},
	}
	parts := Post(p, Options{})
	if len(parts) != 2 || len(parts[0].Attachments) != 1 || len(parts[0].Attachments[0].Actions) != 1 || parts[1].Attachments != nil {
		t.Fatalf("%d parts", len(parts))
	}
	all := parts[0].Message + "\n" + parts[1].Message
	if strings.Count(all, "line of a log") != 2000 || !strings.Contains(all, "Build  #1") || !strings.Contains(all, `\[!\] Test`) {
		t.Error("something got lost")
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		text  string
		limit int
		want  []string
	}{
		"short":          {"a\nb", 10, []string{"a\nb"}},
		"lines":          {"aaaa\nbbbb\ncccc", 9, []string{"aaaa\nbbbb", "cccc"}},
		"words":          {"aaaa bbbb cccc", 10, []string{"aaaa bbbb ", "cccc"}},
		"escapes":        {`aaaaaaaa\*b`, 9, []string{"aaaaaaaa", `\*b`}},
		"a fence":        {"x\n```go\naaaa aaaa\nbbbb bbbb\ncccc\n```\ny", 24, []string{"x\n```go\naaaa aaaa\n```", "```go\nbbbb bbbb\ncccc\n```", "y"}},
		"a longer fence": {"````\naaaa\n```\nbbbb\n````", 18, []string{"````\naaaa\n```\n````", "````\nbbbb\n````"}},
		"a fenced line":  {"```\naaaaaaaaaaaa\n```", 13, []string{"```\naaaaa\n```", "```\naaaaa\n```", "```\naa\n```"}},
		"a table":        {"| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |\nend", 36, []string{"| a | b |\n| --- | --- |\n| 1 | 2 |", "| a | b |\n| --- | --- |\n| 3 | 4 |", "end"}},
		"many bytes":     {"ééééé\nééééé", 5, []string{"ééééé", "ééééé"}},
	} {
		if got := Split(c.text, c.limit); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", what, got)
		}
	}
}

// FuzzSplit: no piece is too long, blocks of code are whole in each, and nothing but
// what opens and closes them is added or lost.
func FuzzSplit(f *testing.F) {
	f.Add("```go\n"+strings.Repeat("x\n", 50)+"```\ntext", 40)
	f.Add(strings.Repeat("wörd ", 60), 31)
	f.Add("| a |\n| --- |\n"+strings.Repeat("| b |\n", 30), 60)
	f.Add("~~~~\na\n~~~\n~~~~", 24)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 20 || limit > 200 || !utf8.ValidString(text) {
			t.Skip("no text and limit that Split is given")
		}
		pieces := Split(text, limit)
		for _, p := range pieces {
			if n := utf8.RuneCountInString(p); n > limit {
				t.Errorf("a piece of %d runes, %d are allowed: %q of %q", n, limit, p, text)
			}
		}
		kept := 0
		for _, p := range pieces {
			kept += letters(p)
		}
		if kept < letters(text) {
			t.Errorf("%q is cut to %q", text, pieces)
		}
	})
}

// letters counts what is neither space nor a sign of a fence or a table.
func letters(s string) int {
	n := 0
	for _, r := range s {
		if !strings.ContainsRune(" \n\t\r`~|-", r) {
			n++
		}
	}
	return n
}

// FuzzPost: foreign text in every place mentions nobody, whatever is beside it, and no
// message is too long.
func FuzzPost(f *testing.F) {
	f.Add(evil)
	f.Add("@bob")
	f.Add("|\n@here\n```")
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 2000 { // the server's parser takes its time for more
			t.Skip("longer than is compared")
		}
		x := bot.Escape(s)
		for _, tone := range []bot.Tone{bot.ToneNeutral, bot.ToneBad} {
			p := bot.Post{
				Tone: tone, Mention: bot.Account{Name: s}, Title: x, Text: []bot.Text{x, "**" + x + "**", "[" + x + "](http://x.example)"}, Code: s,
				Table: &bot.Table{Head: []string{s, "b"}, Rows: [][]bot.Text{{x, x}}}, Buttons: []bot.Button{{Label: s, URL: "http://x.example"}},
			}
			if tone != bot.ToneNeutral {
				p.Steps = []bot.Tick{{Title: x, State: s, Detail: x, URL: s}}
				p.Fields = []bot.Field{{Name: s, Value: x, URL: s}}
				p.Buttons = append(p.Buttons, bot.Button{Label: s, Action: "a"})
			}
			for _, part := range Post(p, Options{}) {
				if n := utf8.RuneCountInString(part.Message); n > mostRunes {
					t.Fatalf("a message of %d runes", n)
				}
				texts := []string{part.Message}
				for _, a := range part.Attachments {
					texts = append(texts, a.Text)
				}
				for _, text := range texts {
					for _, name := range []string{"all", "here", "channel", "bob"} {
						if markup.Names(text, name) {
							t.Errorf("%q mentions %s in %q", s, name, text)
						}
					}
				}
			}
		}
	})
}
