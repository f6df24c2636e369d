package engine

// vars are the local variables of a block, inside those around it.
type vars struct {
	parent *vars
	own    map[string]any
}

func newVars(parent *vars) *vars { return &vars{parent: parent, own: map[string]any{}} }

// find returns the block that declares name, nil if none does.
func (v *vars) find(name string) *vars {
	for ; v != nil; v = v.parent {
		if _, ok := v.own[name]; ok {
			return v
		}
	}
	return nil
}

func (v *vars) set(name string, value any) { v.own[name] = value }

// top is the outermost block: Groovy's binding.
func (v *vars) top() *vars {
	for v.parent != nil {
		v = v.parent
	}
	return v
}

// envLayer is a set of variables over those around it. An empty value unsets.
type envLayer struct {
	parent *envLayer
	vars   map[string]string
}

func (e *envLayer) with(vars map[string]string) *envLayer {
	return &envLayer{parent: e, vars: vars}
}

// merge puts the layers into all, the innermost last.
func (e *envLayer) merge(all map[string]string) {
	if e == nil {
		return
	}
	e.parent.merge(all)
	for name, v := range e.vars {
		if v == "" {
			delete(all, name)
			continue
		}
		all[name] = v
	}
}
