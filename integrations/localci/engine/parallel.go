package engine

import (
	"errors"
	"sync"

	"opsbot/bot/jenkinsfile"
)

// branch is one arm of a parallel: what runs it in a frame of its own.
type branch struct {
	name string
	run  func(frame) error
}

// runParallel runs stages side by side.
func (f frame) runParallel(stages []*jenkinsfile.Stage, failFast bool) error {
	branches := make([]branch, len(stages))
	for i, st := range stages {
		branches[i] = branch{name: st.Name, run: func(f frame) error { return f.runStage(st, nil) }}
	}
	return f.together(branches, failFast)
}

// together runs branches side by side and returns the failure that came first.
// With failFast the others are interrupted then.
func (f frame) together(branches []branch, failFast bool) error {
	r := f.run
	var first error
	scopes := make([]*scopeOfStop, len(branches))
	for i := range branches {
		scopes[i] = &scopeOfStop{parent: f.stops}
	}
	var all sync.WaitGroup
	for i, b := range branches {
		inner := f
		inner.stops = scopes[i]
		inner.vars = newVars(f.vars)
		all.Go(func() {
			r.interpreter.Lock()
			defer r.interpreter.Unlock()
			err := b.run(inner)
			scopes[i].done = true
			if err == nil {
				return
			}
			r.console.say("Failed in branch " + b.name)
			if first != nil {
				return
			}
			first = err
			if failFast && !errors.Is(err, ErrCutOff) {
				r.interruptOthers(scopes, i)
			}
		})
	}
	r.interpreter.Unlock()
	all.Wait()
	r.interpreter.Lock()
	return first
}

func (r *run) interruptOthers(scopes []*scopeOfStop, failed int) {
	for i, s := range scopes {
		if i != failed && !s.done {
			r.interrupt(s, Interruption{FailFast: true})
		}
	}
}

// runBranches runs the branches of a parallel step that stands alone in a stage.
func (f frame) runBranches(st *jenkinsfile.Stage) error {
	call, ok := st.Steps.Body[0].(*jenkinsfile.ExprStmt)
	if !ok {
		return nil
	}
	_, err := f.eval(call.X)
	return err
}

// parallelStep is parallel(a: { }, b: { }, failFast: true).
func (f frame) parallelStep(call *jenkinsfile.Call) (any, error) {
	failFast := false
	var branches []branch
	items := &dict{}
	for _, arg := range call.Args {
		v, err := f.eval(arg.Value)
		if err != nil {
			return nil, err
		}
		if d, ok := v.(*dict); ok && arg.Key == nil {
			items = d
			continue
		}
		key, err := f.evalKey(arg.Key)
		if err != nil {
			return nil, err
		}
		items.put(key, v)
	}
	for i, key := range items.keys {
		body, ok := items.vals[i].(*closure)
		switch name := toString(key); {
		case name == "failFast":
			failFast = truth(items.vals[i])
		case !ok:
			return nil, throwable(classArgument, "Expected a closure or failFast but got %s", name)
		default:
			branches = append(branches, branch{name: name, run: func(f frame) error {
				_, err := body.call(f)
				return err
			}})
		}
	}
	return nil, f.together(branches, failFast)
}

func (f frame) evalKey(key jenkinsfile.Expr) (string, error) {
	if key == nil {
		return "", throwable(classArgument, "parallel takes names and closures")
	}
	v, err := f.eval(key)
	return toString(v), err
}
