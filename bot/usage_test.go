package bot

import (
	"slices"
	"strings"
	"testing"
)

func deploySpec() Spec {
	return Spec{Verb: "deploy", Pairs: "anything", Params: []Param{
		{Name: "name", Type: ParamVersioned, Example: "hello world"},
		{Name: "number", Type: ParamNumber, Optional: true, Example: "#3"},
		{Name: "what", Type: ParamEither, Optional: true},
		{Name: "env", Type: ParamEnvironment, Keyword: "to", Example: "production"},
		{Name: "reason", Type: ParamText, Keyword: "because", Optional: true, Example: "it is time"},
	}, Flags: []Flag{{Name: "yes"}, {Name: "owner", Value: "O", Example: "foo org"}}}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	const want = "deploy NAME[@VERSION] [#N] [NAME|ENV] to ENV [because REASON ...] [key=value ...] [--yes] [--owner O]"
	if got := deploySpec().Usage(); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestExamples(t *testing.T) {
	t.Parallel()
	want := []string{`deploy "hello world" to production`, `deploy "hello world" #3 to production --owner "foo org"`}
	if got := deploySpec().Examples(); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	if got := (Spec{Verb: "help", Params: []Param{{Name: "ID"}}}).Examples(); !slices.Equal(got, []string{"help id"}) {
		t.Errorf("%q", got)
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	args := Args{
		Values: map[string]string{"name": "a b", "version": "1.0", "number": "3", "env": "TO", "reason": `say "hi" \o/`, "what": "x=y"},
		Flags:  map[string]string{"yes": "true", "owner": "--x"}, Pairs: []Pair{{"k", "v w"}, {"empty", ""}, {"k", `"`}},
	}
	want := `deploy "a b@1.0" #3 "x=y" to "TO" k="v w" empty= k="\"" --owner "--x" --yes because "say \"hi\" \\o/"`
	if got := deploySpec().Format(args); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got := deploySpec().Format(Args{}); got != "deploy" {
		t.Errorf("%q", got)
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain": "plain", "a/b:c@d=e+f,g%h~i^j.k-l_m#n": "a/b:c@d=e+f,g%h~i^j.k-l_m#n", "wörld": "wörld",
		"": `""`, "a b": `"a b"`, "--x": `"--x"`, "-x": "-x", "#3": `"#3"`, `"`: `"\""`, `\`: `"\\"`, "it's": `"it's"`, "—": `"—"`, "“x”": `"“x”"`,
	} {
		if got := Quote(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestStatesAndNames(t *testing.T) {
	t.Parallel()
	for s, final := range map[DeploymentState]bool{
		DeploymentPlanned: false, DeploymentWaiting: false, DeploymentApplying: false, DeploymentWatching: false,
		DeploymentSucceeded: true, DeploymentFailed: true, DeploymentRolledBack: true, DeploymentSuperseded: true, DeploymentUnknown: true,
	} {
		if s.Final() != final {
			t.Errorf("%s: %v", s, !final)
		}
	}
	for s, final := range map[OperationState]bool{OperationRunning: false, OperationWaiting: false, OperationFailed: false, OperationUndoing: false, OperationSucceeded: true, OperationUndone: true} {
		if op := (&Operation{State: s}); op.Final() != final {
			t.Errorf("%s: %v", s, !final)
		}
	}
	if got := (RoomRef{Instance: "slack", Workspace: "T1", ID: "C2"}).String() + " " + (Account{Instance: "console", ID: "alice"}).String(); got != "slack:T1/C2 console:alice" {
		t.Error(got)
	}
	repo := Resource{ExternalID: "7", Name: "group/sub/hello", URL: "u", CloneURL: "c"}.Repository("main")
	if repo != (Repository{ExternalID: "7", Owner: "group/sub", Name: "hello", URL: "u", CloneURL: "c", DefaultBranch: "main"}) {
		t.Errorf("%+v", repo)
	}
	system := SystemUser()
	if system.Owner || !slices.Equal(system.Groups, []string{"system"}) || strings.TrimSpace(system.Name) == "" {
		t.Errorf("%+v", system)
	}
	ctx := t.Context()
	if InTransaction(ctx) || !InTransaction(WithTransaction(ctx)) {
		t.Error("the mark of a transaction")
	}
	if (&Request{Args: Args{Values: map[string]string{"a": "b"}, Flags: map[string]string{"yes": ""}}}).Value("a") != "b" {
		t.Error("a value")
	}
}
