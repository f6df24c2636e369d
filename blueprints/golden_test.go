package blueprints

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"opsbot/bot"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGoldenTree renders the blueprint in testdata, which uses what the engine
// can do, and compares it with the tree on file.
func TestGoldenTree(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("testdata", "kitchen-sink")
	b, err := Load(os.DirFS(dir), "kitchen-sink", noRandom{}, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Lint(t.Context(), os.DirFS(dir), "kitchen-sink") {
		t.Error(f.Error())
	}
	opts := TestOptions{}
	if *update {
		opts.Update = func(path string, data []byte) error {
			return os.WriteFile(filepath.Join(dir, filepath.FromSlash(path)), data, 0o600)
		}
	}
	results := b.Test(t.Context(), opts)
	if len(results) != 2 {
		t.Errorf("%d fixtures", len(results))
	}
	for _, r := range results {
		if r.Err != nil {
			t.Errorf("%s: %v", r.Fixture, r.Err)
		}
	}
}

type fakePipeline struct {
	projects []string
	err      error
}

func (f *fakePipeline) RunPipeline(_ context.Context, project string, tree bot.Tree) error {
	if len(tree.Files) == 0 {
		return errors.New("nothing to run")
	}
	f.projects = append(f.projects, project)
	return f.err
}

func TestTest(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"files/a": "1\n{{ .name }}\n", "files/b": "no end", "files/c": "\x00\x01", "files/run": "",
		"fixtures/one.yaml": fixture,
	}
	const extra = "files: [{match: c, raw: true}, {match: run, executable: true}]\n"
	b := load(t, extra, files)
	if got := b.Test(t.Context(), TestOptions{}); len(got) != 1 || got[0].Err == nil || got[0].Files != 5 {
		t.Fatalf("without a golden file: %+v", got)
	}

	var path string
	var golden []byte
	b.Test(t.Context(), TestOptions{Update: func(p string, data []byte) error {
		path, golden = p, data
		return nil
	}})
	const want = `-- .opsbot/blueprint.yaml --
# What this project was made from; upgrades of the blueprint read it.
blueprint: demo
version: "1.0.0"
answers:
  name: shop
  owner: acme
  host: example.com
-- a --
1
shop
-- b (no newline at its end) --
no end
-- c (base64) --
AAE=
-- run (executable) --
`
	if path != "golden/one.txtar" || string(golden) != want {
		t.Errorf("%s:\n%s", path, golden)
	}

	files["golden/one.txtar"] = want
	pipeline := &fakePipeline{}
	got := load(t, extra, files).Test(t.Context(), TestOptions{Pipeline: pipeline})
	if got[0].Err != nil || !got[0].Ran || len(pipeline.projects) != 1 || pipeline.projects[0] != "shop" {
		t.Errorf("%+v, ran %v", got, pipeline.projects)
	}
	pipeline.err = errors.New("build failed")
	if got := load(t, extra, files).Test(t.Context(), TestOptions{Pipeline: pipeline}); !errors.Is(got[0].Err, pipeline.err) {
		t.Errorf("a failed pipeline passes: %+v", got)
	}

	files["files/a"] = "1\n{{ .owner }}\n"
	got = load(t, extra, files).Test(t.Context(), TestOptions{Pipeline: pipeline})
	wantError(t, got[0].Err, `golden/one.txtar:11: golden line is "shop", rendered line is "acme"`)
	if got[0].Ran {
		t.Error("the pipeline of a wrong tree was run")
	}
}
