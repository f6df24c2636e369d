package console

import (
	"bytes"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"opsbot/bot"
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
const evil = "**b** `c` [l](http://evil.example.com) <script>alert(1)</script> \x1b[31mred\x07 \u202eback\u202c @all & \"q\" 'q'"

// posts are one of each kind.
func posts() map[string]bot.Post {
	mention := bot.Account{Name: "alice"}
	return map[string]bot.Post{
		"1 reply":  {Mention: mention, Text: []bot.Text{"Success! Your project is available on localgit: http://127.0.0.1:8443/git/local/hello", "To start it use `buildNow hello`"}},
		"2 titled": {Mention: mention, Title: "**hello** · main", Text: []bot.Text{"with [the log](http://ci.example.com/1)"}},
		"3 progress": {Title: "Creating hello", Steps: []bot.Tick{
			{Title: "Repository", State: "done", URL: "http://git.example.com/hello"},
			{Title: "Webhook", State: "running"},
			{Title: "Job", State: "failed", Detail: "no room left"},
			{Title: "Hook", State: "unknown"},
			{Title: "Seed", State: "skipped"},
			{Title: "Old", State: "undone"},
			{Title: "Again", State: "retrying"},
			{Title: "Environments", State: "pending"},
		}},
		"4 card": {
			Title: "hello · main · 3f2c1ab", Tone: bot.ToneGood,
			Fields: []bot.Field{
				{Name: "Build #1", Value: "SUCCESS in 41 s", URL: "http://ci.example.com/1"},
				{Name: "staging", Value: "0.1.0 at http://hello.staging", URL: "http://hello.staging"},
			},
			Buttons: []bot.Button{{Label: "Deploy to production", Action: "a"}, {Label: "Log", URL: "http://ci.example.com/log"}},
		},
		"5 table": {Table: &bot.Table{Head: []string{"Name", "State"}, Rows: [][]bot.Text{{"hello", "**good**"}, {"longer-name", "[red](http://x.example.com)"}}}},
		"6 log":   {Text: []bot.Text{"The end of the log:"}, Code: "one\r\n\ttwo\n\nthree\n", File: &bot.File{Name: "log.txt", Bytes: 1234}},
		"7 foreign": {
			Mention: bot.Account{Name: evil}, Title: bot.Escape(evil), Text: []bot.Text{bot.Escape(evil)}, Code: evil,
			Steps:   []bot.Tick{{Title: bot.Escape(evil), State: "done", Detail: bot.Escape(evil), URL: evil}},
			Fields:  []bot.Field{{Name: evil, Value: bot.Escape(evil), URL: evil}},
			Table:   &bot.Table{Head: []string{evil}, Rows: [][]bot.Text{{bot.Escape(evil)}}},
			Buttons: []bot.Button{{Label: evil}}, File: &bot.File{Name: evil},
		},
	}
}

func TestPostLines(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	all := posts()
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "--- %s\n%s\n", name, strings.Join(PostLines(all[name]), "\n"))
	}
	golden(t, "terminal.golden", b.String())
}

func FuzzTerminal(f *testing.F) {
	f.Add(evil)
	f.Add("\x9b31m \\\x1b \u009b")
	f.Add("`\x1b`[\x1b](\x1b)")
	f.Fuzz(func(t *testing.T, s string) {
		x := bot.Text(s)
		lines := slices.Concat(Lines(bot.RoomEntry{Text: s}), PostLines(bot.Post{
			Mention: bot.Account{Name: s}, Title: x, Text: []bot.Text{x, bot.Escape(s)}, Code: s,
			Steps:   []bot.Tick{{Title: x, State: s, Detail: x, URL: s}},
			Fields:  []bot.Field{{Name: s, Value: x, URL: s}},
			Table:   &bot.Table{Head: []string{s}, Rows: [][]bot.Text{{x, x}}},
			Buttons: []bot.Button{{Label: s}}, File: &bot.File{Name: s},
		}))
		for _, line := range lines {
			for _, r := range line {
				if unicode.IsControl(r) && r != '\t' || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
					t.Fatalf("%q reaches the terminal in %q", r, line)
				}
			}
		}
		if got, want := plain(bot.Escape(s)), bot.Unescape(bot.Escape(s)); got != want {
			t.Errorf("escaped text is shown as %q, want %q", got, want)
		}
	})
}

func TestRichText(t *testing.T) {
	t.Parallel()
	const rel = ` rel="noopener noreferrer" target="_blank">`
	for in, want := range map[bot.Text]string{
		"":                         "",
		"a < b & c":                "a &lt; b &amp; c",
		"**bold** text":            "<strong>bold</strong> text",
		"**open":                   "<strong>open</strong>",
		"`code <b> \\**`":          "<code>code &lt;b&gt; \\**</code>",
		"a ` b":                    "a ` b",
		"``":                       "``",
		"a\nb":                     "a<br>b",
		`\*\*no\*\* \[x\](y)`:      "**no** [x](y)",
		"[log](http://ci/1)":       `<a href="http://ci/1"` + rel + `log</a>`,
		"[x] done [log](http://c)": `[x] done <a href="http://c"` + rel + `log</a>`,
		`[a\]b](http://c)`:         `<a href="http://c"` + rel + `a]b</a>`,
		"[x](javascript:alert(1))": "[x](javascript:alert(1))",
		"[x](//evil)":              "[x](//evil)",
		"[x](http://u:p@evil)":     "[x](http://u:p@evil)",
		`[x](http://a"onload=x)`:   `<a href="http://a&#34;onload=x"` + rel + `x</a>`,
		"see http://a/b.":          `see <a href="http://a/b"` + rel + `http://a/b</a>.`,
		`http://a/b\_c\#d`:         `<a href="http://a/b_c#d"` + rel + `http://a/b_c#d</a>`,
		`http://good\@evil/x`:      "http://good@evil/x",
		"http://a?x=1&y=<b>":       `<a href="http://a?x=1&amp;y="` + rel + `http://a?x=1&amp;y=</a>&lt;b&gt;`,
		"**http://a/b**":           `<strong><a href="http://a/b"` + rel + `http://a/b</a></strong>`,
		"https://":                 "https://",
	} {
		if got := string(richText(in)); got != want {
			t.Errorf("%q:\n got %s\nwant %s", in, got, want)
		}
	}
}

// check parses HTML that came of foreign text and gives its text; it complains of
// every element and attribute that is not one of ours.
func check(t *testing.T, fragment string) string {
	t.Helper()
	nodes, err := html.ParseFragment(strings.NewReader(fragment), &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		switch {
		case n.Type == html.TextNode:
			text.WriteString(n.Data)
		case n.Type != html.ElementNode || !slices.Contains([]string{"strong", "code", "br", "a"}, n.Data):
			t.Errorf("%q has a %v %q", fragment, n.Type, n.Data)
		case n.Data == "br":
			text.WriteByte('\n')
		}
		for _, a := range n.Attr {
			u, err := url.Parse(a.Val)
			switch {
			case n.Data == "a" && a.Key == "href" && err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.User == nil && u.Host != "":
			case n.Data == "a" && a.Key == "rel" && a.Val == "noopener noreferrer", n.Data == "a" && a.Key == "target" && a.Val == "_blank":
			default:
				t.Errorf("%q has the attribute %s=%q", fragment, a.Key, a.Val)
			}
		}
		for k := n.FirstChild; k != nil; k = k.NextSibling {
			walk(k)
		}
	}
	for _, n := range nodes {
		walk(n)
	}
	return text.String()
}

func FuzzRichText(f *testing.F) {
	for _, s := range []string{
		evil, "[x](javascript:alert(1))", "[a](http://b\" onclick=x)", "`<img src=x onerror=y>`", "**<b>**", "http://a/\\\"><script>",
		"[\\](http://x)](http://y)", "\\", "\\é", "http://a\\_b\\@c", "[x](http://a/`b`)", "a\r\nb", "<!--", "&lt;script&gt;", "\xff\xfe<b>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		check(t, string(richText(bot.Text(s))))
		if got, want := check(t, string(richText(bot.Escape(s)))), bot.Unescape(bot.Escape(s)); got != want {
			t.Errorf("escaped text is shown as %q, want %q", got, want)
		}
		lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
		for i := range lines {
			lines[i] = bot.Unescape(bot.Escape(lines[i]))
		}
		if got, want := check(t, string(saidText(s))), strings.Join(lines, "\n"); got != want {
			t.Errorf("what a person said is shown as %q, want %q", got, want)
		}
	})
}

// TestEntryHoldsForeignText: no field of a post becomes markup on the page.
func TestEntryHoldsForeignText(t *testing.T) {
	t.Parallel()
	r := setup(t)
	p := posts()["7 foreign"]
	p.Steps[0].URL, p.Buttons = "javascript:alert(1)", append(p.Buttons, bot.Button{Label: "x", URL: "javascript:alert(1)"}, bot.Button{Label: "y", Style: `"><script>`})
	var b bytes.Buffer
	e := bot.RoomEntry{ID: "m1", Bot: true, Author: bot.Account{ID: "opsbot", Name: evil}, Post: &p}
	if err := r.c.pages.ExecuteTemplate(&b, "entry", r.c.view(e)); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if slices.Contains([]string{"script", "img", "iframe", "style", "object", "link"}, n.Data) {
			t.Errorf("the entry has a <%s>", n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.Contains(strings.ToLower(a.Val), "javascript:") {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
			if a.Key == "href" && strings.HasPrefix(a.Val, "http://evil") && n.FirstChild.Data != a.Val {
				t.Errorf("foreign text hides a link: %s", a.Val)
			}
		}
	}
}
