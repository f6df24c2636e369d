package report

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxExpansion bounds what all references of a document can grow to.
const maxExpansion = 16 << 20

var errEntities = errors.New("the entities expand to too much")

// parseEntities gives the general entities that a document type declares itself.
// An external one stands for nothing: it is never fetched, which is also what
// Jenkins does. Markup within an entity is refused.
func parseEntities(doctype string) (map[string]string, error) {
	declaration := regexp.MustCompile(`<!ENTITY\s+([\pL_:][\pL\pN_:.-]*)\s+(?:"([^"]*)"|'([^']*)'|(?:SYSTEM|PUBLIC)\s)`)
	entities := map[string]string{}
	for _, m := range declaration.FindAllStringSubmatch(doctype, -1) {
		if _, twice := entities[m[1]]; twice {
			continue // the first declaration counts
		}
		value, err := expand(m[2]+m[3], entities)
		if err != nil {
			return nil, err
		}
		entities[m[1]] = value
	}
	return entities, nil
}

// expand replaces references by what was declared before. As each entity is
// expanded once and kept within bounds, none can grow by way of others.
func expand(value string, known map[string]string) (string, error) {
	var out strings.Builder
	for value != "" {
		before, rest, found := strings.Cut(value, "&")
		out.WriteString(before)
		if !found {
			break
		}
		name, after, ended := strings.Cut(rest, ";")
		text, ok := resolve(name, known)
		if !ended || !ok {
			return "", errors.New("an entity refers to one that is not declared")
		}
		out.WriteString(text)
		value = after
		if out.Len() > maxText {
			return "", errEntities
		}
	}
	if out.Len() > maxText {
		return "", errEntities
	}
	if strings.Contains(out.String(), "<") {
		return "", errors.New("an entity holds markup")
	}
	return out.String(), nil
}

func resolve(name string, known map[string]string) (string, bool) {
	if digits, ok := strings.CutPrefix(name, "#"); ok {
		base := 10
		if hex, ok := strings.CutPrefix(digits, "x"); ok {
			digits, base = hex, 16
		}
		n, err := strconv.ParseInt(digits, base, 32)
		return string(rune(n)), err == nil && utf8.ValidRune(rune(n))
	}
	switch name {
	case "amp":
		return "&", true
	case "quot":
		return `"`, true
	case "apos":
		return "'", true
	case "gt":
		return ">", true
	}
	text, ok := known[name]
	return text, ok
}
