package jenkins

import (
	"errors"
	"maps"
	"strconv"
	"strings"
)

// field is one of a tree= expression: name[fields]{from,to}.
type field struct {
	name     string
	below    []field
	from, to int // to 0 = no bound
}

var errTree = errors.New("the tree parameter is malformed")

// parseTree reads a tree= expression.
func parseTree(text string) ([]field, error) {
	fields, rest, err := parseFields(text)
	if err == nil && rest != "" {
		err = errTree
	}
	return fields, err
}

func parseFields(text string) (all []field, rest string, err error) {
	for {
		n := strings.IndexAny(text, ",[]{")
		if n < 0 {
			n = len(text)
		}
		f := field{name: text[:n]}
		if text = text[n:]; f.name == "" {
			return nil, "", errTree
		}
		if strings.HasPrefix(text, "[") {
			if f.below, text, err = parseFields(text[1:]); err != nil || !strings.HasPrefix(text, "]") {
				return nil, "", errTree
			}
			text = text[1:]
		}
		if strings.HasPrefix(text, "{") {
			var bounds string
			var ok bool
			if bounds, text, ok = strings.Cut(text[1:], "}"); !ok {
				return nil, "", errTree
			}
			from, to, _ := strings.Cut(bounds, ",")
			f.from, _ = strconv.Atoi(from)
			f.to, _ = strconv.Atoi(to)
		}
		all = append(all, f)
		if !strings.HasPrefix(text, ",") {
			return all, text, nil
		}
		text = text[1:]
	}
}

// project narrows v; unknown fields are ignored, _class always comes.
func project(v object, fields []field) object {
	out := object{}
	if class, ok := v["_class"]; ok {
		out["_class"] = class
	}
	for _, f := range fields {
		if f.name == "*" {
			maps.Copy(out, shallow(v))
			continue
		}
		if value, ok := v[f.name]; ok {
			out[f.name] = narrow(value, f)
		}
	}
	return out
}

func narrow(value any, f field) any {
	switch value := value.(type) {
	case object:
		return project(value, f.below)
	case []any:
		to := len(value)
		if f.to > 0 {
			to = min(to, f.to)
		}
		out := []any{}
		for _, v := range value[min(f.from, to):to] {
			out = append(out, narrow(v, field{below: f.below}))
		}
		return out
	default:
		return value
	}
}

// shallow is v as it is shown without tree=: what it holds in few words.
func shallow(v object) object {
	out := object{}
	few := []field{{name: "name"}, {name: "url"}, {name: "color"}, {name: "number"}}
	for k, value := range v {
		out[k] = value
		switch value := value.(type) {
		case object:
			out[k] = project(value, few)
			if k == "queueItem" {
				out[k] = value
			}
		case []any:
			if k != "actions" && k != "artifacts" {
				out[k] = narrow(value, field{below: few})
			}
		}
	}
	return out
}
