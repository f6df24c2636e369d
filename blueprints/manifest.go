package blueprints

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// ManifestFile is the name of a blueprint's manifest.
const ManifestFile = "blueprint.yaml"

// maxManifest bounds a manifest and a fixture, in bytes.
const maxManifest = 256 << 10

// Manifest is a blueprint.yaml: what the blueprint is called, what it asks and
// how its files are treated.
type Manifest struct {
	Name        string // the folder's name: [a-z0-9-]
	Version     string // semantic version 2.0 without a leading v
	Description string // one sentence
	Owner       string // who looks after it: a team or a person
	// Delimiters open and close an action in templates; default "{{" and "}}".
	Delimiters [2]string
	// Parameters are what it asks, in the order of the file, without the
	// built-in ones (see Builtin).
	Parameters []Parameter
	Files      []Rule
}

// Rule says how the files that Match selects are treated. Several rules may
// match one file: each When must hold, Raw and Executable add up, and at most
// one may rename.
type Rule struct {
	// Match selects by the path below files/, without ".tmpl": "*", "?" and
	// "[...]" within a segment, "**" for any number of segments.
	Match string `yaml:"match"`
	// When is a template expression without delimiters, as after "if"; files
	// are left out if it is false. Empty means yes.
	When string `yaml:"when"`
	// Rename is a template for the new path. If Match ends in "/**" it names
	// the new folder and the rest of the path is kept; otherwise Match must be
	// one path without wildcards.
	Rename     string `yaml:"rename"`
	Raw        bool   `yaml:"raw"`        // copied byte for byte, not rendered
	Executable bool   `yaml:"executable"` // mode 0755
}

// document is the manifest as decoded; map order comes from the syntax tree.
type document struct {
	Name        string               `yaml:"name"`
	Version     string               `yaml:"version"`
	Description string               `yaml:"description"`
	Owner       string               `yaml:"owner"`
	Delimiters  []string             `yaml:"delimiters"`
	Parameters  map[string]Parameter `yaml:"parameters"`
	Files       []Rule               `yaml:"files"`
}

// ParseManifest reads a manifest strictly: an unknown key, a wrong type, an
// alias or a second document is an error. The error is a *Finding, or several
// joined, each with its position in data; file is the name they bear.
func ParseManifest(file string, data []byte) (*Manifest, error) {
	m, err := parseManifest(file, data)
	if err != nil {
		return nil, inside(err, data)
	}
	return m, nil
}

func parseManifest(file string, data []byte) (*Manifest, error) {
	body, err := parseYAML(file, data)
	if err != nil {
		return nil, err
	}
	var doc document
	if err := yaml.NodeToValue(body, &doc, yaml.Strict()); err != nil {
		return nil, yamlFinding(file, err)
	}
	m := &Manifest{
		Name: doc.Name, Version: doc.Version, Description: doc.Description, Owner: doc.Owner,
		Delimiters: [2]string{"{{", "}}"}, Files: doc.Files,
	}
	pos := positions{file: file, body: body}
	if doc.Delimiters != nil {
		if len(doc.Delimiters) != 2 {
			return nil, pos.at("delimiters are two texts: what opens and what closes an action", "delimiters")
		}
		m.Delimiters = [2]string(doc.Delimiters)
	}
	for _, name := range pos.keys("parameters") {
		p := doc.Parameters[name]
		p.Name = name
		if err := p.normalise(pos); err != nil {
			return nil, err
		}
		m.Parameters = append(m.Parameters, p)
	}
	if err := m.check(pos); err != nil {
		return nil, err
	}
	return m, nil
}

// parseYAML gives the one mapping that data must hold. Aliases, anchors and
// tags are refused: they make a small file large and a plain one surprising.
func parseYAML(file string, data []byte) (ast.Node, error) {
	if len(data) > maxManifest {
		return nil, findingf(file, 0, "larger than %d bytes", maxManifest)
	}
	f, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, yamlFinding(file, err)
	}
	if len(f.Docs) != 1 {
		return nil, findingf(file, 1, "must hold exactly one document, has %d", len(f.Docs))
	}
	body := f.Docs[0].Body
	if body == nil {
		return nil, findingf(file, 1, "is empty")
	}
	if err := (positions{file: file, body: body}).refuseReferences(); err != nil {
		return nil, err
	}
	if _, ok := mapping(body); !ok {
		tok := body.GetToken()
		return nil, &Finding{File: file, Line: tok.Position.Line, Column: tok.Position.Column, Message: "must be a mapping of keys to values"}
	}
	return body, nil
}

func yamlFinding(file string, err error) *Finding {
	var ye yaml.Error
	if !errors.As(err, &ye) {
		return &Finding{File: file, Message: err.Error()}
	}
	f := &Finding{File: file, Message: strings.ReplaceAll(ye.GetMessage(), "unknown field", "unknown key")}
	if tok := ye.GetToken(); tok != nil && tok.Position != nil {
		f.Line, f.Column = tok.Position.Line, tok.Position.Column
	}
	return f
}

// positions finds the place of a value in a parsed file.
type positions struct {
	file string
	body ast.Node
}

// at is a Finding at the value that path leads to, or at the nearest parent
// that exists.
func (p positions) at(message string, path ...any) *Finding {
	node := p.body
	for _, step := range path {
		next := child(node, step)
		if next == nil {
			break
		}
		node = next
	}
	f := &Finding{File: p.file, Message: message}
	if tok := node.GetToken(); tok != nil && tok.Position != nil {
		f.Line, f.Column = tok.Position.Line, tok.Position.Column
	}
	return f
}

// keys lists the keys of the top-level mapping called name, in their order.
func (p positions) keys(name string) []string {
	m, ok := mapping(child(p.body, name))
	if !ok {
		return nil
	}
	var out []string
	for _, v := range m {
		out = append(out, v.Key.GetToken().Value)
	}
	return out
}

func (p positions) refuseReferences() error {
	v := &referenceFinder{}
	ast.Walk(v, p.body)
	if v.found == nil {
		return nil
	}
	pos := v.found.GetToken().Position
	return &Finding{
		File: p.file, Line: pos.Line, Column: pos.Column,
		Message: fmt.Sprintf("%s is not allowed here", strings.ToLower(v.found.Type().String())),
	}
}

type referenceFinder struct{ found ast.Node }

// Visit stops at the first anchor, alias, merge key or tag.
func (v *referenceFinder) Visit(n ast.Node) ast.Visitor {
	if v.found != nil {
		return nil
	}
	switch n.Type() {
	case ast.AnchorType, ast.AliasType, ast.MergeKeyType, ast.TagType:
		v.found = n
		return nil
	default:
		return v
	}
}

func mapping(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	default:
		return nil, false
	}
}

// child is the value below a key (string) or index (int); nil if there is none.
func child(n ast.Node, step any) ast.Node {
	switch step := step.(type) {
	case string:
		values, _ := mapping(n)
		for _, v := range values {
			if v.Key.GetToken().Value == step {
				return v.Value
			}
		}
	case int:
		if s, ok := n.(*ast.SequenceNode); ok && step < len(s.Values) {
			return s.Values[step]
		}
	}
	return nil
}
