package jenkinsfile

import "slices"

func (s *support) stmts(list []Stmt) {
	for _, stmt := range list {
		s.stmt(stmt)
	}
}

func (s *support) stmt(stmt Stmt) {
	switch x := stmt.(type) {
	case *Foreign:
		s.refuse(x.Pos, "Groovy’s "+x.What)
	case *ExprStmt:
		s.expr(x.X)
	case *VarDecl:
		s.params(x.Vars)
		s.expr(x.Tuple)
	case *Throw:
		s.expr(x.X)
	case *Return:
		s.expr(x.X)
	case *Method:
		s.params(x.Params)
		s.stmts(x.Body)
	default:
		s.compound(stmt)
	}
}

// compound checks the statements that hold others.
func (s *support) compound(stmt Stmt) {
	switch x := stmt.(type) {
	case *If:
		s.expr(x.Cond)
		s.stmts(x.Then)
		s.stmts(x.Else)
	case *ForIn:
		s.expr(x.In)
		s.stmts(x.Body)
	case *For:
		s.stmts(x.Init)
		s.expr(x.Cond)
		for _, step := range x.Step {
			s.expr(step)
		}
		s.stmts(x.Body)
	case *While:
		s.expr(x.Cond)
		s.stmts(x.Body)
	case *Try:
		s.stmts(x.Body)
		for _, c := range x.Catches {
			s.stmts(c.Body)
		}
		s.stmts(x.Finally)
	case *Switch:
		s.expr(x.X)
		for _, c := range x.Cases {
			s.expr(c.Value)
			s.stmts(c.Body)
		}
	}
}

func (s *support) params(list []Param) {
	for _, p := range list {
		s.expr(p.Default)
	}
}

// expr checks an expression; nil is fine.
func (s *support) expr(x Expr) {
	switch x := x.(type) {
	case *GString:
		for _, e := range x.Exprs {
			s.expr(e)
		}
	case *Prop:
		s.property(x)
	case *Index:
		if len(x.Args) != 1 {
			s.refuse(x.Pos, "an index of several values")
		}
		s.expr(x.Object)
		for _, a := range x.Args {
			s.expr(a)
		}
	case *Call:
		s.call(x)
	case *New:
		if _, ok := ExceptionClass(x.Type); !ok {
			s.refuse(x.Pos, "new "+x.Type)
		}
		s.args(x.Args)
	case *List:
		s.args(x.Items)
	case *Map:
		s.args(x.Entries)
	case *Closure:
		s.params(x.Params)
		s.stmts(x.Body)
	default:
		s.operation(x)
	}
}

func (s *support) operation(x Expr) {
	switch x := x.(type) {
	case *Unary:
		if x.Op == "~" {
			s.refuse(x.Pos, "the operator ~")
		}
		s.expr(x.X)
	case *Binary:
		switch x.Op {
		case "instanceof", "===", "!==", ">>>", ">>=", ">>>=", "&=", "|=", "^=":
			s.refuse(x.Pos, "the operator "+x.Op)
		case "as":
			s.castType(x.Pos, printExpr(x.Y))
		default:
			s.expr(x.Y)
		}
		s.expr(x.X)
	case *Ternary:
		s.expr(x.Cond)
		s.expr(x.Then)
		s.expr(x.Else)
	case *Cast:
		s.castType(x.Pos, x.Type)
		s.expr(x.X)
	}
}

func (s *support) castType(pos Pos, name string) {
	switch name {
	case "String", "int", "Integer", "long", "Long", "boolean", "Boolean", "List", "ArrayList", "Object", "def":
	default:
		s.refuse(pos, "a cast to "+name)
	}
}

func (s *support) property(x *Prop) {
	if x.Op == ".&" || x.Op == ".@" {
		s.refuse(x.Pos, "the operator "+x.Op)
	}
	s.object(x.Object)
	name, _ := x.Name.(*Const)
	if v, ok := x.Object.(*Var); ok && v.Name == "currentBuild" && name != nil {
		if text, _ := name.Value.(string); !slices.Contains(buildProperties(), text) {
			s.refuse(x.Name.At(), "currentBuild."+text)
		}
	}
}

// buildProperties are those of currentBuild.
func buildProperties() []string {
	return []string{
		"result", "currentResult", "number", "id", "displayName", "fullDisplayName", "projectName", "fullProjectName",
		"description", "absoluteUrl", "previousBuild", "previousCompletedBuild", "changeSets", "duration",
		"durationString", "startTimeInMillis", "timeInMillis",
	}
}

// methodRuns knows the methods that the engine's values have.
func (s *support) methodRuns(object Expr, name string) bool {
	if v, ok := object.(*Var); ok && !s.declared[v.Name] {
		switch v.Name {
		case "currentBuild":
			return name == "resultIsBetterOrEqualTo" || name == "resultIsWorseOrEqualTo" ||
				len(name) > 3 && name[:3] == "get" && slices.Contains(buildProperties(), lowerFirst(name[3:]))
		case "this":
			return s.declared[name] || slices.Contains(StepNames(), name)
		}
	}
	return slices.Contains(Methods(), name)
}

func lowerFirst(s string) string {
	if s[0] >= 'A' && s[0] <= 'Z' {
		return string(s[0]+'a'-'A') + s[1:]
	}
	return s
}

// Methods are the names of the methods that strings, numbers, lists, maps,
// closures and exceptions have in the engine, in order.
func Methods() []string {
	return []string{
		"abs", "add", "addAll", "any", "call", "capitalize", "charAt", "collect", "compareTo", "concat", "contains",
		"containsKey", "drop", "each", "eachWithIndex", "endsWith", "entrySet", "equals", "equalsIgnoreCase", "every",
		"find", "findAll", "first", "flatten", "get", "getAt", "getEnvironment", "getMessage", "getOrDefault",
		"getProperty", "head", "indexOf", "intValue", "isEmpty", "isInteger", "isLong", "isNumber", "join", "keySet",
		"last", "lastIndexOf", "length", "longValue", "matches", "max", "min", "minus", "multiply", "padLeft", "padRight",
		"plus", "pop", "push", "put", "readLines", "replace", "replaceAll", "replaceFirst", "reverse", "size", "sort",
		"split", "startsWith", "strip", "stripIndent", "substring", "sum", "take", "times", "toBoolean", "toInteger",
		"toList", "toLong", "toLowerCase", "toSet", "toString", "toUpperCase", "tokenize", "trim", "unique", "values",
	}
}
