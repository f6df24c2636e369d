package markup

import (
	"fmt"
	"strings"
	"testing"

	"opsbot/bot"
)

func typeOf(v any) string { return fmt.Sprintf("%T", v) }

// checkForeign says what is wrong with how foreign text is shown; "" for nothing.
func checkForeign(s string) string {
	md := Text(bot.Escape(s))
	got := look(md)
	if len(got.odd) > 0 {
		return fmt.Sprintf("%q becomes %q: %q", s, md, got.odd)
	}
	if want := flat(bot.OneLine(s)); got.plain() != want {
		return fmt.Sprintf("%q becomes %q, which shows %q", s, md, got.plain())
	}
	for label, address := range got.links {
		if !sameAddress(label, address) {
			return fmt.Sprintf("%q becomes %q with a link from %q to %q", s, md, label, address)
		}
		if _, ok := Address(address); !ok {
			return fmt.Sprintf("%q becomes %q with a link to %q", s, md, address)
		}
	}
	if at := begins.FindString(md); at != "" {
		return fmt.Sprintf("%q becomes %q with a line that begins with %q", s, md, at)
	}
	if signs := unescaped(md); signs != "" {
		return fmt.Sprintf("%q becomes %q with the signs %q", s, md, signs)
	}
	return ""
}

func TestForeignTextIsText(t *testing.T) {
	t.Parallel()
	for _, s := range corpus() {
		if wrong := checkForeign(s); wrong != "" {
			t.Error(wrong)
		}
	}
}

func FuzzForeign(f *testing.F) {
	for _, s := range corpus() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if wrong := checkForeign(s); wrong != "" {
			t.Error(wrong)
		}
		block := look(Block(s))
		if want := flat(keepLines(s)); len(block.odd) > 0 || block.plain() != strings.ReplaceAll(want, Gap, "") {
			t.Errorf("as code %q becomes %q: %q", s, Block(s), block.odd)
		}
		for _, label := range []string{Label(s), Cell(bot.Escape(s))} {
			if strings.Contains(label, "\n") {
				t.Errorf("%q has several lines: %q", s, label)
			}
		}
		if cell := Cell(bot.Escape(s)); strings.Contains(cell, "|") {
			t.Errorf("%q ends its cell: %q", s, cell)
		}
	})
}

// FuzzText: whatever a text of ours holds, it mentions nobody, and a link goes where
// it says.
func FuzzText(f *testing.F) {
	for _, s := range append(corpus(), "**a** `b` [c](https://d.example)\n[https://good.example](https://evil.example)", "[a](javascript:x)", "**[a](http://b)**") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := look(Text(bot.Text(s)))
		for _, odd := range got.odd {
			t.Errorf("%q becomes %q: %s", s, Text(bot.Text(s)), odd)
		}
		for label, address := range got.links {
			if _, ok := Address(address); !ok {
				t.Errorf("%q has a link to %q", s, address)
			}
			if !sameAddress(label, address) && looksLikeAddress(label) {
				t.Errorf("%q hides %q behind %q", s, address, label)
			}
		}
		Inline(bot.Text(s))
		Cell(bot.Text(s))
		Title(bot.Text(s))
		Plain(bot.Text(s))
	})
}

func TestText(t *testing.T) {
	t.Parallel()
	for in, want := range map[bot.Text]string{
		"**bold** and `code` with [the log](https://ci.example.com/1)": "**bold** and `code` with [the log](https://ci.example.com/1)",
		"see https://ci.example.com/a_b?x=1&y=2.":                      "see https://ci.example.com/a_b?x=1&y=2.",
		"see https://ci.example.com/job/(1)":                           "see [https:\u200b//ci.example.com/job/(1](https://ci.example.com/job/%281))",
		"[https://good.example](https://evil.example)":                 "https:\u200b//good.example ([https:\u200b//evil.example](https://evil.example))",
		"a\n- b\n1. c\n# d":                                            "a\n\\- b\n1\\. c\n\\# d",
		"0.1.0-1-g13e88d1 -x +y #1":                                    "0.1.0-1-g13e88d1 -x +y #1",
		"Build #1 at 13:50:54, 0.9.4 -> 1.0.0 (alice)":                 "Build #1 at 13:50:54, 0.9.4 -> 1.0.0 (alice)",
		"x**y**z":                      "x**y**z",
		"x**(y)**z":                    "x(y)z",
		"** y **":                      "**y**",
		"[a](ftp://x.example)":         "\\[a\\](ftp:\u200b//x.example)",
		"`  `":                         "",
		"trailing  \nspace ":           "trailing\nspace",
		"[x_y](https://e.example/a(b)": "[x\\_y](https://e.example/a%28b)",
	} {
		if got := Text(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if got := Title("**hello** · main"); got != "**hello · main**" {
		t.Errorf("a title becomes %q", got)
	}
	if got := Plain("**a** `b` [c](https://d.example)\n\\*"); got != "a b c (https://d.example)\n*" {
		t.Errorf("as plain text: %q", got)
	}
}

func TestBlock(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "\n\n": "", "a\nb\n": "```\na\nb\n```", "x ``` y": "````\nx ``` y\n````", "\x1b[31mred\r\nend": "```\n[31mred\nend\n```",
	} {
		if got := Block(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}
