package sandbox

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFilesServesAFolder(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, r *Runner, iso *Isolation, s setup) {
		t.Helper()
		dir := filepath.Join(s.dir, "site")
		for name, text := range map[string]string{
			"site/index.html": "start", "site/docs/a.txt": "docs", "site/.git/config": "hidden", "outside": "outside",
		} {
			path := filepath.Join(s.dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink("../outside", filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		if iso != nil {
			iso.ReadOnly = []Mount{{Host: dir}}
		}
		ctx, cancel := context.WithCancel(t.Context())
		out := newLines()
		p, err := r.Start(ctx, Spec{Name: "site", Self: true, Args: Files(dir), Isolation: iso, Service: &Service{}, Stdout: out, Stderr: out})
		if err != nil {
			t.Fatal(err)
		}
		c := clientOf(p)
		eventually(t, "the site answers", func() bool { _, err := get(t.Context(), c, "/"); return err == nil })
		for path, want := range map[string]string{
			"/": "start", "/docs/a.txt": "docs", "/docs/": "404", "/.git/config": "404", "/link": "!outside", "/../outside": "!outside",
		} {
			got, err := get(t.Context(), c, path)
			if unwanted, not := strings.CutPrefix(want, "!"); not {
				if strings.Contains(got, unwanted) {
					t.Errorf("%s left the folder: %q", path, got)
				}
			} else if err != nil || !strings.Contains(got, want) {
				t.Errorf("%s: %q, %v, want %q", path, got, err, want)
			}
		}
		c.CloseIdleConnections()
		cancel()
		if res, err := p.Wait(); err != nil || res.ExitCode != 0 {
			t.Errorf("%+v, %v: %s", res, err, out)
		}
	})
}
