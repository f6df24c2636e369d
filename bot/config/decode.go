package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// decoder fills structs from nodes. It goes on after a problem, so that a person
// sees all of them at once.
type decoder struct {
	file     string
	from     *vault
	problems Problems
}

// nodeReader is a type that reads a node itself.
type nodeReader interface {
	readNode(d *decoder, n *node, path string)
}

func (d *decoder) problem(line int, path, format string, args ...any) {
	d.problems = append(d.problems, Problem{File: d.file, Line: line, Field: path, Text: fmt.Sprintf(format, args...)})
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// value fills v, which is settable.
func (d *decoder) value(n *node, v reflect.Value, path string) {
	if r, ok := v.Addr().Interface().(nodeReader); ok {
		r.readNode(d, n, path)
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), path)
		return
	}
	want := wanted(v)
	switch {
	case want == mapKind && n.kind == mapKind && v.Kind() == reflect.Struct:
		d.structure(n, v, path)
	case want == mapKind && n.kind == mapKind:
		d.mapping(n, v, path)
	case want == listKind && n.kind == listKind:
		d.list(n, v, path)
	case want == textKind && n.kind != mapKind && n.kind != listKind && n.kind != nullKind:
		if err := scalar(v, n); err != nil {
			d.problem(n.line, path, "%s", err)
		}
	default:
		d.problem(n.line, path, "must be %s, not %s", wantedText(v, want), n.kind)
	}
}

// wanted says which kind of node fits v; textKind stands for any scalar.
func wanted(v reflect.Value) kind {
	if _, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return textKind
	}
	switch v.Kind() { //nolint:exhaustive // all others are scalars
	case reflect.Struct, reflect.Map:
		return mapKind
	case reflect.Slice:
		return listKind
	default:
		return textKind
	}
}

func wantedText(v reflect.Value, k kind) string {
	if k == textKind {
		switch v.Kind() { //nolint:exhaustive // all others are texts or numbers
		case reflect.Bool:
			return boolKind.String()
		case reflect.String:
			return textKind.String()
		default:
			return "a single value"
		}
	}
	return k.String()
}

func (d *decoder) list(n *node, v reflect.Value, path string) {
	out := reflect.MakeSlice(v.Type(), len(n.items), len(n.items))
	for i, item := range n.items {
		d.value(item, out.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	v.Set(out)
}

func (d *decoder) mapping(n *node, v reflect.Value, path string) {
	if v.Type().Key().Kind() != reflect.String {
		d.problem(n.line, path, "cannot be configured: its type is %s", v.Type())
		return
	}
	out := reflect.MakeMapWithSize(v.Type(), len(n.entries))
	for _, e := range n.entries {
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(e.value, item, join(path, e.key))
		out.SetMapIndex(reflect.ValueOf(e.key).Convert(v.Type().Key()), item)
	}
	v.Set(out)
}

// structure fills the fields that are there, then the defaults of the others, and
// lets the struct check itself if all was well so far.
func (d *decoder) structure(n *node, v reflect.Value, path string) {
	before := len(d.problems)
	fields := fieldsOf(v.Type())
	d.unknown(n, fields, path)
	for i := range fields {
		d.field(n, v.Field(fields[i].index), &fields[i], join(path, fields[i].key))
	}
	if len(d.problems) == before {
		d.validate(n, v, path)
	}
}

func (d *decoder) unknown(n *node, fields []field, path string) {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	for _, e := range n.entries {
		if slices.Contains(keys, e.key) {
			continue
		}
		hint := "known are " + strings.Join(keys, ", ")
		if near := nearest(e.key, keys); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		} else if len(keys) == 0 {
			hint = "there are none here"
		}
		d.problem(e.line, path, "unknown key %q; %s", e.key, hint)
	}
}

func (d *decoder) field(n *node, v reflect.Value, f *field, path string) {
	child := n.get(f.key)
	if child == nil || child.kind == nullKind {
		d.absent(n, child, v, f, path)
		return
	}
	before := len(d.problems)
	d.value(child, v, path)
	if len(d.problems) > before {
		return
	}
	if err := f.check(v); err != nil {
		d.problem(child.line, path, "%s", err)
	} else if f.required && v.IsZero() {
		d.problem(child.line, path, "must not be empty")
	}
}

// absent fills in what was not written.
func (d *decoder) absent(n, child *node, v reflect.Value, f *field, path string) {
	line := n.line
	if child != nil {
		line = child.line
	}
	_, custom := v.Addr().Interface().(nodeReader)
	switch {
	case f.required:
		d.problem(line, path, "is required")
	case f.hasDefault:
		if err := setDefault(v, f.def); err != nil {
			d.problem(0, path, "the built-in default %q is wrong: %v", f.def, err)
		}
	case v.Kind() == reflect.Struct && !custom && wanted(v) == mapKind:
		// A section that is left out still has the defaults of its fields.
		d.structure(&node{kind: mapKind, line: line}, v, path)
	}
}

func setDefault(v reflect.Value, text string) error {
	if v.Kind() == reflect.Slice {
		var err error
		for part := range strings.SplitSeq(text, ",") {
			item := reflect.New(v.Type().Elem()).Elem()
			err = errors.Join(err, setDefault(item, strings.TrimSpace(part)))
			v.Set(reflect.Append(v, item))
		}
		return err
	}
	n := &node{kind: numberKind, text: text}
	if v.Kind() == reflect.Bool {
		n.kind = boolKind
	}
	return scalar(v, n)
}

// validate lets a struct check itself; the line is that of the field it names.
func (d *decoder) validate(n *node, v reflect.Value, path string) {
	own, ok := v.Addr().Interface().(validator)
	if !ok {
		return
	}
	err := own.Validate()
	if err == nil {
		return
	}
	eachError(err, func(err error) {
		var f *FieldError
		if !errors.As(err, &f) {
			d.problem(n.line, path, "%s", err)
			return
		}
		d.problem(n.find(f.Field).line, join(path, f.Field), "%s", f.Text)
	})
}

// find follows "a.b[1].c" as far as it is there.
func (n *node) find(path string) *node {
	for part := range strings.SplitSeq(strings.NewReplacer("[", ".[", "]", "").Replace(path), ".") {
		var next *node
		if index, ok := strings.CutPrefix(part, "["); ok {
			for i, item := range n.items {
				if fmt.Sprint(i) == index {
					next = item
				}
			}
		} else {
			next = n.get(part)
		}
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

// readNode implements nodeReader.
func (s *Secret) readNode(d *decoder, n *node, path string) {
	if n.kind == mapKind || n.kind == listKind {
		d.problem(n.line, path, "must be env:NAME or file:PATH, not %s", n.kind)
		return
	}
	made, err := newSecret(n.text, d.from)
	if err != nil {
		d.problem(n.line, path, "%s", err)
		return
	}
	*s = made
}
