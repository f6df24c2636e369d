package bot

import (
	"maps"
	"slices"
	"strings"
	"unicode"
)

// Usage gives the command's form: deploy NAME[@VERSION] to ENV [--yes].
func (s Spec) Usage() string {
	parts := []string{s.Verb}
	for _, p := range s.Params {
		parts = append(parts, usageOf(p))
	}
	if s.Pairs != "" {
		parts = append(parts, "[key=value ...]")
	}
	for _, f := range s.Flags {
		text := "--" + f.Name
		if f.Value != "" {
			text += " " + f.Value
		}
		parts = append(parts, "["+text+"]")
	}
	return strings.Join(parts, " ")
}

func usageOf(p Param) string {
	text := strings.ToUpper(p.Name)
	switch p.Type {
	case ParamNumber:
		text = "#N"
	case ParamVersioned:
		text += "[@VERSION]"
	case ParamText:
		text += " ..."
	case ParamEither:
		text = "NAME|ENV"
	}
	if p.Keyword != "" {
		text = p.Keyword + " " + text
	}
	if p.Optional {
		text = "[" + text + "]"
	}
	return text
}

// Examples makes example lines from the spec: the required parts, then
// everything it can take.
func (s Spec) Examples() []string {
	short, long := []string{s.Verb}, []string{s.Verb}
	for _, p := range s.Params {
		value := p.Example
		if value == "" {
			value = strings.ToLower(p.Name)
		}
		if p.Type != ParamText && p.Type != ParamNumber {
			value = Quote(value)
		}
		if p.Keyword != "" {
			value = p.Keyword + " " + value
		}
		if !p.Optional {
			short = append(short, value)
		}
		// "log NAME [BRANCH] [#N] [in ENV]": the forms exclude each other, so an
		// optional keyword ends the long example's optional words.
		if !p.Optional || p.Keyword == "" && p.Example != "" {
			long = append(long, value)
		}
	}
	for _, f := range s.Flags {
		if f.Example != "" {
			long = append(long, "--"+f.Name+" "+Quote(f.Example))
		}
	}
	out := []string{strings.Join(short, " ")}
	if l := strings.Join(long, " "); l != out[0] {
		out = append(out, l)
	}
	return out
}

// Format writes a command line that parses to args again. A free text swallows
// the rest of the line, so it comes last.
func (s Spec) Format(args Args) string {
	parts, last := []string{s.Verb}, []string(nil)
	for _, p := range s.Params {
		value, ok := args.Values[p.Name]
		if !ok {
			continue
		}
		words := []string{written(s, p, value, args)}
		if p.Keyword != "" {
			words = []string{p.Keyword, words[0]}
		}
		if p.Type == ParamText {
			last = words
			continue
		}
		parts = append(parts, words...)
	}
	for _, pair := range args.Pairs {
		parts = append(parts, pair.Key+"="+quoteValue(pair.Value))
	}
	for _, name := range slices.Sorted(maps.Keys(args.Flags)) {
		parts = append(parts, "--"+name)
		if takesValue(s, name) {
			parts = append(parts, Quote(args.Flags[name]))
		}
	}
	return strings.Join(append(parts, last...), " ")
}

// written is a parameter's value as a word of the line.
func written(s Spec, p Param, value string, args Args) string {
	if p.Type == ParamNumber {
		return "#" + value
	}
	if v, has := args.Values["version"]; has && p.Type == ParamVersioned {
		value += "@" + v
	}
	return quoteFor(s, value)
}

func takesValue(s Spec, flag string) bool {
	for _, f := range s.Flags {
		if f.Name == flag {
			return f.Value != ""
		}
	}
	return false
}

// Quote wraps a word in double quotes when the grammar could read it otherwise.
func Quote(s string) string {
	plain := s != "" && !strings.HasPrefix(s, "--") && !strings.HasPrefix(s, "#")
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./:@=+,%#~^", r) {
			plain = false
		}
	}
	if plain {
		return s
	}
	return quoted(s)
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// quoteValue quotes what follows key=: nothing at all is a value, too.
func quoteValue(value string) string {
	if value == "" {
		return ""
	}
	return Quote(value)
}

// quoteFor also quotes words that the spec reserves, or would read as a pair.
func quoteFor(s Spec, word string) string {
	if s.Pairs != "" && strings.Contains(word, "=") {
		return quoted(word)
	}
	for _, p := range s.Params {
		if p.Keyword != "" && strings.EqualFold(p.Keyword, word) {
			return quoted(word)
		}
	}
	return Quote(word)
}
