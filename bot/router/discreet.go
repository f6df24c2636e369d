package router

import (
	"context"
	"maps"
	"strings"

	"opsbot/bot"
)

var _ bot.Redactor = (*Router)(nil)

// Redact implements bot.Redactor: what nobody may read in the store does not get there.
// Secret values of a form are sealed until it is run; of a line that may hold a secret
// only the beginning is kept.
func (r *Router) Redact(ctx context.Context, m bot.Message) (bot.Message, error) {
	if m.Form != nil {
		return r.sealForm(ctx, m)
	}
	line, dress := r.bare(m.Text)
	kept, whole := r.kept(ctx, line)
	if !whole {
		m.Text, m.Redacted = dress(kept), true
	}
	return m, nil
}

// sealForm seals the secret fields. A form that will be refused, whatever it holds, is
// kept without what it holds: which of it is secret nobody can tell any more.
func (r *Router) sealForm(ctx context.Context, m bot.Message) (bot.Message, error) {
	a, err := r.stored(ctx, m.Action)
	if ignoreNotFound(err) != nil {
		return m, err
	}
	form := maps.Clone(m.Form)
	m.Form = form
	if err != nil || !submits(a) {
		for name := range form {
			form[name] = ""
		}
		return m, nil
	}
	for _, name := range a.Secret {
		value, has := form[name]
		if !has {
			continue
		}
		if form[name], err = r.seal(ctx, a, name, value); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (r *Router) seal(ctx context.Context, a bot.Action, field, value string) (string, error) {
	if r.opt.Sealer == nil {
		return "", bot.Errorf(bot.CodeUnsupported, "This OpsBot can't keep secrets.")
	}
	return r.opt.Sealer.Seal(ctx, sealedFor(a, field), value)
}

func sealedFor(a bot.Action, field string) string { return "form " + a.ID + " " + field }

// unsealed gives what a stored form submitted.
func (r *Router) unsealed(ctx context.Context, a bot.Action, form map[string]string) (map[string]string, error) {
	out := maps.Clone(form)
	for _, name := range a.Secret {
		sealed, has := out[name]
		if !has {
			continue
		}
		if r.opt.Sealer == nil {
			return nil, bot.Errorf(bot.CodeUnsupported, "This OpsBot can't keep secrets.")
		}
		var err error
		if out[name], err = r.opt.Sealer.Unseal(ctx, sealedFor(a, name), sealed); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sealable reports, before a form is taken, that what is secret of it can be kept.
func (r *Router) sealable(ctx context.Context, a bot.Action) error {
	for _, name := range a.Secret {
		if _, err := r.seal(ctx, a, name, ""); err != nil {
			return err
		}
	}
	return nil
}

// bare takes what addresses the bot from a text; dress puts it back.
func (r *Router) bare(text string) (line string, dress func(line string) string) {
	line = strings.TrimSpace(text)
	if rest, ok := r.mention(line); ok {
		return rest, func(line string) string { return "@" + r.opt.BotName + " " + line }
	}
	for _, prefix := range r.opt.Prefixes {
		if rest, ok := strings.CutPrefix(line, prefix); ok && prefix != "" {
			return strings.TrimSpace(rest), func(line string) string { return prefix + line }
		}
	}
	return line, func(line string) string { return line }
}

// politeness is how many words may stand before a verb that is still looked for: "please",
// the bot's name without its sign.
const politeness = 3

// kept gives what of a line may be stored and repeated, and whether that is all of it.
// Only a verb that begins the line makes it a command, but its value may stand behind
// another one, and behind one that was mistyped.
func (r *Router) kept(ctx context.Context, line string) (string, bool) {
	words := strings.Fields(line)
	if len(words) < 2 { // a verb alone tells nothing
		return line, true
	}
	if cmd := r.discreet(words[0]); cmd != nil {
		kept := cmd.Keep(ctx, line, r.read(line))
		return kept, kept == line
	}
	verb := bareWord(words[0])
	if r.verbs[verb] != nil {
		return line, true
	}
	if _, near := r.verbs[r.nearestVerb(verb)].(bot.Discreet); near {
		return words[0], false
	}
	for i := 1; i <= politeness && i < len(words)-1; i++ {
		if r.discreet(words[i]) != nil {
			return strings.Join(words[:i+1], " "), false
		}
	}
	return line, true
}

// discreet is the command of a word, nil if it is none or has nothing to hide.
func (r *Router) discreet(word string) bot.Discreet {
	cmd, _ := r.verbs[bareWord(word)].(bot.Discreet)
	return cmd
}

// bareWord takes away the quotes and marks that people put around what they quote.
func bareWord(word string) string {
	return strings.ToLower(strings.Trim(word, "\"'“”„‘’«»\\`*_,:"))
}

// read parses a line; nil for one that can't be.
func (r *Router) read(line string) *bot.Args {
	words, err := lex(line)
	if err != nil || len(words) == 0 {
		return nil
	}
	cmd := r.verbs[strings.ToLower(words[0].text)]
	if cmd == nil {
		return nil
	}
	args, _, err := parse(cmd.Spec(), line, words[1:])
	if err != nil {
		return nil
	}
	return &args
}

func (r *Router) nearestVerb(word string) string {
	all := make([]string, 0, len(r.verbs))
	for name := range r.verbs {
		all = append(all, name)
	}
	return bot.Nearest(word, all)
}

// withheld answers a line of which only the beginning was kept.
func (c *call) withheld() *result {
	res := c.invalid("I can't run that as it was typed, and have not kept it, as it may hold what nobody should read.")
	res.reply.Text = append(res.reply.Text,
		"If it did, it is known to everybody who reads this chat, and to the chat's own archive: delete the message, and change that value where it comes from.")
	return res
}

// asks offers the form of a command that asks for what is not to be typed; nil where
// there is none, or the chat can't show it.
func (r *Router) asks(ctx context.Context, c *call) (*result, error) {
	text := asked(c)
	if text == "" {
		return nil, nil
	}
	res, err := r.offerForms(ctx, c, text)
	if res != nil && res.reply.Buttons != nil {
		res.reply.Text = res.reply.Text[:1] // the line is right: its usage would say otherwise
	}
	return res, err
}

func asked(c *call) string {
	if cmd, ok := c.cmd.(bot.FormAsker); ok {
		return cmd.Asks(c.args)
	}
	return ""
}
