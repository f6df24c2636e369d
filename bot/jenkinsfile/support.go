package jenkinsfile

import (
	"cmp"
	"slices"
)

// support finds what Jenkins would run and the engine does not, so that it is
// refused before anything runs. What a name means is known only when it runs:
// a name that the file declares anywhere is taken for that.
type support struct {
	b        *builder
	declared map[string]bool
}

// supported refuses what only Jenkins runs, in the order of the file.
func (b *builder) supported(f *File) {
	s := &support{b: b, declared: map[string]bool{}}
	declareStmts(s.declared, f.Body)
	for i, stmt := range f.Body {
		if i != f.At {
			s.stmt(stmt)
		}
	}
	if f.Pipeline != nil {
		s.pipeline(f.Pipeline)
	}
	slices.SortStableFunc(b.errs, func(x, y *Error) int {
		return cmp.Or(cmp.Compare(x.Line, y.Line), cmp.Compare(x.Column, y.Column))
	})
}

func (s *support) refuse(pos Pos, what string) { s.b.unsupported(pos, what) }

func (s *support) pipeline(p *Pipeline) {
	s.environment(p.Environment)
	s.options(p.Options)
	s.calls(p.Parameters)
	s.schedules(p)
	s.agent(p.Agent)
	s.stages(p.Stages)
	s.post(p.Post)
}

func (s *support) stages(list *Stages) {
	if list == nil {
		return
	}
	for _, st := range list.Stages {
		s.stage(st)
	}
}

func (s *support) stage(st *Stage) {
	s.agent(st.Agent)
	s.environment(st.Environment)
	s.options(st.Options)
	s.post(st.Post)
	s.stages(st.Stages)
	s.stages(st.Parallel)
	s.input(st.Input)
	if st.When != nil {
		for _, c := range st.When.Conditions {
			s.condition(c)
		}
	}
	if st.Steps != nil {
		s.stmts(st.Steps.Body)
	}
	if st.Matrix != nil {
		s.stage(st.Matrix.Cell)
	}
}

func (s *support) input(in *Input) {
	if in == nil {
		return
	}
	for _, f := range in.Fields {
		s.expr(f.Value)
	}
	s.calls(in.Parameters)
}

func (s *support) agent(a *Agent) {
	if a == nil {
		return
	}
	s.expr(a.Value)
	for _, f := range a.Fields {
		s.expr(f.Value)
	}
}

func (s *support) environment(env *Environment) {
	if env == nil {
		return
	}
	for _, v := range env.Vars {
		if call, ok := v.Value.(*Call); ok && call.Named("credentials") {
			s.args(call.Args)
			continue
		}
		s.expr(v.Value)
	}
}

func (s *support) options(list *Calls) {
	if list == nil {
		return
	}
	for _, call := range list.Calls {
		spec, _, _ := optionSpec(call.Method())
		switch {
		case !spec.here:
			s.refuse(call.Pos, "option "+call.Method())
		case call.Method() == "timeout" || call.Method() == "retry":
			s.stepArgs(call)
			s.args(call.Args)
		}
	}
}

func (s *support) calls(list *Calls) {
	if list == nil {
		return
	}
	for _, call := range list.Calls {
		s.args(call.Args)
	}
}

func (s *support) condition(c *Condition) {
	if spec, _, known := conditionSpec(c.Name); known && !spec.here {
		s.refuse(c.Pos, "when "+c.Name)
	}
	for _, a := range c.Args {
		if c.Name == "changeset" && keyText(a.Key) == "shouldMatchAll" {
			s.refuse(a.Pos, "the parameter shouldMatchAll")
		}
	}
	s.args(c.Args)
	s.stmts(c.Body)
	for _, child := range c.Children {
		s.condition(child)
	}
}

func (s *support) post(p *Post) {
	if p == nil {
		return
	}
	for _, block := range p.Blocks {
		s.stmts(block.Steps.Body)
	}
}

// call checks a step, a function of the file or a method.
func (s *support) call(c *Call) {
	name := c.Method()
	switch {
	case c.Object == nil && s.declared[name]:
	case c.Object == nil:
		if !slices.Contains(StepNames(), name) {
			s.refuse(c.Pos, "the step "+name)
		}
		s.stepArgs(c)
		if list := stepObjects(c); list != nil {
			s.objects(c, list)
			return
		}
	case c.Op == ".&" || c.Op == ".@":
		s.refuse(c.Pos, "the operator "+c.Op)
	default:
		s.object(c.Object)
		if !s.methodRuns(c.Object, name) {
			s.refuse(c.Name.At(), "the method "+name)
		}
	}
	s.args(c.Args)
}

// objects checks the arguments of a step that takes a list of objects.
func (s *support) objects(c *Call, list Expr) {
	for _, a := range c.Args {
		if a.Value == list {
			s.symbols(c.Method(), list)
			continue
		}
		s.expr(a.Value)
	}
}

// object checks what a property or method is asked of.
func (s *support) object(x Expr) {
	v, ok := x.(*Var)
	if !ok {
		s.expr(x)
		return
	}
	if !s.declared[v.Name] && (v.Name == "scm" || v.Name == "docker" || isClassName(v.Name)) {
		s.refuse(v.Pos, v.Name)
	}
}

// isClassName: capitalised and not all capitals, which a variable of the
// environment would be.
func isClassName(name string) bool {
	if name[0] < 'A' || name[0] > 'Z' {
		return false
	}
	for _, r := range name {
		if r >= 'a' && r <= 'z' {
			return true
		}
	}
	return false
}

// stepArgs refuses the parameters that change what a step does in a way that the
// engine doesn't.
func (s *support) stepArgs(c *Call) {
	for _, a := range c.Plain() {
		switch name := c.Method() + " " + keyText(a.Key); name {
		case "timeout activity", "retry conditions", "slackSend attachments", "slackSend blocks", "junit testDataPublishers":
			s.refuse(a.Pos, "the parameter "+keyText(a.Key))
		}
	}
	if c.Named("checkout") {
		if v, ok := c.Argument("scm", true).(*Var); !ok || v.Name != "scm" {
			s.refuse(c.Pos, "checkout of anything but scm")
		}
	}
}

func (s *support) args(args []Arg) {
	for _, a := range args {
		if a.Key != nil {
			s.expr(a.Key)
		}
		s.expr(a.Value)
	}
}
