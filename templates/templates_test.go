package templates_test

import (
	"context"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"opsbot/blueprints"
	"opsbot/bot/jenkinsfile"
	"opsbot/templates"
)

var update = flag.Bool("update", false, "write the golden trees anew")

func catalogue(t *testing.T) (fs.FS, *blueprints.Catalogue) {
	t.Helper()
	fsys, err := templates.Blueprints()
	if err != nil {
		t.Fatal(err)
	}
	c, err := blueprints.Open(fsys, "")
	if err != nil {
		t.Fatal(err)
	}
	return fsys, c
}

// TestLint holds the built-in blueprints to the rules for everybody's.
func TestLint(t *testing.T) {
	t.Parallel()
	fsys, c := catalogue(t)
	all, err := c.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range all {
		sub, err := fs.Sub(fsys, b.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range blueprints.Lint(t.Context(), sub, b.Name()) {
			t.Errorf("%s/%s", b.Name(), f.Error())
		}
	}
}

// TestGolden compares what the fixtures give with the trees on file.
func TestGolden(t *testing.T) {
	t.Parallel()
	_, c := catalogue(t)
	for _, name := range []string{"go-service", "java-service", "static-site"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := c.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			opts := blueprints.TestOptions{}
			if *update {
				opts.Update = func(path string, data []byte) error {
					return os.WriteFile(filepath.Join("blueprints", name, filepath.FromSlash(path)), data, 0o600)
				}
			}
			results := b.Test(t.Context(), opts)
			if len(results) < 2 {
				t.Fatalf("%d fixtures, want at least a plain and an awkward one", len(results))
			}
			for _, r := range results {
				if r.Err != nil {
					t.Errorf("%s: %v", r.Fixture, r.Err)
				}
			}
		})
	}
}

// project renders the blueprint's fixture into a new folder.
func project(ctx context.Context, t *testing.T, name, fixture string) string {
	t.Helper()
	_, c := catalogue(t)
	b, err := c.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := b.RenderFixture(ctx, fixture)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "project")
	if err := blueprints.WriteTree(dir, tree); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestJenkinsfiles reads every rendered Jenkinsfile with the grammar that runs
// it on the embedded stack.
func TestJenkinsfiles(t *testing.T) {
	t.Parallel()
	_, c := catalogue(t)
	all, err := c.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range all {
		for _, fixture := range b.Fixtures() {
			dir := project(t.Context(), t, b.Name(), fixture)
			data, err := os.ReadFile(filepath.Join(dir, "Jenkinsfile"))
			if err != nil {
				t.Fatal(err)
			}
			f, errs := jenkinsfile.Parse(data)
			for _, e := range errs {
				t.Errorf("%s, %s: %v", b.Name(), fixture, e)
			}
			if f == nil || f.Pipeline == nil {
				t.Errorf("%s, %s: there is no pipeline", b.Name(), fixture)
			}
		}
	}
}
