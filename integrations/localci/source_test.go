package localci

import (
	"net/http/cgi"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"opsbot/bot"
)

// remote serves the repository over HTTP, as a forge elsewhere does.
func (r *repository) remote(t *testing.T) *httptest.Server {
	t.Helper()
	dir := filepath.Dir(r.bare)
	server := httptest.NewServer(&cgi.Handler{
		Path: filepath.Join(r.git(t, dir, "--exec-path"), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "HOME=" + dir},
	})
	t.Cleanup(server.Close)
	return server
}

// A repository elsewhere is mirrored, and built from the mirror.
func TestRemoteSource(t *testing.T) {
	t.Parallel()
	b := setup(t)
	server := b.repo.remote(t)
	spec := b.spec()
	spec.Name, spec.ProjectID = "far", "p2"
	spec.Source = bot.CloneSource{URL: server.URL + "/shop.git"}
	job, err := b.EnsureJob(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	b.repo.commit(t, "main", map[string]string{"Jenkinsfile": tinyPipeline})
	ref, err := b.Build(t.Context(), bot.BuildRequest{Job: job, Branch: "main"})
	if err != nil || ref.Number != 2 {
		t.Fatalf("build %+v, %v", ref, err)
	}
	if b.runner.Available() == nil {
		serve(t, b.Service)
		b.store.await(t, "the build", func() bool {
			build, err := b.Status(t.Context(), ref)
			return err == nil && build.State == bot.BuildFinished
		})
		build, err := b.Status(t.Context(), ref)
		if err != nil || build.Result != bot.ResultSuccess {
			t.Errorf("build %+v, %v", build, err)
		}
	}
	b.repo.git(t, b.repo.bare, "update-ref", "-d", "refs/heads/main")
	b.repo.commit(t, "other", nil)
	if _, err := b.Build(t.Context(), bot.BuildRequest{Job: job, Branch: "main"}); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("a branch that is gone: %v", err)
	}
	server.Close()
	_, err = b.Build(t.Context(), bot.BuildRequest{Job: job, Branch: "other"})
	if retry, _ := bot.RetryOf(err); bot.CodeOf(err) != bot.CodeUnavailable || retry != bot.RetryBackoff {
		t.Errorf("a server that is gone: %v", err)
	}
}

func TestSourcesThatAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tests := []struct {
		source bot.CloneSource
		want   bot.Code
	}{
		{bot.CloneSource{URL: "ext::sh -c 'touch /tmp/x'"}, bot.CodeUnsupported},
		{bot.CloneSource{URL: "file:///etc"}, bot.CodeUnsupported},
		{bot.CloneSource{URL: "https://example.com/x.git", Credentials: "deploy-key"}, bot.CodeUnsupported},
		{bot.CloneSource{URL: t.TempDir(), Path: true}, bot.CodeUnavailable},
	}
	for _, tt := range tests {
		spec := b.spec()
		spec.Source = tt.source
		if _, err := b.EnsureJob(t.Context(), spec); bot.CodeOf(err) != tt.want {
			t.Errorf("%+v: %v, want %s", tt.source, err, tt.want)
		}
	}
}

func TestSource(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.status(t, "main", 1).Commit
	b.repo.commit(t, "main", nil)
	third := b.repo.commit(t, "main", map[string]string{"Jenkinsfile": strings.Repeat("/", maxJenkinsfile+1)})
	src, err := openSource(b.repo.bare, "shop")
	if err != nil {
		t.Fatal(err)
	}
	if got := src.changes(first, third); len(got) != 2 || got[0].Message != "change\n" || !slices.Equal(got[0].Paths, []string{"Jenkinsfile"}) ||
		len(got[1].Paths) != 0 {
		t.Errorf("changes %+v", got)
	}
	if got := slices.Concat(src.changes(first, first), src.changes("nonsense", third), src.changes(first, "nonsense")); len(got) != 0 {
		t.Errorf("changes of nothing: %+v", got)
	}
	if got := src.title(first); got != "change" {
		t.Errorf("title %q", got)
	}
	if _, err := src.readJenkinsfile(third); bot.CodeOf(err) != bot.CodeTooLarge {
		t.Errorf("a huge Jenkinsfile: %v", err)
	}
	if text, err := src.readJenkinsfile(first); err != nil || string(text) != "pipeline {}" {
		t.Errorf("Jenkinsfile %q, %v", text, err)
	}
}

// Renames count by both names, merges not at all; of an unrelated history its root
// is a change as well.
func TestChanges(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	first := r.commit(t, "main", map[string]string{"a/old.txt": "text", "b": "b"})
	r.git(t, r.work, "mv", "a/old.txt", "a/new.txt")
	r.commit(t, "main", nil)
	r.git(t, r.work, "checkout", "-q", "-b", "side", first)
	r.commit(t, "side", map[string]string{"side.txt": "s"})
	r.git(t, r.work, "checkout", "-q", "main")
	r.git(t, r.work, "merge", "-q", "--no-ff", "-m", "merge", "side")
	r.git(t, r.work, "push", "-q", r.bare, "HEAD:refs/heads/main")
	merged := r.git(t, r.work, "rev-parse", "HEAD")
	r.git(t, r.work, "checkout", "-q", "--orphan", "alone")
	alone := r.commit(t, "alone", map[string]string{"c": "c"})
	src, err := openSource(r.bare, "shop")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range src.changes(first, merged) {
		got = append(got, strings.Join(c.Paths, " "))
	}
	slices.Sort(got)
	if want := []string{"a/new.txt a/old.txt", "side.txt"}; !slices.Equal(got, want) {
		t.Errorf("paths %q, want %q", got, want)
	}
	if got := src.changes(first, alone); len(got) != 1 || !slices.Contains(got[0].Paths, "c") {
		t.Errorf("of an unrelated history %+v", got)
	}
}
