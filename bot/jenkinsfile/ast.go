package jenkinsfile

// Node is anything with a place in the source.
type Node interface {
	// At is where Groovy says the node is.
	At() Pos
}

// Expr is a Groovy expression: one of *Const, *GString, *Var, *Prop, *Index,
// *Call, *New, *List, *Map, *Closure, *Unary, *Binary, *Ternary, *Cast.
type Expr interface {
	Node
	expr()
}

// Stmt is a Groovy statement: one of *ExprStmt, *VarDecl, *If, *ForIn, *For,
// *While, *Try, *Throw, *Return, *Jump, *Switch, *Foreign.
type Stmt interface {
	Node
	stmt()
}

// At is the position itself, so that nodes can embed it.
func (p Pos) At() Pos { return p }

// Const is a literal. Value is nil, bool, int64, float64 or string.
type Const struct {
	Pos
	Value any
}

// GString is an interpolated string: len(Texts) is len(Exprs)+1, and they
// alternate, text first.
type GString struct {
	Pos
	Texts []string
	Exprs []Expr
}

// Var is a bare name; this and super are names too.
type Var struct {
	Pos
	Name string
}

// Prop is object.name. Name is a Const or GString, or what stands in
// parentheses after the dot.
type Prop struct {
	Pos
	Object Expr
	Name   Expr
	// Op is ".", "?.", "*.", ".&" or ".@".
	Op string
}

// Index is object[args].
type Index struct {
	Pos
	Object Expr
	Args   []Expr
}

// Arg is one argument of a call or element of a map; Key is nil for a positional
// argument, Spread is *: or *.
type Arg struct {
	Pos
	Key    Expr
	Value  Expr
	Spread bool
}

// Call is a method call; Object is nil when called on the script itself. A block
// behind the call is its last argument.
type Call struct {
	Pos
	Object Expr
	Op     string // of the dot, as in Prop; "" without an object
	Name   Expr   // as in Prop; a Const "call" for f()()
	Args   []Arg
}

// New is new Type(args).
type New struct {
	Pos
	Type string
	Args []Arg
}

// List is [a, b].
type List struct {
	Pos
	Items []Arg
}

// Map is [a: b].
type Map struct {
	Pos
	Entries []Arg
}

// Param is one parameter of a closure or method.
type Param struct {
	Pos
	Type    string // as written, "" without one
	Name    string
	Default Expr // nil without one
}

// Closure is { params -> body }. HasParams tells { -> } from {}.
type Closure struct {
	Pos
	Params    []Param
	HasParams bool
	Body      []Stmt
}

// Unary is op x, or x op when Postfix.
type Unary struct {
	Pos
	Op      string
	X       Expr
	Postfix bool
}

// Binary is x op y, assignments and ranges included. Its position is the
// operator's, as in Groovy. For "instanceof" and "as", Y is a Var naming the type.
type Binary struct {
	Pos
	Op   string
	X, Y Expr
}

// Ternary is cond ? then : else; Then is nil for cond ?: else.
type Ternary struct {
	Pos
	Cond, Then, Else Expr
}

// Cast is (type) x.
type Cast struct {
	Pos
	Type string
	X    Expr
}

func (*Const) expr()   {}
func (*GString) expr() {}
func (*Var) expr()     {}
func (*Prop) expr()    {}
func (*Index) expr()   {}
func (*Call) expr()    {}
func (*New) expr()     {}
func (*List) expr()    {}
func (*Map) expr()     {}
func (*Closure) expr() {}
func (*Unary) expr()   {}
func (*Binary) expr()  {}
func (*Ternary) expr() {}
func (*Cast) expr()    {}

// ExprStmt is an expression as a statement.
type ExprStmt struct {
	Pos
	X Expr
	// Label is the name before a colon, "" without one.
	Label string
}

// VarDecl declares variables: def a = 1, or def (a, b) = list when Tuple.
type VarDecl struct {
	Pos
	Type  string // def or the type as written
	Vars  []Param
	Tuple Expr // what def (a, b) takes apart, else nil
}

// If is if (cond) then else; Else may be empty.
type If struct {
	Pos
	Cond Expr
	Then []Stmt
	Else []Stmt
}

// ForIn is for (x in list).
type ForIn struct {
	Pos
	Var  Param
	In   Expr
	Body []Stmt
}

// For is for (init; cond; step); any of the three may be missing.
type For struct {
	Pos
	Init []Stmt
	Cond Expr
	Step []Expr
	Body []Stmt
}

// While is while (cond).
type While struct {
	Pos
	Cond Expr
	Body []Stmt
}

// Catch is one catch of a Try.
type Catch struct {
	Pos
	Types []string // none for catch (e)
	Name  string
	Body  []Stmt
}

// Try is try, catches and finally. Finally is nil without one.
type Try struct {
	Pos
	Body    []Stmt
	Catches []Catch
	Finally []Stmt
}

// Throw is throw x.
type Throw struct {
	Pos
	X Expr
}

// Return is return x; X may be nil.
type Return struct {
	Pos
	X Expr
}

// Jump is break or continue.
type Jump struct {
	Pos
	Word string
}

// Case is one case of a Switch; Value is nil for default.
type Case struct {
	Pos
	Value Expr
	Body  []Stmt
}

// Switch is switch (x) with its cases.
type Switch struct {
	Pos
	X     Expr
	Cases []Case
}

// Method is def name(params) with its body, declared at the top of a file.
type Method struct {
	Pos
	Type   string
	Name   string
	Params []Param
	Body   []Stmt
}

// Foreign is Groovy that is only recognised: an import, an annotation, a class.
type Foreign struct {
	Pos
	// What names it, Text is its source.
	What, Text string
}

func (*ExprStmt) stmt() {}
func (*VarDecl) stmt()  {}
func (*If) stmt()       {}
func (*ForIn) stmt()    {}
func (*For) stmt()      {}
func (*While) stmt()    {}
func (*Try) stmt()      {}
func (*Throw) stmt()    {}
func (*Return) stmt()   {}
func (*Jump) stmt()     {}
func (*Switch) stmt()   {}
func (*Method) stmt()   {}
func (*Foreign) stmt()  {}

// File is a parsed Jenkinsfile.
type File struct {
	// Body is all of it as Groovy; the pipeline block is one of its statements.
	Body []Stmt
	// Pipeline is the declarative model, nil in a file without a pipeline block.
	Pipeline *Pipeline
	// At is the index in Body of the pipeline block, -1 without one.
	At int
}
