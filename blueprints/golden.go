package blueprints

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"opsbot/bot"
)

// PipelineRunner runs the pipeline that a rendered project brings along, as a
// test of the blueprint. It returns an error unless the pipeline succeeded.
type PipelineRunner interface {
	RunPipeline(ctx context.Context, project string, tree bot.Tree) error
}

// TestOptions say how Test judges a fixture.
type TestOptions struct {
	// Update takes the new golden file, by its path in the blueprint's folder;
	// nil means that the golden files are compared.
	Update func(path string, data []byte) error
	// Pipeline runs what was rendered; nil means that it isn't run.
	Pipeline PipelineRunner
}

// FixtureResult is how one fixture fared.
type FixtureResult struct {
	Fixture string
	Files   int   // in the tree
	Ran     bool  // the pipeline was run
	Err     error // nil = passed; a *Finding where a file is to blame
}

// Test renders every fixture, compares the trees with the golden ones, checks
// that the answers recorded in a tree give that same tree again, and runs its
// pipeline if there is a runner. A blueprint without fixtures has no results.
func (b *Blueprint) Test(ctx context.Context, opts TestOptions) []FixtureResult {
	var out []FixtureResult
	for _, name := range b.Fixtures() {
		out = append(out, b.testFixture(ctx, name, opts))
	}
	return out
}

func (b *Blueprint) testFixture(ctx context.Context, name string, opts TestOptions) FixtureResult {
	result := FixtureResult{Fixture: name}
	tree, err := b.RenderFixture(ctx, name)
	if err != nil {
		result.Err = err
		return result
	}
	result.Files = len(tree.Files)
	got := encodeTree(tree)
	if result.Err = b.renderAgain(ctx, tree, got); result.Err != nil {
		return result
	}
	if opts.Update != nil {
		result.Err = opts.Update(goldenFile(name), got)
	} else {
		result.Err = compareGolden(goldenFile(name), b.golden[name], got)
	}
	if result.Err == nil && opts.Pipeline != nil {
		result.Ran = true
		answers, _ := b.fixtureAnswers(name) // it has just been rendered
		result.Err = opts.Pipeline.RunPipeline(ctx, text(answers[ParamName]), tree)
	}
	return result
}

// RenderFixture renders the fixture's answers. A generated parameter must have
// its value there.
func (b *Blueprint) RenderFixture(ctx context.Context, name string) (bot.Tree, error) {
	answers, err := b.fixtureAnswers(name)
	if err != nil {
		return bot.Tree{}, err
	}
	return b.Render(ctx, answers)
}

func (b *Blueprint) fixtureAnswers(name string) (Answers, error) {
	file := fixtureFile(name)
	body, err := parseYAML(file, b.fixtures[name])
	if err != nil {
		return nil, err
	}
	given := map[string]any{}
	if err := yaml.NodeToValue(body, &given, yaml.Strict()); err != nil {
		return nil, yamlFinding(file, err)
	}
	strict := *b
	strict.random = noRandom{}
	answers, err := strict.Resolve(given)
	if err != nil {
		return nil, &Finding{File: file, Message: err.Error()}
	}
	return answers, nil
}

// renderAgain checks the promise of RecordPath: what it holds gives the tree.
func (b *Blueprint) renderAgain(ctx context.Context, tree bot.Tree, want []byte) error {
	for _, f := range tree.Files {
		if f.Path != RecordPath {
			continue
		}
		record, err := ParseRecord(f.Data)
		if err != nil {
			return err
		}
		answers, err := b.Resolve(record.Answers)
		if err != nil {
			return fmt.Errorf("resolve the answers of %s: %w", RecordPath, err)
		}
		again, err := b.Render(ctx, answers)
		if err != nil {
			return err
		}
		if !bytes.Equal(encodeTree(again), want) {
			return errors.New("the recorded answers give another tree")
		}
		return nil
	}
	return fmt.Errorf("the tree has no %s", RecordPath)
}

// encodeTree writes a tree as one text that is easy to read and to compare, in
// the manner of a txtar archive. Files that are no text are in base64.
func encodeTree(tree bot.Tree) []byte {
	var out bytes.Buffer
	for _, f := range tree.Files {
		name, data := f.Path, f.Data
		if f.Executable {
			name += " (executable)"
		}
		switch {
		case !utf8.Valid(data) || bytes.ContainsRune(data, 0):
			name += " (base64)"
			data = append(base64.StdEncoding.AppendEncode(nil, data), '\n')
		case len(data) > 0 && data[len(data)-1] != '\n':
			name += " (no newline at its end)"
			data = append(bytes.Clone(data), '\n')
		}
		fmt.Fprintf(&out, "-- %s --\n", name)
		out.Write(data)
	}
	return out.Bytes()
}

// compareGolden names the first line that differs.
func compareGolden(file string, want, got []byte) error {
	if want == nil {
		return &Finding{File: file, Message: "is missing; update the golden files"}
	}
	if bytes.Equal(want, got) {
		return nil
	}
	w, g := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
	for i := 0; ; i++ {
		if i < len(w) && i < len(g) && w[i] == g[i] {
			continue
		}
		return findingf(file, i+1, "golden line is %s, rendered line is %s", lineAt(w, i), lineAt(g, i))
	}
}

func lineAt(lines []string, i int) string {
	if i >= len(lines) {
		return "the end"
	}
	return fmt.Sprintf("%q", lines[i])
}
