package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"opsbot/bot"
)

// Example returns a commented configuration file with every key of the core and
// of the given kinds of integrations. What is required is written out; the rest
// stands behind "# ", with its default or an example, ready to be uncommented.
// The file is valid as it is; uncommented, the names that it refers to must be
// replaced by real ones.
func Example(kinds []bot.IntegrationKind) string {
	w := &exampleWriter{}
	w.text("", "# OpsBot configuration. Every key that is commented out shows its default or an")
	w.text("", "# example. Secrets are referred to, never written here: env:NAME or file:PATH.")
	for _, f := range fieldsOf(reflect.TypeFor[Config]()) {
		w.b.WriteString("\n")
		switch f.key {
		case "integrations":
			w.integrations(f.doc, kinds)
		case "environments", "rooms":
			// They name integrations, which the reader has yet to choose.
			w.field(f, "", "# ")
		case "defaults":
			w.field(f, "", "# ")
		default:
			w.field(f, "", "")
		}
	}
	return w.b.String()
}

type exampleWriter struct{ b strings.Builder }

func (w *exampleWriter) text(indent, line string) { w.b.WriteString(indent + line + "\n") }

func (w *exampleWriter) integrations(doc string, kinds []bot.IntegrationKind) {
	w.text("", "# "+doc)
	w.text("", "# Left out, it is the embedded stack.")
	w.text("", "# integrations:")
	for _, k := range kinds {
		w.text("", "#   # "+k.Summary)
		w.text("", "#   "+k.Type+":")
		w.text("", "#     type: "+k.Type)
		if t := reflect.TypeOf(k.Config); t != nil && t.Kind() == reflect.Pointer {
			for _, f := range fieldsOf(t.Elem()) {
				w.field(f, "    ", "# ")
			}
		}
	}
}

// field writes one key: its sentence, then itself. off is "# " where all around
// is commented out already; optional keys are always.
func (w *exampleWriter) field(f field, indent, off string) {
	if f.doc != "" && indent == "" {
		w.text("", "# "+f.doc)
	} else if f.doc != "" {
		w.text("", off+indent+"# "+f.doc)
	}
	if nested(f.typ) && !f.required && off == "" {
		off = "# "
	}
	switch t := pointed(f.typ); {
	case nested(t) && t.Kind() == reflect.Struct:
		w.text("", off+indent+f.key+":")
		for _, child := range fieldsOf(t) {
			w.field(child, indent+"  ", off)
		}
	case nested(t): // a list of structs
		w.text("", off+indent+f.key+":")
		w.item(t.Elem(), indent, off)
	default:
		if !f.required && off == "" {
			off = "# "
		}
		w.text("", off+indent+f.key+": "+exampleValue(f))
	}
}

// item writes the first element of a list of structs.
func (w *exampleWriter) item(t reflect.Type, indent, off string) {
	dash := "- "
	for _, child := range fieldsOf(t) {
		line := child.key + ": " + exampleValue(child)
		if child.doc != "" {
			line += " # " + child.doc
		}
		w.text("", off+indent+"  "+dash+line)
		dash = "  "
	}
}

func pointed(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// nested: a section of its own, or a list of them.
func nested(t reflect.Type) bool {
	if t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		return nested(t.Elem())
	}
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[Secret]() &&
		!reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// exampleValue gives a value that the decoder accepts, as YAML.
func exampleValue(f field) string {
	switch {
	case f.typ.Kind() == reflect.Slice:
		return "[" + plain(first(f.example, f.def, "name")) + "]"
	case f.typ.Kind() == reflect.Map && f.typ.Elem().Kind() == reflect.Slice:
		return "{ " + first(f.example, "key: [value]") + " }"
	case f.typ.Kind() == reflect.Map:
		return "{ " + first(f.example, "key: value") + " }"
	case f.example != "":
		return plain(f.example)
	case f.hasDefault && f.typ.Kind() == reflect.String:
		return plain(f.def)
	case f.hasDefault:
		return f.def
	case f.typ == reflect.TypeFor[Secret]():
		return "env:" + strings.ToUpper(f.key)
	case f.typ == reflect.TypeFor[time.Duration]():
		return "30s"
	case len(f.enum) > 0:
		return f.enum[0]
	case f.format == "url":
		return "https://example.com"
	case f.format == "hostport":
		return "127.0.0.1:8080"
	case f.typ.Kind() == reflect.Bool:
		return "false"
	case f.typ.Kind() == reflect.String:
		return "name"
	default:
		return "1"
	}
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// plain quotes what YAML would read as something else than this text.
func plain(s string) string {
	n, err := parse("", fmt.Appendf(nil, "k: %s\n", s))
	if err == nil && n.get("k").kind == textKind && n.get("k").text == s {
		return s
	}
	if n != nil && n.get("k").kind == numberKind {
		return s
	}
	return strconv.Quote(s)
}
