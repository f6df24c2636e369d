package engine

import (
	"strings"

	"opsbot/bot/jenkinsfile"
)

// The bounds of what a Jenkinsfile may compute.
const (
	maxText      = 16 << 20
	maxCallDepth = 200
)

// eval computes an expression.
func (f frame) eval(x jenkinsfile.Expr) (any, error) {
	switch x := x.(type) {
	case *jenkinsfile.Const:
		return x.Value, nil
	case *jenkinsfile.GString:
		return f.evalText(x)
	case *jenkinsfile.Var:
		return f.lookup(x.Name)
	case *jenkinsfile.Prop:
		return f.evalProp(x)
	case *jenkinsfile.Index:
		return f.evalIndex(x)
	case *jenkinsfile.Call:
		return f.evalCall(x)
	case *jenkinsfile.New:
		return f.evalNew(x)
	case *jenkinsfile.List:
		items, err := f.evalItems(x.Items)
		return &list{items: items}, err
	case *jenkinsfile.Map:
		return f.evalMap(x.Entries)
	case *jenkinsfile.Closure:
		return &closure{def: x, frame: f}, nil
	case *jenkinsfile.Unary:
		return f.evalUnary(x)
	case *jenkinsfile.Binary:
		return f.evalBinary(x)
	case *jenkinsfile.Ternary:
		return f.evalTernary(x)
	case *jenkinsfile.Cast:
		v, err := f.eval(x.X)
		if err != nil {
			return nil, err
		}
		return castTo(v, x.Type)
	}
	return nil, throwable(classUnsupported, "unknown expression")
}

func (f frame) evalText(g *jenkinsfile.GString) (any, error) {
	var b strings.Builder
	for i, text := range g.Texts {
		b.WriteString(text)
		if i == len(g.Exprs) {
			break
		}
		v, err := f.eval(g.Exprs[i])
		if err != nil {
			return nil, err
		}
		b.WriteString(toString(v))
		if b.Len() > maxText {
			return nil, errTooLong()
		}
	}
	return b.String(), nil
}

func errTooLong() error { return throwable("java.lang.OutOfMemoryError", "a text of more than 16 MB") }

// lookup finds a bare name: a variable, a global, or a variable of the environment.
func (f frame) lookup(name string) (any, error) {
	if v := f.vars.find(name); v != nil {
		return v.own[name], nil
	}
	switch name {
	case "env", "params", "currentBuild", "scm":
		return &global{name: name}, nil
	case "this":
		return &global{name: "script"}, nil
	}
	if v, ok := f.lookupEnv(name); ok {
		return v, nil
	}
	if f.section != nil && f.section.err != nil {
		return nil, f.section.err
	}
	return nil, throwable(classNoProperty, "No such property: %s for class: groovy.lang.Binding", name)
}

func (f frame) evalItems(args []jenkinsfile.Arg) ([]any, error) {
	items := make([]any, 0, len(args))
	for _, a := range args {
		v, err := f.eval(a.Value)
		if err != nil {
			return nil, err
		}
		if l, ok := v.(*list); ok && a.Spread {
			items = append(items, l.items...)
			continue
		}
		items = append(items, v)
	}
	return items, nil
}

func (f frame) evalMap(entries []jenkinsfile.Arg) (any, error) {
	d := &dict{}
	for _, e := range entries {
		v, err := f.eval(e.Value)
		if err != nil {
			return nil, err
		}
		if e.Key == nil {
			if other, ok := v.(*dict); ok && e.Spread {
				for i, k := range other.keys {
					d.put(k, other.vals[i])
				}
			}
			continue
		}
		key, err := f.eval(e.Key)
		if err != nil {
			return nil, err
		}
		d.put(key, v)
	}
	return d, nil
}

func (f frame) evalNew(x *jenkinsfile.New) (any, error) {
	items, err := f.evalItems(x.Args)
	if err != nil {
		return nil, err
	}
	message := ""
	if len(items) > 0 {
		message = toString(items[0])
	}
	if class, ok := jenkinsfile.ExceptionClass(x.Type); ok {
		return &Failure{Class: class, Message: message}, nil
	}
	return nil, throwable(classUnsupported, "new %s runs on Jenkins only", x.Type)
}

func (f frame) evalTernary(x *jenkinsfile.Ternary) (any, error) {
	cond, err := f.eval(x.Cond)
	switch {
	case err != nil:
		return nil, err
	case truth(cond) && x.Then == nil:
		return cond, nil
	case truth(cond):
		return f.eval(x.Then)
	}
	return f.eval(x.Else)
}

func (f frame) evalUnary(x *jenkinsfile.Unary) (any, error) {
	if x.Op == "++" || x.Op == "--" {
		return f.evalStep(x)
	}
	v, err := f.eval(x.X)
	if err != nil {
		return nil, err
	}
	switch x.Op {
	case "!":
		return !truth(v), nil
	case "-":
		switch v := v.(type) {
		case int64:
			return -v, nil
		case float64:
			return -v, nil
		}
	case "+":
		return v, nil
	}
	return nil, noMethod(v, map[string]string{"-": "negative", "~": "bitwiseNegate"}[x.Op], nil)
}

// evalStep is ++ and --.
func (f frame) evalStep(x *jenkinsfile.Unary) (any, error) {
	before, err := f.eval(x.X)
	if err != nil {
		return nil, err
	}
	after, err := arithmetic(x.Op[:1], before, int64(1))
	if err != nil {
		return nil, err
	}
	if err := f.assign(x.X, after); err != nil {
		return nil, err
	}
	if x.Postfix {
		return before, nil
	}
	return after, nil
}

func (f frame) evalIndex(x *jenkinsfile.Index) (any, error) {
	object, err := f.eval(x.Object)
	if err != nil {
		return nil, err
	}
	if len(x.Args) != 1 {
		return nil, throwable(classUnsupported, "an index of several values runs on Jenkins only")
	}
	key, err := f.eval(x.Args[0])
	if err != nil {
		return nil, err
	}
	return f.index(object, key)
}

func (f frame) index(object, key any) (any, error) {
	switch o := object.(type) {
	case nil:
		return nil, throwable(classNull, "Cannot invoke method getAt() on null object")
	case *dict:
		v, _ := o.get(key)
		return v, nil
	case *list:
		i, ok := key.(int64)
		if !ok {
			return nil, noMethod(object, "getAt", []any{key})
		}
		if i < 0 {
			i += int64(len(o.items))
		}
		if i < 0 {
			return nil, throwable("java.lang.ArrayIndexOutOfBoundsException", "Negative array index [%d] too large for array size %d",
				i-int64(len(o.items)), len(o.items))
		}
		if i >= int64(len(o.items)) {
			return nil, nil
		}
		return o.items[i], nil
	case string:
		return textAt(o, key)
	case *global:
		return f.property(o, toString(key), false)
	}
	return nil, noMethod(object, "getAt", []any{key})
}

// textAt is one character, or several by a range.
func textAt(s string, key any) (any, error) {
	runes := []rune(s)
	at := func(i int64) int64 {
		if i < 0 {
			return i + int64(len(runes))
		}
		return i
	}
	switch k := key.(type) {
	case int64:
		if i := at(k); i >= 0 && i < int64(len(runes)) {
			return string(runes[i]), nil
		}
	case *list:
		var b strings.Builder
		for _, item := range k.items {
			i, ok := item.(int64)
			if i = at(i); !ok || i < 0 || i >= int64(len(runes)) {
				return nil, throwable("java.lang.StringIndexOutOfBoundsException", "index out of range")
			}
			b.WriteRune(runes[i])
		}
		return b.String(), nil
	}
	return nil, throwable("java.lang.StringIndexOutOfBoundsException", "index %s, length %d", toString(key), len(runes))
}

func noMethod(v any, name string, args []any) error {
	if v == nil {
		return throwable(classNull, "Cannot invoke method %s() on null object", name)
	}
	return noSignature(className(v), name, args)
}

func noSignature(class, name string, args []any) error {
	types, shown := make([]string, len(args)), make([]string, len(args))
	for i, a := range args {
		types[i], shown[i] = className(a), toString(a)
	}
	return throwable(classNoMethod, "No signature of method: %s.%s() is applicable for argument types: (%s) values: [%s]",
		class, name, strings.Join(types, ", "), strings.Join(shown, ", "))
}
