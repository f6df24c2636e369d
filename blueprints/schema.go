package blueprints

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schema is the JSON Schema of all answers of one blueprint.
type schema struct {
	text     json.RawMessage
	compiled *jsonschema.Schema
}

// property is the parameter as a JSON Schema property.
func (p *Parameter) property() map[string]any {
	out := map[string]any{"type": string(p.Type), "title": p.Title}
	set := func(key string, v any, given bool) {
		if given {
			out[key] = v
		}
	}
	set("description", p.Description, p.Description != "")
	set("default", p.Default, p.Default != nil)
	set("enum", p.Enum, len(p.Enum) > 0)
	set("pattern", p.Pattern, p.Pattern != "")
	set("minLength", p.MinLength, p.MinLength != nil)
	set("maxLength", p.maxLength(), p.Type == TypeString)
	set("minimum", p.Minimum, p.Minimum != nil)
	set("maximum", p.Maximum, p.Maximum != nil)
	return out
}

// compileSchema makes the schema of a set of answers: an object that has
// nothing but the parameters. A default may be left out, so only parameters
// without one are required.
func compileSchema(params []Parameter) (*schema, error) {
	properties := map[string]any{}
	required := []string{}
	for i := range params {
		properties[params[i].Name] = params[i].property()
		if params[i].Required() {
			required = append(required, params[i].Name)
		}
	}
	text, err := json.Marshal(map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"type":    "object", "properties": properties, "required": required, "additionalProperties": false,
	})
	if err != nil {
		return nil, fmt.Errorf("write the parameters' schema: %w", err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read the parameters' schema: %w", err)
	}
	const url = "parameters.json"
	c := jsonschema.NewCompiler()
	if err := c.AddResource(url, doc); err != nil {
		return nil, fmt.Errorf("parameters' schema: %w", err)
	}
	compiled, err := c.Compile(url)
	if err != nil {
		return nil, fmt.Errorf("compile the parameters' schema: %w", err)
	}
	return &schema{text: text, compiled: compiled}, nil
}

// refused lists the names of the answers that the schema doesn't allow.
func (s *schema) refused(answers Answers) (map[string]bool, error) {
	out := map[string]bool{}
	err := s.compiled.Validate(map[string]any(answers))
	if err == nil {
		return out, nil
	}
	var ve *jsonschema.ValidationError
	if !errors.As(err, &ve) {
		return nil, fmt.Errorf("validate answers: %w", err)
	}
	collectRefused(ve, out)
	return out, nil
}

func collectRefused(ve *jsonschema.ValidationError, out map[string]bool) {
	if len(ve.InstanceLocation) > 0 {
		out[ve.InstanceLocation[0]] = true
	}
	for _, cause := range ve.Causes {
		collectRefused(cause, out)
	}
}
