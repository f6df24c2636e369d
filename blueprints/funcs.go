package blueprints

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

// Bounds of a single function's result; the files themselves have their own.
const (
	maxResult = 4 << 20 // bytes of a text
	maxItems  = 10_000  // entries of a list
)

// The quoting functions, by the kind of file that must use them.
const (
	quoteYAML   = "toYaml"
	quoteShell  = "shellquote"
	quoteGroovy = "groovyquote"
	quoteHTML   = "html"
)

// functions is what templates may call: sprig's hermetic functions without
// those that are random, slow by design, depend on the clock or time zone, or
// give a different order each time; and the quoting functions.
func functions() template.FuncMap {
	funcs := sprig.HermeticTxtFuncMap()
	for _, name := range []string{
		"ago", "toDate", "mustToDate", "must_date_modify", "mustDateModify",
		"shuffle", "randInt", "bcrypt", "htpasswd", "derivePassword", "encryptAES",
		"genPrivateKey", "genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey",
		"genSignedCert", "genSignedCertWithKey", "buildCustomCert", "seq",
	} {
		delete(funcs, name)
	}
	maps.Copy(funcs, template.FuncMap{
		// sprig's keys and values come in the random order of a Go map.
		"keys": sortedKeys, "values": sortedValues,
		"repeat": repeat, "until": until, "untilStep": untilStep,
		"indent": indent, "nindent": nindent,
		"index": index, "print": fmt.Sprint, "printf": fmt.Sprintf, "println": fmt.Sprintln,
		quoteYAML: toYAML, quoteShell: shellQuote, quoteGroovy: groovyQuote,
	})
	for name, fn := range funcs {
		funcs[name] = bounded(name, fn)
	}
	return funcs
}

// bounded gives fn an error result and refuses results that are too large, so
// that a text doubled in a loop ends as an error and not in a lack of memory.
func bounded(name string, fn any) any {
	f := reflect.ValueOf(fn)
	t := f.Type()
	in := make([]reflect.Type, t.NumIn())
	for i := range in {
		in[i] = t.In(i)
	}
	errorType := reflect.TypeFor[error]()
	made := reflect.FuncOf(in, []reflect.Type{t.Out(0), errorType}, t.IsVariadic())
	return reflect.MakeFunc(made, func(args []reflect.Value) []reflect.Value {
		var out []reflect.Value
		if t.IsVariadic() {
			out = f.CallSlice(args)
		} else {
			out = f.Call(args)
		}
		if len(out) == 1 {
			out = append(out, reflect.Zero(errorType))
		}
		if out[1].IsNil() && tooLarge(out[0]) {
			out[1] = reflect.ValueOf(errors.New(name + ": the result is too large"))
		}
		return out
	}).Interface()
}

func tooLarge(v reflect.Value) bool {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.String:
		return v.Len() > maxResult
	case reflect.Slice, reflect.Map:
		return v.Len() > maxItems
	default:
		return false
	}
}

// repeat keeps sprig's order of arguments.
func repeat(count int, s string) (string, error) {
	if count < 0 || count > maxResult || len(s) > 0 && count > maxResult/len(s) {
		return "", fmt.Errorf("repeat: %d times is too much", count)
	}
	return strings.Repeat(s, count), nil
}

func until(count int) ([]int, error) {
	step := 1
	if count < 0 {
		step = -1
	}
	return untilStep(0, count, step)
}

func untilStep(start, stop, step int) ([]int, error) {
	var out []int
	for v := start; step > 0 && v < stop || step < 0 && v > stop; v += step {
		if len(out) == maxItems {
			return nil, fmt.Errorf("untilStep: more than %d numbers", maxItems)
		}
		out = append(out, v)
	}
	return out, nil
}

func indent(spaces int, s string) (string, error) {
	const most = 200
	if spaces < 0 || spaces > most {
		return "", fmt.Errorf("indent: %d spaces is not from 0 to %d", spaces, most)
	}
	pad := strings.Repeat(" ", spaces)
	return pad + strings.ReplaceAll(s, "\n", "\n"+pad), nil
}

func nindent(spaces int, s string) (string, error) {
	out, err := indent(spaces, s)
	return "\n" + out, err
}

func sortedKeys(dicts ...map[string]any) []string {
	var out []string
	for _, d := range dicts {
		out = append(out, slices.Sorted(maps.Keys(d))...)
	}
	return out
}

func sortedValues(d map[string]any) []any {
	var out []any
	for _, k := range slices.Sorted(maps.Keys(d)) {
		out = append(out, d[k])
	}
	return out
}

// index replaces the built-in one, which prints "<no value>" for a key that
// isn't there.
func index(item any, keys ...any) (any, error) {
	v := reflect.ValueOf(item)
	for _, key := range keys {
		if v.Kind() == reflect.Interface {
			v = v.Elem()
		}
		k := reflect.ValueOf(key)
		switch {
		case v.Kind() == reflect.Map && k.IsValid() && k.Type().AssignableTo(v.Type().Key()):
			if v = v.MapIndex(k); !v.IsValid() {
				return nil, fmt.Errorf("no entry for key %q", text(key))
			}
		case (v.Kind() == reflect.Slice || v.Kind() == reflect.String) && k.IsValid() && k.CanInt():
			if i := k.Int(); i < 0 || i >= int64(v.Len()) {
				return nil, fmt.Errorf("%d is outside of the list", i)
			}
			v = v.Index(int(k.Int()))
		default:
			return nil, fmt.Errorf("cannot look up %q in a %s", text(key), v.Kind())
		}
	}
	return v.Interface(), nil
}
