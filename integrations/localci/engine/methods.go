package engine

import (
	"slices"
	"strings"
)

// method is object.name(args).
func (f frame) method(object any, name string, args []any) (any, error) {
	switch o := object.(type) {
	case nil:
		if name == "toString" {
			return "null", nil
		}
		return nil, noMethod(nil, name, args)
	case *closure:
		if name == "call" {
			return o.call(f, args...)
		}
	case *Failure:
		switch name {
		case "getMessage", "getLocalizedMessage":
			return messageOf(o), nil
		}
	case *global:
		return f.globalMethod(o, name, args)
	}
	switch name {
	case "toString":
		return toString(object), nil
	case "equals":
		return len(args) == 1 && equal(object, args[0]), nil
	case "toInteger", "toLong", "intValue", "longValue":
		return castTo(object, "int")
	}
	var v any
	var ok bool
	var err error
	switch o := object.(type) {
	case string:
		v, ok, err = textMethod(o, name, args)
	case *list:
		v, ok, err = f.listMethod(o, name, args)
	case *dict:
		v, ok, err = f.dictMethod(o, name, args)
	case int64:
		v, ok, err = f.numberMethod(o, name, args)
	}
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, noMethod(object, name, args)
	}
	return v, nil
}

func (f frame) globalMethod(g *global, name string, args []any) (any, error) {
	switch {
	case g.name == "env" && name == "getProperty" && len(args) == 1:
		return f.globalProperty(g, toString(args[0]))
	case g.name == "env" && name == "getEnvironment" && len(args) == 0:
		d := &dict{}
		for _, entry := range f.environ() {
			k, v, _ := strings.Cut(entry, "=")
			d.put(k, v)
		}
		return d, nil
	case g.name == "params" && name == "get" && len(args) == 1, g.name == "params" && name == "getOrDefault":
		return f.parameter(toString(args[0])), nil
	case g.name == "params" && name == "containsKey" && len(args) == 1:
		return f.parameter(toString(args[0])) != nil, nil
	}
	if property, ok := strings.CutPrefix(name, "get"); ok && property != "" && len(args) == 0 {
		return f.globalProperty(g, strings.ToLower(property[:1])+property[1:])
	}
	if name == "resultIsBetterOrEqualTo" && len(args) == 1 {
		return !f.run.outcome.Result.Worse(Result(toString(args[0]))), nil
	}
	if name == "resultIsWorseOrEqualTo" && len(args) == 1 {
		return !Result(toString(args[0])).Worse(f.run.outcome.Result), nil
	}
	return nil, throwable(classUnsupported, "%s.%s() runs on Jenkins only", g.name, name)
}

func (f frame) numberMethod(n int64, name string, args []any) (any, bool, error) {
	if name == "times" && len(args) == 1 {
		c, ok := args[0].(*closure)
		for i := int64(0); ok && i < n; i++ {
			if err := f.iterate(); err != nil {
				return nil, true, err
			}
			if _, err := c.call(f, i); err != nil {
				return nil, true, err
			}
		}
		return nil, ok, nil
	}
	if name == "abs" && len(args) == 0 {
		return max(n, -n), true, nil
	}
	return nil, false, nil
}

func textMethod(s, name string, args []any) (any, bool, error) {
	switch len(args) {
	case 0:
		v, ok, err := plainText(s, name)
		return v, ok, err
	case 1:
		return textWithOne(s, name, args[0])
	case 2:
		return textWithTwo(s, name, args[0], args[1])
	}
	return nil, false, nil
}

func plainText(s, name string) (any, bool, error) {
	switch name {
	case "toUpperCase":
		return strings.ToUpper(strings.ReplaceAll(s, "ß", "SS")), true, nil
	case "toLowerCase":
		return strings.ToLower(s), true, nil
	case "trim", "strip":
		return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }), true, nil
	case "length", "size":
		return int64(len([]rune(s))), true, nil
	case "isEmpty":
		return s == "", true, nil
	case "capitalize":
		r := []rune(s)
		if len(r) > 0 {
			r[0] = []rune(strings.ToUpper(string(r[0])))[0]
		}
		return string(r), true, nil
	case "reverse":
		r := []rune(s)
		slices.Reverse(r)
		return string(r), true, nil
	case "readLines":
		return texts(splitLines(s)), true, nil
	case "tokenize", "split":
		return texts(strings.Fields(s)), true, nil
	case "toBoolean":
		t := strings.ToLower(strings.TrimSpace(s))
		return t == "true" || t == "y" || t == "1", true, nil
	case "isInteger", "isNumber", "isLong":
		_, err := toInteger(s)
		return err == nil, true, nil
	case "stripIndent":
		return stripIndent(s), true, nil
	}
	return nil, false, nil
}

func splitLines(s string) []string {
	s = strings.TrimSuffix(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

func stripIndent(s string) string {
	lines := strings.Split(s, "\n")
	indent := -1
	for _, line := range lines {
		if body := strings.TrimLeft(line, " \t"); body != "" && (indent < 0 || len(line)-len(body) < indent) {
			indent = len(line) - len(body)
		}
	}
	for i, line := range lines {
		lines[i] = line[min(len(line), max(0, indent)):]
	}
	return strings.Join(lines, "\n")
}

func textWithOne(s, name string, arg any) (any, bool, error) {
	if n, ok := arg.(int64); ok {
		return textWithNumber(s, name, n)
	}
	a := toString(arg)
	switch name {
	case "contains":
		return strings.Contains(s, a), true, nil
	case "startsWith":
		return strings.HasPrefix(s, a), true, nil
	case "endsWith":
		return strings.HasSuffix(s, a), true, nil
	case "equalsIgnoreCase":
		return strings.EqualFold(s, a), true, nil
	case "indexOf":
		return int64(strings.Index(s, a)), true, nil
	case "lastIndexOf":
		return int64(strings.LastIndex(s, a)), true, nil
	case "concat", "plus":
		v, err := join(s, a)
		return v, true, err
	case "minus":
		return strings.Replace(s, a, "", 1), true, nil
	case "compareTo":
		return int64(strings.Compare(s, a)), true, nil
	case "tokenize":
		return texts(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(a, r) })), true, nil
	case "split":
		re, err := compileRegexp(a)
		if err != nil {
			return nil, true, err
		}
		parts := re.Split(s, -1)
		for len(parts) > 1 && parts[len(parts)-1] == "" {
			parts = parts[:len(parts)-1]
		}
		return texts(parts), true, nil
	case "matches":
		v, err := match("==~", s, a)
		return v, true, err
	}
	return nil, false, nil
}

func textWithNumber(s, name string, n int64) (any, bool, error) {
	r := []rune(s)
	size := int64(len(r))
	switch name {
	case "substring":
		if n < 0 || n > size {
			return nil, true, throwable("java.lang.StringIndexOutOfBoundsException", "begin %d, end %d, length %d", n, size, size)
		}
		return string(r[n:]), true, nil
	case "take":
		return string(r[:max(0, min(n, size))]), true, nil
	case "drop":
		return string(r[max(0, min(n, size)):]), true, nil
	case "charAt":
		v, err := textAt(s, n)
		return v, true, err
	case "multiply":
		v, err := textArithmetic("*", s, n)
		return v, true, err
	case "padLeft", "padRight":
		return pad(s, name, n, " ")
	}
	return nil, false, nil
}

func pad(s, name string, n int64, with string) (any, bool, error) {
	missing := n - int64(len([]rune(s)))
	if missing <= 0 || with == "" {
		return s, true, nil
	}
	if missing > maxText {
		return nil, true, errTooLong()
	}
	if name == "padLeft" {
		return strings.Repeat(with[:1], int(missing)) + s, true, nil
	}
	return s + strings.Repeat(with[:1], int(missing)), true, nil
}

func textWithTwo(s, name string, a, b any) (any, bool, error) {
	switch name {
	case "replace":
		return strings.ReplaceAll(s, toString(a), toString(b)), true, nil
	case "replaceAll", "replaceFirst":
		re, err := compileRegexp(toString(a))
		if err != nil {
			return nil, true, err
		}
		with := strings.ReplaceAll(toString(b), "$", "$$")
		with = dollarGroups(with)
		if name == "replaceAll" {
			return re.ReplaceAllString(s, with), true, nil
		}
		loc := re.FindStringSubmatchIndex(s)
		if loc == nil {
			return s, true, nil
		}
		return s[:loc[0]] + string(re.ExpandString(nil, with, s, loc)) + s[loc[1]:], true, nil
	case "substring":
		from, okA := a.(int64)
		to, okB := b.(int64)
		r := []rune(s)
		if !okA || !okB || from < 0 || to > int64(len(r)) || from > to {
			return nil, true, throwable("java.lang.StringIndexOutOfBoundsException", "begin %s, end %s, length %d", toString(a), toString(b), len(r))
		}
		return string(r[from:to]), true, nil
	case "padLeft", "padRight":
		if n, ok := a.(int64); ok {
			return pad(s, name, n, toString(b))
		}
	}
	return nil, false, nil
}

// dollarGroups turns Java's $1, doubled before, into Go's ${1}.
func dollarGroups(with string) string {
	for d := '0'; d <= '9'; d++ {
		with = strings.ReplaceAll(with, "$$"+string(d), "${"+string(d)+"}")
	}
	return strings.ReplaceAll(with, `\$`, "$")
}
