package jenkins

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"opsbot/bot"
)

// FuzzBuild: whatever Jenkins says of a build, the report stays within Jenkins and
// within time.
func FuzzBuild(f *testing.F) {
	for _, s := range []string{
		`{}`, `null`, `{"number":3,"result":"SUCCESS","building":false,"timestamp":1700000000000,"duration":41000}`,
		`{"number":-1,"building":true,"timestamp":-9223372036854775808,"duration":-5}`,
		`{"timestamp":9223372036854775807,"duration":9223372036854775807,"result":"ODD"}`,
		`{"artifacts":[{"relativePath":"../../../x?y#z"},{"relativePath":"a b/c.jar"},{"relativePath":""}]}`,
		`{"actions":[null,{},{"urlName":"testReport","totalCount":-1},{"parameters":[{"name":"A","value":{"b":1}}]}]}`,
	} {
		f.Add(s, "main")
	}
	s := &Service{config: Config{LinkURL: "https://jenkins.example.com"}}
	f.Fuzz(func(t *testing.T, body, branch string) {
		var j buildJSON
		if json.Unmarshal([]byte(body), &j) != nil {
			return
		}
		b := s.convert(bot.BuildRef{Job: "hello", Branch: branch}, encodeBranch(branch), j, queueDoc{})
		if (b.State == bot.BuildFinished) != (b.Result != "") {
			t.Errorf("%q: %s with the result %q", body, b.State, b.Result)
		}
		if !b.FinishedAt.IsZero() && b.FinishedAt.Before(b.StartedAt) {
			t.Errorf("%q: ended at %s, begun at %s", body, b.FinishedAt, b.StartedAt)
		}
		for _, a := range b.Artifacts {
			if !strings.HasPrefix(a.URI, "https://jenkins.example.com/job/hello/job/") || strings.ContainsAny(a.URI[len("https://"):], "?# ") {
				t.Errorf("%q: the artifact is at %q", body, a.URI)
			}
		}
	})
}

// FuzzInputs: a question is bounded, and what fits it is sent as it was meant.
func FuzzInputs(f *testing.F) {
	for _, s := range []string{
		`[]`, `null`, `[{"id":"Go","message":"Release?","proceedText":"Ship it","inputs":[{"type":"ChoiceParameterDefinition","name":"W","definition":{"choices":["a","b"]}}]}]`,
		`[{"inputs":[{"type":"BooleanParameterDefinition","definition":{"defaultVal":1}}]}]`, `[{"id":"` + strings.Repeat("x", 300) + `"}]`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var all []inputJSON
		if json.Unmarshal([]byte(body), &all) != nil {
			return
		}
		got := inputsOf(all)
		if len(got) > maxInputs {
			t.Errorf("%d questions", len(got))
		}
		for _, q := range got {
			if len(q.Parameters) > maxParameters {
				t.Errorf("%d parameters", len(q.Parameters))
			}
			for _, p := range q.Parameters {
				if len(p.Choices) > maxChoices {
					t.Errorf("%d choices", len(p.Choices))
				}
			}
		}
	})
}

// FuzzStages: of the stage view's answer and of a log's text.
func FuzzStages(f *testing.F) {
	for _, s := range []string{`{}`, `{"status":"IN_PROGRESS","stages":[{"name":"Test","status":"PAUSED_PENDING_INPUT","durationMillis":-9}]}`, `{"stages":[null,{"error":{}}]}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var r runJSON
		if json.Unmarshal([]byte(body), &r) != nil {
			return
		}
		for _, st := range r.convert() {
			if st.Duration < 0 || utf8.RuneCountInString(st.Name) > 201 || strings.Contains(st.Error, "\n") || st.Status == statusPaused {
				t.Errorf("%+v", st)
			}
		}
	})
}

// FuzzBranch: a job's name leads back to its branch.
func FuzzBranch(f *testing.F) {
	for _, s := range []string{"main", "feature/x", "a%2Fb", "100%", "ä ö", "#1", `a\b`, "[x]", "?", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, branch string) {
		if got := decodeBranch(encodeBranch(branch)); got != branch {
			t.Errorf("%q comes back as %q", branch, got)
		}
		_ = decodeBranch(branch) // also a name that nobody encoded
	})
}
