// Package secret is the command secret: what a project's builds and apps are given that
// nobody may read.
//
// Policies know the verbs as they know all others. A secret that reaches an environment
// may be set and removed only by who may deploy there, too.
package secret

import (
	"context"
	"slices"
	"strings"

	"opsbot/bot"
)

// Command is secret.
type Command struct{ s *bot.Services }

var (
	_ bot.FormAsker = (*Command)(nil)
	_ bot.Discreet  = (*Command)(nil)
)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// The first word behind the verb.
const (
	set    = "set"
	list   = "list"
	remove = "remove"
)

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "secret", Role: bot.RoleDeveloper, Summary: "set, list or remove what builds and apps are given that nobody may read",
		Help: "`set` opens a form for the value, which is never typed into the chat; it is kept encrypted. Without an environment builds see the secret, " +
			"and so does every environment that has none of its own. Where no form can be opened: `opsbot secret set` on the machine where OpsBot runs.",
		Params: []bot.Param{
			{Name: "action", Type: bot.ParamWord, Help: "set, list or remove", Example: set},
			{Name: "name", Type: bot.ParamProject, Help: "the project", Example: "hello-world"},
			{Name: "key", Type: bot.ParamWord, Optional: true, Help: "what it is called, as in credentials('KEY')", Example: "DB_PASSWORD"},
			{Name: "env", Type: bot.ParamEnvironment, Keyword: "in", Optional: true, Help: "only for what runs there", Example: "production"},
		},
		Flags: []bot.Flag{{Name: "kind", Value: "KIND", Help: "text (a variable), file (a variable with its path) or login (user and password)", Example: "login"}},
	}
}

// Keep implements bot.Discreet: a line that names no project and key, or more than them,
// may hold the value.
func (c *Command) Keep(ctx context.Context, line string, args *bot.Args) string {
	words := strings.Fields(line)
	beginning := "secret"
	if len(words) > 1 && isAction(strings.ToLower(words[1])) {
		beginning += " " + strings.ToLower(words[1])
	}
	if args == nil || !isAction(action(*args)) {
		return beginning
	}
	key, env, kind := args.Values["key"], args.Values["env"], args.Flags["kind"]
	if _, err := c.s.Environment(env); env != "" && err != nil || key != "" && !bot.IsSecretKey(key) || !isKind(kind) {
		return beginning
	}
	if action(*args) == list && key == "" {
		return line
	}
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Projects.BySlug(ctx, args.Values["name"])
		return err
	})
	if err != nil {
		return beginning
	}
	return line
}

func action(args bot.Args) string { return strings.ToLower(args.Values["action"]) }

func isAction(word string) bool { return slices.Contains([]string{set, list, remove}, word) }

// isKind reports a kind of secrets; "" is a text.
func isKind(kind string) bool {
	return slices.Contains([]bot.SecretKind{"", bot.SecretText, bot.SecretFile, bot.SecretLogin}, bot.SecretKind(kind))
}

func kindOf(args bot.Args) bot.SecretKind {
	if kind := args.Flags["kind"]; kind != "" {
		return bot.SecretKind(kind)
	}
	return bot.SecretText
}

// Run sets, lists or removes.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	switch action(req.Args) {
	case set:
		return c.set(ctx, req)
	case list:
		post, err := c.s.SecretList(ctx, *req.Project)
		return &bot.Outcome{Reply: post, Private: true}, err
	case remove:
		return c.remove(ctx, req)
	}
	return nil, bot.Errorf(bot.CodeInvalid, "A secret can be set, listed or removed: `secret set NAME KEY [in ENV]`, `secret list NAME`, `secret remove NAME KEY [in ENV]`.")
}

// set stores what the form submitted.
func (c *Command) set(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	env, err := c.writable(ctx, req)
	if err != nil {
		return nil, err
	}
	if req.Form == nil {
		return nil, bot.Errorf(bot.CodeUnsupported, "A secret's value is never typed into a chat, and this chat has no form for it. "+
			"Use another chat, the page, or `opsbot secret set NAME KEY --file PATH` on the machine where OpsBot runs.")
	}
	value, err := submitted(req, env)
	if err != nil {
		return nil, err
	}
	before, err := c.find(ctx, req.Project.ID, value.Key, env)
	if err != nil {
		return nil, err
	}
	what := " is set."
	if before != nil {
		what = " is set anew."
	}
	reply := &bot.Post{Tone: bot.ToneGood, Text: []bot.Text{named(value.Key, req.Project.Slug, env) + bot.Text(what)}}
	seen, err := c.seen(ctx, req.Project, env)
	if err != nil {
		return nil, err
	}
	reply.Text = append(reply.Text, seen...)
	return &bot.Outcome{Reply: reply, Commit: func(ctx context.Context, tx *bot.Tx) error {
		return c.s.Secrets.Set(ctx, tx, value)
	}}, nil
}

func (c *Command) remove(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	env, err := c.writable(ctx, req)
	if err != nil {
		return nil, err
	}
	key := req.Value("key")
	if key == "" {
		return nil, bot.Errorf(bot.CodeInvalid, "KEY is missing: `secret remove NAME KEY [in ENV]`. `secrets %s` lists them.", req.Project.Slug)
	}
	found, err := c.find(ctx, req.Project.ID, key, env)
	if err != nil {
		return nil, err
	}
	if found == nil {
		where := req.Project.Slug
		if env != "" {
			where += " in " + env
		}
		return nil, bot.Errorf(bot.CodeNotFound, "There is no secret %s of %s; `secrets %s` lists them.", bot.Shorten(key, 100), where, req.Project.Slug)
	}
	reply := &bot.Post{Text: []bot.Text{named(key, req.Project.Slug, env) + " is removed. What was given it already, a build or an app, keeps it until its end."}}
	return &bot.Outcome{Reply: reply, Commit: func(ctx context.Context, tx *bot.Tx) error {
		return c.s.Secrets.Remove(ctx, tx, req.Project.ID, key, env)
	}}, nil
}

// writable gives the environment that the call names, "" for none, if its author may
// change what is given to whatever runs there: a secret of none reaches all of them.
func (c *Command) writable(ctx context.Context, req *bot.Request) (string, error) {
	if req.Project.State != bot.ProjectActive {
		return "", bot.Errorf(bot.CodeConflict, "The project %s is %s; its secrets can't be changed.", req.Project.Slug, req.Project.State)
	}
	if !isKind(req.Args.Flags["kind"]) {
		return "", bot.Errorf(bot.CodeInvalid, "KIND is text, file or login.")
	}
	reached := c.s.Environments
	name := ""
	if wanted := req.Value("env"); wanted != "" {
		env, err := c.s.Environment(wanted)
		if err != nil {
			return "", err
		}
		name, reached = env.Name, []bot.Environment{env}
	}
	for _, env := range reached {
		d, err := c.s.Authorizer.Authorize(ctx, bot.Access{
			User: req.User, Verb: "deploy", Project: req.Project.Slug, Team: req.Project.Team, OwnerName: req.Project.Owner,
			Environment: strings.ToLower(env.Name), Room: req.Message.Room,
		})
		if err != nil {
			return "", err
		}
		if !d.Allowed {
			how := ""
			if name == "" {
				how = " A secret without an environment reaches all of them; name one that you may deploy to: `in ENV`."
			}
			return "", bot.Errorf(bot.CodeForbidden, "You may not deploy %s to %s, so you may not change what it is given there. %s%s", req.Project.Slug, env.Name, d.Reason, how)
		}
	}
	return name, nil
}

// find describes one secret, nil if there is none.
func (c *Command) find(ctx context.Context, projectID, key, env string) (found *bot.ProjectSecret, err error) {
	err = c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		all, err := c.s.Secrets.List(ctx, tx, projectID)
		for _, s := range all {
			if s.Key == key && s.Environment == env {
				found = &s
			}
		}
		return err
	})
	return found, err
}

// seen says when a change is seen: by what runs, only after a restart.
func (c *Command) seen(ctx context.Context, p *bot.Project, env string) ([]bot.Text, error) {
	var states []bot.EnvironmentState
	err := c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		states, err = tx.Environments.Of(ctx, p.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	var out, restarts []bot.Text
	if env == "" {
		out = append(out, "Builds see it from the next one on.")
	}
	for _, e := range c.s.Environments {
		if env != "" && e.Name != env {
			continue
		}
		if _, uses := c.s.Integrations.Get(e.Deployer).(bot.SecretUser); !uses {
			out = append(out, "What runs in "+bot.Escape(e.Name)+" does not see it: "+bot.Escape(e.Deployer)+" keeps secrets of its own.")
			continue
		}
		if slices.ContainsFunc(states, func(s bot.EnvironmentState) bool { return s.Environment == e.Name && s.ObservedID != "" }) {
			restarts = append(restarts, "`restart "+bot.Text(p.Slug+" in "+e.Name)+"`")
		}
	}
	if len(restarts) > 0 {
		out = append(out, "What runs now sees it after "+join(restarts)+".")
	}
	return out, nil
}

func join(texts []bot.Text) bot.Text {
	out := texts[0]
	for _, t := range texts[1:] {
		out += ", " + t
	}
	return out
}

// named words which secret is meant.
func named(key, slug, env string) bot.Text {
	text := "`" + bot.Text(key) + "` of " + bot.Escape(slug)
	if env != "" {
		text += " in " + bot.Escape(env)
	}
	return text
}
