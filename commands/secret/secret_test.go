package secret

import (
	"context"
	"encoding/base64"
	"log/slog"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/bot/vault"
	"opsbot/test/conformance/commandtest"
)

const value = "correct-horse-battery-staple"

func setup(t *testing.T) (*commandtest.Rig, *Command) {
	t.Helper()
	r := commandtest.New(t)
	v := vault.New(vault.Options{Work: r.DB, Clock: r.Clock, Log: slog.New(slog.DiscardHandler), File: filepath.Join(t.TempDir(), "key")})
	if err := v.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.Services.Secrets = v
	return r, New(r.Services)
}

// sent is a request as a form makes it: filled in, and run.
func sent(r *commandtest.Rig, c *Command, form map[string]string, args ...string) (string, map[string]string, error) {
	r.T.Helper()
	req := r.Request(c, args...)
	project := req.Project
	req.Project = nil // the router fills in first
	filled, problems, err := c.Fill(context.Background(), req, form)
	req.Project = project
	if err != nil || len(problems) > 0 {
		return "", problems, err
	}
	if line := req.Spec.Format(filled); strings.Contains(line, form[fieldValue]) {
		r.T.Errorf("the value is an argument: %s", line)
	}
	req.Args, req.Form = filled, form
	post, err := r.Do(c, req)
	return commandtest.Text(post), nil, err
}

func opened(r *commandtest.Rig, env string) string {
	r.T.Helper()
	all, err := r.Services.Secrets.Open(context.Background(), r.Project.ID, env)
	if err != nil {
		r.T.Fatal(err)
	}
	var out []string
	for _, s := range all {
		out = append(out, s.Key+"="+s.User+"|"+s.FileName+"|"+string(s.Value))
	}
	return strings.Join(out, " ")
}

func TestSetListRemove(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	for _, s := range []struct {
		form map[string]string
		args []string
		want string
	}{
		{map[string]string{"value": value + "\r\n"}, []string{"action=set", "name=hello", "key=TOKEN"}, "`TOKEN` of hello is set.\nBuilds see it from the next one on."},
		{map[string]string{"value": "own"}, []string{"action=SET", "name=hello", "key=TOKEN", "env=Production"}, "`TOKEN` of hello in production is set."},
		{map[string]string{"value": "newer"}, []string{"action=set", "name=hello", "key=TOKEN", "env=production"}, "`TOKEN` of hello in production is set anew."},
		{map[string]string{"user": " scott ", "value": "tiger"}, []string{"action=set", "name=hello", "key=db", "--kind=login"}, "`db` of hello is set."},
		{map[string]string{"file_name": "id_rsa", "value": "a\r\nb"}, []string{"action=set", "name=hello", "key=deploy-key", "--kind=file"}, "`deploy-key` of hello is set."},
		{map[string]string{"key": "LATE", "env": "*", "value": "x"}, []string{"action=set", "name=hello", "env=staging"}, "`LATE` of hello is set."},
		{map[string]string{"value": base64.StdEncoding.EncodeToString([]byte("\x00\xff")), "encoded": "base64"}, []string{"action=set", "name=hello", "key=BIN", "--kind=file"}, "`BIN` of hello is set."},
	} {
		text, problems, err := sent(r, c, s.form, s.args...)
		if err != nil || len(problems) > 0 || !strings.Contains(text, s.want) {
			t.Errorf("%v: %q, %v, %v; want %q", s.args, text, problems, err, s.want)
		}
	}
	if got, want := opened(r, ""), "BIN=||\x00\xff LATE=||x TOKEN=||"+value+" db=scott||tiger deploy-key=|id_rsa|a\nb\n"; got != want {
		t.Errorf("a build sees %q, want %q", got, want)
	}
	if got := opened(r, "production"); !strings.Contains(got, "TOKEN=||newer") {
		t.Errorf("production sees %q", got)
	}
	text := r.Said(c, "action=list", "name=hello")
	r.Want(text, "Secrets of hello", "TOKEN | builds, everywhere | text | TOKEN |", "TOKEN | production | text |", "db | builds, everywhere | login | db db_USR db_PSW", "| alice")
	if strings.Contains(text, value) {
		t.Errorf("it lists too much: %s", text)
	}
	r.Want(r.Said(c, "action=remove", "name=hello", "key=TOKEN", "env=production"), "`TOKEN` of hello in production is removed.")
	if got := opened(r, "production"); !strings.Contains(got, "TOKEN=||"+value) {
		t.Errorf("production sees %q", got)
	}
	r.Refused(c, bot.CodeNotFound, "There is no secret TOKEN of hello in production", "action=remove", "name=hello", "key=TOKEN", "env=production")
	r.Want(r.Said(c, "action=list", "name="+r.NewProject("bare").Slug), "bare has no secrets")
}

func TestRefused(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	r.Refused(c, bot.CodeUnsupported, "opsbot secret set NAME KEY --file PATH", "action=set", "name=hello", "key=A")
	r.Refused(c, bot.CodeInvalid, "KEY is missing", "action=remove", "name=hello")
	r.Refused(c, bot.CodeInvalid, "set, listed or removed", "action=show", "name=hello", "key=A")
	r.Refused(c, bot.CodeInvalid, "KIND is", "action=set", "name=hello", "key=A", "--kind=other")
	r.Refused(c, bot.CodeNotFound, "There is no environment", "action=set", "name=hello", "key=A", "env=moon")
	for name, s := range map[string]struct {
		form  map[string]string
		args  []string
		field string
		want  string
	}{
		"empty":        {map[string]string{}, []string{"key=A"}, "value", "is empty"},
		"only a line":  {map[string]string{"value": "\n"}, []string{"key=A"}, "value", "is empty"},
		"no user":      {map[string]string{"value": value}, []string{"key=A", "--kind=login"}, "value", "needs a user"},
		"a path":       {map[string]string{"value": value, "file_name": "../x"}, []string{"key=A", "--kind=file"}, "value", "without folders"},
		"no key":       {map[string]string{"value": value}, nil, "key", "begins with a letter"},
		"a reserved":   {map[string]string{"value": value}, []string{"key=PATH"}, "value", "meaning of its own"},
		"no base64":    {map[string]string{"value": "!", "encoded": "base64"}, []string{"key=A"}, "value", "can't be read"},
		"much too big": {map[string]string{"value": strings.Repeat("x", bot.MaxSecret+1)}, []string{"key=A"}, "value", "at most 64 KiB"},
	} {
		_, problems, err := sent(r, c, s.form, append([]string{"action=set", "name=hello"}, s.args...)...)
		if err != nil || !strings.Contains(problems[s.field], s.want) || strings.Contains(problems[s.field], value) {
			t.Errorf("%s: %v, %v", name, problems, err)
		}
	}
	if _, _, err := sent(r, c, map[string]string{"value": value}, "action=set", "name=hello", "key=A"); err != nil {
		t.Error(err)
	}
	p := r.Project
	p.State = bot.ProjectArchived
	r.Write(func(ctx context.Context, tx *bot.Tx) error { return tx.Projects.Put(ctx, p) })
	if _, _, err := sent(r, c, map[string]string{"value": value}, "action=set", "name=hello", "key=A"); bot.CodeOf(err) != bot.CodeConflict || !strings.Contains(bot.MessageOf(err), "archived") {
		t.Errorf("of an archived project: %v", err)
	}
}

// picky lets nobody deploy to production.
type picky struct{ bot.Authorizer }

func (p picky) Authorize(ctx context.Context, a bot.Access) (bot.Decision, error) {
	if a.Verb == "deploy" && a.Environment == "production" {
		return bot.Decision{Reason: "Forbidden by the policy careful."}, nil
	}
	return p.Authorizer.Authorize(ctx, a)
}

// TestProductionIsForWhoMayDeployThere: neither its own secrets nor those that reach it.
func TestProductionIsForWhoMayDeployThere(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	form := map[string]string{"value": value}
	for _, env := range []string{"production", "staging"} {
		if _, _, err := sent(r, c, form, "action=set", "name=hello", "key=A", "env="+env); err != nil {
			t.Fatal(err)
		}
	}
	r.Services.Authorizer = picky{r.Services.Authorizer}
	for _, args := range [][]string{
		{"action=set", "name=hello", "key=A", "env=production"},
		{"action=set", "name=hello", "key=A"},
		{"action=remove", "name=hello", "key=A", "env=PRODUCTION"},
		{"action=remove", "name=hello", "key=A"},
	} {
		_, _, err := sent(r, c, form, args...)
		if bot.CodeOf(err) != bot.CodeForbidden || !strings.Contains(bot.MessageOf(err), "You may not deploy hello to production") {
			t.Errorf("%v: %v", args, err)
		}
		if _, err := c.Form(t.Context(), r.Request(c, args...)); err == nil {
			t.Errorf("%v: the form is opened all the same", args)
		}
	}
	if _, _, err := sent(r, c, form, "action=set", "name=hello", "key=A", "env=staging"); err != nil {
		t.Errorf("staging: %v", err)
	}
	r.Want(r.Said(c, "action=list", "name=hello"), "A | production")
}

func TestForm(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	fields := func(args ...string) string {
		form, err := c.Form(t.Context(), r.Request(c, append([]string{"action=set", "name=hello"}, args...)...))
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, f := range form.Fields {
			if f.Kind == bot.FieldSecret && f.Value != "" {
				t.Errorf("%s is filled in", f.Name)
			}
			lines := ""
			if f.Lines {
				lines = "+"
			}
			out = append(out, f.Name+":"+string(f.Kind)+lines)
		}
		return strings.Join(out, " ")
	}
	for args, want := range map[string]string{
		"key=A":                      "value:secret",
		"key=A --kind=login":         "user:text value:secret",
		"key=A --kind=file":          "file_name:text value:secret+",
		"env=staging":                "key:text env:select value:secret",
		"key=A env=production":       "value:secret",
		"env=production --kind=text": "key:text env:select value:secret",
	} {
		if got := fields(strings.Fields(args)...); got != want {
			t.Errorf("%s asks for %q, want %q", args, got, want)
		}
	}
	for action, asks := range map[string]bool{"set": true, "Set": true, "list": false, "remove": false, "": false} {
		if got := c.Asks(bot.Args{Values: map[string]string{"action": action}}) != ""; got != asks {
			t.Errorf("%q asks: %v", action, got)
		}
	}
}

// TestKeep: a line that may hold a value is kept up to its second word.
func TestKeep(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	args := func(values map[string]string, kind string) *bot.Args {
		a := &bot.Args{Values: maps.Clone(values), Flags: map[string]string{}}
		if kind != "" {
			a.Flags["kind"] = kind
		}
		return a
	}
	good := map[string]string{"action": "set", "name": "hello", "key": "A", "env": "Staging"}
	with := func(name, value string) map[string]string {
		out := maps.Clone(good)
		out[name] = value
		return out
	}
	for name, k := range map[string]struct {
		args *bot.Args
		all  bool
	}{
		"all is known":      {args(good, "file"), true},
		"no environment":    {args(map[string]string{"action": "set", "name": "hello", "key": "A"}, ""), true},
		"a list":            {args(map[string]string{"action": "list", "name": "helo"}, ""), true},
		"can't be read":     {nil, false},
		"another action":    {args(with("action", "put"), ""), false},
		"a list of a key":   {args(map[string]string{"action": "list", "name": "helo", "key": "x"}, ""), false},
		"no such project":   {args(with("name", "A"), ""), false},
		"no such place":     {args(with("env", value), ""), false},
		"no key":            {args(with("key", "A="+value), ""), false},
		"no such kind":      {args(good, value), false},
		"project left away": {args(map[string]string{"action": "set", "name": "A", "key": value}, ""), false},
	} {
		const line = "secret set the rest"
		if got := c.Keep(t.Context(), line, k.args); got != line && k.all || got != "secret set" && !k.all {
			t.Errorf("%s: kept %q", name, got)
		}
	}
	if got := c.Keep(t.Context(), "secret "+value, nil); got != "secret" {
		t.Errorf("kept %q", got)
	}
	_ = r
}

// TestSeenAfterARestart: what runs is named, and what will never see it.
func TestSeenAfterARestart(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	form := map[string]string{"value": value}
	text, _, err := sent(r, c, form, "action=set", "name=hello", "key=A", "env=staging")
	if err != nil || !strings.Contains(text, "What runs in staging does not see it: run keeps secrets of its own.") {
		t.Errorf("%q, %v", text, err)
	}
	instances := r.Services.Integrations.(commandtest.Instances)
	instances["run"] = user{instances["run"].(bot.Deployer)}
	for env, seen := range map[string]string{"staging": "v1", "production": ""} {
		r.Write(func(ctx context.Context, tx *bot.Tx) error {
			return tx.Environments.Put(ctx, bot.EnvironmentState{ProjectID: r.Project.ID, Environment: env, ObservedID: seen})
		})
	}
	text, _, err = sent(r, c, form, "action=set", "name=hello", "key=A")
	if err != nil || !strings.HasSuffix(text, "What runs now sees it after `restart hello in staging`.") {
		t.Errorf("%q, %v", text, err)
	}
}

// user is a deployer that gives secrets.
type user struct{ bot.Deployer }

func (user) UsesSecrets() bool { return true }
