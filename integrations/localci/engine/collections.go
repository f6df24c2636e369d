package engine

import (
	"slices"
	"strings"
)

func (f frame) listMethod(l *list, name string, args []any) (any, bool, error) {
	if len(args) > 0 {
		if c, ok := args[len(args)-1].(*closure); ok {
			return f.listWith(l.items, name, c)
		}
	}
	switch len(args) {
	case 0:
		return plainList(l, name)
	case 1:
		return listWithOne(l, name, args[0])
	}
	return nil, false, nil
}

func plainList(l *list, name string) (any, bool, error) {
	switch name {
	case "size":
		return int64(len(l.items)), true, nil
	case "isEmpty":
		return len(l.items) == 0, true, nil
	case "first", "last", "head", "pop":
		if len(l.items) == 0 {
			return nil, true, throwable("java.util.NoSuchElementException", "Cannot access %s() element from an empty List", name)
		}
		if name == "last" {
			return l.items[len(l.items)-1], true, nil
		}
		return l.items[0], true, nil
	case "reverse":
		items := slices.Clone(l.items)
		slices.Reverse(items)
		return &list{items: items}, true, nil
	case "unique", "toSet":
		u := &list{}
		for _, v := range l.items {
			if !contains(u, v) {
				u.items = append(u.items, v)
			}
		}
		return u, true, nil
	case "toList", "flatten":
		return flatten(l, name == "flatten"), true, nil
	case "sort":
		var failed error
		items := slices.Clone(l.items)
		slices.SortStableFunc(items, func(a, b any) int {
			n, err := compare(a, b)
			if err != nil {
				failed = err
			}
			return n
		})
		return &list{items: items}, true, failed
	case "join":
		return joinList(l, ""), true, nil
	case "sum":
		return foldList(l)
	case "max", "min":
		return extreme(l, name == "max")
	}
	return nil, false, nil
}

func flatten(l *list, deep bool) *list {
	out := &list{}
	for _, v := range l.items {
		if inner, ok := v.(*list); ok && deep && inner != l {
			out.items = append(out.items, inner.items...)
			continue
		}
		out.items = append(out.items, v)
	}
	return out
}

func joinList(l *list, with string) string {
	parts := make([]string, len(l.items))
	for i, v := range l.items {
		parts[i] = toString(v)
	}
	return strings.Join(parts, with)
}

func foldList(l *list) (any, bool, error) {
	var sum any
	for i, v := range l.items {
		if i == 0 {
			sum = v
			continue
		}
		var err error
		if sum, err = arithmetic("+", sum, v); err != nil {
			return nil, true, err
		}
	}
	return sum, true, nil
}

func extreme(l *list, largest bool) (any, bool, error) {
	var best any
	for i, v := range l.items {
		n, err := compare(v, best)
		if err != nil {
			return nil, true, err
		}
		if i == 0 || largest == (n > 0) && n != 0 {
			best = v
		}
	}
	return best, true, nil
}

func listWithOne(l *list, name string, arg any) (any, bool, error) {
	switch name {
	case "contains":
		return contains(l, arg), true, nil
	case "join":
		return joinList(l, toString(arg)), true, nil
	case "add", "push", "leftShift":
		l.items = append(l.items, arg)
		return true, true, nil
	case "addAll":
		l.items = append(l.items, iterable(arg)...)
		return true, true, nil
	case "plus", "minus":
		v, err := listArithmetic(map[string]string{"plus": "+", "minus": "-"}[name], l, arg)
		return v, true, err
	case "indexOf":
		return int64(slices.IndexFunc(l.items, func(v any) bool { return equal(v, arg) })), true, nil
	case "get", "getAt":
		i, ok := arg.(int64)
		if !ok || i < 0 || i >= int64(len(l.items)) {
			return nil, true, throwable(classIndex, "Index: %s, Size: %d", toString(arg), len(l.items))
		}
		return l.items[i], true, nil
	case "take", "drop":
		n, ok := arg.(int64)
		n = max(0, min(n, int64(len(l.items))))
		if name == "take" {
			return &list{items: slices.Clone(l.items[:n])}, ok, nil
		}
		return &list{items: slices.Clone(l.items[n:])}, ok, nil
	}
	return nil, false, nil
}

// listWith are the methods that take a closure.
func (f frame) listWith(items []any, name string, c *closure) (any, bool, error) {
	out := &list{}
	for i, item := range items {
		if err := f.iterate(); err != nil {
			return nil, true, err
		}
		args := []any{item}
		if name == "eachWithIndex" {
			args = append(args, int64(i))
		}
		v, err := c.call(f, args...)
		if err != nil {
			return nil, true, err
		}
		switch name {
		case "each", "eachWithIndex":
		case "collect":
			out.items = append(out.items, v)
		case "findAll":
			if truth(v) {
				out.items = append(out.items, item)
			}
		case "find":
			if truth(v) {
				return item, true, nil
			}
		case "any":
			if truth(v) {
				return true, true, nil
			}
		case "every":
			if !truth(v) {
				return false, true, nil
			}
		default:
			return nil, false, nil
		}
	}
	switch name {
	case "collect", "findAll":
		return out, true, nil
	case "find":
		return nil, true, nil
	case "any", "every":
		return name == "every", true, nil
	case "each", "eachWithIndex":
		return &list{items: items}, true, nil
	}
	return nil, false, nil
}

func (f frame) dictMethod(d *dict, name string, args []any) (any, bool, error) {
	if len(args) == 1 {
		if c, ok := args[0].(*closure); ok {
			return f.dictWith(d, name, c)
		}
	}
	switch {
	case name == "get" && len(args) == 1, name == "getOrDefault" && len(args) == 2, name == "get" && len(args) == 2:
		v, ok := d.get(args[0])
		if !ok && len(args) == 2 {
			v = args[1]
		}
		return v, true, nil
	case name == "put" && len(args) == 2:
		before, _ := d.get(args[0])
		d.put(args[0], args[1])
		return before, true, nil
	case name == "containsKey" && len(args) == 1:
		_, ok := d.get(args[0])
		return ok, true, nil
	case name == "keySet" && len(args) == 0:
		return &list{items: slices.Clone(d.keys)}, true, nil
	case name == "values" && len(args) == 0:
		return &list{items: slices.Clone(d.vals)}, true, nil
	case name == "entrySet" && len(args) == 0:
		return &list{items: entries(d)}, true, nil
	case name == "size" && len(args) == 0:
		return int64(len(d.keys)), true, nil
	case name == "isEmpty" && len(args) == 0:
		return len(d.keys) == 0, true, nil
	case name == "plus" && len(args) == 1:
		v, err := arithmetic("+", d, args[0])
		return v, true, err
	}
	return nil, false, nil
}

// dictWith gives a closure of two parameters key and value, of one the entry.
func (f frame) dictWith(d *dict, name string, c *closure) (any, bool, error) {
	items := entries(d)
	if len(c.def.Params) == 2 {
		for i, k := range d.keys {
			items[i] = &list{items: []any{k, d.vals[i]}}
		}
	}
	if name == "findAll" {
		return nil, false, nil
	}
	v, ok, err := f.listWith(items, name, c)
	if name == "each" {
		v = d
	}
	return v, ok, err
}
