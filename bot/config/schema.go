package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"opsbot/bot"
)

// object is a JSON object under construction; encoding/json sorts its keys, so
// that the schema is the same every time.
type object map[string]any

// Schema returns the JSON Schema (draft 2020-12) of the configuration file, with
// the sections of the given kinds of integrations, indented and with a final
// newline. A kind whose Config is not a pointer to a struct is CodeInternal.
func Schema(kinds []bot.IntegrationKind) ([]byte, error) {
	root := structSchema(reflect.TypeFor[Config]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "OpsBot configuration"
	var names []any
	var rules []any
	for _, k := range kinds {
		section, err := kindSchema(k)
		if err != nil {
			return nil, err
		}
		names = append(names, k.Type)
		rules = append(rules, object{
			"if":   object{"properties": object{"type": object{"const": k.Type}}},
			"then": section,
		})
	}
	section := object{"type": "object", "required": []any{"type"}, "properties": object{"type": object{"enum": names}}}
	if len(rules) > 0 {
		section["allOf"] = rules
	}
	properties, _ := root["properties"].(object)
	properties["integrations"] = object{
		"type": "object", "description": docOf(reflect.TypeFor[Config](), "integrations"),
		"propertyNames": object{"pattern": namePattern.String()}, "additionalProperties": section,
	}
	out, err := json.MarshalIndent(root, "", "  ")
	return append(out, '\n'), err
}

func kindSchema(k bot.IntegrationKind) (object, error) {
	t := reflect.TypeOf(k.Config)
	if t == nil || t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		return nil, bot.Errorf(bot.CodeInternal, "config: the kind %s has no configuration struct", k.Type)
	}
	s := structSchema(t.Elem())
	properties, _ := s["properties"].(object)
	properties["type"] = object{"const": k.Type}
	s["description"] = k.Summary
	return s, nil
}

func docOf(t reflect.Type, key string) string {
	for _, f := range fieldsOf(t) {
		if f.key == key {
			return f.doc
		}
	}
	return ""
}

func structSchema(t reflect.Type) object {
	properties, required := object{}, []any{}
	for _, f := range fieldsOf(t) {
		s := typeSchema(f.typ, &f)
		if f.doc != "" {
			s["description"] = f.doc
		}
		if f.hasDefault {
			s["default"] = defaultValue(f)
		}
		properties[f.key] = s
		if f.required {
			required = append(required, f.key)
		}
	}
	out := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

// typeSchema describes a value; f is the field that it is in.
func typeSchema(t reflect.Type, f *field) object {
	switch {
	case t == reflect.TypeFor[Secret]():
		return object{"type": "string", "pattern": "^(env|file):.+"}
	case t == reflect.TypeFor[time.Duration]():
		return object{"type": "string", "pattern": `^([0-9.]+(ns|us|µs|ms|s|m|h))+$`}
	case t == reflect.TypeFor[Size]():
		return object{"type": []any{"string", "integer"}, "pattern": "^[0-9]+ ?([kMG]B|[KMG]iB|B)?$"}
	case t == reflect.TypeFor[Integrations]():
		return object{"type": "object"} // Schema fills it in
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return object{"type": "string"}
	}
	switch t.Kind() { //nolint:exhaustive // what cannot be configured is refused by the decoder
	case reflect.Pointer:
		return typeSchema(t.Elem(), f)
	case reflect.Struct:
		return structSchema(t)
	case reflect.Slice:
		return object{"type": "array", "items": typeSchema(t.Elem(), f)}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": typeSchema(t.Elem(), f)}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.String:
		return textSchema(f)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	default:
		return object{"type": "integer"}
	}
}

func textSchema(f *field) object {
	s := object{"type": "string"}
	if len(f.enum) > 0 {
		s["enum"] = f.enum
	}
	switch f.format {
	case "name":
		s["pattern"] = namePattern.String()
	case "url":
		s["pattern"] = "^https?://[^@]+$"
	case "hostport":
		s["pattern"] = "^.*:[0-9]{1,5}$"
	}
	return s
}

// defaultValue gives the default in its own type, as an editor shows it.
func defaultValue(f field) any {
	v := reflect.New(f.typ).Elem()
	if err := setDefault(v, f.def); err != nil {
		return f.def
	}
	switch x := v.Interface().(type) {
	case time.Duration, Size:
		return fmt.Sprint(f.def)
	case encoding.TextUnmarshaler:
		return f.def
	default:
		return x
	}
}
