package router

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"opsbot/bot"
)

// allSpecs are the specs of all commands, as their own test keeps them.
func allSpecs(t testing.TB) map[string]bot.Spec {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "commands", "testdata", "specs.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []bot.Spec
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	out := map[string]bot.Spec{}
	for _, s := range list {
		out[s.Verb] = s
	}
	return out
}

// read parses a whole line, verb included; missing is by name.
func read(specs map[string]bot.Spec, line string) (args bot.Args, missing []string, err error) {
	words, err := lex(line)
	if err != nil {
		return args, nil, err
	}
	args, left, err := parse(specs[words[0].text], line, words[1:])
	for _, p := range left {
		missing = append(missing, p.Name)
	}
	return args, missing, err
}

// show writes args for comparison: values by name, flags, pairs.
func show(a bot.Args) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(a.Values)) {
		out = append(out, k+"="+a.Values[k])
	}
	for _, k := range slices.Sorted(maps.Keys(a.Flags)) {
		out = append(out, "--"+k+"="+a.Flags[k])
	}
	for _, p := range a.Pairs {
		out = append(out, p.Key+":="+p.Value)
	}
	return strings.Join(out, "|")
}

func TestGrammar(t *testing.T) {
	t.Parallel()
	specs := allSpecs(t)
	for _, c := range []struct{ line, want string }{
		{`deploy hello to production`, `env=production|name=hello`},
		{`deploy   hello	to production`, `env=production|name=hello`},
		{`deploy to production hello`, `env=production|name=hello`},
		{`deploy hello TO production`, `env=production|name=hello`},
		{`deploy hello@1.2-3-gabc to production`, `env=production|name=hello|version=1.2-3-gabc`},
		{`deploy hello@a@b to production`, `env=production|name=hello|version=a@b`},
		{`deploy "to" to production`, `env=production|name=to`},
		{`deploy 'to' to "to"`, `env=to|name=to`},
		{`deploy \to to x`, `env=x|name=to`},
		{`deploy hello to production --yes`, `env=production|name=hello|--yes=true`},
		{`deploy --YES hello to production`, `env=production|name=hello|--yes=true`},
		{`deploy hello —yes to production`, `env=production|name=hello|--yes=true`},
		{`deploy "--yes" to production`, `env=production|name=--yes`},
		{`rollback hello in production to 1.0`, `env=production|name=hello|version=1.0`},
		{`rollback hello to 1.0 in production`, `env=production|name=hello|version=1.0`},
		{`log hello`, `name=hello`},
		{`log hello #3`, `name=hello|number=3`},
		{`log hello "#3"`, `branch=#3|name=hello`},
		{`log hello feature/x #12`, `branch=feature/x|name=hello|number=12`},
		{`log #12 hello feature/x`, `branch=feature/x|name=hello|number=12`},
		{`log hello in staging`, `env=staging|name=hello`},
		{`log hello "in" in staging`, `branch=in|env=staging|name=hello`},
		{`buildNow hello a="b c"`, `name=hello|a:=b c`},
		{`buildNow hello a='b c' d=“e f” g=‘h i’ j=«k l» m=„n o“`, `name=hello|a:=b c|d:=e f|g:=h i|j:=k l|m:=n o`},
		{`buildNow hello a= b=x=y`, `name=hello|a:=|b:=x=y`},
		{`buildNow hello "a=b"`, `branch=a=b|name=hello`},
		{`buildNow hello a="it's" c=don't`, `name=hello|a:=it's|c:=don't`},
		{`buildNow a=1 hello a=2 main`, `branch=main|name=hello|a:=1|a:=2`},
		{`buildNow hello a="\"x\\"`, `name=hello|a:="x\`},
		{`buildNow hello a='\'`, `name=hello|a:=\`},
		{`new-project hello --blueprint=go-service --owner "foo bar" --private`, `name=hello|--blueprint=go-service|--owner=foo bar|--private=true`},
		{`new-project --owner="foo bar" hello`, `name=hello|--owner=foo bar`},
		{`new-project hello --owner "--x"`, `name=hello|--owner=--x`},
		{`lock hello in prod because the team's database is in a move to x --yes`, `env=prod|name=hello|reason=the team's database is in a move to x --yes`},
		{`lock hello in prod because "moving it"`, `env=prod|name=hello|reason=moving it`},
		{`lock hello in prod because "moving" it`, `env=prod|name=hello|reason="moving" it`},
		{`lock hello in prod because C:\tmp`, `env=prod|name=hello|reason=C:\tmp`},
		{`lock hello in prod because   because  of  it `, `env=prod|name=hello|reason=because  of  it`},
		{`help`, ``},
	} {
		args, missing, err := read(specs, c.line)
		if err != nil || len(missing) > 0 {
			t.Errorf("%s: missing %v, error %v", c.line, missing, err)
			continue
		}
		if got := show(args); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.line, got, c.want)
		}
	}
}

func TestGrammarRefuses(t *testing.T) {
	t.Parallel()
	specs := allSpecs(t)
	for _, c := range []struct {
		line, message string
		at            int
	}{
		{`deploy hello to`, `After "to" I expect ENV.`, 13},
		{`deploy hello to --yes`, `After "to" I expect ENV.`, 13},
		{`deploy hello to a to b`, `"to" is there twice`, 18},
		{`log in in staging`, `After "in" I expect ENV.`, 4},
		{`deploy hello to to`, `After "to" I expect ENV.`, 13},
		{`deploy hello@ to production`, `After "hello@" I expect a version.`, 13},
		{`deploy @1 to production`, `NAME is empty.`, 7},
		{`deploy "" to production`, `NAME is empty.`, 7},
		{`deploy hello production to x`, `I don't know what to do with "production".`, 13},
		{`deploy hello to x a=b`, `deploy takes no key=value: "a=b".`, 18},
		{`deploy hello to x --yess`, `deploy has no option --yess. Did you mean --yes?`, 18},
		{`deploy hello to x --frobnicate`, `deploy has no option --frobnicate.`, 18},
		{`deploy hello to x --yes=no`, `--yes takes no value.`, 18},
		{`status --yes`, `status has no option --yes.`, 7},
		{`new-project hello --owner`, `--owner needs a value: --owner O.`, 18},
		{`new-project hello --owner=`, `--owner needs a value: --owner O.`, 18},
		{`new-project hello --owner --private`, `--owner needs a value: --owner O.`, 18},
		{`new-project hello --owner a --owner b`, `--owner is there twice, with two values.`, 28},
		{`new-project a b`, `I don't know what to do with "b". A name is one word; did you mean a-b?`, 14},
		{`new-project a !`, `I don't know what to do with "!".`, 14},
		{`deploy hello production`, `I don't know what to do with "production". Did you mean "to production"?`, 13},
		{`rollback hello production 0.1.0`, `I don't know what to do with "production". Did you mean "in production"?`, 15},
		{`builds hello #3`, `I don't know what to do with "#3".`, 13},
		{`lock hello in prod because ""`, `REASON is empty.`, 27},
		{`deploy "hello to x`, `The quotation that starts at character 8 does not end.`, 7},
		{`deploy hello to «x`, `The quotation that starts at character 17 does not end.`, 16},
		{`deploy hello \`, `The line ends with a backslash; write two for a backslash itself.`, 13},
		{"deploy \xff", `That is no valid text (UTF-8).`, 7},
		{strings.Repeat("x", maxLine+1), `That is longer than the 8192 characters a command may have.`, maxLine},
	} {
		_, _, err := read(specs, c.line)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%s: no syntax error, but %v", c.line, err)
			continue
		}
		if !strings.HasPrefix(syntax.Message, c.message) || syntax.At != c.at {
			t.Errorf("%s\n got %d %s\nwant %d %s", c.line, syntax.At, syntax.Message, c.at, c.message)
		}
	}
}

func TestGrammarTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	specs := allSpecs(t)
	for line, want := range map[string]string{
		`deploy`: "name env", `deploy hello`: "env", `deploy to prod`: "name", `lock hello in prod`: "reason",
		`diff hello staging`: "to", `skip 5f1c2ab09d3e`: "step", `status`: "", `builds main #`: "",
	} {
		if _, missing, err := read(specs, line); err != nil || strings.Join(missing, " ") != want {
			t.Errorf("%s: missing %v (%v), want %q", line, missing, err, want)
		}
	}
}

// TestExamplesParse: what the help shows can be typed.
func TestExamplesParse(t *testing.T) {
	t.Parallel()
	specs := allSpecs(t)
	for verb, s := range specs {
		for _, line := range s.Examples() {
			args, missing, err := read(specs, line)
			if err != nil || len(missing) > 0 {
				t.Errorf("%s: missing %v, error %v", line, missing, err)
			}
			if again := s.Format(args); show(mustRead(t, specs, again)) != show(args) {
				t.Errorf("%s: written again it is %s", line, again)
			}
		}
		if !strings.HasPrefix(s.Usage(), verb) {
			t.Errorf("usage of %s: %s", verb, s.Usage())
		}
	}
}

func mustRead(t *testing.T, specs map[string]bot.Spec, line string) bot.Args {
	t.Helper()
	args, _, err := read(specs, line)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return args
}

// TestOrderDoesNotMatter puts the parts of a line in every order.
func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	specs := allSpecs(t)
	for verb, parts := range map[string][]string{
		"deploy":      {"hello@1", "to production", "--yes"},
		"rollback":    {"hello", "in production", "to 1.0", "--yes"},
		"new-project": {"hello", "--owner x", `--blueprint="go service"`, "--private", "key=value"},
		"log":         {"hello", "#3", "in staging"},
		"buildNow":    {"hello", `a="b c"`},
	} {
		want := show(mustRead(t, specs, verb+" "+strings.Join(parts, " ")))
		permute(parts, 0, func(order []string) {
			line := verb + " " + strings.Join(order, " ")
			if got := show(mustRead(t, specs, line)); got != want {
				t.Errorf("%s\n got %s\nwant %s", line, got, want)
			}
		})
	}
}

func permute(list []string, from int, visit func([]string)) {
	if from == len(list) {
		visit(list)
		return
	}
	for i := from; i < len(list); i++ {
		list[from], list[i] = list[i], list[from]
		permute(list, from+1, visit)
		list[from], list[i] = list[i], list[from]
	}
}
