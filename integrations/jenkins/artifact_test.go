package jenkins

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"opsbot/bot"
	fake "opsbot/test/fakes/jenkins"
)

func (b *bench) artifact(t *testing.T, ref bot.BuildRef, name string) (string, error) {
	t.Helper()
	body, err := b.OpenArtifact(t.Context(), ref, bot.Artifact{Name: name})
	if err != nil {
		return "", err
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	return string(text), err
}

func TestArtifacts(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{Files: map[string]string{"dist/a b#1.tgz": "packed", "site/index.html": "<html>hi</html>"}})
	done := b.until(t, b.build(t, job, "main", "k"), finished)
	if len(done.Artifacts) != 2 || done.Artifacts[0].URI != done.URL+"artifact/dist/a%20b%231.tgz" || done.Artifacts[0].Digest != "" {
		t.Fatalf("%+v", done.Artifacts)
	}
	for name, want := range map[string]string{"dist/a b#1.tgz": "packed", "site/index.html": "<html>hi</html>"} {
		if got, err := b.artifact(t, done.Ref, name); err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "none.tgz", "../config.xml", "dist/../../consoleText", "/dist", "dist//a"} {
		_, err := b.artifact(t, done.Ref, name)
		wantCode(t, err, bot.CodeNotFound)
	}
	_, err := b.artifact(t, bot.BuildRef{Job: job.ExternalID, Branch: "main", Number: 7}, "dist/a b#1.tgz")
	wantCode(t, err, bot.CodeNotFound)
}

// TestArtifactCutShort is no shorter artifact, but an error that is tried again.
func TestArtifactCutShort(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	done := b.until(t, b.build(t, b.job(t, &fake.Program{Files: map[string]string{"a.tgz": "packed"}}), "main", "k"), finished)
	b.fake.AddFault(fake.Fault{Path: "/artifact/", Times: 1, Cut: true})
	_, err := b.artifact(t, done.Ref, "a.tgz")
	if class, _ := bot.RetryOf(err); bot.CodeOf(err) != bot.CodeUnavailable || class != bot.RetryBackoff {
		t.Errorf("%v", err)
	}
}

// TestArtifactElsewhere: the login stays with Jenkins.
func TestArtifactElsewhere(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.URL.Path == "/login" {
			w.Header().Set("Content-Type", "text/html")
		}
		_, _ = io.WriteString(w, "packed at "+r.URL.String())
	}))
	t.Cleanup(other.Close)
	for to, want := range map[string]string{other.URL + "/a.tgz?signed=1": "packed at /a.tgz?signed=1", other.URL + "/login": "", "ftp://127.0.0.1/a.tgz": ""} {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			done := b.until(t, b.build(t, b.job(t, &fake.Program{Files: map[string]string{"a.tgz": "packed"}}), "main", "k"), finished)
			b.fake.AddFault(fake.Fault{Path: "/artifact/", Status: 302, Header: map[string]string{"Location": to}})
			got, err := b.artifact(t, done.Ref, "a.tgz")
			if got != want || (err == nil) == (want == "") {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
