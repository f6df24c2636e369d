package blueprints

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"opsbot/bot"
)

// builtin holds the blueprints demo and other.
func builtin() fstest.MapFS {
	out := fstest.MapFS{}
	for _, name := range []string{"demo", "other"} {
		for p, f := range folder(params, map[string]string{"files/a": "{{ .name }} {{ .port }} {{ .token }}", "fixtures/x.yaml": fixture + "token: abc\n"}) {
			data := strings.Replace(string(f.Data), "name: demo", "name: "+name, 1)
			out[name+"/"+p] = &fstest.MapFile{Data: []byte(data)}
		}
	}
	return out
}

func write(t *testing.T, dir, name, data string) {
	t.Helper()
	p := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, dir string) *Catalogue {
	t.Helper()
	c, err := Open(builtin(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func names(c *Catalogue) string {
	var out []string
	for _, b := range c.List() {
		out = append(out, b.Name+" "+b.Version)
	}
	return strings.Join(out, ", ")
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := open(t, dir)
	if got := names(c); got != "demo 1.0.0, other 1.0.0" {
		t.Errorf("there are %s", got)
	}

	// The operator's own: a new one, one in the place of a built-in one.
	write(t, dir, "mine/blueprint.yaml", strings.Replace(minimal, "demo", "mine", 1))
	write(t, dir, "demo/blueprint.yaml", strings.Replace(minimal, "1.0.0", "2.0.0", 1))
	write(t, dir, ".git/config", "")
	write(t, dir, "README.md", "")
	if got := names(c); got != "demo 2.0.0, mine 1.0.0, other 1.0.0" {
		t.Errorf("there are %s", got)
	}

	// A broken one is told, hides nothing but its own name, and stops nobody.
	write(t, dir, "demo/blueprint.yaml", "name: demo\nversion: 1\n")
	if got := names(c); got != "mine 1.0.0, other 1.0.0" {
		t.Errorf("there are %s", got)
	}
	all, err := c.All()
	if len(all) != 2 {
		t.Errorf("%d blueprints", len(all))
	}
	wantError(t, err, "blueprint.yaml:2:10: version")
	_, err = c.Find("demo")
	if bot.CodeOf(err) != bot.CodeInvalid || strings.Contains(bot.MessageOf(err), dir) {
		t.Errorf("error is %v", err)
	}
	found, err := c.Lint(t.Context(), "demo")
	if err != nil || len(found) == 0 {
		t.Errorf("lint finds %v, %v", found, err)
	}

	_, err = c.Find("go-servce")
	if bot.CodeOf(err) != bot.CodeNotFound || !strings.Contains(bot.MessageOf(err), "demo, mine, other") {
		t.Errorf("error is %v", err)
	}
	for _, name := range []string{"", "..", ".git", "mine/../demo", "/etc"} {
		if _, err := c.Find(name); bot.CodeOf(err) != bot.CodeNotFound {
			t.Errorf("%q: error is %v", name, err)
		}
	}
	gone := open(t, filepath.Join(dir, "gone"))
	_, err = gone.Find("other")
	if bot.CodeOf(err) != bot.CodeUnavailable || names(gone) != "demo 1.0.0, other 1.0.0" {
		t.Errorf("a folder that isn't there: %v; there are %s", err, names(gone))
	}
}

func TestCatalogueStaysInItsFolder(t *testing.T) {
	t.Parallel()
	outside, dir := t.TempDir(), t.TempDir()
	write(t, outside, "secret", "s")
	write(t, outside, "blueprint.yaml", strings.Replace(minimal, "demo", "link", 1))
	write(t, dir, "mine/blueprint.yaml", strings.Replace(minimal, "demo", "mine", 1))
	for from, to := range map[string]string{"mine/files": outside, "mine/README.md": filepath.Join(outside, "secret"), "link": outside} {
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(open(t, dir)); got != "demo 1.0.0, other 1.0.0" {
		t.Errorf("there are %s", got)
	}
}

func TestABrokenBuiltinIsOurFault(t *testing.T) {
	t.Parallel()
	files := builtin()
	files["demo/files/x"] = &fstest.MapFile{Data: []byte("{{ if }}")}
	c, err := Open(files, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Find("demo")
	wantError(t, err, "files/x:1:")
	if bot.CodeOf(err) != bot.CodeInternal || names(c) != "other 1.0.0" {
		t.Errorf("%v; there are %s", err, names(c))
	}
}

func TestBuiltinsAreLoadedOnce(t *testing.T) {
	t.Parallel()
	c := open(t, "")
	first, err := c.Find("demo")
	if err != nil {
		t.Fatal(err)
	}
	if second, err := c.Find("demo"); err != nil || first != second {
		t.Errorf("loaded again: %v", err)
	}
}

func TestPort(t *testing.T) {
	t.Parallel()
	c := open(t, "")
	req, err := c.Resolve(bot.RenderRequest{Blueprint: "demo", Owner: "acme", Name: "shop", Answers: map[string]string{"port": "9000"}})
	if err != nil {
		t.Fatal(err)
	}
	if req.Version != "1.0.0" || req.Answers["port"] != "9000" || len(req.Answers["token"]) != 8 || req.Answers["tls"] != "false" {
		t.Errorf("resolved %+v", req)
	}
	if _, ok := req.Answers["name"]; ok {
		t.Error("the name is an answer")
	}
	again, err := c.Resolve(req)
	if err != nil || !maps.Equal(again.Answers, req.Answers) {
		t.Errorf("resolved again %+v, %v", again, err)
	}
	first, err := c.Render(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if got := contents(first)["a"]; got != "shop 9000 "+req.Answers["token"] {
		t.Errorf("rendered %q", got)
	}
	second, err := c.Render(t.Context(), again)
	if err != nil || !bytes.Equal(encodeTree(first), encodeTree(second)) {
		t.Errorf("another tree: %v", err)
	}

	for want, change := range map[string]func(*bot.RenderRequest){
		"There is no blueprint":  func(r *bot.RenderRequest) { r.Blueprint = "x" },
		"is at version 1.0.0":    func(r *bot.RenderRequest) { r.Version = "0.9.0" },
		"name is \"shop\"":       func(r *bot.RenderRequest) { r.Answers = map[string]string{"name": "other"} },
		"owner is \"acme\"":      func(r *bot.RenderRequest) { r.Answers = map[string]string{"owner": "eve"} },
		"name: \"\" is not":      func(r *bot.RenderRequest) { r.Name = "" },
		"port: \"x\" is not":     func(r *bot.RenderRequest) { r.Answers = map[string]string{"port": "x"} },
		"has no such parameter":  func(r *bot.RenderRequest) { r.Answers = map[string]string{"prot": "1"} },
		"the answers are not co": func(r *bot.RenderRequest) { r.Answers = map[string]string{"port": "9000"} },
	} {
		bad := req
		change(&bad)
		_, err := c.Render(t.Context(), bad)
		wantError(t, err, want)
	}
}

func TestInfo(t *testing.T) {
	t.Parallel()
	info, err := open(t, "").Get("other")
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]bot.BlueprintParameter{}
	for _, p := range info.Parameters {
		byName[p.Name] = p
	}
	if _, ok := byName["owner"]; ok || len(byName) != 9 {
		t.Errorf("parameters are %v", info.Parameters)
	}
	if p := byName["port"]; p.Default != "8080" || p.Type != "integer" || p.Required || p.Title != "Port" {
		t.Errorf("port is %+v", p)
	}
	if p := byName["size"]; strings.Join(p.Enum, " ") != "small large" {
		t.Errorf("size is %+v", p)
	}
	if _, err := open(t, "").Get("none"); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("error is %v", err)
	}
}
