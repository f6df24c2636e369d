package jenkinsfile

import (
	"regexp"
	"strconv"
	"strings"
)

// schedules checks what would fail only when Jenkins sets the job up: the
// schedules of triggers and parameters without a name.
func (s *support) schedules(p *Pipeline) {
	if p.Triggers != nil {
		for _, call := range p.Triggers.Calls {
			spec, ok := call.Argument("spec", true).(*Const)
			if scm, isPoll := call.Argument("scmpoll_spec", true).(*Const); isPoll {
				spec, ok = scm, true
			}
			if text, _ := spec.text(); ok && !call.Named("upstream") && !isSchedule(text) {
				s.refuse(spec.Pos, "the invalid schedule \""+text+"\"")
			}
		}
	}
	if p.Parameters == nil {
		return
	}
	for _, call := range p.Parameters.Calls {
		if call.Argument("name", false) == nil {
			s.refuse(call.Pos, "a parameter without a name")
		}
	}
}

func (c *Const) text() (string, bool) {
	if c == nil {
		return "", false
	}
	s, ok := c.Value.(string)
	return s, ok
}

// isSchedule: each line is empty, a comment, a TZ, an @alias or five fields.
func isSchedule(text string) bool {
	field := regexp.MustCompile(`^(\*|H(\(\d+-\d+\))?|\d+(-\d+)?)(/\d+)?$`)
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "", strings.HasPrefix(line, "#"), strings.HasPrefix(line, "TZ="):
			continue
		case strings.HasPrefix(line, "@"):
			if !isAlias(line) {
				return false
			}
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 5 {
			return false
		}
		for i, f := range fields {
			for item := range strings.SplitSeq(f, ",") {
				if !field.MatchString(item) || !inRange(item, i) {
					return false
				}
			}
		}
	}
	return true
}

// inRange checks the numbers of one item of the field with that index.
func inRange(item string, index int) bool {
	low, high := [5]int{0, 0, 1, 1, 0}[index], [5]int{59, 23, 31, 12, 7}[index]
	item, _, _ = strings.Cut(item, "/")
	for _, text := range strings.FieldsFunc(item, func(r rune) bool { return r < '0' || r > '9' }) {
		if n, err := strconv.Atoi(text); err != nil || n < low || n > high {
			return false
		}
	}
	return true
}

func isAlias(line string) bool {
	switch line {
	case "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly":
		return true
	}
	return false
}
