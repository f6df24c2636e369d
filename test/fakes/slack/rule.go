package slack

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// problems collects complaints in Slack's words, with pointers to their places.
type problems struct{ all []string }

func (p *problems) add(at, format string, args ...any) {
	p.all = append(p.all, fmt.Sprintf(format, args...)+" [json-pointer:"+at+"]")
}

// rule checks one JSON value.
type rule func(p *problems, at string, v any)

// fieldsOf are the fields of an object.
type fieldsOf map[string]rule

// optionalFields builds fieldsOf from names and rules in turn.
func optionalFields(pairs ...any) fieldsOf {
	out := fieldsOf{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		switch r := pairs[i+1].(type) {
		case rule:
			out[name] = r
		case func(*problems, string, any):
			out[name] = r
		}
	}
	return out
}

func anything(*problems, string, any) {}

func boolean(p *problems, at string, v any) {
	if _, ok := v.(bool); !ok {
		p.add(at, "must be a boolean")
	}
}

func numeric(least, most float64) rule {
	return func(p *problems, at string, v any) {
		if n, ok := v.(float64); !ok || n < least || n > most {
			p.add(at, "must be a number between %v and %v", least, most)
		}
	}
}

// lengthText is a text of at least and at most so many characters.
func lengthText(least, most int) rule {
	return func(p *problems, at string, v any) {
		s, ok := v.(string)
		switch n := utf8.RuneCountInString(s); {
		case !ok:
			p.add(at, "must be a string")
		case n < least:
			p.add(at, "must be more than %d characters", least-1)
		case n > most:
			p.add(at, "must be less than %d characters", most+1)
		}
	}
}

func shortText(most int) rule { return lengthText(0, most) }
func id() rule                { return lengthText(1, 255) }

func address(most int) rule {
	return func(p *problems, at string, v any) {
		s, _ := v.(string)
		u, err := url.Parse(s)
		switch {
		case err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "":
			p.add(at, "must be a valid URL")
		case len(s) > most:
			p.add(at, "must be less than %d characters", most+1)
		}
	}
}

func oneOf(values ...string) rule {
	return func(p *problems, at string, v any) {
		if s, ok := v.(string); !ok || !slices.Contains(values, s) {
			p.add(at, "must be one of %s, not %v", strings.Join(values, ", "), v)
		}
	}
}

func items(least, most int, each rule) rule {
	return func(p *problems, at string, v any) {
		all, ok := v.([]any)
		switch {
		case !ok:
			p.add(at, "must be an array")
		case len(all) < least:
			p.add(at, "no less than %d items allowed", least)
		case len(all) > most:
			p.add(at, "no more than %d items allowed", most)
		}
		for i, e := range all {
			each(p, fmt.Sprintf("%s/%d", at, i), e)
		}
	}
}

// dictOf is an object of these fields and no others; the type is checked elsewhere.
func dictOf(required, optional fieldsOf) rule {
	return func(p *problems, at string, v any) {
		o, ok := v.(map[string]any)
		if !ok {
			p.add(at, "must be an object")
			return
		}
		for _, k := range slices.Sorted(maps.Keys(required)) {
			if o[k] == nil {
				p.add(at, "missing required field: %s", k)
			}
		}
		for _, k := range slices.Sorted(maps.Keys(o)) {
			check := required[k]
			if check == nil {
				check = optional[k]
			}
			switch {
			case check != nil && o[k] != nil:
				check(p, at+"/"+k, o[k])
			case check == nil && k != "type":
				p.add(at, "invalid additional property: %s", k)
			}
		}
	}
}

// tagged is an object whose type says which rule holds.
func tagged(kinds map[string]rule) rule {
	return func(p *problems, at string, v any) {
		o, ok := v.(map[string]any)
		if !ok {
			p.add(at, "must be an object")
			return
		}
		check := kinds[text(o["type"])]
		if check == nil {
			p.add(at+"/type", "unsupported type: %v", o["type"])
			return
		}
		check(p, at, v)
	}
}

// all holds when each of the rules does.
func all(rules ...rule) rule {
	return func(p *problems, at string, v any) {
		for _, r := range rules {
			r(p, at, v)
		}
	}
}

// either wants exactly one of two fields.
func either(a, b string) rule { return someOf(a, b, true) }

// some wants at least one of two fields.
func some(a, b string) rule { return someOf(a, b, false) }

func someOf(a, b string, exclusive bool) rule {
	return func(p *problems, at string, v any) {
		o, _ := v.(map[string]any)
		_, hasA := o[a]
		_, hasB := o[b]
		if !hasA && !hasB || exclusive && hasA && hasB {
			p.add(at, "must provide %s or %s", a, b)
		}
	}
}

// plainText, mrkdwnText and anyText are text objects.
func plainText(most int) rule {
	return tagged(map[string]rule{"plain_text": dictOf(fieldsOf{"text": lengthText(1, most)}, fieldsOf{"emoji": boolean})})
}

func anyText(most int) rule {
	words := fieldsOf{"text": lengthText(1, most)}
	return tagged(map[string]rule{"plain_text": dictOf(words, fieldsOf{"emoji": boolean}), "mrkdwn": dictOf(words, fieldsOf{"verbatim": boolean})})
}
