package jenkinsfile

func (b *builder) stage(s Stmt) *Stage {
	m := blockCall(s)
	if m == nil || m.Method() != "stage" {
		b.errorf(s.At(), "Expected a stage")
		return nil
	}
	stage := &Stage{Pos: s.At()}
	if len(m.Args) == 0 {
		b.errorf(s.At(), "Expected a stage name but didn’t find any")
		return nil
	}
	stage.Name = b.literalAt(m.Args[0].Value, m.Args[0].Pos)
	if len(m.Args) < 2 || !isBlock(m.Args[1]) {
		b.errorf(s.At(), "Stage does not have a block")
		return stage
	}
	b.stageBody(stage, m.Block().Body)
	return stage
}

func (b *builder) stageBody(stage *Stage, body []Stmt) {
	seen := map[string]bool{}
	for _, inner := range body {
		c := statementCall(inner)
		if c == nil {
			b.errorf(stage.Pos, "Not a valid stage section definition. Some extra configuration is required.")
			continue
		}
		name := b.section(c)
		if seen[name] {
			b.errorf(stage.Pos, "Multiple occurrences of the "+name+" section")
		}
		seen[name] = true
		b.stageSection(stage, name, inner, c)
	}
}

func (b *builder) stageSection(stage *Stage, name string, s Stmt, c *Call) {
	if b.commonSection(stage, name, s) {
		return
	}
	switch name {
	case "steps":
		stage.Steps = b.steps(stage, s)
	case "stages":
		stage.Stages = b.stages(s)
	case "parallel":
		stage.Parallel = b.stages(s)
	case "matrix":
		stage.Matrix = b.matrix(s)
	case "failFast":
		stage.FailFast = b.boolean(c)
	default:
		b.errorf(stage.Pos, "Unknown stage section \""+name+"\". Starting with version 0.5, steps in a stage must be in a ‘steps’ block.")
	}
}

// commonSection reads what a stage and a matrix share.
func (b *builder) commonSection(stage *Stage, name string, s Stmt) bool {
	switch name {
	case "agent":
		stage.Agent = b.agent(s)
	case "when":
		stage.When = b.when(s)
	case "environment":
		stage.Environment = b.environment(s)
	case "tools":
		stage.Tools = b.tools(s)
	case "options":
		stage.Options = b.calls(s, "options", "an option")
	case "input":
		stage.Input = b.input(s)
	case "post":
		stage.Post = b.post(s)
	default:
		return false
	}
	return true
}

// steps reads a steps block; nil if there is no block.
func (b *builder) steps(stage *Stage, s Stmt) *Steps {
	m := blockCall(s)
	if m == nil {
		b.errorf(stage.Pos, "Expected a block for steps")
		return nil
	}
	return b.stepsOf(m.Block(), true)
}

// stepsOf checks the shape of the steps in a block. A parallel step that stands
// alone is read as branches.
func (b *builder) stepsOf(block *Closure, parallelAllowed bool) *Steps {
	st := &Steps{Pos: block.Pos, Body: block.Body}
	if len(block.Body) > 0 {
		st.Pos = block.Body[0].At()
	}
	if parallelAllowed && len(block.Body) == 1 {
		if c := statementCall(block.Body[0]); c != nil && c.Named("parallel") {
			b.branches(st, c)
			return st
		}
	}
	for _, s := range block.Body {
		b.step(s)
	}
	return st
}

func (b *builder) branches(st *Steps, call *Call) {
	for _, a := range call.Args {
		if k, ok := a.Key.(*Const); ok && k.Value == "failFast" {
			continue
		}
		body, isClosure := a.Value.(*Closure)
		if a.Key == nil || !isClosure {
			b.errorf(a.Pos, "Expected closure or failFast")
			continue
		}
		for _, s := range body.Body {
			b.step(s)
		}
		st.Branches = append(st.Branches, Branch{Pos: a.Pos, Name: b.literal(a.Key), Body: body.Body})
	}
}

func (b *builder) step(s Stmt) {
	call := statementCall(s)
	if call == nil {
		b.errorf(s.At(), "Expected a step")
		return
	}
	name := b.section(call)
	if name == "script" {
		if call.Block() == nil {
			b.errorf(s.At(), "Script step without a block")
		}
		return
	}
	if blockCall(s) != nil {
		for _, inner := range call.Block().Body {
			b.step(inner)
		}
	}
}

// boolean reads failFast true and the like.
func (b *builder) boolean(c *Call) bool {
	if len(c.Args) > 0 {
		if k, ok := c.Args[0].Value.(*Const); ok {
			if v, isBool := k.Value.(bool); isBool {
				return v
			}
		}
	}
	b.errorf(c.Name.At(), "Expected a boolean with "+c.Method())
	return false
}

func (b *builder) agent(s Stmt) *Agent {
	agent := &Agent{Pos: s.At()}
	call := statementCall(s)
	m := blockCall(s)
	switch {
	case m == nil && len(call.Args) == 0:
		b.errorf(s.At(), "No argument for agent")
	case m == nil && len(call.Args) > 1:
		b.errorf(s.At(), "Only \"agent none\", \"agent any\" or \"agent {...}\" are allowed.")
	case m == nil:
		name := b.literal(call.Args[0].Value)
		if name != "any" && name != "none" {
			b.errorf(s.At(), "Only \"agent none\", \"agent any\" or \"agent {...}\" are allowed.")
			return agent
		}
		agent.Type, agent.TypePos = name, call.Args[0].Value.At()
	default:
		b.agentBlock(agent, m.Block().Body)
	}
	return agent
}

func (b *builder) agentBlock(agent *Agent, body []Stmt) {
	if len(body) > 1 {
		b.errorf(agent.Pos, "Only one agent type is allowed per agent section")
		return
	}
	if len(body) == 0 || statementCall(body[0]) == nil {
		b.errorf(agent.Pos, "Not a valid agent definition, expected an agent type")
		return
	}
	fields := b.fields(agent.Pos, body)
	call := statementCall(body[0])
	agent.Type, agent.TypePos = call.Method(), call.Name.At()
	if len(fields) == 1 {
		agent.Value, agent.Fields = fields[0].Value, fields[0].Fields
	}
	if agent.Type == "label" && agent.Fields != nil {
		agent.Type = "node"
	}
}

// fields reads name value pairs: each a call with one argument.
func (b *builder) fields(pos Pos, body []Stmt) []Field {
	var list []Field
	for _, s := range body {
		call := statementCall(s)
		if call == nil {
			b.errorf(pos, "Expected a method call with one argument")
			continue
		}
		f := Field{Pos: call.Name.At(), Name: b.literal(call.Name)}
		switch {
		case len(call.Args) == 0:
			b.errorf(f.Pos, "No argument for map key ‘"+f.Name+"’")
			continue
		case len(call.Args) > 1:
			b.errorf(f.Pos, "Too many arguments for map key ‘"+f.Name+"’")
			continue
		}
		if block, ok := call.Args[0].Value.(*Closure); ok {
			f.Fields = append([]Field{}, b.fields(block.Pos, block.Body)...)
		} else {
			f.Value = call.Args[0].Value
		}
		list = append(list, f)
	}
	return list
}

func (b *builder) input(s Stmt) *Input {
	in := &Input{Pos: s.At()}
	m := blockCall(s)
	if m == nil {
		b.errorf(s.At(), "Expected a block for input")
		return in
	}
	var plain []Stmt
	for _, inner := range m.Block().Body {
		if call := blockCall(inner); call != nil && call.Named("parameters") {
			in.Parameters = b.calls(inner, "parameters", "a build parameter definition")
			continue
		}
		plain = append(plain, inner)
	}
	in.Fields = b.fields(in.Pos, plain)
	return in
}
