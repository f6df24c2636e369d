package commandtest

import (
	"context"
	"strings"

	"opsbot/bot"
)

// Request makes the request of a call: "name=hello", "--purge", "--owner=x", and
// pairs as "+key=value". A parameter that names a project finds it.
func (r *Rig) Request(c bot.Command, args ...string) *bot.Request {
	r.T.Helper()
	now := r.Clock.Now()
	req := &bot.Request{
		Spec: c.Spec(), User: r.Alice, Now: now, Cause: bot.Cause{Cause: "m1", Root: "root"},
		Message: bot.Message{ID: "m1", Room: bot.RoomRef{Instance: "console", ID: "general"}, Author: r.Alice.Account, SentAt: now},
		Args:    bot.Args{Values: map[string]string{}, Flags: map[string]string{}},
	}
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		switch {
		case strings.HasPrefix(key, "--"):
			req.Args.Flags[key[2:]] = value
		case strings.HasPrefix(key, "+"):
			req.Args.Pairs = append(req.Args.Pairs, bot.Pair{Key: key[1:], Value: value})
		default:
			req.Args.Values[key] = value
		}
	}
	r.resolve(req)
	return req
}

// resolve finds the project, as the router does.
func (r *Rig) resolve(req *bot.Request) {
	r.T.Helper()
	for _, p := range req.Spec.Params {
		name := req.Args.Values[p.Name]
		if name == "" || p.Type != bot.ParamProject && p.Type != bot.ParamVersioned && p.Type != bot.ParamEither {
			continue
		}
		r.Read(func(ctx context.Context, tx *bot.Tx) error {
			found, err := tx.Projects.BySlug(ctx, name)
			if bot.CodeOf(err) == bot.CodeNotFound && p.Type == bot.ParamEither {
				return nil
			}
			req.Project = &found
			return err
		})
	}
}

// Call runs a command as the router does: its plan, if it has one, confirmed, its
// effect in a transaction. It returns the reply and the error for the person.
func (r *Rig) Call(c bot.Command, args ...string) (*bot.Post, error) {
	r.T.Helper()
	return r.Do(c, r.Request(c, args...))
}

// Do is Call with a request made by hand.
func (r *Rig) Do(c bot.Command, req *bot.Request) (*bot.Post, error) {
	r.T.Helper()
	ctx := context.Background()
	if p, ok := c.(bot.Planner); ok {
		plan, err := p.Plan(ctx, req)
		if err != nil {
			return nil, err
		}
		req.Plan = plan
	}
	out, err := c.Run(ctx, req)
	if err != nil {
		return nil, err
	}
	if out.Commit != nil {
		if err := r.DB.Write(ctx, out.Commit); err != nil {
			return nil, err
		}
	}
	return out.Reply, nil
}

// Said calls a command that must work, and returns its reply as text.
func (r *Rig) Said(c bot.Command, args ...string) string {
	r.T.Helper()
	post, err := r.Call(c, args...)
	if err != nil {
		r.T.Fatalf("%s %v: %v", c.Spec().Verb, args, err)
	}
	return Text(post)
}

// Refused calls a command that must fail with a code and words.
func (r *Rig) Refused(c bot.Command, code bot.Code, part string, args ...string) {
	r.T.Helper()
	_, err := r.Call(c, args...)
	if bot.CodeOf(err) != code || !strings.Contains(bot.MessageOf(err), part) {
		r.T.Errorf("%s %v: %v, want %s %q", c.Spec().Verb, args, err, code, part)
	}
}

// Text is a post as plain text, one thing a line; "" for none.
func Text(p *bot.Post) string {
	if p == nil {
		return ""
	}
	lines := []string{bot.Unescape(p.Title)}
	for _, l := range p.Text {
		lines = append(lines, bot.Unescape(l))
	}
	for _, f := range p.Fields {
		lines = append(lines, f.Name+": "+bot.Unescape(f.Value)+" "+f.URL)
	}
	if p.Table != nil {
		lines = append(lines, strings.Join(p.Table.Head, " | "))
		for _, row := range p.Table.Rows {
			var cells []string
			for _, c := range row {
				cells = append(cells, bot.Unescape(c))
			}
			lines = append(lines, strings.Join(cells, " | "))
		}
	}
	return strings.TrimSpace(strings.Join(append(lines, p.Code), "\n"))
}

// Want checks that a text has each part.
func (r *Rig) Want(text string, parts ...string) {
	r.T.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			r.T.Errorf("%q is not in:\n%s", part, text)
		}
	}
}
