package slack

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// kind is the type of an argument; forms carry all of them as text.
type kind int

const (
	str    kind = iota
	flag        // true, false, 1 or 0
	number      // a whole number
	stamp       // a message's ts
	array       // a JSON array
	dict        // a JSON object
	must   kind = 1 << 8
)

// decode turns raw arguments into typed ones and says what is wrong with them.
func (m *method) decode(raw map[string]any) (args map[string]any, problems []string) {
	args = map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		k, known := m.args[name]
		if !known {
			problems = append(problems, "unsupported argument: "+name)
			continue
		}
		v, err := decodeArg(k&^must, raw[name])
		if err != nil {
			problems = append(problems, fmt.Sprintf("argument %s: %v", name, err))
			continue
		}
		if v != nil {
			args[name] = v
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.args)) {
		if _, ok := raw[name]; m.args[name]&must != 0 && !ok {
			problems = append(problems, "missing required field: "+name)
		}
	}
	return args, problems
}

// decodeArg gives nil for an argument that is there but empty.
func decodeArg(k kind, v any) (any, error) {
	s, isText := v.(string)
	if isText && s == "" && k != str {
		return nil, nil
	}
	switch k {
	case flag:
		return decodeFlag(v, s)
	case number:
		return decodeNumber(v, s)
	case stamp:
		if !isStamp(s) {
			return nil, fmt.Errorf("%q is no timestamp", s)
		}
		return s, nil
	case array:
		return decodeJSON[[]any](v, s, isText)
	case dict:
		return decodeJSON[map[string]any](v, s, isText)
	}
	if !isText {
		return nil, fmt.Errorf("%v is no text", v)
	}
	return s, nil
}

func decodeFlag(v any, s string) (any, error) {
	if b, ok := v.(bool); ok {
		return b, nil
	}
	switch s {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return nil, fmt.Errorf("%v is no boolean", v)
}

func decodeNumber(v any, s string) (any, error) {
	if f, ok := v.(float64); ok && f == float64(int(f)) {
		return int(f), nil
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return nil, fmt.Errorf("%v is no whole number", v)
	}
	return n, nil
}

func decodeJSON[T any](v any, s string, isText bool) (any, error) {
	if typed, ok := v.(T); ok {
		return typed, nil
	}
	var out T
	if !isText {
		return nil, fmt.Errorf("%v has the wrong type", v)
	}
	if err := json.Unmarshal([]byte(s), &out); err != nil {
		return nil, fmt.Errorf("no JSON of the right type: %w", err)
	}
	return out, nil
}

func isStamp(s string) bool {
	ok, _ := regexp.MatchString(`^\d{10}\.\d{6}$`, s)
	return ok
}

// paginate cuts one page out of ids: the cursor names the first of the next page.
func paginate(c *call, ids []string, otherwise, most int) (page []string, next string, refused *apiError) {
	from := 0
	if cursor := c.str("cursor"); cursor != "" {
		if from = slices.Index(ids, strings.TrimPrefix(decodeCursor(cursor), "id:")); from < 0 {
			return nil, "", fail("invalid_cursor")
		}
	}
	limit := c.num("limit", otherwise)
	if limit < 0 || limit > most {
		return nil, "", fail("invalid_limit")
	}
	if limit == 0 {
		limit = max(otherwise, len(ids))
	}
	to := min(from+limit, len(ids))
	if to < len(ids) {
		next = encodeCursor("id:" + ids[to])
	}
	return ids[from:to], next, nil
}
