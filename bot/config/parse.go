package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxBytes = 1 << 20
	maxDepth = 32
	// maxTokens is some 10,000 keys: the parser's time grows with the square of the
	// keys of a mapping, and a megabyte of them would take it minutes.
	maxTokens = 30_000
)

// kind is the kind of a node.
type kind int

const (
	nullKind kind = iota
	textKind      // quoted or plain text, also a block
	boolKind
	numberKind
	mapKind
	listKind
)

func (k kind) String() string {
	return [...]string{"nothing", "a text", "true or false", "a number", "a mapping", "a list"}[k]
}

// node is a value of the file, free of the parser's types: only what a
// configuration may hold, with the line it stands on.
type node struct {
	kind    kind
	line    int
	text    string // of a scalar, as written
	entries []entry
	items   []*node
}

// entry is one key of a mapping.
type entry struct {
	key   string
	line  int
	value *node
}

func (n *node) get(key string) *node {
	for _, e := range n.entries {
		if e.key == key {
			return e.value
		}
	}
	return nil
}

// parse turns YAML into a node; an empty file is an empty mapping. It refuses what
// makes a configuration ambiguous or dangerous: repeated keys, anchors and
// aliases, tags, several documents, tabs, more than 1 MiB, 10,000 keys or 32 levels.
func parse(file string, data []byte) (*node, error) {
	fail := func(line int, format string, args ...any) error {
		return Problems{{File: file, Line: line, Text: fmt.Sprintf(format, args...)}}.err()
	}
	switch {
	case len(data) > maxBytes:
		return nil, fail(0, "larger than 1 MiB")
	case !utf8.Valid(data):
		return nil, fail(1+bytes.Count(data[:firstInvalid(data)], []byte("\n")), "not valid UTF-8")
	}
	data = bytes.ReplaceAll(bytes.TrimPrefix(data, []byte("\ufeff")), []byte("\r\n"), []byte("\n"))
	if line, why := scan(data); why != "" {
		return nil, fail(line, "%s", why)
	}
	root, line, err := parseYAML(data)
	if err != nil {
		return nil, fail(line, "%s", err)
	}
	if root == nil {
		return &node{kind: mapKind, line: 1}, nil
	}
	c := converter{}
	out := c.convert(root, 1)
	if c.err != nil {
		return nil, fail(c.line, "%s", c.err)
	}
	if out.kind == nullKind {
		return &node{kind: mapKind, line: 1}, nil
	}
	if out.kind != mapKind {
		return nil, fail(out.line, "the file must be a mapping of keys to values, it is %s", out.kind)
	}
	return out, nil
}

func firstInvalid(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(data)
}

// scan looks at the text before the parser does: its messages about tabs are hard
// to read, and its depth is not bounded.
func scan(data []byte) (line int, why string) {
	depth := 0
	for text := range strings.SplitSeq(string(data), "\n") {
		line++
		indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
		rest := text[len(indent):]
		if strings.HasPrefix(indent, "\t") && rest != "" && !strings.HasPrefix(rest, "#") {
			return line, "a tab at the beginning of the line: YAML wants spaces"
		}
		if strings.Count(rest, "- ") > maxDepth && strings.HasPrefix(strings.ReplaceAll(rest, " ", ""), strings.Repeat("-", maxDepth)) {
			return line, fmt.Sprintf("nested deeper than %d levels", maxDepth)
		}
		if depth += nesting(rest); depth > maxDepth {
			return line, fmt.Sprintf("nested deeper than %d levels", maxDepth)
		}
		depth = max(depth, 0)
	}
	return 0, ""
}

// nesting counts what a line opens more than it closes, brackets in quoted texts
// and comments left out; the largest value it reaches counts if it is too large.
func nesting(line string) int {
	depth, quote := 0, byte(0)
	for i := range len(line) {
		switch c := line[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#' && i > 0 && line[i-1] == ' ':
			return depth
		case c == '[' || c == '{':
			if depth++; depth > maxDepth {
				return depth
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return depth
}

// parseYAML calls the parser; line is where err is.
func parseYAML(data []byte) (root ast.Node, line int, err error) {
	defer func() {
		// The parser is known to have panicked on odd input; a broken file must give
		// an error message, not a stack.
		if r := recover(); r != nil {
			root, line, err = nil, 0, errors.New("not valid YAML")
		}
	}()
	tokens := lexer.Tokenize(string(data))
	if len(tokens) > maxTokens {
		return nil, 0, fmt.Errorf("too many keys and values: more than %d signs", maxTokens)
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) && syntax.Token != nil {
			return nil, syntax.Token.Position.Line, errors.New("not valid YAML: " + syntax.Message)
		}
		return nil, 0, errors.New("not valid YAML")
	}
	for i, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if root != nil {
			return nil, lineOf(file.Docs[i].Body), errors.New("a second document: one file holds one")
		}
		root = doc.Body
	}
	return root, 0, nil
}

func lineOf(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

// converter turns the parser's tree into nodes; it keeps the first error.
type converter struct {
	err  error
	line int
}

func (c *converter) fail(n ast.Node, format string, args ...any) *node {
	if c.err == nil {
		c.err, c.line = fmt.Errorf(format, args...), lineOf(n)
	}
	return &node{line: lineOf(n)}
}

func (c *converter) convert(n ast.Node, depth int) *node {
	if depth > maxDepth {
		return c.fail(n, "nested deeper than %d levels", maxDepth)
	}
	line := lineOf(n)
	switch x := n.(type) {
	case *ast.NullNode:
		return &node{kind: nullKind, line: line}
	case *ast.StringNode:
		return &node{kind: textKind, line: line, text: x.Value}
	case *ast.LiteralNode:
		return &node{kind: textKind, line: line, text: x.Value.Value}
	case *ast.BoolNode:
		return &node{kind: boolKind, line: line, text: x.Token.Value}
	case *ast.IntegerNode:
		return &node{kind: numberKind, line: line, text: x.Token.Value}
	case *ast.FloatNode:
		return &node{kind: numberKind, line: line, text: x.Token.Value}
	case *ast.SequenceNode:
		out := &node{kind: listKind, line: line}
		for _, item := range x.Values {
			out.items = append(out.items, c.convert(item, depth+1))
		}
		return out
	case *ast.MappingNode:
		return c.mapping(x.Values, line, depth)
	case *ast.MappingValueNode:
		return c.mapping([]*ast.MappingValueNode{x}, line, depth)
	case *ast.AnchorNode, *ast.AliasNode:
		return c.fail(n, "anchors and aliases (& and *) are not supported; quote the text if it is one")
	case *ast.TagNode:
		return c.fail(n, "tags (!) are not supported; quote the text if it is one")
	default:
		return c.fail(n, "this kind of YAML value is not supported")
	}
}

func (c *converter) mapping(values []*ast.MappingValueNode, line, depth int) *node {
	out := &node{kind: mapKind, line: line}
	seen := map[string]int{}
	for _, v := range values {
		key, ok := keyText(v.Key)
		if !ok {
			return c.fail(v, "a key must be a plain name")
		}
		at := lineOf(v.Key)
		if len(out.entries) == 0 {
			out.line = at // the parser says where the first colon is
		}
		if first, twice := seen[key]; twice {
			return c.fail(v.Key, "the key %q is there twice, first on line %d", key, first)
		}
		seen[key] = at
		out.entries = append(out.entries, entry{key: key, line: at, value: c.convert(v.Value, depth+1)})
	}
	return out
}

func keyText(k ast.MapKeyNode) (string, bool) {
	switch x := k.(type) {
	case *ast.StringNode:
		return x.Value, true
	case *ast.IntegerNode, *ast.BoolNode, *ast.NullNode, *ast.FloatNode:
		t := x.GetToken()
		return t.Value, t.Type != token.MergeKeyType
	default:
		return "", false
	}
}
