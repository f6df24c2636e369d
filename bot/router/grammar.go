// Package router turns what people say into commands: it decides whether a
// message is for the bot, parses it by the command's typed spec, asks the policy,
// shows a plan where something living changes, and runs the command once. It is
// the only place that does these.
package router

import (
	"fmt"
	"regexp"
	"strings"

	"opsbot/bot"
)

var (
	numberWord = regexp.MustCompile(`^#[0-9]{1,9}$`)
	pairWord   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*=`)
)

// parse reads the words after the verb by the spec. missing lists the required
// parameters that were not given, for the caller to fill in or ask for.
func parse(spec bot.Spec, line string, words []token) (args bot.Args, missing []bot.Param, err error) {
	p := &parser{
		spec: spec, line: line, words: words,
		args: bot.Args{Values: map[string]string{}, Flags: map[string]string{}},
	}
	for p.at < len(p.words) {
		if err := p.word(); err != nil {
			return bot.Args{}, nil, err
		}
	}
	for _, param := range spec.Params {
		if _, given := p.args.Values[param.Name]; !given && !param.Optional {
			missing = append(missing, param)
		}
	}
	return p.args, missing, nil
}

type parser struct {
	spec  bot.Spec
	line  string
	words []token
	at    int
	args  bot.Args
}

// word takes the next word, and what belongs to it.
func (p *parser) word() error {
	w := p.words[p.at]
	p.at++
	if name, ok := flagName(w); ok {
		return p.flag(w, name)
	}
	if param, ok := p.keyword(w); ok {
		if p.has(param) {
			return &SyntaxError{w.pos, fmt.Sprintf("%q is there twice; put quotes around it where it is a name.", param.Keyword)}
		}
		if p.at == len(p.words) || param.Type != bot.ParamText && p.reserved(p.words[p.at]) {
			return &SyntaxError{w.pos, fmt.Sprintf("After %q I expect %s.", param.Keyword, strings.ToUpper(param.Name))}
		}
		next := p.words[p.at]
		p.at++
		return p.set(param, next)
	}
	if key := pairWord.FindString(w.text); p.spec.Pairs != "" && key != "" && w.has(key) {
		p.args.Pairs = append(p.args.Pairs, bot.Pair{Key: strings.TrimSuffix(key, "="), Value: w.text[len(key):]})
		return nil
	}
	return p.positional(w)
}

// flagName is what follows the dashes of an option, with its value if that is
// written along. Phones write two dashes as one long one.
func flagName(w token) (string, bool) {
	for _, dashes := range []string{"--", "—"} {
		if w.has(dashes) {
			return w.text[len(dashes):], true
		}
	}
	return "", false
}

func isFlag(w token) bool { _, ok := flagName(w); return ok }

// reserved reports a word that can only be a value in quotes.
func (p *parser) reserved(w token) bool {
	_, keyword := p.keyword(w)
	return keyword || isFlag(w)
}

// keyword finds the parameter that the reserved word w introduces.
func (p *parser) keyword(w token) (bot.Param, bool) {
	if w.quoted {
		return bot.Param{}, false
	}
	for _, param := range p.spec.Params {
		if param.Keyword != "" && strings.EqualFold(param.Keyword, w.text) {
			return param, true
		}
	}
	return bot.Param{}, false
}

func (p *parser) has(param bot.Param) bool { _, ok := p.args.Values[param.Name]; return ok }

// positional gives w to the first parameter without keyword that is free.
func (p *parser) positional(w token) error {
	number := !w.quoted && numberWord.MatchString(w.text)
	for _, param := range p.spec.Params {
		if param.Keyword == "" && !p.has(param) && number == (param.Type == bot.ParamNumber) {
			return p.set(param, w)
		}
	}
	if pairWord.MatchString(w.text) {
		return &SyntaxError{w.pos, fmt.Sprintf("%s takes no key=value: %q.", p.spec.Verb, w.text)}
	}
	return &SyntaxError{w.pos, fmt.Sprintf("I don't know what to do with %q.", w.text) + p.meant(w)}
}

// meant guesses what a word too many was to be: the value of a parameter whose
// keyword was forgotten, or more of a new name.
func (p *parser) meant(w token) string {
	for _, param := range p.spec.Params {
		name := p.args.Values[param.Name] + "-" + w.text
		switch {
		case param.Type == bot.ParamNewName && bot.CheckSlug(name) == nil:
			return fmt.Sprintf(" A name is one word; did you mean %s?", name)
		case param.Keyword != "" && !p.has(param) && !p.later(param) && param.Type != bot.ParamText:
			return fmt.Sprintf(" Did you mean %q?", param.Keyword+" "+w.text)
		}
	}
	return ""
}

// later reports a parameter whose keyword is still to come.
func (p *parser) later(param bot.Param) bool {
	for _, w := range p.words[p.at:] {
		if k, ok := p.keyword(w); ok && k.Name == param.Name {
			return true
		}
	}
	return false
}

// set stores a parameter's value.
func (p *parser) set(param bot.Param, w token) error {
	value := w.text
	switch param.Type {
	case bot.ParamText:
		// The rest of the line, as written, unless it is one quotation.
		if p.at < len(p.words) || w.plain > 0 || !w.quoted {
			value = strings.TrimSpace(p.line[w.pos:])
			p.at = len(p.words)
		}
	case bot.ParamNumber:
		value = strings.TrimPrefix(value, "#")
	case bot.ParamVersioned:
		name, version, has := strings.Cut(value, "@")
		if has && version == "" {
			return &SyntaxError{w.end, fmt.Sprintf("After %q I expect a version.", name+"@")}
		}
		if has {
			p.args.Values["version"] = version
		}
		value = name
	}
	if value == "" {
		return &SyntaxError{w.pos, fmt.Sprintf("%s is empty.", strings.ToUpper(param.Name))}
	}
	p.args.Values[param.Name] = value
	return nil
}

// flag takes --name, --name=value or --name value.
func (p *parser) flag(w token, rest string) error {
	name, value, has := strings.Cut(rest, "=")
	for _, f := range p.spec.Flags {
		if !strings.EqualFold(f.Name, name) {
			continue
		}
		if f.Value == "" && has {
			return &SyntaxError{w.pos, fmt.Sprintf("--%s takes no value.", f.Name)}
		}
		if f.Value == "" {
			p.args.Flags[f.Name] = "true"
			return nil
		}
		if !has && p.at < len(p.words) && !isFlag(p.words[p.at]) {
			value = p.words[p.at].text
			p.at++
		}
		if value == "" {
			return &SyntaxError{w.pos, fmt.Sprintf("--%s needs a value: --%s %s.", f.Name, f.Name, f.Value)}
		}
		if old, twice := p.args.Flags[f.Name]; twice && old != value {
			return &SyntaxError{w.pos, fmt.Sprintf("--%s is there twice, with two values.", f.Name)}
		}
		p.args.Flags[f.Name] = value
		return nil
	}
	known := make([]string, len(p.spec.Flags))
	for i, f := range p.spec.Flags {
		known[i] = f.Name
	}
	msg := fmt.Sprintf("%s has no option --%s.", p.spec.Verb, name)
	if near := bot.Nearest(name, known); near != "" {
		msg += fmt.Sprintf(" Did you mean --%s?", near)
	}
	return &SyntaxError{w.pos, msg}
}
