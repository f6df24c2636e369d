package engine

import (
	"opsbot/bot/jenkinsfile"
)

// arguments are the evaluated arguments of a call.
type arguments struct {
	list  []any
	named *dict
	// block is the closure behind a step, which is not a value.
	block *jenkinsfile.Closure
}

// evalCall calls a step, a closure in a variable, or a method.
func (f frame) evalCall(call *jenkinsfile.Call) (any, error) {
	f.depth++
	if f.depth > maxCallDepth {
		return nil, throwable("java.lang.StackOverflowError", "")
	}
	name := call.Method()
	if v, is, err := f.symbol(name, call); is {
		return v, err
	}
	if call.Object == nil {
		if v := f.vars.find(name); v != nil {
			return f.callValue(v.own[name], call.Args)
		}
		if name == "credentials" && f.section != nil {
			return f.credentialCall(call)
		}
		return f.step(name, call)
	}
	object, err := f.eval(call.Object)
	if err != nil {
		return nil, err
	}
	if g, ok := object.(*global); ok && g.name == "script" {
		return f.step(name, call)
	}
	args, err := f.evalItems(call.Args)
	if err != nil {
		return nil, err
	}
	if call.Op == "*." {
		return f.spread(object, func(item any) (any, error) { return f.method(item, name, args) })
	}
	if object == nil && call.Op == "?." {
		return nil, nil
	}
	return f.method(object, name, args)
}

// callValue calls the closure or method that a variable holds.
func (f frame) callValue(v any, args []jenkinsfile.Arg) (any, error) {
	c, ok := v.(*closure)
	if !ok {
		return nil, noMethod(v, "call", nil)
	}
	items, err := f.evalItems(args)
	if err != nil {
		return nil, err
	}
	return c.call(f, items...)
}

// call runs a closure; stage, node and interruption are those of the caller.
func (c *closure) call(caller frame, args ...any) (any, error) {
	f := caller
	if f.depth++; f.depth > maxCallDepth {
		return nil, throwable("java.lang.StackOverflowError", "")
	}
	f.vars = newVars(c.frame.vars)
	if !c.def.HasParams {
		var it any
		if len(args) > 0 {
			it = args[0]
		}
		f.vars.set("it", it)
	}
	if len(c.def.Params) > 1 && len(args) == 1 && c.name == "" {
		if l, ok := args[0].(*list); ok {
			args = l.items
		}
	}
	if !c.takes(len(args)) {
		return nil, c.noMethod(args)
	}
	for i, p := range c.def.Params {
		switch {
		case i < len(args):
			f.vars.set(p.Name, args[i])
		case p.Default != nil:
			v, err := f.eval(p.Default)
			if err != nil {
				return nil, err
			}
			f.vars.set(p.Name, v)
		default:
			f.vars.set(p.Name, nil)
		}
	}
	return f.body(c.def.Body)
}

// takes reports whether the closure or method may be called with so many arguments.
// The only parameter may always be left out.
func (c *closure) takes(n int) bool {
	if !c.def.HasParams {
		return n <= 1
	}
	required := 0
	for _, p := range c.def.Params {
		if p.Default == nil {
			required++
		}
	}
	if len(c.def.Params) == 1 {
		required = 0
	}
	return required <= n && n <= len(c.def.Params)
}

// noMethod is how Groovy refuses other arguments.
func (c *closure) noMethod(args []any) error {
	if c.name == "" {
		return noMethod(c, "call", args)
	}
	return noSignature("WorkflowScript", c.name, args)
}

// body runs the statements of a closure and returns its value: what it returns,
// or its last expression.
func (f frame) body(stmts []jenkinsfile.Stmt) (any, error) {
	for i, s := range stmts {
		if x, ok := s.(*jenkinsfile.ExprStmt); ok && i == len(stmts)-1 {
			return f.eval(x.X)
		}
		flow, err := f.exec(s)
		if err != nil {
			return nil, err
		}
		if flow.kind == flowReturn {
			return flow.value, nil
		}
	}
	return nil, nil
}

// block runs the block behind a step in a scope of its own.
func (f frame) block(c *jenkinsfile.Closure) (any, error) {
	if c == nil {
		return nil, throwable(classArgument, "There is no body to invoke")
	}
	f.vars = newVars(f.vars)
	return f.body(c.Body)
}

// evalArgs evaluates a step's arguments; the block behind it is left as it is.
func (f frame) evalArgs(call *jenkinsfile.Call) (arguments, error) {
	a := arguments{named: &dict{}, block: call.Block()}
	for _, arg := range call.Plain() {
		v, err := f.withSymbols(call, arg).eval(arg.Value)
		if err != nil {
			return a, err
		}
		if arg.Key == nil {
			a.list = append(a.list, v)
			continue
		}
		key, err := f.eval(arg.Key)
		if err != nil {
			return a, err
		}
		a.named.put(toString(key), v)
	}
	if len(a.list) == 1 && len(a.named.keys) == 0 {
		if d, ok := a.list[0].(*dict); ok && call.Plain()[0].Key == nil {
			a.named, a.list = d, nil // step([message: 'x'])
		}
	}
	return a, nil
}

// withSymbols is f for the value of an argument, which may be a list of objects.
func (f frame) withSymbols(call *jenkinsfile.Call, arg jenkinsfile.Arg) frame {
	name := "bindings"
	if arg.Key != nil {
		name, _ = constant(arg.Key).(string)
	}
	f.symbols = jenkinsfile.Symbols(call.Method(), name)
	return f
}

// value is the named argument, or the single bare one when sole.
func (a arguments) value(name string, sole bool) (any, bool) {
	if v, ok := a.named.get(name); ok {
		return v, true
	}
	if sole && len(a.list) > 0 {
		return a.list[0], true
	}
	return nil, false
}

func (a arguments) text(name string, sole bool) string {
	v, ok := a.value(name, sole)
	if !ok || v == nil {
		return ""
	}
	return toString(v)
}

func (a arguments) flag(name string, otherwise bool) bool {
	v, ok := a.value(name, false)
	if !ok {
		return otherwise
	}
	return truth(v)
}
