package blueprints

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Type is the type of a parameter, named as in JSON Schema.
type Type string

// The types. A value is a string, an int64, a float64 (finite) or a bool.
const (
	TypeString  Type = "string"
	TypeInteger Type = "integer"
	TypeNumber  Type = "number"
	TypeBoolean Type = "boolean"
)

// maxText bounds a text answer, in characters, unless MaxLength is smaller.
const maxText = 1000

// Parameter is one thing a blueprint asks. It is required unless it has a
// Default, a Derive or a Generate; at most one of the three may be given.
type Parameter struct {
	Name        string `yaml:"-"`
	Builtin     bool   `yaml:"-"` // asked of every blueprint, not in its manifest
	Type        Type   `yaml:"type"`
	Title       string `yaml:"title"`
	Description string `yaml:"description"`
	// Hint says in words what Pattern allows; it is what a person reads when an
	// answer is refused.
	Hint    string `yaml:"hint"`
	Default any    `yaml:"default"`
	// Derive is a template, with the blueprint's delimiters, that computes the
	// default from the parameters before this one.
	Derive    string    `yaml:"derive"`
	Generate  *Generate `yaml:"generate"`
	Enum      []any     `yaml:"enum"`
	Pattern   string    `yaml:"pattern"` // RE2, searched as JSON Schema does: anchor it
	MinLength *int      `yaml:"minLength"`
	MaxLength *int      `yaml:"maxLength"`
	Minimum   *float64  `yaml:"minimum"`
	Maximum   *float64  `yaml:"maximum"`
}

// Generate makes a random value when no answer is given. It becomes an answer
// and is committed with the project, so it is no place for a secret that
// production relies on.
type Generate struct {
	Alphabet string `yaml:"alphabet"` // hex, digits or alphanumeric
	Length   int    `yaml:"length"`   // characters, 1 to 256
}

// Required says whether there must be an answer.
func (p *Parameter) Required() bool {
	return p.Default == nil && p.Derive == "" && p.Generate == nil
}

// Allowed says in words which answers are allowed: "a whole number from 1 to 9".
func (p *Parameter) Allowed() string {
	if len(p.Enum) > 0 {
		var words []string
		for _, v := range p.Enum {
			words = append(words, text(v))
		}
		return "one of " + strings.Join(words, ", ")
	}
	switch {
	case p.Hint != "":
		return p.Hint
	case p.Type == TypeBoolean:
		return "true or false"
	case p.Type == TypeInteger:
		return "a whole number" + between(p.Minimum, p.Maximum, "")
	case p.Type == TypeNumber:
		return "a number" + between(p.Minimum, p.Maximum, "")
	}
	out := "one line of text" + between(asFloat(p.MinLength), asFloat(p.maxLength()), " characters")
	if p.Pattern != "" {
		out += " matching " + p.Pattern
	}
	return out
}

func between(low, high *float64, unit string) string {
	switch {
	case low != nil && high != nil:
		return " from " + text(*low) + " to " + text(*high) + unit
	case low != nil:
		return " of at least " + text(*low) + unit
	case high != nil:
		return " of at most " + text(*high) + unit
	}
	return ""
}

func asFloat(n *int) *float64 {
	if n == nil {
		return nil
	}
	f := float64(*n)
	return &f
}

func (p *Parameter) maxLength() *int {
	limit := maxText
	if p.MaxLength != nil {
		limit = min(limit, *p.MaxLength)
	}
	return &limit
}

// text writes a value as a person types it.
func text(v any) string {
	switch v := v.(type) {
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// convert gives v the parameter's type. A text is read as a person types it;
// a value of another type is taken if nothing is lost. ok is false otherwise.
func (p *Parameter) convert(v any) (out any, ok bool) {
	s, isText := v.(string)
	switch p.Type {
	case TypeString:
		return v, isText
	case TypeBoolean:
		if isText {
			b, known := map[string]bool{"true": true, "yes": true, "false": false, "no": false}[strings.ToLower(s)]
			return b, known
		}
		b, isBool := v.(bool)
		return b, isBool
	case TypeInteger:
		return asInteger(v)
	default:
		return asNumber(v)
	}
}

func asInteger(v any) (any, bool) {
	switch v := v.(type) {
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil
	case json.Number:
		n, err := v.Int64()
		return n, err == nil
	case int:
		return int64(v), true
	case int64:
		return v, true
	case uint64:
		return int64(v), v <= math.MaxInt64
	case float64:
		// Answers that went through JSON come back as float64.
		const exact = 1 << 53
		return int64(v), v == math.Trunc(v) && math.Abs(v) <= exact
	}
	return nil, false
}

func asNumber(v any) (any, bool) {
	var f float64
	switch v := v.(type) {
	case string:
		n, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return nil, false
		}
		f = n
	case json.Number:
		return asNumber(v.String())
	case float64:
		f = v
	default:
		n, ok := asInteger(v)
		if !ok {
			return nil, false
		}
		f = float64(n.(int64)) //nolint:forcetypeassert // asInteger gives an int64 when ok
	}
	return f, !math.IsNaN(f) && !math.IsInf(f, 0)
}

// plainText gives what keeps s from being one line of plain text, "" if
// nothing. Line breaks and invisible marks are refused everywhere: an answer
// lands in comments, scripts and configuration of many languages, and a line
// break or a reversed direction there is never what was meant.
func plainText(s string) string {
	if !utf8.ValidString(s) {
		return "is not valid UTF-8"
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) || r == '\uFEFF' {
			return fmt.Sprintf("holds the invisible character %U", r)
		}
	}
	return ""
}
