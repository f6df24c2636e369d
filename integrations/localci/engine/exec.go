package engine

import (
	"errors"
	"strings"

	"opsbot/bot/jenkinsfile"
)

type flowKind int

const (
	flowNext flowKind = iota
	flowReturn
	flowBreak
	flowContinue
)

// flow is how a statement ended.
type flow struct {
	kind  flowKind
	value any
}

// maxLoops bounds the iterations of a whole run, so that a loop without a step
// ends.
const maxLoops = 1 << 20

// exec runs one statement.
func (f frame) exec(s jenkinsfile.Stmt) (flow, error) {
	switch s := s.(type) {
	case *jenkinsfile.ExprStmt:
		_, err := f.eval(s.X)
		return flow{}, err
	case *jenkinsfile.VarDecl:
		return flow{}, f.declare(s)
	case *jenkinsfile.If:
		cond, err := f.eval(s.Cond)
		if err != nil {
			return flow{}, err
		}
		if truth(cond) {
			return f.execBlock(s.Then)
		}
		return f.execBlock(s.Else)
	case *jenkinsfile.ForIn:
		return f.forIn(s)
	case *jenkinsfile.For:
		return f.forLoop(s)
	case *jenkinsfile.While:
		return f.loop(s.Cond, nil, s.Body)
	case *jenkinsfile.Try:
		return f.try(s)
	case *jenkinsfile.Throw:
		return flow{}, f.throw(s)
	case *jenkinsfile.Return:
		if s.X == nil {
			return flow{kind: flowReturn}, nil
		}
		v, err := f.eval(s.X)
		return flow{kind: flowReturn, value: v}, err
	case *jenkinsfile.Jump:
		if s.Word == "break" {
			return flow{kind: flowBreak}, nil
		}
		return flow{kind: flowContinue}, nil
	case *jenkinsfile.Switch:
		return f.switches(s)
	case *jenkinsfile.Method:
		return flow{}, nil // hoisted
	}
	return flow{}, throwable(classUnsupported, "this statement runs on Jenkins only")
}

// hoist declares the methods of a file: they may be called before they stand.
func (f frame) hoist(body []jenkinsfile.Stmt) {
	for _, s := range body {
		if m, ok := s.(*jenkinsfile.Method); ok {
			def := &jenkinsfile.Closure{Pos: m.Pos, Params: m.Params, HasParams: true, Body: m.Body}
			f.vars.set(m.Name, &closure{def: def, frame: f, name: m.Name})
		}
	}
}

// switches runs the first case that fits, and falls through to the next ones.
func (f frame) switches(s *jenkinsfile.Switch) (flow, error) {
	v, err := f.eval(s.X)
	if err != nil {
		return flow{}, err
	}
	start, otherwise := -1, -1
	for i, c := range s.Cases {
		if c.Value == nil {
			otherwise = i
			continue
		}
		want, err := f.eval(c.Value)
		if err != nil {
			return flow{}, err
		}
		if contains(want, v) {
			start = i
			break
		}
	}
	if start < 0 {
		start = otherwise
	}
	for i := start; i >= 0 && i < len(s.Cases); i++ {
		end, err := f.execBlock(s.Cases[i].Body)
		if end.kind == flowBreak {
			return flow{}, err
		}
		if err != nil || end.kind != flowNext {
			return end, err
		}
	}
	return flow{}, nil
}

// execBlock runs statements in a scope of their own.
func (f frame) execBlock(stmts []jenkinsfile.Stmt) (flow, error) {
	f.vars = newVars(f.vars)
	for _, s := range stmts {
		end, err := f.exec(s)
		if err != nil || end.kind != flowNext {
			return end, err
		}
	}
	return flow{}, nil
}

func (f frame) declare(d *jenkinsfile.VarDecl) error {
	if d.Tuple == nil {
		for _, v := range d.Vars {
			var value any
			if v.Default != nil {
				var err error
				if value, err = f.eval(v.Default); err != nil {
					return err
				}
			}
			f.vars.set(v.Name, value)
		}
		return nil
	}
	value, err := f.eval(d.Tuple)
	if err != nil {
		return err
	}
	for i, v := range d.Vars {
		item, err := f.index(value, int64(i))
		if err != nil {
			return err
		}
		f.vars.set(v.Name, item)
	}
	return nil
}

// iterate checks whether a loop may go round once more.
func (f frame) iterate() error {
	if f.run.loops++; f.run.loops > maxLoops {
		return throwable(classUnsupported, "more than %d iterations", maxLoops)
	}
	return f.checkpoint()
}

func (f frame) forIn(s *jenkinsfile.ForIn) (flow, error) {
	in, err := f.eval(s.In)
	if err != nil {
		return flow{}, err
	}
	for _, item := range iterable(in) {
		if err := f.iterate(); err != nil {
			return flow{}, err
		}
		inner := f
		inner.vars = newVars(f.vars)
		inner.vars.set(s.Var.Name, item)
		end, err := inner.execBlock(s.Body)
		if err != nil || end.kind == flowReturn {
			return end, err
		}
		if end.kind == flowBreak {
			break
		}
	}
	return flow{}, nil
}

// iterable lists what a loop goes over.
func iterable(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case *list:
		return append([]any(nil), v.items...)
	case *dict:
		return entries(v)
	case string:
		var items []any
		for _, r := range v {
			items = append(items, string(r))
		}
		return items
	}
	return []any{v}
}

// entries are a map's entries, each with key and value.
func entries(d *dict) []any {
	items := make([]any, len(d.keys))
	for i, k := range d.keys {
		items[i] = &dict{keys: []any{"key", "value"}, vals: []any{k, d.vals[i]}}
	}
	return items
}

func (f frame) forLoop(s *jenkinsfile.For) (flow, error) {
	f.vars = newVars(f.vars)
	for _, init := range s.Init {
		if _, err := f.exec(init); err != nil {
			return flow{}, err
		}
	}
	return f.loop(s.Cond, s.Step, s.Body)
}

func (f frame) loop(cond jenkinsfile.Expr, step []jenkinsfile.Expr, body []jenkinsfile.Stmt) (flow, error) {
	for {
		if err := f.iterate(); err != nil {
			return flow{}, err
		}
		if cond != nil {
			v, err := f.eval(cond)
			if err != nil || !truth(v) {
				return flow{}, err
			}
		}
		end, err := f.execBlock(body)
		if err != nil || end.kind == flowReturn {
			return end, err
		}
		if end.kind == flowBreak {
			return flow{}, nil
		}
		for _, x := range step {
			if _, err := f.eval(x); err != nil {
				return flow{}, err
			}
		}
	}
}

func (f frame) try(s *jenkinsfile.Try) (flow, error) {
	end, err := f.execBlock(s.Body)
	if err != nil && !errors.Is(err, ErrCutOff) {
		end, err = f.catch(s.Catches, asFailure(err))
	}
	if s.Finally == nil || errors.Is(err, ErrCutOff) {
		return end, err
	}
	last, lastErr := f.execBlock(s.Finally)
	if lastErr != nil || last.kind != flowNext {
		return last, lastErr
	}
	return end, err
}

func (f frame) catch(catches []jenkinsfile.Catch, failure *Failure) (flow, error) {
	for _, c := range catches {
		if !catchable(c.Types, failure.Class) {
			continue
		}
		f.vars = newVars(f.vars)
		f.vars.set(c.Name, failure)
		return f.execBlock(c.Body)
	}
	return flow{}, failure
}

// catchable: by the exact class, or by those that all are.
func catchable(types []string, class string) bool {
	for _, t := range types {
		short := t[strings.LastIndex(t, ".")+1:]
		switch short {
		case "Throwable", "Object":
			return true
		case "Exception":
			if !strings.HasSuffix(class, "Error") {
				return true
			}
		case "Error":
			if strings.HasSuffix(class, "Error") {
				return true
			}
		}
		if class[strings.LastIndex(class, ".")+1:] == short {
			return true
		}
	}
	return len(types) == 0 && !strings.HasSuffix(class, "Error")
}

func (f frame) throw(s *jenkinsfile.Throw) error {
	v, err := f.eval(s.X)
	if err != nil {
		return err
	}
	if failure, ok := v.(*Failure); ok {
		return failure
	}
	return throwable("org.codehaus.groovy.runtime.typehandling.GroovyCastException",
		"Cannot cast object '%s' with class '%s' to class 'java.lang.Throwable'", toString(v), className(v))
}
