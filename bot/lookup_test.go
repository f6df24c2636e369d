package bot

import (
	"context"
	"strings"
	"testing"
)

func TestCheckSlug(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"hello-world", "a1", "x-1-y", strings.Repeat("a", 40), "infra", "to-do", "constant", "auxiliary"} {
		if err := CheckSlug(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, part := range map[string]string{
		"": "is empty", "   ": "is empty", "\u2003": "is empty",
		strings.Repeat("a", 41): "can't be a project's name", strings.Repeat("a", 200): "…",
		"a": "2 to 40 characters", "../x": "can't be", "../../etc": "Did you mean etc?", "/abs": "Did you mean abs?", `..\x`: "can't be",
		"hello world": "Did you mean hello-world?", "hello_world": "Did you mean hello-world?", "Hello-World": "Did you mean hello-world?", "HELLO": "Did you mean hello?",
		"🚀": "can't be", "rocket🚀": "Did you mean rocket?", "hé": "can't be", "hеllo": "can't be", // a Cyrillic е
		"-hello": "Did you mean hello?", "hello-": "Did you mean hello?", "--": "can't be", "a--b": "Did you mean a-b?", "1a": "can't be", "a.b": "Did you mean a-b?",
		"a\nb": "can't be", "a\x00b": "can't be", "hello@1": "can't be",
		"admin": "reserved", "Admin": "reserved", "vendor": "reserved", "testdata": "reserved", "internal": "reserved", "aux": "reserved", "con": "reserved", "nul": "reserved",
		"prn": "reserved", "COM1": "reserved", "lpt9": "reserved", "in": "reserved", "to": "reserved", "localhost": "reserved", "opsbot": "reserved",
	} {
		err := CheckSlug(bad)
		if CodeOf(err) != CodeInvalid || !strings.Contains(MessageOf(err), part) || len(MessageOf(err)) > 300 {
			t.Errorf("%.60q: %v, want %q", bad, err, part)
		}
	}
	for _, name := range []string{"-aux-", "_Admin_", "1-a", strings.Repeat("A b", 50)} {
		if text := MessageOf(CheckSlug(name)); strings.Contains(text, "Did you mean") {
			t.Errorf("%.60q: suggests what can't be taken either: %s", name, text)
		}
	}
}

// FuzzCheckSlug: what is suggested can be taken.
func FuzzCheckSlug(f *testing.F) {
	for _, s := range []string{"Hello World", "-aux-", "a--b", "../x", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		err := CheckSlug(name)
		if err == nil {
			if strings.ToLower(name) != name || strings.ContainsAny(name, "./\\ ") || len(name) > 40 {
				t.Fatalf("accepted %q", name)
			}
			return
		}
		if _, better, ok := strings.Cut(MessageOf(err), "Did you mean "); ok && !strings.Contains(name, "Did you mean") {
			if err := CheckSlug(strings.TrimSuffix(better, "?")); err != nil {
				t.Fatalf("%q: the suggestion %q: %v", name, better, err)
			}
		}
	})
}

// onlyReads is a store with some rows.
type onlyReads struct {
	UnitOfWork
	rows []Resource
	err  error
}

func (s onlyReads) Read(ctx context.Context, fn func(context.Context, *Tx) error) error {
	return fn(ctx, &Tx{Resources: s})
}
func (s onlyReads) Of(context.Context, string) ([]Resource, error)       { return s.rows, s.err }
func (onlyReads) Put(context.Context, Resource) error                    { return nil }
func (onlyReads) ByID(context.Context, string) (r Resource, _ error)     { return r, nil }
func (onlyReads) MadeBy(context.Context, string) (r []Resource, _ error) { return r, nil }
func (onlyReads) ByExternal(context.Context, string, ResourceKind, string) (r Resource, _ error) {
	return r, nil
}

type named map[string]any

func (n named) Get(name string) any { return n[name] }
func (n named) Names() []string     { return nil }

type display string

func (d display) DisplayName() string { return string(d) }

type ci struct{ Pipeline }

func TestServicesFind(t *testing.T) {
	t.Parallel()
	s := &Services{
		Environments: []Environment{{Name: "staging"}, {Name: "Production"}}, Integrations: named{"ci": ci{}, "git": display("GitHub")},
		Work: onlyReads{rows: []Resource{{Kind: ResourceHook}, {Kind: ResourceJob, Instance: "ci", ExternalID: "7", URL: "u"}, {Kind: ResourceRepository, Instance: "gone"}}},
	}
	if e, err := s.Environment("PRODUCTION"); err != nil || e.Name != "Production" {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := s.Environment("moon"); CodeOf(err) != CodeNotFound || MessageOf(err) != `There is no environment "moon"; there are: staging, Production.` {
		t.Errorf("%v", err)
	}
	p := Project{ID: "1", Slug: "hello"}
	if job, pipeline, err := s.JobOf(t.Context(), p); err != nil || job != (Job{ExternalID: "7", URL: "u"}) || pipeline == nil {
		t.Errorf("%+v, %v", job, err)
	}
	if _, err := s.ResourceOf(t.Context(), p, ResourceEnvironment); CodeOf(err) != CodeNotFound || MessageOf(err) != "The project hello has no environment." {
		t.Errorf("%v", err)
	}
	s.Work = onlyReads{err: Errorf(CodeUnavailable, "away")}
	if _, _, err := s.JobOf(t.Context(), p); CodeOf(err) != CodeUnavailable {
		t.Errorf("%v", err)
	}
	if NameOf(s.Integrations, "git") != "GitHub" || NameOf(s.Integrations, "ci") != "ci" || NameOf(s.Integrations, "gone") != "gone" {
		t.Error("names of instances")
	}
	if _, err := Find[Pipeline](s.Integrations, "git", "builds"); CodeOf(err) != CodeUnsupported || MessageOf(err) != `The integration "git" cannot do that: it has no builds.` {
		t.Errorf("%v", err)
	}
	if _, err := Find[Pipeline](s.Integrations, "gone", "builds"); CodeOf(err) != CodeNotFound {
		t.Errorf("%v", err)
	}
}

func TestNoSuggestionThatLosesLetters(t *testing.T) {
	t.Parallel()
	if text := MessageOf(CheckSlug("h\u00e9llo")); strings.Contains(text, "Did you mean") {
		t.Errorf("%s", text)
	}
}
