package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
	b.expect(0, "allowed: bob build", "policy", "explain", "bob", "build", "project=hello")
	b.expect(0, "everybody-may-ship", "policy", "explain", "bob", "buildNow", "project=hello")
	b.expect(1, "refused: bob delete-project", "policy", "explain", "bob", "delete-project", "project=hello")
	b.expect(2, "write project=", "policy", "explain", "bob", "deploy", "nonsense=1")
	b.expect(2, "usage", "policy", "explain", "bob")
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
