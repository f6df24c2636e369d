package blueprints

import (
	"context"
	"maps"

	"opsbot/bot"
)

var _ bot.Blueprints = (*Catalogue)(nil)

// List describes the blueprints that can be used, ordered by name. Broken ones
// of the operator's are left out; Get says what is wrong with them.
func (c *Catalogue) List() []bot.BlueprintInfo {
	all, _ := c.All() // documented: Get tells
	out := make([]bot.BlueprintInfo, 0, len(all))
	for _, b := range all {
		out = append(out, b.Info())
	}
	return out
}

// Get describes one blueprint; errors are those of Find.
func (c *Catalogue) Get(name string) (bot.BlueprintInfo, error) {
	b, err := c.Find(name)
	if err != nil {
		return bot.BlueprintInfo{}, err
	}
	return b.Info(), nil
}

// Resolve completes the request: see Blueprint.Resolve. Owner and name are no
// answers in what it returns; given as answers, they must say the same. A
// version that isn't the blueprint's any more is CodeConflict.
func (c *Catalogue) Resolve(req bot.RenderRequest) (bot.RenderRequest, error) {
	b, answers, err := c.resolve(req)
	if err != nil {
		return bot.RenderRequest{}, err
	}
	req.Version = b.Version()
	req.Answers = map[string]string{}
	for name, v := range answers {
		if name != ParamName && name != ParamOwner {
			req.Answers[name] = text(v)
		}
	}
	return req, nil
}

// Render makes the tree of a resolved request: see Blueprint.Render.
func (c *Catalogue) Render(ctx context.Context, req bot.RenderRequest) (bot.Tree, error) {
	b, answers, err := c.resolve(req)
	if err != nil {
		return bot.Tree{}, err
	}
	if len(answers) != len(withSubject(req)) {
		return bot.Tree{}, incomplete(b)
	}
	return b.Render(ctx, answers)
}

func (c *Catalogue) resolve(req bot.RenderRequest) (*Blueprint, Answers, error) {
	b, err := c.Find(req.Blueprint)
	if err != nil {
		return nil, nil, err
	}
	if req.Version != "" && req.Version != b.Version() {
		return nil, nil, bot.Errorf(bot.CodeConflict, "Blueprint %s is at version %s; version %s is no longer here.",
			b.Name(), b.Version(), show(req.Version))
	}
	for key, want := range map[string]string{ParamName: req.Name, ParamOwner: req.Owner} {
		if v, ok := req.Answers[key]; ok && v != want {
			return nil, nil, bot.Errorf(bot.CodeInvalid, "Blueprint %s: %s is %s already, it cannot be %s as well.",
				b.Name(), key, show(want), show(v))
		}
	}
	answers, err := b.Resolve(withSubject(req))
	return b, answers, err
}

// withSubject is the request's answers with its name and owner among them.
func withSubject(req bot.RenderRequest) map[string]any {
	out := map[string]any{}
	for k, v := range maps.All(req.Answers) {
		out[k] = v
	}
	out[ParamName], out[ParamOwner] = req.Name, req.Owner
	return out
}

// Info describes the blueprint for lists, help and forms. Name and owner are not
// among its parameters: every project has them.
func (b *Blueprint) Info() bot.BlueprintInfo {
	info := bot.BlueprintInfo{
		Name: b.Name(), Version: b.Version(), Description: b.Description(), Owner: b.Owner(), Schema: b.Schema(),
	}
	for i := range b.params {
		p := &b.params[i]
		if p.Name == ParamName || p.Name == ParamOwner {
			continue
		}
		out := bot.BlueprintParameter{
			Name: p.Name, Title: p.Title, Description: p.Description, Type: string(p.Type),
			Pattern: p.Pattern, Required: p.Required(),
		}
		if p.Default != nil {
			out.Default = text(p.Default)
		}
		for _, v := range p.Enum {
			out.Enum = append(out.Enum, text(v))
		}
		info.Parameters = append(info.Parameters, out)
	}
	return info
}
