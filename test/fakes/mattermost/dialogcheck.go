package mattermost

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// faults says what the server only warns of in its log; clients show such a dialog
// badly or not at all.
func (d dialogJSON) faults() []string {
	var out []string
	if d.Title == "" || len(d.Title) > 24 {
		out = append(out, fmt.Sprintf("its title %q must have 1 to 24 bytes", d.Title))
	}
	seen := map[string]bool{}
	for _, e := range d.Elements {
		if seen[e.Name] {
			out = append(out, fmt.Sprintf("element %q is there twice", e.Name))
		}
		seen[e.Name] = true
		for _, what := range e.faults() {
			out = append(out, fmt.Sprintf("element %q: %s", e.Name, what))
		}
	}
	return out
}

func (e Element) faults() []string {
	var out []string
	longest := func(what, text string, most int) {
		if utf8.RuneCountInString(text) > most {
			out = append(out, fmt.Sprintf("%s is longer than %d", what, most))
		}
	}
	if e.DisplayName == "" || e.Name == "" {
		out = append(out, "it needs a name and a display name")
	}
	if e.MinLength < 0 || e.MinLength > e.MaxLength {
		out = append(out, fmt.Sprintf("its lengths are %d to %d", e.MinLength, e.MaxLength))
	}
	longest("display name", e.DisplayName, 24)
	longest("name", e.Name, 300)
	longest("help text", e.HelpText, 150)
	most := map[string]int{"text": 150, "textarea": 3000, "select": 3000, "bool": 150, "radio": 3000, "date": 150, "datetime": 150}[e.Type]
	if most == 0 {
		return append(out, fmt.Sprintf("its type is %q", e.Type))
	}
	longest("default", e.Default, most)
	longest("placeholder", e.Placeholder, most)
	if !slices.Contains([]string{"", "text", "email", "number", "tel", "url", "password"}, e.Subtype) {
		out = append(out, fmt.Sprintf("its subtype is %q", e.Subtype))
	}
	if !slices.Contains([]string{"", "users", "channels", "dynamic"}, e.DataSource) {
		out = append(out, fmt.Sprintf("its data source is %q", e.DataSource))
	}
	if e.Type == "bool" && !slices.Contains([]string{"", "true", "false"}, e.Default) {
		out = append(out, fmt.Sprintf("its default is %q", e.Default))
	}
	choice := e.Type == "radio" || (e.Type == "select" && e.DataSource == "" && !e.MultiSelect)
	if choice && e.Default != "" && !slices.ContainsFunc(e.Options, func(o *option) bool { return o.Value == e.Default }) {
		out = append(out, fmt.Sprintf("its default %q isn't among its options", e.Default))
	}
	return out
}
