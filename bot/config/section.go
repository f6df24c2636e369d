package config

import (
	"reflect"
	"slices"

	"opsbot/bot"
)

// Integrations are the sections below `integrations:`, in the order of the file.
type Integrations []*Section

// Get returns the section of that name, nil if there is none.
func (all Integrations) Get(name string) *Section {
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Section is one integration's part of the configuration, to be decoded by its
// owner.
type Section struct {
	Name string // what it is called here
	Type string // which kind of integration it is
	Line int    // where it begins

	file string
	from *vault
	node *node // without the key "type"
}

var _ bot.Decoder = (*Section)(nil)

// Decode fills the struct that into points to, strictly, sets its defaults and
// calls its Validate method if it has one. The error is a *bot.Error with
// CodeInvalid whose cause is Problems.
func (s *Section) Decode(into any) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return bot.Errorf(bot.CodeInternal, "config: decode %s into %T, which is no pointer to a struct", s.Name, into)
	}
	d := &decoder{file: s.file, from: s.from}
	d.value(s.node, v.Elem(), "integrations."+s.Name)
	return d.problems.err()
}

// Texts returns the values of a key that many integrations have (owners), without
// decoding the rest: a text as one, a list of texts as they are, nil otherwise.
func (s *Section) Texts(key string) []string {
	n := s.node.get(key)
	switch {
	case n == nil:
		return nil
	case n.kind == textKind:
		return []string{n.text}
	}
	var out []string
	for _, item := range n.items {
		if item.kind == textKind {
			out = append(out, item.text)
		}
	}
	return out
}

// readNode implements nodeReader.
func (all *Integrations) readNode(d *decoder, n *node, path string) {
	if n.kind != mapKind {
		d.problem(n.line, path, "must be a mapping of names to sections, not %s", n.kind)
		return
	}
	for _, e := range n.entries {
		at := join(path, e.key)
		if err := checkFormat("name", e.key); err != nil {
			d.problem(e.line, at, "%s", err)
			continue
		}
		if e.value.kind != mapKind {
			d.problem(e.value.line, at, "must be a mapping, not %s", e.value.kind)
			continue
		}
		kind := e.value.get("type")
		if kind == nil || kind.kind != textKind || kind.text == "" {
			d.problem(e.line, at, "needs a type")
			continue
		}
		rest := *e.value
		rest.line = e.line
		rest.entries = slices.DeleteFunc(slices.Clone(rest.entries), func(e entry) bool { return e.key == "type" })
		*all = append(*all, &Section{Name: e.key, Type: kind.text, Line: e.line, file: d.file, from: d.from, node: &rest})
	}
}
