package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// element is one element of a report, as far as anybody asks for it.
type element struct {
	name     string // without prefix: Jenkins looks at local names
	attrs    map[string]string
	children []*element
	text     strings.Builder
}

// attr gives an attribute and whether it is there.
func (e *element) attr(name string) (string, bool) {
	value, ok := e.attrs[name]
	return value, ok
}

// first returns the first child of a name, nil if there is none.
func (e *element) first(name string) *element {
	for _, c := range e.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

const (
	maxDepth    = 256
	maxText     = 64 << 10 // of one element
	maxElements = 2_000_000
)

// parseXML reads a document and insists on what encoding/xml lets pass: one
// root, nothing around it, no attribute twice, no prefix out of nowhere.
func parseXML(data []byte) (*element, error) {
	data, err := decodeText(data)
	if err != nil {
		return nil, err
	}
	r := &reader{dec: xml.NewDecoder(bytes.NewReader(data)), refs: bytes.Count(data, []byte("&")), spaces: knownSpaces()}
	r.dec.CharsetReader = charsetReader
	for {
		at := r.dec.InputOffset()
		token, err := r.dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := r.token(token, at); err != nil {
			line, column := r.dec.InputPos()
			return nil, fmt.Errorf("line %d, column %d: %w", line, column, err)
		}
	}
	if r.root == nil {
		return nil, errors.New("premature end of file: no root element")
	}
	return r.root, nil
}

type reader struct {
	dec    *xml.Decoder
	root   *element
	open   []*element
	count  int
	refs   int // how many references the document can hold at most
	spaces map[string]bool
}

func (r *reader) token(token xml.Token, at int64) error {
	switch t := token.(type) {
	case xml.StartElement:
		return r.start(t)
	case xml.EndElement:
		r.open = r.open[:len(r.open)-1]
	case xml.CharData:
		return r.chars(t)
	case xml.ProcInst:
		if strings.EqualFold(t.Target, "xml") && at != 0 {
			return errors.New("the XML declaration must stand at the very beginning")
		}
	case xml.Directive:
		return r.directive(string(t))
	}
	return nil
}

func (r *reader) start(t xml.StartElement) error {
	if r.root != nil && len(r.open) == 0 {
		return errors.New("the markup in the document following the root element must be well-formed")
	}
	if len(r.open) == maxDepth {
		return fmt.Errorf("elements nested deeper than %d", maxDepth)
	}
	if r.count++; r.count > maxElements {
		return fmt.Errorf("more than %d elements", maxElements)
	}
	attrs, err := r.attributes(t.Attr)
	if err != nil {
		return err
	}
	if !r.spaces[t.Name.Space] {
		return fmt.Errorf("the prefix of element %q is not bound", t.Name.Local)
	}
	e := &element{name: t.Name.Local, attrs: attrs}
	if r.root == nil {
		r.root = e
	} else {
		parent := r.open[len(r.open)-1]
		parent.children = append(parent.children, e)
	}
	r.open = append(r.open, e)
	return nil
}

// attributes also learns the name spaces that are declared; that they end with
// their element is not kept track of.
func (r *reader) attributes(list []xml.Attr) (map[string]string, error) {
	for _, a := range list {
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			r.spaces[a.Value] = true
		}
	}
	seen := make(map[xml.Name]bool, len(list))
	attrs := make(map[string]string, len(list))
	for _, a := range list {
		if seen[a.Name] {
			return nil, fmt.Errorf("attribute %q was already specified", a.Name.Local)
		}
		if !r.spaces[a.Name.Space] {
			return nil, fmt.Errorf("the prefix of attribute %q is not bound", a.Name.Local)
		}
		seen[a.Name] = true
		if a.Name.Space == "" {
			attrs[a.Name.Local] = a.Value
		}
	}
	return attrs, nil
}

func knownSpaces() map[string]bool {
	return map[string]bool{"": true, "xmlns": true, "xml": true, "http://www.w3.org/XML/1998/namespace": true}
}

func (r *reader) chars(text []byte) error {
	if len(r.open) == 0 {
		if len(bytes.TrimSpace(text)) > 0 {
			return errors.New("content is not allowed outside the root element")
		}
		return nil
	}
	e := r.open[len(r.open)-1]
	if room := maxText - e.text.Len(); len(text) > room {
		for room > 0 && !utf8.RuneStart(text[room]) {
			room--
		}
		text = text[:room]
	}
	e.text.Write(text)
	return nil
}

func (r *reader) directive(text string) error {
	if r.root != nil || !strings.HasPrefix(text, "DOCTYPE") {
		return errors.New("a declaration is not allowed here")
	}
	entities, err := parseEntities(text)
	if err != nil {
		return err
	}
	longest := 0
	for _, value := range entities {
		longest = max(longest, len(value))
	}
	if r.refs*longest > maxExpansion {
		return errEntities
	}
	r.dec.Entity = entities
	return nil
}
