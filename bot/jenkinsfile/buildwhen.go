package jenkinsfile

func (b *builder) when(s Stmt) *When {
	w := &When{Pos: s.At()}
	m := blockCall(s)
	if m == nil {
		b.errorf(s.At(), "Expected a block for when")
		return w
	}
	for _, inner := range m.Block().Body {
		c := statementCall(inner)
		if c == nil {
			b.errorf(s.At(), "Expected a when condition")
			continue
		}
		switch b.section(c) {
		case "beforeAgent":
			w.BeforeAgent = b.boolean(c)
		case "beforeInput":
			w.BeforeInput = b.boolean(c)
		case "beforeOptions":
			w.BeforeOptions = b.boolean(c)
		default:
			w.Conditions = append(w.Conditions, b.condition(inner))
		}
	}
	return w
}

func (b *builder) condition(s Stmt) *Condition {
	cond := &Condition{Pos: s.At()}
	call := statementCall(s)
	if call == nil {
		b.errorf(s.At(), "Expected a when condition")
		return cond
	}
	cond.Name, cond.Args = call.Method(), call.Plain()
	if call.Object != nil {
		cond.Name = "error"
	}
	if call.Block() == nil {
		if cond.Name == "expression" {
			b.errorf(s.At(), "When step without a block")
		}
		return cond
	}
	cond.IsBlock = true
	if cond.Name == "expression" {
		cond.Body = call.Block().Body
		return cond
	}
	for _, inner := range call.Block().Body {
		cond.Children = append(cond.Children, b.condition(inner))
	}
	return cond
}

func (b *builder) post(s Stmt) *Post {
	post := &Post{Pos: s.At()}
	m := blockCall(s)
	if m == nil {
		b.errorf(s.At(), "Expected a block")
		return post
	}
	for _, inner := range m.Block().Body {
		c := blockCall(inner)
		if c == nil {
			b.errorf(inner.At(), "The ‘post’ section can only contain build condition names with code blocks. "+
				"Valid condition names are "+conditionNames())
			continue
		}
		post.Blocks = append(post.Blocks, PostBlock{
			Pos: inner.At(), Condition: c.Method(), Steps: b.stepsOf(c.Block(), false),
		})
	}
	return post
}

// matrix reads axes, excludes and the sections of its cells.
func (b *builder) matrix(s Stmt) *Matrix {
	m := &Matrix{Pos: s.At(), Cell: &Stage{Pos: s.At()}}
	block := blockCall(s)
	if block == nil {
		b.errorf(s.At(), "Expected a block for matrix")
		return m
	}
	for _, inner := range block.Block().Body {
		c := statementCall(inner)
		if c == nil {
			b.errorf(m.Pos, "Not a valid stage section definition. Some extra configuration is required.")
			continue
		}
		switch name := b.section(c); name {
		case "axes":
			m.AxesPos = inner.At()
			m.Axes = b.axes(inner)
		case "excludes":
			for _, e := range blockBody(inner) {
				m.Excludes = append(m.Excludes, b.axes(e))
			}
		case "stages":
			m.Cell.Stages = b.stages(inner)
		default:
			if !b.commonSection(m.Cell, name, inner) {
				b.errorf(m.Pos, "Unknown stage section \""+name+"\"")
			}
		}
	}
	return m
}

func blockBody(s Stmt) []Stmt {
	if c := blockCall(s); c != nil {
		return c.Block().Body
	}
	return nil
}

func (b *builder) axes(s Stmt) []Axis {
	var list []Axis
	for _, inner := range blockBody(s) {
		c := blockCall(inner)
		if c == nil || c.Method() != "axis" {
			b.errorf(inner.At(), "Expected an axis")
			continue
		}
		list = append(list, b.axis(inner.At(), c.Block().Body))
	}
	return list
}

func (b *builder) axis(pos Pos, body []Stmt) Axis {
	a := Axis{Pos: pos}
	for _, s := range body {
		c := statementCall(s)
		if c == nil || len(c.Args) == 0 {
			b.errorf(s.At(), "Not a valid axis definition")
			continue
		}
		switch c.Method() {
		case "name":
			a.Name = b.literal(c.Args[0].Value)
		case "values", "notValues":
			a.Not = c.Method() == "notValues"
			for _, v := range c.Args {
				a.Values = append(a.Values, v.Value)
			}
		default:
			b.errorf(s.At(), "Undefined section \""+c.Method()+"\"")
		}
	}
	return a
}
