package jenkinsfile

import (
	"fmt"
	"strings"
)

// checkSteps checks the steps of a block, inside blocks of steps too.
func (b *builder) checkSteps(st *Steps) {
	if st == nil {
		return
	}
	if len(st.Body) == 0 {
		b.errorf(st.Pos, "No steps specified for branch")
	}
	for _, s := range st.Body {
		b.checkStep(s)
	}
}

func (b *builder) checkStep(s Stmt) {
	call := statementCall(s)
	if call == nil || call.Object != nil || call.Method() == "script" {
		return
	}
	name := call.Method()
	if spec, known := stepSpecOf(name); known {
		b.checkStepArgs(s.At(), name, spec, call)
	}
	switch name {
	case "stage":
		b.errorf(s.At(), "Invalid step \"stage\" used - not allowed in this context - The stage step cannot be used in Declarative Pipelines")
	case "properties":
		b.errorf(s.At(), "Invalid step \"properties\" used - not allowed in this context - The properties section is not available in Declarative Pipelines")
	case "parallel":
		b.errorf(s.At(), "Invalid step \"parallel\" used - not allowed in this context - The parallel step can only be used as the only top-level step in a stages step block")
	}
	if block := call.Block(); block != nil {
		for _, inner := range block.Body {
			b.checkStep(inner)
		}
	}
}

// checkStepArgs checks the arguments of a step or when condition. A single bare
// argument is the step's only required parameter.
func (b *builder) checkStepArgs(pos Pos, name string, spec stepSpec, call *Call) {
	args := call.Plain()
	switch {
	case hasKeys(args) && allKeys(args):
		b.checkNamedArgs(pos, spec, args)
	case len(args) > 1:
		b.errorf(pos, "Too many unnamed parameters for \""+name+"\": named parameters are required")
	case len(args) == 1:
		p, ok := spec.sole()
		if !ok && !spec.block {
			b.errorf(pos, "Step does not take a single required parameter - use named parameters instead")
			return
		}
		b.checkType(args[0].Value, p.typ, "")
	default:
		b.checkNamedArgs(pos, spec, nil)
	}
}

func allKeys(args []Arg) bool {
	for _, a := range args {
		if a.Key == nil {
			return false
		}
	}
	return true
}

func hasKeys(args []Arg) bool {
	for _, a := range args {
		if a.Key != nil {
			return true
		}
	}
	return false
}

// checkNamedArgs: unknown names, wrong types; and only if those are right, what
// is missing.
func (b *builder) checkNamedArgs(pos Pos, spec stepSpec, args []Arg) {
	before := len(b.errs)
	given := map[string]bool{}
	sole, hasSole := spec.sole()
	for _, a := range args {
		key := keyText(a.Key)
		given[key] = true
		p, known := spec.param(key)
		if !known {
			if a.Key != nil {
				b.errorf(a.Key.At(), "Invalid parameter \""+key+"\""+meant(key, spec))
			}
			continue
		}
		shown := key
		if len(args) == 1 && hasSole && sole.name == key && !spec.block {
			shown = ""
		}
		b.checkType(a.Value, p.typ, shown)
	}
	if len(b.errs) > before {
		return
	}
	for _, p := range spec.params {
		if p.required && !given[p.name] {
			b.errorf(pos, "Missing required parameter: \""+p.name+"\"")
		}
	}
}

func keyText(key Expr) string {
	if k, ok := key.(*Const); ok {
		s, _ := k.Value.(string)
		return s
	}
	return ""
}

func meant(key string, spec stepSpec) string {
	best, distance := "", 4
	for _, p := range spec.params {
		if d := editDistance(key, p.name); d < distance {
			best, distance = p.name, d
		}
	}
	if best == "" {
		return ""
	}
	return ", did you mean \"" + best + "\"?"
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		last := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last
			if a[i-1] != b[j-1] {
				change++
			}
			last = row[j]
			row[j] = min(change, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

// checkType refuses literals of the wrong type; what is computed is not looked at.
func (b *builder) checkType(x Expr, typ, name string) {
	c, ok := x.(*Const)
	if !ok || c.Value == nil || typ == typeAny || fits(c.Value, typ) {
		return
	}
	param := ""
	if name != "" {
		param = " for parameter \"" + name + "\""
	}
	b.errorf(c.Pos, fmt.Sprintf("Expecting %q%s but got %q of type class %s instead", typ, param, textOf(c.Value), javaClass(c.Value)))
}

func textOf(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return printConst(v)
}

// fits knows what Groovy would cast: everything to boolean, decimals to int.
func fits(v any, typ string) bool {
	switch v := v.(type) {
	case string:
		return typ == typeString || typ == typeBool || typ == typeUnit && isTimeUnit(v)
	case bool:
		return typ == typeBool
	case int64:
		return typ == typeInt || typ == typeBool
	case float64:
		return typ == typeInt || typ == typeBool || typ == typeString
	}
	return true
}

func isTimeUnit(s string) bool {
	switch s {
	case "NANOSECONDS", "MICROSECONDS", "MILLISECONDS", "SECONDS", "MINUTES", "HOURS", "DAYS":
		return true
	}
	return false
}

func javaClass(v any) string {
	switch v.(type) {
	case bool:
		return "java.lang.Boolean"
	case int64:
		return "java.lang.Integer"
	case float64:
		return "java.lang.Double"
	}
	return "java.lang.String"
}

func (b *builder) checkOptions(o *Calls, inStage bool) {
	if o == nil {
		return
	}
	b.checkSection(o, "options", "option")
	for _, call := range o.Calls {
		name := call.Method()
		if _, stage, known := optionSpec(name); name != "" && (!known || inStage && !stage) {
			b.errorf(call.Pos, "Invalid option type \""+name+"\".")
		}
	}
	for _, call := range o.Calls {
		if spec, _, known := optionSpec(call.Method()); known {
			b.checkCallArgs(call, spec)
		}
	}
}

// checkSection: not empty, nothing twice.
func (b *builder) checkSection(list *Calls, section, noun string) {
	if len(list.Calls) == 0 {
		b.errorf(list.Pos, section+" can not be empty")
	}
	var names []string
	for _, call := range list.Calls {
		if call.Method() != "" {
			names = append(names, call.Method())
		}
	}
	for _, name := range repeated(names) {
		b.errorf(list.Pos, "Duplicate "+noun+" name: \""+name+"\"")
	}
}

// checkCallArgs checks an option's arguments, which differ a little from a step's.
func (b *builder) checkCallArgs(call *Call, spec stepSpec) {
	if hasKeys(call.Args) {
		for _, a := range call.Args {
			if a.Key == nil {
				b.errorf(call.Pos, "Can’t mix named and unnamed parameters")
				continue
			}
			key := keyText(a.Key)
			p, known := spec.param(key)
			if !known {
				b.errorf(a.Key.At(), "Invalid parameter \""+key+"\""+meant(key, spec))
				continue
			}
			b.checkType(a.Value, p.typ, key)
		}
		return
	}
	sole, hasSole := spec.sole()
	switch {
	case len(call.Args) > 1:
		b.errorf(call.Pos, "Too many unnamed parameters for \""+call.Method()+"\"")
	case len(call.Args) == 1 && hasSole:
		b.checkType(call.Args[0].Value, sole.typ, "")
	case hasSole && sole.typ != typeBool:
		b.errorf(call.Pos, "\""+call.Method()+"\" should have 1 argument but has 0 arguments instead.")
	}
}

func (b *builder) checkParameters(list *Calls) {
	if list == nil {
		return
	}
	if len(list.Calls) == 0 {
		b.errorf(list.Pos, "parameters can not be empty")
	}
	for _, call := range list.Calls {
		switch name := call.Method(); name {
		case "", "string", "text", "booleanParam", "choice", "password":
		case "credentials", "file", "run":
			b.unsupported(call.Pos, "parameter type "+name)
		default:
			b.errorf(call.Pos, "Invalid parameter type \""+name+
				"\". Valid parameter types: [booleanParam, choice, credentials, file, text, password, run, string]")
		}
	}
}

func (b *builder) checkTriggers(list *Calls) {
	if list == nil {
		return
	}
	b.checkSection(list, "triggers", "trigger")
	for _, call := range list.Calls {
		switch name := call.Method(); name {
		case "", "cron", "pollSCM", "upstream":
		default:
			b.errorf(call.Pos, "Invalid trigger type \""+name+"\". Valid trigger types: [cron, pollSCM, upstream]")
		}
	}
}

func (b *builder) checkInput(in *Input) {
	if in == nil {
		return
	}
	for _, f := range in.Fields {
		switch f.Name {
		case "message", "id", "ok", "submitter", "submitterParameter":
			if c, ok := f.Value.(*Const); ok {
				b.checkType(c, typeString, f.Name)
			}
		default:
			b.errorf(f.Pos, "Unknown input field \""+f.Name+"\"")
		}
	}
	if in.Parameters != nil {
		b.checkParameters(in.Parameters)
	}
	if in.Field("message") == nil {
		b.errorf(in.Pos, "Missing required parameter for input: message")
	}
}

func (b *builder) checkWhen(w *When) {
	if w == nil {
		return
	}
	if len(w.Conditions) == 0 {
		b.errorf(w.Pos, "No when conditions specified")
	}
	for _, c := range w.Conditions {
		b.checkCondition(c)
	}
}

func (b *builder) checkCondition(c *Condition) {
	if c.Name == "" || c.Name == "expression" {
		return
	}
	spec, children, known := conditionSpec(c.Name)
	call := &Call{Pos: c.Pos, Name: &Const{Value: c.Name}, Args: c.Args}
	switch {
	case !known:
		b.errorf(c.Pos, "Unknown conditional "+c.Name+". Valid conditionals are: "+strings.Join([]string{
			"allOf", "anyOf", "branch", "buildingTag", "changeRequest", "changelog", "changeset", "environment",
			"equals", "expression", "isRestartedRun", "not", "tag", "triggeredBy",
		}, ", "))
	case children != 0 && (len(c.Args) > 0 || !c.IsBlock):
		b.errorf(c.Pos, "Nested conditional \""+c.Name+"\" takes no arguments, only conditions in a block")
	case children < 0 && len(c.Children) == 0:
		b.errorf(c.Pos, "Nested conditional \""+c.Name+"\" requires at least one child conditional")
	case children > 0 && len(c.Children) != children:
		b.errorf(c.Pos, fmt.Sprintf("Nested conditional %q requires exactly %d child conditional", c.Name, children))
	case children == 0 && len(c.Children) > 0:
		b.errorf(c.Pos, "Conditional \""+c.Name+"\" cannot have nested conditionals")
	case children == 0:
		b.checkStepArgs(c.Pos, c.Name, spec, call)
	}
	for _, child := range c.Children {
		b.checkCondition(child)
	}
}
