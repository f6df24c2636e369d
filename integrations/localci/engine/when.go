package engine

import (
	"regexp"
	"strings"

	"opsbot/bot/jenkinsfile"
)

// meets decides a stage's when: all conditions must hold.
func (f frame) meets(w *jenkinsfile.When) (bool, error) {
	return f.all(w.Conditions)
}

func (f frame) all(conditions []*jenkinsfile.Condition) (bool, error) {
	for _, c := range conditions {
		if ok, err := f.holds(c); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func (f frame) any(conditions []*jenkinsfile.Condition) (bool, error) {
	for _, c := range conditions {
		if ok, err := f.holds(c); err != nil || ok {
			return ok, err
		}
	}
	return false, nil
}

func (f frame) holds(c *jenkinsfile.Condition) (bool, error) {
	switch c.Name {
	case "allOf":
		return f.all(c.Children)
	case "anyOf":
		return f.any(c.Children)
	case "not":
		ok, err := f.all(c.Children)
		return !ok, err
	case "expression":
		f.vars = newVars(f.vars)
		v, err := f.body(c.Body)
		return truth(v), err
	}
	a, err := f.evalArgs(&jenkinsfile.Call{Name: &jenkinsfile.Const{Value: c.Name}, Args: c.Args})
	if err != nil {
		return false, err
	}
	switch c.Name {
	case "branch":
		return compareTo(a, "pattern", f.run.build.Branch)
	case "changeset", "changelog":
		return f.changed(c.Name, a)
	case "environment":
		value, _ := f.lookupEnv(a.text("name", false))
		if a.flag("ignoreCase", false) {
			return strings.EqualFold(value, a.text("value", false)), nil
		}
		return value == a.text("value", false), nil
	case "equals":
		x, _ := a.value("expected", false)
		y, _ := a.value("actual", false)
		return equal(x, y), nil
	}
	// tag, buildingTag, changeRequest, isRestartedRun: a branch's build is none.
	return false, nil
}

// changed decides changeset and changelog: one commit that fits is enough.
func (f frame) changed(condition string, a arguments) (bool, error) {
	build := f.run.build
	if len(build.Changes) == 0 {
		why := "Have you run checkout?"
		if build.Number <= 1 {
			why = "Probably because this is the first build."
		}
		f.run.console.say("Warning, empty changelog. " + why)
		return false, nil
	}
	for _, c := range build.Changes {
		fits := c.touches
		if condition == "changelog" {
			fits = c.says
		}
		if ok, err := fits(a); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// touches reports whether a path of the commit fits changeset's pattern.
func (c Change) touches(a arguments) (bool, error) {
	for _, path := range c.Paths {
		if ok, err := compareTo(a, "pattern", path); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// says reports whether the commit's title or the whole message fits changelog's
// pattern; only in the message do ^ and $ stand for lines, and . for all.
func (c Change) says(a arguments) (bool, error) {
	pattern := a.text("pattern", true)
	title, _, _ := strings.Cut(c.Message, "\n")
	for _, m := range [][2]string{{title, pattern}, {c.Message, "(?ms:" + pattern + ")"}} {
		v, err := match("==~", m[0], m[1])
		if err != nil || truth(v) {
			return truth(v), err
		}
	}
	return false, nil
}

// compareTo matches a pattern by the comparator: GLOB unless said otherwise.
func compareTo(a arguments, name, value string) (bool, error) {
	pattern := a.text(name, true)
	switch a.text("comparator", false) {
	case "EQUALS":
		return pattern == value, nil
	case "REGEXP":
		v, err := match("==~", value, pattern)
		return truth(v), err
	}
	return matchGlob(strings.ReplaceAll(pattern, `\`, "/"), value, a.flag("caseSensitive", false)), nil
}

// matchGlob is Ant's matching: * stays in a segment, ** is any number of segments.
func matchGlob(pattern, value string, caseSensitive bool) bool {
	var b strings.Builder
	b.WriteString(`(?s`)
	if !caseSensitive {
		b.WriteString(`i`)
	}
	b.WriteString(`)\A`)
	if strings.HasSuffix(pattern, "/") {
		pattern += "**"
	}
	segments := strings.Split(pattern, "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		switch {
		case segment == "**" && last && i == 0:
			b.WriteString(`.*`)
		case segment == "**" && last:
			b.WriteString(`(/.*)?`)
		case segment == "**":
			b.WriteString(`(.*/)?`)
		default:
			b.WriteString(globSegment(segment))
			if !last && (segments[i+1] != "**" || i+1 < len(segments)-1) {
				b.WriteString("/")
			}
		}
	}
	re, err := regexp.Compile(b.String() + `\z`)
	return err == nil && re.MatchString(value)
}

func globSegment(segment string) string {
	var b strings.Builder
	for _, r := range segment {
		switch r {
		case '*':
			b.WriteString("[^/]*")
		case '?':
			b.WriteString("[^/]")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return b.String()
}
