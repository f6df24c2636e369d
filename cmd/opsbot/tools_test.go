package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/store"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, c := range []struct {
		args []string
		code int
		part string
	}{
		{[]string{"--nonsense"}, 2, "--nonsense"},
		{[]string{"say", "--nonsense", "x"}, 2, "--nonsense"},
		{[]string{"nonsense"}, 2, "nonsense"},
		{[]string{"serve", "x"}, 2, "takes no arguments"},
		{[]string{"say"}, 2, "usage: opsbot say"},
		{[]string{"token", "new"}, 2, "usage: opsbot token new NAME"},
		{[]string{"token", "new", "--for", "all", "x"}, 2, "git or say"},
		{[]string{"restore"}, 2, "usage: opsbot restore FILE"},
		{[]string{"operations", "show"}, 2, "usage: opsbot operations show ID"},
		{[]string{"say", "--server", "nonsense", "help"}, 2, "is no URL"},
		{[]string{"say", "--server", "http://opsbot.example.com", "help"}, 2, "https only"},
		{[]string{"say", "--server", "https://opsbot.example.com", "--as", "bob", "help"}, 2, "--as"},
		{[]string{"say", "--server", "https://opsbot.example.com", "help"}, 1, "OPSBOT_TOKEN"},
		{[]string{"--config", "/nonexistent/opsbot.yaml", "config", "check"}, 1, "/nonexistent/opsbot.yaml"},
		{[]string{"version"}, 0, "opsbot "},
		{[]string{"--help"}, 0, "say"},
	} {
		code, out, problems := b.bare(c.args...)
		if code != c.code || !strings.Contains(out+problems, c.part) {
			t.Errorf("opsbot %q: exit %d, want %d and %q\n%s%s", c.args, code, c.code, c.part, out, problems)
		}
	}
}

func TestConfigCommands(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.expect(0, "The configuration is fine. Data folder: "+b.data, "config", "check")
	var schema map[string]any
	if err := json.Unmarshal([]byte(b.ok("config", "schema")), &schema); err != nil || schema["properties"] == nil {
		t.Errorf("the schema: %v", err)
	}
	example := filepath.Join(t.TempDir(), "example.yaml")
	b.write(example, b.ok("config", "example"))
	if code, out, problems := b.bare("--config", example, "config", "check"); code != 0 {
		t.Errorf("the example does not pass its own check:\n%s%s", out, problems)
	}
	for text, part := range map[string]string{
		"listne: x\n":           "opsbot.yaml:1: unknown key",
		stack + "nonsense: 1\n": "nonsense",
		strings.Replace(stack, "{ type: console }", "{ type: console, rooom: x }", 1): "rooom",
		strings.Replace(stack, "type: console", "type: nonsense", 1):                  "there is no type",
	} {
		b.write(b.config, text)
		b.expect(1, part, "config", "check")
	}
}

func TestBlueprintCommands(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if out := b.ok("blueprint", "list"); !strings.Contains(out, "static-site") || !strings.Contains(out, "go-service") {
		t.Errorf("list: %s", out)
	}
	var shown struct{ Name string }
	if err := json.Unmarshal([]byte(b.ok("blueprint", "show", "static-site")), &shown); err != nil || shown.Name != "static-site" {
		t.Errorf("show: %+v, %v", shown, err)
	}
	b.expect(1, "nonsense", "blueprint", "show", "nonsense")
	dir := filepath.Join(t.TempDir(), "hello")
	b.expect(0, "Rendered static-site", "blueprint", "render", "static-site", dir)
	if _, err := os.Stat(filepath.Join(dir, "Jenkinsfile")); err != nil {
		t.Error(err)
	}
	b.expect(2, "no key=value", "blueprint", "render", "static-site", dir, "x")
	b.expect(1, "nonsense", "blueprint", "render", "static-site", filepath.Join(t.TempDir(), "a"), "nonsense=1")
	b.expect(0, "nothing found", "blueprint", "lint")
}

func TestPolicyExplain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// On an empty folder, which stays empty.
	out := b.ok("policy", "explain", "alice", "deploy", "hello-world@1.0", "to", "production")
	for _, want := range []string{
		"allowed: alice deploy hello-world@1.0 to production. Allowed by everybody-may-ship.\n",
		`asked     action deploy (in Action::"developer"), project hello-world, environment production` + "\n",
		"permits   everybody-may-ship, at default.cedar:18:1:\n" + `          @id("everybody-may-ship")` + "\n",
		`          unless { principal in Group::"guests" };` + "\n",
		"note      there is no project hello-world here",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	b.expect(0, `asked     action buildNow (in Action::"developer"), project hello`, "policy", "explain", "bob", "BUILD", "hello")
	b.expect(0, "owner acme, blueprint go-service", "policy", "explain", "bob", "new-project", "hello", "--owner", "acme", "--blueprint=go-service")
	b.expect(0, `note      There is no environment "prodution"; there are: staging, production. Did you mean production?`, "policy", "explain", "bob", "deploy hello to prodution")
	b.expect(0, "environment staging", "policy", "explain", "bob", "lock", "hello", "in", "staging", "because", "the db's away")
	b.expect(0, "Allowed by yes-skips-the-question", "policy", "explain", "bob", "deploy", "hello", "to", "staging", "--yes")
	b.expect(1, "forbids   production-is-always-asked, at default.cedar:40:1:", "policy", "explain", "bob", "deploy", "hello", "to", "production", "--yes")
	b.expect(1, "may       members of: admins, operators", "policy", "explain", "bob", "delete-project", "--purge", "hello")
	b.expect(0, "the-owner-may-everything", "policy", "explain", "owner", "delete-project", "hello")
	b.expect(0, "somebody-else-may-approve", "policy", "explain", "slack:T1/U2", "approve", "deploy", "hello", "to", "production")
	b.expect(0, "everybody-may-push", "policy", "explain", "bob", "push", "hello")
	b.expect(2, "ENV is missing. Usage: deploy NAME[@VERSION] to ENV [--yes]", "policy", "explain", "bob", "deploy", "hello")
	b.expect(2, "deploy takes no key=value", "policy", "explain", "bob", "deploy", "project=hello", "env=production")
	b.expect(2, "did you mean deploy?", "policy", "explain", "bob", "dploy", "hello", "to", "staging")
	b.expect(2, "usage", "policy", "explain", "bob")
	if _, err := os.Stat(b.data); err == nil {
		t.Error("asking has made a data folder")
	}
	// The file decides: what is tried out need not be loaded by a server.
	b.write(filepath.Join(filepath.Dir(b.config), "my.cedar"), "// mine; all mine\n\npermit (principal, action, resource)\nwhen { resource.team == \"a;b\" }; // here\n")
	b.write(b.config, stack+"policy: "+filepath.Join(filepath.Dir(b.config), "my.cedar")+"\n")
	b.expect(1, "why       nothing permits it, and what nothing permits is refused", "policy", "explain", "bob", "deploy", "hello", "to", "staging")
}

// TestPolicyExplainKnowsTheProject: team and owner come from where the project is
// kept, with a server and without.
func TestPolicyExplainKnowsTheProject(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ok("say", "projects") // makes the folder
	db, err := store.Open(t.Context(), store.Options{DataDir: b.data})
	if err != nil {
		t.Fatal(err)
	}
	p := bot.Project{ID: bot.NewID(time.Now()), Slug: "hello", Owner: "acme", Team: "payments", State: bot.ProjectActive}
	if err := errors.Join(db.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error { return tx.Projects.Put(ctx, p) }), db.Close()); err != nil {
		t.Fatal(err)
	}
	ask := []string{"policy", "explain", "bob", "deploy", "HELLO", "to", "staging"}
	const want = "project hello, environment staging, team payments, owner acme\n"
	b.expect(0, want, ask...)
	_, stop := b.serve()
	defer stop()
	b.expect(0, want, ask...)
	b.expect(2, "ENV is missing", "policy", "explain", "bob", "deploy", "hello")
}

// TestStartRefused: what can't be served is said in a sentence, with status 1.
func TestStartRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, door := range []string{"listen", "console", "apps"} {
		b.write(b.config, strings.Replace(stack, door+": 127.0.0.1:0", door+": "+taken.Addr().String(), 1))
		b.expect(1, taken.Addr().String()+" ("+door+") can't be used", "serve")
	}
	b.write(b.config, stack)
	b.write(filepath.Join(b.data, "format"), "999\n")
	b.expect(1, "newer", "serve")
	b.expect(1, "newer", "say", "help")
}
