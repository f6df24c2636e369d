package jenkinsfile

import (
	"slices"
	"strings"
)

// Parameter is a build parameter as it can be read without running anything.
type Parameter struct {
	Name string
	// Kind is string, text, booleanParam, choice or password.
	Kind string
	// Choices are those of a choice; nil if they are computed.
	Choices []string
}

// Declared lists the build parameters that the pipeline declares. complete is false
// if one of them has a name that is computed. It may be called on nil.
func (p *Pipeline) Declared() (list []Parameter, complete bool) {
	complete = true
	if p == nil || p.Parameters == nil {
		return nil, true
	}
	for _, call := range p.Parameters.Calls {
		name, ok := call.Argument("name", false).(*Const)
		text, isText := name.text()
		if !ok || !isText {
			complete = false
			continue
		}
		if slices.Contains(parameterTypes(), call.Method()) {
			list = append(list, Parameter{Name: text, Kind: call.Method(), Choices: constChoices(call)})
		}
	}
	return list, complete
}

// constChoices reads choices: a list, or the lines of a text.
func constChoices(call *Call) []string {
	switch x := call.Argument("choices", false).(type) {
	case *Const:
		text, _ := x.text()
		return strings.Split(text, "\n")
	case *List:
		var all []string
		for _, item := range x.Items {
			c, ok := item.Value.(*Const)
			text, isText := c.text()
			if !ok || !isText {
				return nil
			}
			all = append(all, text)
		}
		return all
	}
	return nil
}
