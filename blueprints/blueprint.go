package blueprints

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"text/template"
)

// The folders of a blueprint.
const (
	filesDir    = "files"
	fixturesDir = "fixtures"
	goldenDir   = "golden"
)

// Bounds of a blueprint's source.
const (
	maxSourceFiles = 2000
	maxSourceFile  = 8 << 20  // bytes
	maxSource      = 32 << 20 // bytes
)

// Blueprint is a checked blueprint, held in memory whole: a change on disk is
// seen by loading it again, never half way. It is safe for concurrent use.
type Blueprint struct {
	manifest Manifest
	params   []Parameter // built-in ones first
	schema   *schema
	files    []sourceFile // ordered by path
	rules    []compiledRule
	fixtures map[string][]byte // by name
	golden   map[string][]byte // by fixture
	digest   string
	limits   Limits
	funcs    template.FuncMap
	random   io.Reader
}

// sourceFile is a file below files/.
type sourceFile struct {
	source   string // as stored: files/go.mod.tmpl
	path     string // as rendered, before renaming: go.mod
	data     []byte
	template *template.Template // nil for raw files
}

type compiledRule struct {
	Rule
	when   *template.Template
	rename *template.Template // nil = keeps its path
}

// Name is the blueprint's name, as in `new-project --blueprint NAME`.
func (b *Blueprint) Name() string { return b.manifest.Name }

// Version is the blueprint's semantic version.
func (b *Blueprint) Version() string { return b.manifest.Version }

// Description is one sentence on what the blueprint makes.
func (b *Blueprint) Description() string { return b.manifest.Description }

// Owner is the team or person that looks after the blueprint.
func (b *Blueprint) Owner() string { return b.manifest.Owner }

// Digest is "sha256:" and the hex digest of manifest and files: two blueprints
// with the same digest render the same answers to the same tree.
func (b *Blueprint) Digest() string { return b.digest }

// Parameters lists what the blueprint asks, built-in parameters first, then in
// the manifest's order: the order of a form.
func (b *Blueprint) Parameters() []Parameter { return slices.Clone(b.params) }

// Schema is the JSON Schema (2020-12) of a complete set of answers.
func (b *Blueprint) Schema() json.RawMessage { return slices.Clone(b.schema.text) }

// Fixtures lists the names of the answer sets to try the blueprint with, sorted.
func (b *Blueprint) Fixtures() []string {
	var out []string
	for name := range b.fixtures {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// Load reads the blueprint whose folder is fsys. name is the folder's name,
// which the manifest must bear. random is where generated values come from.
// The error is one *Finding or several joined.
func Load(fsys fs.FS, name string, random io.Reader, limits Limits) (*Blueprint, error) {
	stored, err := readSource(fsys)
	if err != nil {
		return nil, err
	}
	m, err := ParseManifest(ManifestFile, stored[ManifestFile])
	if err != nil {
		return nil, err
	}
	if m.Name != name {
		return nil, findingf(ManifestFile, 1, "name %q: must be the folder's name, %q", m.Name, name)
	}
	b := &Blueprint{
		manifest: *m, params: append(Builtin(), m.Parameters...), limits: limits, random: random, funcs: functions(),
		fixtures: map[string][]byte{}, golden: map[string][]byte{},
	}
	if b.schema, err = compileSchema(b.params); err != nil {
		return nil, &Finding{File: ManifestFile, Message: err.Error()}
	}
	if err := errors.Join(b.checkDefaults(), b.compileRules()); err != nil {
		return nil, err
	}
	return b, b.takeFiles(stored)
}

// takeFiles sorts the stored files into templates, fixtures and golden trees.
func (b *Blueprint) takeFiles(stored map[string][]byte) error {
	sum := sha256.New()
	var faults []error
	for _, p := range sortedPaths(stored) {
		data := stored[p]
		dir, rest, _ := strings.Cut(p, "/")
		switch {
		case p == ManifestFile || dir == filesDir:
			// Lengths keep two files from being mistaken for one.
			fmt.Fprintf(sum, "%d %s %d ", len(p), p, len(data))
			sum.Write(data)
			if dir == filesDir {
				f, err := b.compileFile(p, strings.TrimSuffix(rest, templateSuffix), data)
				faults = append(faults, err)
				b.files = append(b.files, f)
			}
		case dir == fixturesDir && path.Ext(rest) == ".yaml":
			b.fixtures[strings.TrimSuffix(rest, ".yaml")] = data
		case dir == goldenDir && path.Ext(rest) == ".txtar":
			b.golden[strings.TrimSuffix(rest, ".txtar")] = data
		case p != "README.md":
			faults = append(faults, findingf(p, 0, "is no part of a blueprint: it has %s, README.md, %s/, %s/*.yaml, %s/*.txtar",
				ManifestFile, filesDir, fixturesDir, goldenDir))
		}
	}
	slices.SortFunc(b.files, func(x, y sourceFile) int { return strings.Compare(x.path, y.path) })
	b.digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	return errors.Join(faults...)
}

func (b *Blueprint) compileFile(source, p string, data []byte) (sourceFile, error) {
	f := sourceFile{source: source, path: p, data: data}
	if b.isRaw(p) {
		return f, nil
	}
	t, err := b.parse(source, string(data))
	if err != nil {
		return f, templateFinding(source, err)
	}
	f.template = t
	return f, nil
}

// parse makes a template that can be stopped: see limit.
func (b *Blueprint) parse(name, source string) (*template.Template, error) {
	t, err := template.New(name).Option("missingkey=error").
		Delims(b.manifest.Delimiters[0], b.manifest.Delimiters[1]).
		Funcs(b.funcs).Funcs(template.FuncMap{tickFunction: noTick}).Parse(source)
	if err != nil {
		return nil, err //nolint:wrapcheck // callers turn it into a Finding
	}
	return t, limit(t)
}

func (b *Blueprint) isRaw(p string) bool {
	return slices.ContainsFunc(b.manifest.Files, func(r Rule) bool { return r.Raw && matches(r.Match, p) })
}

func (b *Blueprint) compileRules() error {
	for i, r := range b.manifest.Files {
		c := compiledRule{Rule: r}
		name := fmt.Sprintf("%s: rule %d (%s)", ManifestFile, i+1, r.Match)
		var err error
		if c.when, err = parseCondition(name, r.When, b.manifest.Delimiters, b.funcs); err != nil {
			return &Finding{File: name, Message: err.Error()}
		}
		if r.Rename != "" {
			if c.rename, err = b.parse(name, r.Rename); err != nil {
				return templateFinding(name, err)
			}
		}
		b.rules = append(b.rules, c)
	}
	return nil
}

// checkDefaults refuses a default that would be refused as an answer.
func (b *Blueprint) checkDefaults() error {
	var faults []error
	for i := range b.params {
		p := &b.params[i]
		for _, v := range append(slices.Clone(p.Enum), p.Default) {
			if v == nil {
				continue
			}
			if _, err := b.take(p, v); err != nil {
				faults = append(faults, findingf(ManifestFile, 0, "parameter %s: default or enum: %v", p.Name, err))
			}
		}
	}
	return errors.Join(faults...)
}

// readSource reads all files of a blueprint. Links and devices are refused,
// whatever they point to.
func readSource(fsys fs.FS) (map[string][]byte, error) {
	out := map[string][]byte{}
	total := 0
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			return findingf(p, 0, "is no regular file")
		}
		if len(out) == maxSourceFiles {
			return findingf(p, 0, "the blueprint has more than %d files", maxSourceFiles)
		}
		data, err := readBounded(fsys, p)
		if err != nil {
			return err
		}
		if total += len(data); total > maxSource {
			return findingf(p, 0, "the blueprint has more than %d bytes", maxSource)
		}
		out[p] = data
		return nil
	})
	if err != nil {
		return nil, err //nolint:wrapcheck // a Finding, or an fs.PathError, which names action and file
	}
	if _, ok := out[ManifestFile]; !ok {
		return nil, findingf(ManifestFile, 0, "is missing")
	}
	return out, nil
}

func readBounded(fsys fs.FS, p string) ([]byte, error) {
	f, err := fsys.Open(p)
	if err != nil {
		return nil, err //nolint:wrapcheck // fs.PathError names action and file
	}
	defer func() { _ = f.Close() }() // read only: nothing can be lost
	data, err := io.ReadAll(io.LimitReader(f, maxSourceFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p, err)
	}
	if len(data) > maxSourceFile {
		return nil, findingf(p, 0, "is larger than %d bytes", maxSourceFile)
	}
	return data, nil
}

func sortedPaths(files map[string][]byte) []string {
	out := make([]string, 0, len(files))
	for p := range files {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}
