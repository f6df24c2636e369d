package engine

import (
	"strconv"

	"opsbot/bot/jenkinsfile"
)

func (f frame) evalProp(x *jenkinsfile.Prop) (any, error) {
	object, err := f.eval(x.Object)
	if err != nil {
		return nil, err
	}
	name, err := f.eval(x.Name)
	if err != nil {
		return nil, err
	}
	if x.Op == "*." {
		return f.spread(object, func(item any) (any, error) { return f.property(item, toString(name), true) })
	}
	return f.property(object, toString(name), x.Op == "?.")
}

func (f frame) spread(object any, each func(any) (any, error)) (any, error) {
	l, ok := object.(*list)
	if !ok {
		return each(object)
	}
	out := &list{}
	for _, item := range l.items {
		v, err := each(item)
		if err != nil {
			return nil, err
		}
		out.items = append(out.items, v)
	}
	return out, nil
}

// property is object.name.
func (f frame) property(object any, name string, safe bool) (any, error) {
	switch o := object.(type) {
	case nil:
		if safe {
			return nil, nil
		}
		return nil, throwable(classNull, "Cannot get property '%s' on null object", name)
	case *global:
		return f.globalProperty(o, name)
	case *dict:
		v, _ := o.get(name)
		return v, nil
	case *list:
		return f.spread(o, func(item any) (any, error) { return f.property(item, name, safe) })
	case *Failure:
		switch name {
		case "message", "localizedMessage":
			return messageOf(o), nil
		case "class":
			return o.Class, nil
		}
	}
	return nil, throwable(classNoProperty, "No such property: %s for class: %s", name, className(object))
}

func messageOf(f *Failure) any {
	if f.Message == "" && f.Stopped != nil {
		return nil
	}
	return f.Message
}

func (f frame) globalProperty(g *global, name string) (any, error) {
	switch g.name {
	case "env":
		v, ok := f.lookupEnv(name)
		if f.section != nil && f.section.err != nil {
			return nil, f.section.err
		}
		if !ok {
			return nil, nil
		}
		return v, nil
	case "params":
		return f.parameter(name), nil
	case "currentBuild":
		return f.buildProperty(name)
	case "previousBuild":
		return f.previousProperty(name)
	case "script":
		return f.lookup(name)
	}
	return nil, throwable(classNoProperty, "No such property: %s for class: %s", name, g.name)
}

// buildProperty is currentBuild.name.
func (f frame) buildProperty(name string) (any, error) {
	r := f.run
	switch name {
	case "result":
		if r.outcome.Result == "" && !f.post {
			return nil, nil
		}
		return string(f.result()), nil
	case "currentResult":
		return string(f.result()), nil
	case "number":
		return int64(r.build.Number), nil
	case "id":
		return strconv.Itoa(r.build.Number), nil
	case "displayName":
		return r.outcome.DisplayName, nil
	case "fullDisplayName":
		return r.build.Job + " » " + r.build.Branch + " " + r.outcome.DisplayName, nil
	case "projectName":
		return Encode(r.build.Branch), nil
	case "fullProjectName":
		return r.build.Job + "/" + Encode(r.build.Branch), nil
	case "description":
		if r.outcome.Description == "" {
			return nil, nil
		}
		return r.outcome.Description, nil
	case "absoluteUrl":
		return r.base["BUILD_URL"], nil
	case "previousBuild", "previousCompletedBuild":
		if r.build.Previous == nil {
			return nil, nil
		}
		return &global{name: "previousBuild"}, nil
	case "changeSets":
		return &list{items: make([]any, len(r.build.Changes))}, nil
	case "duration":
		return r.clock.Now().Sub(r.started).Milliseconds(), nil
	case "durationString":
		return timeSpan(r.clock.Now().Sub(r.started)) + " and counting", nil
	case "startTimeInMillis", "timeInMillis":
		return r.started.UnixMilli(), nil
	}
	return nil, throwable(classNoProperty, "No such property: %s for class: org.jenkinsci.plugins.workflow.support.steps.build.RunWrapper", name)
}

func (f frame) previousProperty(name string) (any, error) {
	p := f.run.build.Previous
	switch name {
	case "number":
		return int64(p.Number), nil
	case "id":
		return strconv.Itoa(p.Number), nil
	case "result", "currentResult":
		return string(p.Result), nil
	case "displayName":
		return "#" + strconv.Itoa(p.Number), nil
	}
	return nil, throwable(classUnsupported, "previousBuild.%s runs on Jenkins only", name)
}

// parameter is params.NAME: the given value, or the default of the declaration.
func (f frame) parameter(name string) any {
	r := f.run
	if r.file.Pipeline != nil && r.file.Pipeline.Parameters != nil {
		for _, call := range r.file.Pipeline.Parameters.Calls {
			if text, ok := call.Argument("name", false).(*jenkinsfile.Const); ok && text.Value == name {
				return f.declared(call, name)
			}
		}
	}
	if v, ok := r.build.Parameters[name]; ok {
		return v
	}
	return nil
}

func (f frame) declared(call *jenkinsfile.Call, name string) any {
	given, isGiven := f.run.build.Parameters[name]
	if call.Method() == "booleanParam" {
		if isGiven {
			return given == "true"
		}
		return truth(constant(call.Argument("defaultValue", false)))
	}
	if isGiven {
		return given
	}
	if call.Method() == "choice" {
		if all := choices(f.declaredValue(call, "choices")); len(all) > 0 {
			return all[0]
		}
		return nil
	}
	return toString(f.declaredValue(call, "defaultValue"))
}

// declaredValue is an argument of a parameter's declaration; one that can't be
// evaluated fails the job's set-up on Jenkins, not the build.
func (f frame) declaredValue(call *jenkinsfile.Call, name string) any {
	x := call.Argument(name, false)
	if x == nil {
		return ""
	}
	v, err := f.eval(x)
	if err != nil {
		return ""
	}
	return v
}

func constant(x jenkinsfile.Expr) any {
	if c, ok := x.(*jenkinsfile.Const); ok {
		return c.Value
	}
	return nil
}

// setProperty is object.name = value.
func (f frame) setProperty(object any, name string, value any) error {
	switch o := object.(type) {
	case nil:
		return throwable(classNull, "Cannot set property '%s' on null object", name)
	case *dict:
		o.put(name, value)
		return nil
	case *global:
		switch o.name {
		case "env":
			f.run.env[name] = toString(value)
			return nil
		case "currentBuild":
			return f.setBuild(name, value)
		case "script":
			f.vars.top().set(name, value)
			return nil
		}
	}
	return throwable(classNoProperty, "No such property: %s for class: %s", name, className(object))
}

func (f frame) setBuild(name string, value any) error {
	switch name {
	case "result":
		result, ok := parseResult(toString(value))
		if !ok {
			return throwable(classArgument, "No such result: %s", toString(value))
		}
		f.run.worsen(result)
	case "displayName":
		f.run.outcome.DisplayName = toString(value)
	case "description":
		f.run.outcome.Description = toString(value)
	default:
		return throwable(classUnsupported, "setting currentBuild.%s runs on Jenkins only", name)
	}
	return nil
}

// assign puts a value into a variable, property or element.
func (f frame) assign(target jenkinsfile.Expr, value any) error {
	switch t := target.(type) {
	case *jenkinsfile.Var:
		if v := f.vars.find(t.Name); v != nil {
			v.set(t.Name, value)
			return nil
		}
		f.vars.top().set(t.Name, value)
		return nil
	case *jenkinsfile.Prop:
		object, err := f.eval(t.Object)
		if err != nil {
			return err
		}
		name, err := f.eval(t.Name)
		if err != nil {
			return err
		}
		return f.setProperty(object, toString(name), value)
	case *jenkinsfile.Index:
		return f.assignElement(t, value)
	}
	return throwable(classUnsupported, "this assignment runs on Jenkins only")
}

func (f frame) assignElement(t *jenkinsfile.Index, value any) error {
	object, err := f.eval(t.Object)
	if err != nil {
		return err
	}
	key, err := f.eval(t.Args[0])
	if err != nil {
		return err
	}
	switch o := object.(type) {
	case *dict:
		o.put(key, value)
		return nil
	case *list:
		i, ok := key.(int64)
		if !ok || i < 0 || i > int64(len(o.items))+1000 {
			return throwable(classIndex, "index %s", toString(key))
		}
		for int64(len(o.items)) <= i {
			o.items = append(o.items, nil)
		}
		o.items[i] = value
		return nil
	case *global:
		return f.setProperty(o, toString(key), value)
	}
	return noMethod(object, "putAt", []any{key, value})
}
