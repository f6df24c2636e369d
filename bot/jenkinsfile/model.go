package jenkinsfile

// Pipeline is the declarative model of a pipeline block. Sections that the file
// doesn't have are nil.
type Pipeline struct {
	Pos
	Agent       *Agent
	Environment *Environment
	Options     *Calls
	Parameters  *Calls
	Triggers    *Calls
	Tools       *Tools
	Stages      *Stages
	Post        *Post
}

// Agent says where a pipeline or stage runs: Type is "any", "none", "label" or
// "node".
type Agent struct {
	Pos
	Type    string
	TypePos Pos
	// Value is the argument of the type (the label), Fields its block.
	Value  Expr
	Fields []Field
}

// Field is one name value of an agent's block.
type Field struct {
	Pos
	Name   string
	Value  Expr
	Fields []Field
}

// Field returns the value of a field, nil if it isn't there.
func (a *Agent) Field(name string) Expr {
	for _, f := range a.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

// Environment is a section of variables.
type Environment struct {
	Pos
	Vars []EnvVar
}

// EnvVar is one name = value.
type EnvVar struct {
	Pos
	Name  string
	Value Expr
}

// Calls is a section of calls: options, parameters, triggers.
type Calls struct {
	Pos
	Calls []*Call
}

// Find returns the call of that name, nil if it isn't there. It may be called on nil.
func (c *Calls) Find(name string) *Call {
	if c == nil {
		return nil
	}
	for _, call := range c.Calls {
		if call.Named(name) {
			return call
		}
	}
	return nil
}

// Tools is a section of tools.
type Tools struct {
	Pos
	Tools []Tool
}

// Tool is one type and the name of an installation.
type Tool struct {
	Pos
	Type  string
	Value Expr
}

// Stages is the list of a stages, parallel or matrix section.
type Stages struct {
	Pos
	Stages []*Stage
}

// Stage is one stage: one of Steps, Stages, Parallel or Matrix is set.
type Stage struct {
	Pos
	Name        string
	Agent       *Agent
	When        *When
	Tools       *Tools
	Environment *Environment
	Options     *Calls
	Input       *Input
	Post        *Post
	Steps       *Steps
	Stages      *Stages
	Parallel    *Stages
	Matrix      *Matrix
	FailFast    bool
}

// Steps is a block of steps, which are Groovy statements.
type Steps struct {
	Pos
	Body []Stmt
	// Branches are those of a parallel step that stands alone in the block.
	Branches []Branch
}

// Branch is one branch of a parallel step.
type Branch struct {
	Pos
	Name string
	Body []Stmt
}

// When decides whether a stage runs.
type When struct {
	Pos
	BeforeAgent, BeforeInput, BeforeOptions bool
	Conditions                              []*Condition
}

// Condition is one condition of a When: Args of branch and the like, Children of
// not, allOf and anyOf, Body of expression.
type Condition struct {
	Pos
	Name     string
	Args     []Arg
	Children []*Condition
	IsBlock  bool
	Body     []Stmt
}

// Input is a stage's input section: Fields are message, id and the like.
type Input struct {
	Pos
	Fields     []Field
	Parameters *Calls
}

// Field returns the value of a field, nil if it isn't there.
func (in *Input) Field(name string) Expr {
	for _, f := range in.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

// Matrix is a stage's matrix.
type Matrix struct {
	Pos
	Axes     []Axis
	AxesPos  Pos
	Excludes [][]Axis
	// Cell holds the sections that apply to each cell; its Stages are the cell's.
	Cell *Stage
}

// Axis is one axis of a matrix; Not marks notValues of an exclude.
type Axis struct {
	Pos
	Name   string
	Values []Expr
	Not    bool
}

// Post is a post section.
type Post struct {
	Pos
	Blocks []PostBlock
}

// PostBlock is one condition of a post section with its steps.
type PostBlock struct {
	Pos
	Condition string
	Steps     *Steps
}

// PostConditions are the names of post conditions in the order in which Jenkins
// runs them.
func PostConditions() []string {
	return []string{
		"always", "changed", "fixed", "regression", "aborted", "success", "unsuccessful", "unstable",
		"failure", "notBuilt", "cleanup",
	}
}

// Named reports whether the call is name(...) on the script itself.
func (c *Call) Named(name string) bool { return c.Object == nil && c.Method() == name }

// Method is the name that is called; "" if it is computed.
func (c *Call) Method() string {
	if k, ok := c.Name.(*Const); ok {
		s, _ := k.Value.(string)
		return s
	}
	return ""
}

// Block returns the block behind the call, nil if there is none.
func (c *Call) Block() *Closure {
	if len(c.Args) == 0 || !isBlock(c.Args[len(c.Args)-1]) {
		return nil
	}
	b, _ := c.Args[len(c.Args)-1].Value.(*Closure)
	return b
}

// Plain returns the arguments without the block behind the call.
func (c *Call) Plain() []Arg {
	if c.Block() != nil {
		return c.Args[:len(c.Args)-1]
	}
	return c.Args
}

// Argument returns the named argument, or the first positional one when name is
// the step's only required parameter (sole); nil without it.
func (c *Call) Argument(name string, sole bool) Expr {
	var first Expr
	for _, a := range c.Plain() {
		if k, ok := a.Key.(*Const); ok && k.Value == name {
			return a.Value
		}
		if a.Key == nil && first == nil {
			first = a.Value
		}
	}
	if sole {
		return first
	}
	return nil
}
