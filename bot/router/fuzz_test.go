package router

import (
	"errors"
	"strings"
	"testing"

	"opsbot/bot"
)

// FuzzGrammar: what parses, written and parsed again, is the same; where it does
// not, the fault is inside the line; options and pairs go anywhere.
func FuzzGrammar(f *testing.F) {
	specs := allSpecs(f)
	for _, s := range specs {
		for _, line := range s.Examples() {
			f.Add(line)
		}
	}
	for _, line := range []string{
		`deploy "to"@1 to 'x y' --yes`, `new-project a "b=c" d="e f" --owner=«g»`, `log in #1 in in`, "lock a in b because \u2028c\\ d",
		`buildNow \\ \# #1 a= =b`, `deploy “a„ to ”`, `confirm a b "c`, `lock x in y because don't "z"`, "undo \u00a0x", `skip "" y`, "deploy — to -",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := lex(line)
		if err != nil {
			inside(t, line, err)
			return
		}
		if len(words) == 0 {
			return
		}
		for _, s := range specs {
			args, missing, err := parse(s, line, words[1:])
			if err != nil {
				inside(t, line, err)
				continue
			}
			roundTrip(t, s, args, len(missing))
		}
	})
}

func inside(t *testing.T, line string, err error) {
	t.Helper()
	var syntax *SyntaxError
	if !errors.As(err, &syntax) {
		t.Fatalf("%q: an error without position: %v", line, err)
	}
	if syntax.At < 0 || syntax.At > len(line) || syntax.Message == "" || len(syntax.Message) > 4*len(line)+200 {
		t.Fatalf("%q: fault at %d of %d: %s", line, syntax.At, len(line), syntax.Message)
	}
}

func roundTrip(t *testing.T, s bot.Spec, args bot.Args, missing int) {
	t.Helper()
	line := s.Format(args)
	if len(line) > maxLine {
		return // what was nearly too long is so with its quotes
	}
	again := reread(t, s, line, missing)
	if show(again) != show(args) {
		t.Fatalf("%s: %s\n got %s\nwant %s", s.Verb, line, show(again), show(args))
	}
	rest, ok := strings.CutPrefix(line, s.Verb+" ")
	if _, text := args.Values[lastText(s)]; !ok || text {
		return
	}
	// Options first instead of last.
	if len(args.Flags) > 0 {
		flags := s.Format(bot.Args{Flags: args.Flags})
		args.Flags = nil
		others := strings.TrimPrefix(s.Format(args), s.Verb)
		if got := reread(t, s, flags+others, missing); show(got) != show(again) {
			t.Fatalf("%s: with options first\n got %s\nwant %s", rest, show(got), show(again))
		}
	}
}

// lastText is the name of the spec's free text, "" if it has none.
func lastText(s bot.Spec) string {
	for _, p := range s.Params {
		if p.Type == bot.ParamText {
			return p.Name
		}
	}
	return ""
}

func reread(t *testing.T, s bot.Spec, line string, missing int) bot.Args {
	t.Helper()
	words, err := lex(line)
	if err != nil {
		t.Fatalf("%s: written again: %v", line, err)
	}
	again, left, err := parse(s, line, words[1:])
	if err != nil {
		t.Fatalf("%s: written again: %v", line, err)
	}
	if len(left) != missing {
		t.Fatalf("%s: written again misses %v", line, left)
	}
	return again
}
