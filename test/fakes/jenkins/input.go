package jenkins

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// ask lets the build wait at an input step, and writes what its log then says.
func (b *build) ask(in *Input) {
	if in == nil {
		return
	}
	b.inputs++
	b.asked, b.input = in, "A"+strings.Repeat("0", 23)+fmt.Sprintf("%04d%04d", b.number, b.inputs)
	b.note("[Pipeline] input")
	if len(in.Parameters) > 0 {
		b.note("Input requested")
		return
	}
	b.note(in.Message)
	b.note(in.ok() + " or Abort")
}

func (in *Input) ok() string {
	if in.OK == "" {
		return "Proceed"
	}
	return in.OK
}

// pendingInputs is what the stage view's plugin tells of the step: not who may answer.
func (b *build) pendingInputs() []any {
	if b.input == "" {
		return []any{}
	}
	inputs := []any{}
	for _, p := range b.asked.Parameters {
		def := object{"defaultVal": p.Default}
		switch {
		case p.Boolean:
			def["defaultVal"] = p.Default == "true"
		case len(p.Choices) > 0:
			def["defaultVal"], def["choices"] = p.Choices[0], p.Choices
		}
		one := object{"type": p.class() + "ParameterDefinition", "name": p.Name, "definition": def}
		if p.Description != "" {
			one["description"] = p.Description
		}
		inputs = append(inputs, one)
	}
	return []any{object{
		"id": b.input, "proceedText": b.asked.ok(), "message": b.asked.Message, "inputs": inputs,
		"proceedUrl": b.path() + "wfapi/inputSubmit?inputId=" + b.input, "abortUrl": b.path() + "input/" + b.input + "/abort", "redirectApprovalUrl": b.path() + "input/",
	}}
}

// submit answers an input step.
func (s *Server) submit(w http.ResponseWriter, r *request, b *build, id string, proceed bool) {
	switch {
	case id == "" || id != b.input:
		notFound(w)
		return
	case b.asked.Submitter != "" && b.asked.Submitter != r.name():
		refuse(w, "You need to be "+b.asked.Submitter+" to submit this.")
		return
	case b.asked.Submitter == "" && !r.may(ItemBuild):
		refuse(w, "You need to have Job/Build permissions to submit this.")
		return
	}
	in := b.asked
	if proceed && r.rest[len(r.rest)-1] != "proceedEmpty" {
		values, ok := in.values(r.FormValue("json"))
		if !ok {
			oops(w)
			return
		}
		for _, p := range in.Parameters {
			if v, ok := values[p.Name]; ok {
				b.note(fmt.Sprintf("Answered %s=%v", p.Name, v))
			}
		}
	}
	b.input, b.asked = "", nil
	if proceed {
		b.note("Approved by " + r.name())
		b.ask(in.Next)
	} else {
		b.stopped = true
		b.note("Rejected by " + r.name())
		b.finish("ABORTED", s.clock.Now())
	}
	w.WriteHeader(http.StatusOK)
}

// values reads the form; false if Jenkins would throw at it: a boolean must be one,
// a choice must be offered, a name must be declared.
func (in *Input) values(form string) (map[string]any, bool) {
	var sent struct {
		Parameter []struct {
			Name  string `json:"name"`
			Value any    `json:"value"`
		} `json:"parameter"`
	}
	if json.Unmarshal([]byte(form), &sent) != nil {
		return nil, false
	}
	values := map[string]any{}
	for _, v := range sent.Parameter {
		i := slices.IndexFunc(in.Parameters, func(p Parameter) bool { return p.Name == v.Name })
		if i < 0 {
			return nil, false
		}
		text, isText := v.Value.(string)
		_, isBool := v.Value.(bool)
		p := in.Parameters[i]
		if p.Boolean != isBool || !p.Boolean && !isText || len(p.Choices) > 0 && !slices.Contains(p.Choices, text) {
			return nil, false
		}
		values[v.Name] = v.Value
	}
	return values, true
}

// Answer lets the build go on, as somebody in Jenkins would, without values.
func (s *Server) Answer(fullName string, number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	if i := s.find(fullName); i != nil {
		if b := i.build(number); b != nil && b.input != "" {
			in := b.asked
			b.input, b.asked = "", nil
			b.note("Approved by somebody")
			b.ask(in.Next)
		}
	}
}
