package localci

import (
	"slices"
	"strings"

	"opsbot/bot"
	"opsbot/bot/jenkinsfile"
)

// The kinds of parameters that take other values than any text.
const (
	kindBoolean  = "boolean"
	kindChoice   = "choice"
	kindPassword = "password"
)

// maxValues bounds the values of a build or an answer, in bytes.
const maxValues = 64 << 10

// parameter is what a build or a question takes.
type parameter struct {
	name, kind string
	choices    []string // nil if they aren't known
}

// takes says what the parameter takes, for a list of parameters.
func (p parameter) takes() string {
	switch {
	case p.kind == kindBoolean:
		return p.name + " (true or false)"
	case p.kind == kindChoice && p.choices != nil:
		return p.name + " (" + strings.Join(p.choices, " or ") + ")"
	}
	return p.name
}

// check makes a value one of those that the parameter takes.
func (p parameter) check(value string) (string, error) {
	switch p.kind {
	case kindBoolean:
		switch strings.ToLower(value) {
		case "true", "yes", "on":
			return "true", nil
		case "false", "no", "off":
			return "false", nil
		}
		return "", bot.Errorf(bot.CodeInvalid, "%s takes true or false, not %q.", p.name, value)
	case kindChoice:
		if p.choices != nil && !slices.Contains(p.choices, value) {
			return "", bot.Errorf(bot.CodeInvalid, "%s takes %s; %q is none of them.", p.name, strings.Join(p.choices, " or "), value)
		}
	}
	return value, nil
}

// checkValues checks values given to the parameters of what (a sentence's subject).
func checkValues(known []parameter, given map[string]string, what string) (map[string]string, error) {
	if err := checkSize(given); err != nil {
		return nil, err
	}
	checked := map[string]string{}
	for name, value := range given {
		at := slices.IndexFunc(known, func(p parameter) bool { return p.name == name })
		if at < 0 {
			return nil, unknownParameter(known, name, what)
		}
		v, err := known[at].check(value)
		if err != nil {
			return nil, err
		}
		checked[name] = v
	}
	return checked, nil
}

func unknownParameter(known []parameter, name, what string) error {
	if len(known) == 0 {
		return bot.Errorf(bot.CodeInvalid, "%s has no parameters, so there is no %s to set.", what, name)
	}
	var names, list []string
	for _, p := range known {
		names, list = append(names, p.name), append(list, p.takes())
	}
	text := what + " has no parameter " + name + "; it has " + strings.Join(list, ", ") + "."
	if near := bot.Nearest(name, names); near != "" {
		text += " Did you mean " + near + "?"
	}
	return bot.Errorf(bot.CodeInvalid, "%s", text)
}

func checkSize(values map[string]string) error {
	size := 0
	for name, value := range values {
		size += len(name) + len(value)
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
			return bot.Errorf(bot.CodeInvalid, "%q is not the name of a parameter.", name)
		}
	}
	if size > maxValues {
		return bot.Errorf(bot.CodeTooLarge, "The parameters are larger than 64 KiB.")
	}
	return nil
}

// checkParameters checks the parameters of a build by the Jenkinsfile that it will run.
// One that is refused anyhow, or that computes names, takes them as they are.
func checkParameters(text []byte, branch string, given map[string]string) (map[string]string, error) {
	if len(given) == 0 {
		return nil, nil
	}
	if err := checkSize(given); err != nil {
		return nil, err
	}
	file, errs := jenkinsfile.Parse(text)
	if len(errs) > 0 {
		return given, nil
	}
	declared, complete := file.Pipeline.Declared()
	if !complete {
		return given, nil
	}
	known := make([]parameter, len(declared))
	for i, p := range declared {
		known[i] = parameter{name: p.Name, kind: p.Kind, choices: p.Choices}
		if p.Kind == "booleanParam" {
			known[i].kind = kindBoolean
		}
	}
	return checkValues(known, given, "The Jenkinsfile of "+branch)
}
