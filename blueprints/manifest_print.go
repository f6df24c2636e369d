package blueprints

import (
	"strconv"
	"strings"
)

// String writes the manifest as a blueprint.yaml that ParseManifest reads back
// to the same Manifest. What has its default is left out.
func (m *Manifest) String() string {
	var w yamlWriter
	w.text(0, "name", m.Name)
	w.text(0, "version", m.Version)
	w.text(0, "description", m.Description)
	w.text(0, "owner", m.Owner)
	w.line(0, "delimiters", "["+quoted(m.Delimiters[0])+", "+quoted(m.Delimiters[1])+"]")
	if len(m.Parameters) > 0 {
		w.line(0, "parameters", "")
	}
	for i := range m.Parameters {
		w.parameter(&m.Parameters[i])
	}
	if len(m.Files) > 0 {
		w.line(0, "files", "")
	}
	for _, r := range m.Files {
		w.rule(r)
	}
	return w.b.String()
}

type yamlWriter struct{ b strings.Builder }

func (w *yamlWriter) line(depth int, key, value string) {
	w.b.WriteString(strings.Repeat("  ", depth) + key + ":")
	if value != "" {
		w.b.WriteString(" " + value)
	}
	w.b.WriteByte('\n')
}

// text writes a text unless it is empty.
func (w *yamlWriter) text(depth int, key, value string) {
	if value != "" {
		w.line(depth, key, scalar(value))
	}
}

func (w *yamlWriter) value(depth int, key string, v any) {
	switch v := v.(type) {
	case nil:
	case *int:
		if v != nil {
			w.line(depth, key, strconv.Itoa(*v))
		}
	case *float64:
		if v != nil {
			w.line(depth, key, text(*v))
		}
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, scalar(item))
		}
		if v != nil {
			w.line(depth, key, "["+strings.Join(items, ", ")+"]")
		}
	default:
		w.line(depth, key, scalar(v))
	}
}

func (w *yamlWriter) parameter(p *Parameter) {
	w.line(1, p.Name, "")
	w.text(2, "type", string(p.Type))
	w.text(2, "title", p.Title)
	w.text(2, "description", p.Description)
	w.text(2, "hint", p.Hint)
	w.value(2, "default", p.Default)
	w.text(2, "derive", p.Derive)
	if p.Generate != nil {
		w.line(2, "generate", "{alphabet: "+scalar(p.Generate.Alphabet)+", length: "+strconv.Itoa(p.Generate.Length)+"}")
	}
	w.value(2, "enum", p.Enum)
	w.text(2, "pattern", p.Pattern)
	w.value(2, "minLength", p.MinLength)
	w.value(2, "maxLength", p.MaxLength)
	w.value(2, "minimum", p.Minimum)
	w.value(2, "maximum", p.Maximum)
}

func (w *yamlWriter) rule(r Rule) {
	w.line(1, "- match", quoted(r.Match))
	w.text(2, "when", r.When)
	w.text(2, "rename", r.Rename)
	if r.Raw {
		w.line(2, "raw", "true")
	}
	if r.Executable {
		w.line(2, "executable", "true")
	}
}

// quoted writes s in quotes even where scalar would not.
func quoted(s string) string {
	if plainYAML(s) {
		return `"` + s + `"`
	}
	return scalar(s)
}
