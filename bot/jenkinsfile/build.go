package jenkinsfile

import "slices"

// builder makes the declarative model of a pipeline block. It collects errors in
// Jenkins' order: first those of the shape, section by section as written, then
// those of the validator.
type builder struct {
	errs []*Error
}

func (b *builder) errorf(pos Pos, message string) {
	b.errs = append(b.errs, &Error{Pos: pos, Message: message})
}

// statementCall is the call that a statement is, nil if it is something else.
func statementCall(s Stmt) *Call {
	x, ok := s.(*ExprStmt)
	if !ok {
		return nil
	}
	call, ok := x.X.(*Call)
	if !ok {
		return nil
	}
	return call
}

// blockCall is the call with a block that a statement is: name args { }.
func blockCall(s Stmt) *Call {
	call := statementCall(s)
	if call == nil || call.Object != nil || call.Method() == "" || call.Block() == nil {
		return nil
	}
	return call
}

// section is the name of the section that a statement opens. A call on something
// is an error: most often two blocks on one line.
func (b *builder) section(call *Call) string {
	if call.Object == nil && call.Method() != "" {
		return call.Method()
	}
	if v, ok := call.Object.(*Var); ok && v.Name != "this" {
		b.errorf(call.Pos, "Method calls on objects not allowed outside \"script\" blocks.")
	} else {
		b.errorf(call.Pos, "Expected a symbol; two blocks on one line need a semicolon between them")
	}
	return "error"
}

func (b *builder) pipeline(call *Call) *Pipeline {
	p := &Pipeline{Pos: call.Pos}
	seen := map[string]bool{}
	for _, s := range call.Block().Body {
		c := statementCall(s)
		if c == nil {
			b.errorf(s.At(), "Not a valid section definition. Some extra configuration is required.")
			continue
		}
		name := b.section(c)
		if seen[name] {
			b.errorf(s.At(), "Multiple occurrences of the "+name+" section")
		}
		seen[name] = true
		b.pipelineSection(p, name, s)
	}
	return p
}

func (b *builder) pipelineSection(p *Pipeline, name string, s Stmt) {
	switch name {
	case "agent":
		p.Agent = b.agent(s)
	case "environment":
		p.Environment = b.environment(s)
	case "options":
		p.Options = b.calls(s, "options", "an option")
	case "parameters":
		p.Parameters = b.calls(s, "parameters", "a build parameter definition")
	case "triggers":
		p.Triggers = b.calls(s, "triggers", "a trigger")
	case "tools":
		p.Tools = b.tools(s)
	case "stages":
		p.Stages = b.stages(s)
	case "post":
		p.Post = b.post(s)
	case "libraries":
		b.unsupported(s.At(), "the libraries section")
	case "properties", "wrappers":
		b.errorf(s.At(), "The ‘"+name+"’ section has been renamed as of version 0.8. Use ‘options’ instead.")
	case "jobProperties":
		b.errorf(s.At(), "The ‘jobProperties’ section has been renamed as of version 0.7. Use ‘options’ instead.")
	case "notifications":
		b.errorf(s.At(), "The ‘notifications’ section has been removed as of version 0.6. Use ‘post’ for all post-build actions.")
	case "postBuild":
		b.errorf(s.At(), "The ‘postBuild’ section has been renamed as of version 0.6. Use ‘post’ for all post-build actions.")
	default:
		b.errorf(s.At(), "Undefined section \""+name+"\"")
	}
}

// unsupported notes what Jenkins would run and we don't.
func (b *builder) unsupported(pos Pos, what string) {
	b.errs = append(b.errs, &Error{Pos: pos, Message: what + " runs on Jenkins only", Unsupported: true})
}

// stages reads a stages or parallel section.
func (b *builder) stages(s Stmt) *Stages {
	list := &Stages{Pos: s.At()}
	m := blockCall(s)
	if m == nil {
		b.errorf(s.At(), "Expected a block for "+statementCall(s).Method())
		return list
	}
	for _, inner := range m.Block().Body {
		if stage := b.stage(inner); stage != nil {
			list.Stages = append(list.Stages, stage)
		}
	}
	return list
}

func (b *builder) environment(s Stmt) *Environment {
	env := &Environment{Pos: s.At()}
	m := blockCall(s)
	if m == nil {
		b.errorf(s.At(), "Expected a block for environment")
		return env
	}
	odd := false
	for _, inner := range m.Block().Body {
		odd = !b.envVar(env, inner) || odd
	}
	if odd {
		b.errorf(env.Pos, "Expected name=value pairs")
	}
	return env
}

// envVar reads name = value; false says that it isn't one.
func (b *builder) envVar(env *Environment, s Stmt) bool {
	x, ok := s.(*ExprStmt)
	if !ok {
		return false
	}
	assign, ok := x.X.(*Binary)
	if !ok || assign.Op != "=" {
		b.errorf(s.At(), "\""+printExpr(x.X)+"\" is not a valid identifier and cannot be used for an environment variable. "+
			"Identifiers must start with a letter or underscore and can contain only letters, numbers or underscores.")
		return false
	}
	name := b.literal(assign.X)
	if slices.ContainsFunc(env.Vars, func(v EnvVar) bool { return v.Name == name }) {
		b.errorf(assign.X.At(), "Duplicate environment variable name: \""+name+"\"")
		return true
	}
	if b.envValue(assign.Y) {
		env.Vars = append(env.Vars, EnvVar{Pos: assign.X.At(), Name: name, Value: assign.Y})
	}
	return true
}

// envValue: strings, numbers, booleans, calls, and strings put together by +.
func (b *builder) envValue(x Expr) bool {
	switch x := x.(type) {
	case *Const, *GString:
		return true
	case *Call:
		return b.credentialsArgs(x)
	case *Binary:
		if x.Op == "+" {
			return b.envConcat(x)
		}
		b.errorf(x.Pos, "Environment variable values can only be joined together with ‘+’s.")
	default:
		b.errorf(x.At(), "Environment variable values must either be single quoted, double quoted, or function calls.")
	}
	return false
}

func (b *builder) credentialsArgs(call *Call) bool {
	if !call.Named("credentials") {
		return true
	}
	for _, a := range call.Args {
		switch a.Value.(type) {
		case *Const, *GString:
		default:
			b.errorf(call.Pos, "Internal function call parameters must be strings.")
		}
	}
	return true
}

func (b *builder) envConcat(x *Binary) bool {
	ok := true
	if left, isBinary := x.X.(*Binary); isBinary {
		if left.Op != "+" {
			b.errorf(left.Pos, "Environment variable values can only be joined together with ‘+’s.")
			return false
		}
		ok = b.envConcat(left)
	} else {
		b.envConcatPart(x.X)
	}
	b.envConcatPart(x.Y)
	return ok
}

func (b *builder) envConcatPart(x Expr) {
	switch x.(type) {
	case *Const, *GString:
	default:
		b.errorf(x.At(), "Concatenated environment variable values must be strings.")
	}
}

// literal is a name that must be plain: a string without variables, or a bare word.
func (b *builder) literal(x Expr) string { return b.literalAt(x, x.At()) }

// literalAt is literal for an argument, which Groovy places at its first token.
func (b *builder) literalAt(x Expr, pos Pos) string {
	switch x := x.(type) {
	case *Const:
		if s, ok := x.Value.(string); ok {
			return s
		}
	case *Var:
		return x.Name
	}
	b.errorf(pos, "Expected string literal")
	return "error"
}

// calls reads a section of calls without blocks.
func (b *builder) calls(s Stmt, section, what string) *Calls {
	list := &Calls{Pos: s.At()}
	m := blockCall(s)
	if m == nil {
		b.errorf(s.At(), "Expected a block for "+section)
		return list
	}
	for _, inner := range m.Block().Body {
		call := statementCall(inner)
		switch {
		case call == nil:
			b.errorf(inner.At(), "Expected "+what)
			call = &Call{Pos: inner.At(), Name: &Const{}}
		case call.Block() != nil && call.Object == nil:
			b.errorf(inner.At(), section+" cannot have blocks")
			call = &Call{Pos: inner.At(), Name: &Const{}}
		default:
			b.methodCall(call)
		}
		list.Calls = append(list.Calls, call)
	}
	return list
}

// methodCall checks the shape of a call and of the calls among its arguments.
func (b *builder) methodCall(call *Call) {
	if b.section(call) == "error" {
		call.Name = &Const{Pos: call.Pos, Value: "error"}
		call.Object = nil
	}
	for _, a := range call.Args {
		if a.Key != nil {
			b.literal(a.Key)
		}
		switch v := a.Value.(type) {
		case *Closure:
			pos := call.Pos
			if a.Key != nil {
				pos = a.Pos
			}
			b.errorf(pos, "Method call arguments cannot use closures")
		case *Call:
			b.methodCall(v)
		}
	}
}

func (b *builder) tools(s Stmt) *Tools {
	list := &Tools{Pos: s.At()}
	m := blockCall(s)
	if m == nil {
		b.errorf(s.At(), "Expected a block for tools")
		return list
	}
	for _, inner := range m.Block().Body {
		call := statementCall(inner)
		if call == nil {
			b.errorf(list.Pos, "Expected to find ‘someTool \"someVersion\"’")
			continue
		}
		name := b.literal(call.Name)
		switch {
		case len(call.Args) == 0:
			b.errorf(call.Name.At(), "No argument for tool ‘"+name+"’")
		case len(call.Args) > 1:
			b.errorf(call.Name.At(), "Too many arguments for tool ‘"+name+"’")
		default:
			list.Tools = append(list.Tools, Tool{Pos: call.Name.At(), Type: name, Value: call.Args[0].Value})
		}
	}
	return list
}
