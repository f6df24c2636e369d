package localci

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/integrations/localci/engine"
	"opsbot/integrations/localci/fileset"
)

func (b *bench) get(t *testing.T, url string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, url, nil))
	return w
}

// The URLs that builds carry answer, and what builds wrote stays text.
func TestPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.repo.commit(t, "feature/ö", nil)
	if _, err := b.EnsureJob(t.Context(), b.spec()); err != nil {
		t.Fatal(err)
	}
	const hostile = `<script>alert(1)</script>`
	b.step(t, func(ctx context.Context, r *run, m mounted) error {
		r.log.Line(hostile)
		put(t, m, "r.xml", `<testsuite name="s"><testcase classname="c" name="n"><failure message="&lt;script>m"/></testcase></testsuite>`)
		if _, err := r.junit(ctx, m, "", engine.TestStep{Pattern: "r.xml"}, r.log.Line); err != nil {
			return err
		}
		put(t, m, "out dir/a#1.html", hostile)
		_, err := r.archive(ctx, m, "", fileset.Request{Artifacts: "**/*.html"}, r.log.Line)
		return err
	})
	serve(t, b.Service)
	b.finished(t, "main", 1)
	build := b.finished(t, "feature/ö", 1)
	for _, page := range []struct{ url, want string }{
		{b.job.URL, "feature/ö #1"},
		{build.URL, "c.n (FAILED since #1)"},
		{build.LogURL, hostile},
		{build.URL + "artifact/out%20dir/a%231.html", hostile},
	} {
		w := b.get(t, page.url)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), page.want) {
			t.Errorf("%s: %d %s", page.url, w.Code, w.Body)
		}
		html := strings.HasPrefix(w.Header().Get("Content-Type"), "text/html")
		if html && strings.Contains(w.Body.String(), "<script>") {
			t.Errorf("%s: markup of a build got through", page.url)
		}
		if !strings.HasPrefix(w.Header().Get("Content-Security-Policy"), "sandbox") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", page.url, w.Header())
		}
	}
	if body := b.get(t, build.URL).Body.String(); !strings.Contains(body, `href="artifact/out%20dir/a%231.html"`) {
		t.Errorf("no link to the artifact in %s", body)
	}
}

func TestPagesThatAreNot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	root := "http://127.0.0.1:8080/ci/ci/"
	for _, path := range []string{
		"", "job", "job/", "job/shop", "job/nope/", "job/shop/job/main/9/", "job/shop/job/main/x/", "job/shop/job/main/1",
		"job/shop/job/main/1/artifact/none", "job/shop/job/main/1/other", "job/shop/job/main/-1/", "job/%2e%2e/1/",
	} {
		if w := b.get(t, root+path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, b.job.URL, nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
	for _, host := range []string{"evil.example.com:8080", "127.0.0.1", "localhost:1"} {
		if w := b.get(t, "http://"+host+"/ci/ci/job/shop/"); w.Code != http.StatusMisdirectedRequest {
			t.Errorf("host %s: %d", host, w.Code)
		}
	}
	if w := b.get(t, "http://localhost:8080/ci/ci/job/shop/"); w.Code != http.StatusOK {
		t.Errorf("localhost: %d", w.Code)
	}
	if b.Prefix() != "/ci/ci/" || b.Listener() != bot.ListenConsole {
		t.Errorf("prefix %s at %s", b.Prefix(), b.Listener())
	}
}

// FuzzPath: whatever a path is, it names a build of a job with a name, or nothing.
func FuzzPath(f *testing.F) {
	for _, path := range []string{
		"job/shop/", "job/shop/job/main/1/", "job/shop/job/a%252Fb/1/console", "job/a/job/b/job/c/7/artifact/x%20y", "job//1/", "job/%zz/", "",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got, err := parsePath(path)
		if err != nil {
			return
		}
		if got.job == "" || got.number != 0 && got.branch == "" {
			t.Errorf("%q names %+v", path, got)
		}
	})
}
