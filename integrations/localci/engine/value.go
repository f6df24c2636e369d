package engine

import (
	"strconv"
	"strings"

	"opsbot/bot/jenkinsfile"
)

// A Groovy value is nil, bool, int64, float64, string, *list, *dict, *closure,
// *Failure (an exception), or a global: *global.

// list is a Groovy list.
type list struct{ items []any }

// dict is a Groovy map, which keeps its order.
type dict struct {
	keys []any
	vals []any
}

// closure is a block with the frame it was written in.
type closure struct {
	def   *jenkinsfile.Closure
	frame frame
	name  string // of a method of the file
}

// global is one of the objects that every Jenkinsfile has: env, params,
// currentBuild, scm, previousBuild.
type global struct{ name string }

func (d *dict) get(key any) (any, bool) {
	for i, k := range d.keys {
		if equal(k, key) {
			return d.vals[i], true
		}
	}
	return nil, false
}

func (d *dict) put(key, value any) {
	for i, k := range d.keys {
		if equal(k, key) {
			d.vals[i] = value
			return
		}
	}
	d.keys = append(d.keys, key)
	d.vals = append(d.vals, value)
}

// truth is Groovy's idea of truth.
func truth(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case *list:
		return len(v.items) > 0
	case *dict:
		return len(v.keys) > 0
	}
	return true
}

// toString is how a value stands in a string.
func toString(v any) string {
	var b strings.Builder
	writeValue(&b, v, 0)
	return b.String()
}

// maxValueDepth bounds lists inside lists: one may hold itself.
const maxValueDepth = 32

func writeValue(b *strings.Builder, v any, depth int) {
	if depth > maxValueDepth {
		b.WriteString("...")
		return
	}
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		b.WriteString(decimal(v))
	case string:
		b.WriteString(v)
	case *list:
		b.WriteString("[")
		for i, item := range v.items {
			if i > 0 {
				b.WriteString(", ")
			}
			writeValue(b, item, depth+1)
		}
		b.WriteString("]")
	case *dict:
		writeDict(b, v, depth)
	case *Failure:
		b.WriteString(v.java())
	case *global:
		b.WriteString(v.name)
	default:
		b.WriteString("closure")
	}
}

// decimal writes a number as Java's decimals do, without the noise of binary
// fractions.
func decimal(v float64) string {
	s := strings.TrimRight(strconv.FormatFloat(v, 'f', 12, 64), "0")
	if strings.HasSuffix(s, ".") {
		s += "0"
	}
	return s
}

func writeDict(b *strings.Builder, d *dict, depth int) {
	if len(d.keys) == 0 {
		b.WriteString("[:]")
		return
	}
	b.WriteString("[")
	for i, k := range d.keys {
		if i > 0 {
			b.WriteString(", ")
		}
		writeValue(b, k, depth+1)
		b.WriteString(":")
		writeValue(b, d.vals[i], depth+1)
	}
	b.WriteString("]")
}

// equal is Groovy's ==.
func equal(a, b any) bool {
	if n, m, ok := numbers(a, b); ok {
		return n == m
	}
	switch a := a.(type) {
	case *list:
		b, ok := b.(*list)
		if !ok || len(a.items) != len(b.items) {
			return false
		}
		for i := range a.items {
			if !equal(a.items[i], b.items[i]) {
				return false
			}
		}
		return true
	case *dict:
		b, ok := b.(*dict)
		return ok && equalDicts(a, b)
	}
	return a == b
}

func equalDicts(a, b *dict) bool {
	if len(a.keys) != len(b.keys) {
		return false
	}
	for i, k := range a.keys {
		v, ok := b.get(k)
		if !ok || !equal(a.vals[i], v) {
			return false
		}
	}
	return true
}

// numbers gives both as floating point if both are numbers.
func numbers(a, b any) (x, y float64, ok bool) {
	x, okX := number(a)
	y, okY := number(b)
	return x, y, okX && okY
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// compare is Groovy's <=>; null is the smallest.
func compare(a, b any) (int, error) {
	if x, y, ok := numbers(a, b); ok {
		switch {
		case x < y:
			return -1, nil
		case x > y:
			return 1, nil
		}
		return 0, nil
	}
	switch {
	case a == nil && b == nil:
		return 0, nil
	case a == nil:
		return -1, nil
	case b == nil:
		return 1, nil
	}
	x, okX := a.(string)
	y, okY := b.(string)
	if !okX || !okY {
		return 0, throwable(classArgument, "Cannot compare %s with value '%s' and %s with value '%s'",
			className(a), toString(a), className(b), toString(b))
	}
	return strings.Compare(x, y), nil
}

// className is the Java class of a value.
func className(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "java.lang.Boolean"
	case int64:
		return "java.lang.Integer"
	case float64:
		return "java.math.BigDecimal"
	case string:
		return "java.lang.String"
	case *list:
		return "java.util.ArrayList"
	case *dict:
		return "java.util.LinkedHashMap"
	case *Failure:
		return v.Class
	case *closure:
		return "org.jenkinsci.plugins.workflow.cps.CpsClosure2"
	}
	return "java.lang.Object"
}
