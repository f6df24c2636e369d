package jenkinsfile

// declareStmts collects every name that the statements declare or assign, however
// deep inside.
func declareStmts(names map[string]bool, list []Stmt) {
	for _, s := range list {
		declareStmt(names, s)
	}
}

func declareStmt(names map[string]bool, s Stmt) {
	switch s := s.(type) {
	case *ExprStmt:
		declareExpr(names, s.X)
	case *VarDecl:
		declareParams(names, s.Vars)
		declareExpr(names, s.Tuple)
	case *Method:
		names[s.Name] = true
		declareParams(names, s.Params)
		declareStmts(names, s.Body)
	case *If:
		declareStmts(names, s.Then)
		declareStmts(names, s.Else)
	case *ForIn:
		names[s.Var.Name] = true
		declareExpr(names, s.In)
		declareStmts(names, s.Body)
	case *For:
		declareStmts(names, s.Init)
		declareStmts(names, s.Body)
	case *While:
		declareStmts(names, s.Body)
	case *Try:
		declareStmts(names, s.Body)
		for _, c := range s.Catches {
			names[c.Name] = true
			declareStmts(names, c.Body)
		}
		declareStmts(names, s.Finally)
	case *Switch:
		for _, c := range s.Cases {
			declareStmts(names, c.Body)
		}
	case *Return:
		declareExpr(names, s.X)
	}
}

func declareParams(names map[string]bool, list []Param) {
	for _, p := range list {
		names[p.Name] = true
		declareExpr(names, p.Default)
	}
}

// declareExpr looks into closures and assignments.
func declareExpr(names map[string]bool, x Expr) {
	switch x := x.(type) {
	case *Closure:
		if !x.HasParams {
			names["it"] = true
		}
		declareParams(names, x.Params)
		declareStmts(names, x.Body)
	case *Call:
		declareExpr(names, x.Object)
		declareArgs(names, x.Args)
	case *Binary:
		if v, ok := x.X.(*Var); ok && x.Op == "=" {
			names[v.Name] = true
		}
		declareExpr(names, x.Y)
	case *List:
		declareArgs(names, x.Items)
	case *Map:
		declareArgs(names, x.Entries)
	}
}

func declareArgs(names map[string]bool, args []Arg) {
	for _, a := range args {
		declareExpr(names, a.Value)
	}
}
