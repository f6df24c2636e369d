package blueprints

import (
	"fmt"
	"math"
	"regexp"
	"slices"
)

// normalise gives default and enum the parameter's type.
func (p *Parameter) normalise(pos positions) error {
	if !slices.Contains([]Type{TypeString, TypeInteger, TypeNumber, TypeBoolean}, p.Type) {
		return pos.at(fmt.Sprintf("parameter %s: type must be string, integer, number or boolean", p.Name), "parameters", p.Name, "type")
	}
	typed := func(v any, path ...any) (any, error) {
		_, isText := v.(string)
		out, ok := p.convert(v)
		// Unlike an answer, a value in the manifest is written in its type; a
		// number too long for YAML's types arrives as text all the same.
		if !ok || isText && p.Type == TypeBoolean {
			return nil, pos.at(fmt.Sprintf("parameter %s: %v is no %s", p.Name, v, p.Type), path...)
		}
		return out, nil
	}
	var err error
	if p.Default != nil {
		if p.Default, err = typed(p.Default, "parameters", p.Name, "default"); err != nil {
			return err
		}
	}
	for i := range p.Enum {
		if p.Enum[i], err = typed(p.Enum[i], "parameters", p.Name, "enum", i); err != nil {
			return err
		}
	}
	return nil
}

// check reports all that is wrong with the parameter's own declaration.
func (p *Parameter) check(pos positions) []error {
	var faults []error
	fault := func(key, format string, args ...any) {
		message := "parameter " + p.Name + ": " + fmt.Sprintf(format, args...)
		faults = append(faults, pos.at(message, "parameters", p.Name, key))
	}
	if !regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`).MatchString(p.Name) {
		fault("", "the name must be lower-case letters, digits and _, as templates use it")
	}
	if slices.ContainsFunc(Builtin(), func(b Parameter) bool { return b.Name == p.Name }) {
		fault("", "is built in and cannot be declared again")
	}
	if p.Title == "" || plainText(p.Title+p.Description+p.Hint) != "" {
		fault("title", "title is required; it, description and hint are one line each")
	}
	if n := countTrue(p.Default != nil, p.Derive != "", p.Generate != nil); n > 1 {
		fault("", "has more than one of default, derive and generate")
	}
	if p.Type != TypeString && (p.Pattern != "" || p.MinLength != nil || p.MaxLength != nil || p.Generate != nil) {
		fault("type", "pattern, minLength, maxLength and generate are for strings")
	}
	if p.Type != TypeInteger && p.Type != TypeNumber && (p.Minimum != nil || p.Maximum != nil) {
		fault("type", "minimum and maximum are for integers and numbers")
	}
	if _, err := regexp.Compile(p.Pattern); err != nil {
		fault("pattern", "pattern: %v", err)
	}
	if g := p.Generate; g != nil && (alphabet(g.Alphabet) == "" || g.Length < 1 || g.Length > 256) {
		fault("generate", "generate needs an alphabet (hex, digits, alphanumeric) and a length from 1 to 256")
	}
	return append(faults, p.checkBounds(pos)...)
}

func (p *Parameter) checkBounds(pos positions) []error {
	var faults []error
	fault := func(key string) {
		faults = append(faults, pos.at("parameter "+p.Name+": "+key+" is out of order", "parameters", p.Name, key))
	}
	if p.MinLength != nil && (*p.MinLength < 0 || *p.MinLength > *p.maxLength()) {
		fault("minLength")
	}
	if p.MaxLength != nil && *p.MaxLength < 0 {
		fault("maxLength")
	}
	for _, bound := range []struct {
		key   string
		value *float64
	}{{"minimum", p.Minimum}, {"maximum", p.Maximum}} {
		if v := bound.value; v != nil && (math.IsNaN(*v) || math.IsInf(*v, 0)) {
			fault(bound.key)
		}
	}
	if p.Minimum != nil && p.Maximum != nil && *p.Minimum > *p.Maximum {
		fault("minimum")
	}
	return faults
}

func countTrue(flags ...bool) int {
	n := 0
	for _, f := range flags {
		if f {
			n++
		}
	}
	return n
}
