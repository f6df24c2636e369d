package blueprints

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"text/template"
)

const semverPattern = `^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)` +
	`(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?` +
	`(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$`

const blueprintNamePattern = `^[a-z][a-z0-9-]{0,62}$`

// check reports all that is wrong with the manifest's values, joined.
func (m *Manifest) check(pos positions) error {
	var faults []error
	fault := func(message string, path ...any) { faults = append(faults, pos.at(message, path...)) }
	if !regexp.MustCompile(blueprintNamePattern).MatchString(m.Name) {
		fault(fmt.Sprintf("name %q: must match %s", m.Name, blueprintNamePattern), "name")
	}
	if !regexp.MustCompile(semverPattern).MatchString(m.Version) {
		fault(fmt.Sprintf("version %q: must be a semantic version such as 1.2.0", m.Version), "version")
	}
	for _, text := range []struct{ key, value string }{{"description", m.Description}, {"owner", m.Owner}} {
		if problem := plainText(text.value); problem != "" || strings.TrimSpace(text.value) == "" {
			fault(text.key+": must be one line of text, not empty", text.key)
		}
	}
	if problem := checkDelimiters(m.Delimiters); problem != "" {
		fault("delimiters: "+problem, "delimiters")
	}
	for i := range m.Parameters {
		faults = append(faults, m.Parameters[i].check(pos)...)
	}
	funcs := functions()
	for i, r := range m.Files {
		if problem, key := r.check(m.Delimiters, funcs); problem != "" {
			fault(problem, "files", i, key)
		}
	}
	return errors.Join(faults...)
}

func checkDelimiters(d [2]string) string {
	for _, s := range d {
		if len(s) < 2 || len(s) > 8 || strings.ContainsFunc(s, func(r rune) bool {
			return !strings.ContainsRune("{}[]<>()%$@#!|=~^&*?:;+", r)
		}) {
			return fmt.Sprintf("%q: must be 2 to 8 brackets or signs", s)
		}
	}
	if d[0] == d[1] {
		return "what opens and what closes must differ"
	}
	return ""
}

// check gives what is wrong with the rule and the key that holds it.
func (r Rule) check(delims [2]string, funcs template.FuncMap) (problem, key string) {
	if r.Match == "" {
		return "a file rule needs match", "match"
	}
	if err := checkPattern(r.Match); err != nil {
		return err.Error(), "match"
	}
	if _, ok := strings.CutSuffix(r.Rename, "/"); ok {
		return "rename must not end in /", "rename"
	}
	if r.Rename != "" && !renamable(r.Match) {
		return "rename needs a match without wildcards, or one whose only wildcard is /** at its end", "rename"
	}
	if _, err := parseCondition("when", r.When, delims, funcs); err != nil {
		return "when: " + err.Error(), "when"
	}
	return "", ""
}
