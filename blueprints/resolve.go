package blueprints

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/template"

	"opsbot/bot"
)

// Answers are the values of all parameters of a blueprint by name: string,
// int64, float64 or bool. They survive JSON: Resolve takes them back.
type Answers map[string]any

// problemList collects what is wrong with answers, for a sentence and for a form.
type problemList struct {
	lines  []string
	fields bot.FieldProblems
}

func (p *problemList) add(name, text string) {
	p.lines = append(p.lines, name+": "+text)
	if p.fields == nil {
		p.fields = bot.FieldProblems{}
	}
	p.fields[name] = text
}

// Resolve completes and types the answers given: texts as a person typed them
// ("8080", "true") or values of the right type. What is not given comes from
// its default, its derivation or the random source, so that Resolve of its own
// result changes nothing. The error is a *bot.Error with CodeInvalid that names
// every refused parameter and what is allowed there.
func (b *Blueprint) Resolve(given map[string]any) (Answers, error) {
	var problems problemList
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !slices.ContainsFunc(b.params, func(p Parameter) bool { return p.Name == key }) {
			problem := fmt.Sprintf("%s has no such parameter, it has %s", b.Name(), strings.Join(b.parameterNames(), ", "))
			if near := bot.Nearest(key, b.parameterNames()); near != "" {
				problem += " (did you mean " + near + "?)"
			}
			problems.add(show(key), problem)
		}
	}
	out := Answers{}
	for i := range b.params {
		p := &b.params[i]
		v, err := b.answer(p, given, out, len(problems.lines) > 0)
		if err != nil {
			problems.add(p.Name, err.Error())
			continue
		}
		if v != nil {
			out[p.Name] = v
		}
	}
	if len(problems.lines) == 0 {
		refused, err := b.schema.refused(out)
		if err != nil {
			return nil, fmt.Errorf("resolve answers of %s: %w", b.Name(), err)
		}
		for i := range b.params {
			if p := &b.params[i]; refused[p.Name] {
				problems.add(p.Name, refusal(p, out[p.Name]).Error())
			}
		}
	}
	if len(problems.lines) > 0 {
		return nil, bot.Errorf(bot.CodeInvalid, "Blueprint %s: %s.", b.Name(), strings.Join(problems.lines, "; ")).Because(problems.fields)
	}
	return out, nil
}

// answer is the value of one parameter; nil without error if it depends on an
// answer that was refused before.
func (b *Blueprint) answer(p *Parameter, given map[string]any, before Answers, broken bool) (any, error) {
	if v, ok := given[p.Name]; ok {
		return b.take(p, v)
	}
	switch {
	case p.Default != nil:
		return p.Default, nil
	case p.Generate != nil:
		return p.Generate.draw(b.random)
	case p.Derive != "" && broken:
		return nil, nil //nolint:nilnil // documented: the fault is reported already
	case p.Derive != "":
		v, err := b.derive(p, before)
		if err != nil {
			return nil, fmt.Errorf("derive: %w", err)
		}
		return b.take(p, v)
	default:
		return nil, fmt.Errorf("is required: %s", p.Allowed())
	}
}

// take types v and checks it alone, so that all faults are told at once.
func (b *Blueprint) take(p *Parameter, v any) (any, error) {
	out, ok := p.convert(v)
	if !ok {
		return nil, refusal(p, v)
	}
	if s, isText := out.(string); isText {
		if problem := plainText(s); problem != "" {
			return nil, fmt.Errorf("%s %s, use %s", show(v), problem, p.Allowed())
		}
	}
	refused, err := b.schema.refused(Answers{p.Name: out})
	if err != nil {
		return nil, err
	}
	if refused[p.Name] {
		return nil, refusal(p, out)
	}
	return out, nil
}

func refusal(p *Parameter, v any) error {
	return fmt.Errorf("%s is not allowed, use %s", show(v), p.Allowed())
}

// show quotes a person's value for a message and cuts it to a readable length.
func show(v any) string {
	const longest = 60
	s := text(v)
	if r := []rune(s); len(r) > longest {
		s = string(r[:longest]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

func (b *Blueprint) parameterNames() []string {
	var out []string
	for i := range b.params {
		out = append(out, b.params[i].Name)
	}
	return out
}

func (b *Blueprint) derive(p *Parameter, before Answers) (string, error) {
	t, err := template.New(p.Name).Option("missingkey=error").
		Delims(b.manifest.Delimiters[0], b.manifest.Delimiters[1]).Funcs(b.funcs).Parse(p.Derive)
	if err != nil {
		return "", templateFinding(p.Name, err)
	}
	var out strings.Builder
	if err := t.Execute(&limitedWriter{w: &out, left: maxManifest}, map[string]any(before)); err != nil {
		return "", templateFinding(p.Name, err)
	}
	return out.String(), nil
}

func alphabet(name string) string {
	switch name {
	case "digits":
		return "0123456789"
	case "hex":
		return "0123456789abcdef"
	case "alphanumeric":
		return "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	default:
		return ""
	}
}

// draw makes a value of evenly distributed characters.
func (g *Generate) draw(random io.Reader) (string, error) {
	letters := alphabet(g.Alphabet)
	// Bytes at or above the largest multiple would favour the first letters.
	limit := 256 - 256%len(letters)
	out := make([]byte, 0, g.Length)
	buf := make([]byte, g.Length)
	for len(out) < g.Length {
		if _, err := io.ReadFull(random, buf); err != nil {
			return "", fmt.Errorf("draw a random value: %w", err)
		}
		for _, c := range buf {
			if int(c) < limit && len(out) < g.Length {
				out = append(out, letters[int(c)%len(letters)])
			}
		}
	}
	return string(out), nil
}
