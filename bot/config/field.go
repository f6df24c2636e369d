package config

import (
	"encoding"
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field describes one field of a configuration struct by its tags:
//
//	yaml:"key"          its key; "-" leaves it out
//	doc:"..."           one sentence for the schema and the example file
//	default:"..."       what it is when absent, as written in YAML; lists with commas
//	required:"true"     it must be there
//	enum:"a|b"          the texts that it may be
//	format:"..."        hostport, url or name: see checkFormat
//	example:"..."       a value for the example file
type field struct {
	key, doc, def, format, example string
	enum                           []string
	required, hasDefault           bool
	index                          int
	typ                            reflect.Type
}

func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		sf := t.Field(i)
		key := sf.Tag.Get("yaml")
		if !sf.IsExported() || key == "-" {
			continue
		}
		if key == "" {
			key = strings.ToLower(sf.Name)
		}
		def, hasDefault := sf.Tag.Lookup("default")
		f := field{
			key: key, doc: sf.Tag.Get("doc"), def: def, hasDefault: hasDefault, format: sf.Tag.Get("format"),
			example: sf.Tag.Get("example"), required: sf.Tag.Get("required") == "true", index: i, typ: sf.Type,
		}
		if e := sf.Tag.Get("enum"); e != "" {
			f.enum = strings.Split(e, "|")
		}
		out = append(out, f)
	}
	return out
}

// check holds a decoded text to the field's enum and format.
func (f *field) check(v reflect.Value) error {
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			if err := f.check(v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	}
	if v.Kind() != reflect.String || v.String() == "" {
		return nil
	}
	text := v.String()
	if len(f.enum) > 0 && !slices.Contains(f.enum, text) {
		return fmt.Errorf("%q is none of %s", text, strings.Join(f.enum, ", "))
	}
	return checkFormat(f.format, text)
}

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

func checkFormat(format, text string) error {
	switch format {
	case "hostport":
		_, port, err := net.SplitHostPort(text)
		if n, atoiErr := strconv.ParseUint(port, 10, 16); err != nil || atoiErr != nil || n > 65535 {
			return errors.New("must be HOST:PORT, like 127.0.0.1:8080")
		}
	case "url":
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return errors.New("must be an absolute URL that begins with http:// or https://")
		}
		if u.User != nil {
			return errors.New("must not hold a user or password")
		}
	case "name":
		if !namePattern.MatchString(text) {
			return errors.New("must be a name of lower case letters, digits and dashes that begins with a letter, at most 63 long")
		}
	}
	return nil
}

// scalar sets v, which is of a basic type, from the text of a scalar node.
func scalar(v reflect.Value, n *node) error {
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(n.text)
		if err != nil || d < 0 {
			return errors.New("must be a time like 30s, 5m or 1h30m")
		}
		v.SetInt(int64(d))
		return nil
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(n.text))
	}
	switch v.Kind() { //nolint:exhaustive // the rest is what the last line is for
	case reflect.String:
		v.SetString(n.text)
		return nil
	case reflect.Bool:
		if n.kind != boolKind {
			return errors.New("must be true or false")
		}
		v.SetBool(strings.EqualFold(n.text, "true"))
		return nil
	default:
		return number(v, n)
	}
}

func number(v reflect.Value, n *node) error {
	if n.kind != numberKind {
		return errors.New("must be a number")
	}
	switch {
	case v.CanInt():
		i, err := strconv.ParseInt(n.text, 10, 64)
		if err != nil || v.OverflowInt(i) {
			return errors.New("must be a whole number that fits")
		}
		v.SetInt(i)
	case v.CanUint():
		i, err := strconv.ParseUint(n.text, 10, 64)
		if err != nil || v.OverflowUint(i) {
			return errors.New("must be a whole number that is not negative and fits")
		}
		v.SetUint(i)
	case v.CanFloat():
		x, err := strconv.ParseFloat(n.text, 64)
		if err != nil {
			return errors.New("must be a number")
		}
		v.SetFloat(x)
	default:
		return fmt.Errorf("cannot be configured: its type is %s", v.Type())
	}
	return nil
}
