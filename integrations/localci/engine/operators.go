package engine

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"opsbot/bot/jenkinsfile"
)

func (f frame) evalBinary(x *jenkinsfile.Binary) (any, error) {
	switch x.Op {
	case "=":
		v, err := f.eval(x.Y)
		if err != nil {
			return nil, err
		}
		return v, f.assign(x.X, v)
	case "+=", "-=", "*=", "/=", "%=", "**=", "<<=":
		return f.evalUpdate(x)
	case "&&", "||":
		return f.evalLogic(x)
	case "instanceof":
		return nil, throwable(classUnsupported, "instanceof runs on Jenkins only")
	}
	a, err := f.eval(x.X)
	if err != nil {
		return nil, err
	}
	if x.Op == "as" {
		return castTo(a, typeOf(x.Y))
	}
	b, err := f.eval(x.Y)
	if err != nil {
		return nil, err
	}
	return operate(x.Op, a, b)
}

func typeOf(x jenkinsfile.Expr) string {
	if v, ok := x.(*jenkinsfile.Var); ok {
		return v.Name
	}
	return ""
}

func (f frame) evalUpdate(x *jenkinsfile.Binary) (any, error) {
	a, err := f.eval(x.X)
	if err != nil {
		return nil, err
	}
	b, err := f.eval(x.Y)
	if err != nil {
		return nil, err
	}
	v, err := operate(strings.TrimSuffix(x.Op, "="), a, b)
	if err != nil {
		return nil, err
	}
	return v, f.assign(x.X, v)
}

func (f frame) evalLogic(x *jenkinsfile.Binary) (any, error) {
	a, err := f.eval(x.X)
	if err != nil {
		return nil, err
	}
	if truth(a) == (x.Op == "||") {
		return truth(a), nil
	}
	b, err := f.eval(x.Y)
	return truth(b), err
}

func operate(op string, a, b any) (any, error) {
	switch op {
	case "==":
		return equal(a, b), nil
	case "!=":
		return !equal(a, b), nil
	case "<", "<=", ">", ">=", "<=>":
		return order(op, a, b)
	case "in":
		return contains(b, a), nil
	case "..", "..<":
		return makeRange(a, b, op == "..<")
	case "=~", "==~":
		return match(op, toString(a), toString(b))
	case "<<":
		if l, ok := a.(*list); ok {
			l.items = append(l.items, b)
			return l, nil
		}
		if s, ok := a.(string); ok {
			return join(s, toString(b))
		}
	}
	return arithmetic(op, a, b)
}

func order(op string, a, b any) (any, error) {
	n, err := compare(a, b)
	if err != nil {
		return nil, err
	}
	switch op {
	case "<":
		return n < 0, nil
	case "<=":
		return n <= 0, nil
	case ">":
		return n > 0, nil
	case ">=":
		return n >= 0, nil
	}
	return int64(n), nil
}

func contains(in, v any) bool {
	switch in := in.(type) {
	case *list:
		return slices.ContainsFunc(in.items, func(item any) bool { return equal(item, v) })
	case *dict:
		_, ok := in.get(v)
		return ok
	}
	return equal(in, v)
}

const maxRange = 1 << 20

func makeRange(a, b any, open bool) (any, error) {
	from, okA := a.(int64)
	to, okB := b.(int64)
	if !okA || !okB {
		return nil, throwable(classUnsupported, "a range of other than whole numbers runs on Jenkins only")
	}
	step := int64(1)
	if to < from {
		step = -1
	}
	if open && from == to {
		return &list{}, nil
	}
	if open {
		to -= step
	}
	if (to-from)*step > maxRange {
		return nil, throwable(classUnsupported, "a range of more than %d numbers", maxRange)
	}
	l := &list{}
	for i := from; ; i += step {
		l.items = append(l.items, i)
		if i == to {
			return l, nil
		}
	}
}

// match is ==~, which wants the whole text, and =~, which lists what it finds.
func match(op, text, pattern string) (any, error) {
	re, err := compileRegexp(pattern)
	if err != nil {
		return nil, err
	}
	if op == "==~" {
		loc := re.FindStringIndex(text)
		full, err := compileRegexp(`\A(?:` + pattern + `)\z`)
		return loc != nil && err == nil && full.MatchString(text), nil
	}
	found := &list{}
	for _, groups := range re.FindAllStringSubmatch(text, -1) {
		if len(groups) == 1 {
			found.items = append(found.items, groups[0])
			continue
		}
		found.items = append(found.items, texts(groups))
	}
	return found, nil
}

func texts(items []string) *list {
	l := &list{items: make([]any, len(items))}
	for i, s := range items {
		l.items[i] = s
	}
	return l
}

// compileRegexp takes what Java's and Go's regular expressions have in common.
func compileRegexp(pattern string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, throwable("java.util.regex.PatternSyntaxException", "%v", err)
	}
	return re, nil
}

func join(a, b string) (any, error) {
	if len(a)+len(b) > maxText {
		return nil, errTooLong()
	}
	return a + b, nil
}

func arithmetic(op string, a, b any) (any, error) {
	switch x := a.(type) {
	case string:
		return textArithmetic(op, x, b)
	case *list:
		return listArithmetic(op, x, b)
	case *dict:
		if y, ok := b.(*dict); ok && op == "+" {
			sum := &dict{keys: slices.Clone(x.keys), vals: slices.Clone(x.vals)}
			for i, k := range y.keys {
				sum.put(k, y.vals[i])
			}
			return sum, nil
		}
	}
	if s, ok := b.(string); ok && op == "+" && a != nil {
		return join(toString(a), s)
	}
	if x, ok := a.(int64); ok {
		if y, ok := b.(int64); ok {
			return integers(op, x, y)
		}
	}
	if x, y, ok := numbers(a, b); ok {
		return decimals(op, x, y)
	}
	return nil, noMethod(a, methodOf(op), []any{b})
}

func textArithmetic(op, x string, b any) (any, error) {
	switch op {
	case "+":
		return join(x, toString(b))
	case "-":
		return strings.Replace(x, toString(b), "", 1), nil
	case "*":
		n, ok := b.(int64)
		if ok && n >= 0 && n*int64(max(1, len(x))) <= maxText {
			return strings.Repeat(x, int(n)), nil
		}
	}
	return nil, noMethod(x, methodOf(op), []any{b})
}

func listArithmetic(op string, x *list, b any) (any, error) {
	other, isList := b.(*list)
	switch {
	case op == "+" && isList:
		return &list{items: slices.Concat(x.items, other.items)}, nil
	case op == "+":
		return &list{items: append(slices.Clone(x.items), b)}, nil
	case op == "-":
		if !isList {
			other = &list{items: []any{b}}
		}
		return &list{items: slices.DeleteFunc(slices.Clone(x.items), func(v any) bool { return contains(other, v) })}, nil
	}
	return nil, noMethod(x, methodOf(op), []any{b})
}

func methodOf(op string) string {
	switch op {
	case "+":
		return "plus"
	case "-":
		return "minus"
	case "*":
		return "multiply"
	case "/":
		return "div"
	case "%":
		return "mod"
	case "<<":
		return "leftShift"
	case "**":
		return "power"
	}
	return op
}

func integers(op string, x, y int64) (any, error) {
	switch op {
	case "+":
		return x + y, nil
	case "-":
		return x - y, nil
	case "*":
		return x * y, nil
	case "/":
		if y == 0 {
			return nil, throwable("java.lang.ArithmeticException", "Division by zero")
		}
		if x%y == 0 {
			return x / y, nil
		}
		return math.Round(float64(x)/float64(y)*1e10) / 1e10, nil // as Groovy's decimals
	case "%":
		if y == 0 {
			return nil, throwable("java.lang.ArithmeticException", "/ by zero")
		}
		return x % y, nil
	case "**":
		return wholeIfPossible(math.Pow(float64(x), float64(y))), nil
	case "<<":
		return x << (uint64(y) & 63), nil
	case ">>":
		return x >> (uint64(y) & 63), nil
	case "&":
		return x & y, nil
	case "|":
		return x | y, nil
	case "^":
		return x ^ y, nil
	}
	return nil, noMethod(x, methodOf(op), []any{y})
}

func wholeIfPossible(v float64) any {
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		return int64(v)
	}
	return v
}

func decimals(op string, x, y float64) (any, error) {
	switch op {
	case "+":
		return x + y, nil
	case "-":
		return x - y, nil
	case "*":
		return x * y, nil
	case "/":
		if y == 0 {
			return nil, throwable("java.lang.ArithmeticException", "Division by zero")
		}
		return x / y, nil
	case "**":
		return math.Pow(x, y), nil
	}
	return nil, noMethod(x, methodOf(op), []any{y})
}

// castTo is (type) x and x as type.
func castTo(v any, name string) (any, error) {
	switch name {
	case "String":
		if v == nil {
			return nil, nil
		}
		return toString(v), nil
	case "int", "Integer", "long", "Long":
		switch v := v.(type) {
		case int64:
			return v, nil
		case float64:
			return int64(v), nil
		case string:
			return toInteger(v)
		}
	case "boolean", "Boolean":
		return truth(v), nil
	case "List", "ArrayList", "def", "Object":
		return v, nil
	}
	return nil, throwable(classUnsupported, "a cast to %s runs on Jenkins only", name)
}

func toInteger(s string) (any, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return nil, throwable(classNumber, "For input string: \"%s\"", s)
	}
	return n, nil
}
