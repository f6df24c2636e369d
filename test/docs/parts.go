package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"opsbot/bot"
	"opsbot/bot/policy"
	"opsbot/commands"
	"opsbot/integrations"
	"opsbot/test/arch"
)

// imports is the table that test/arch goes by.
func imports(_ context.Context, w io.Writer) error {
	fmt.Fprintln(w, "| folder | may import of this module | third-party modules that only it may know |\n|---|---|---|")
	for _, r := range arch.Rights() {
		fmt.Fprintf(w, "| `%s` | %s | %s |\n", r.Folder, code(short(r.Own), "nothing"), code(r.Modules, ""))
	}
	return nil
}

// short puts one word in the place of the toolboxes, which most folders may use.
func short(own []string) []string {
	toolboxes := map[string]bool{
		"bot/rest": true, "bot/sign": true, "bot/gitpush": true, "bot/sandbox": true, "bot/jenkinsfile": true, "bot/config": true,
	}
	var rest []string
	n := 0
	for _, o := range own {
		if toolboxes[o] {
			n++
			continue
		}
		rest = append(rest, o)
	}
	if n < len(toolboxes) {
		return own
	}
	return append(rest, "toolboxes")
}

// code lists names as code; "toolboxes" and "..." are words.
func code(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	out := make([]string, len(names))
	for i, n := range names {
		switch n {
		case "toolboxes":
			out[i] = "the toolboxes"
		case "...":
			out[i] = "everything"
		default:
			out[i] = "`" + n + "`"
		}
	}
	return strings.Join(out, ", ")
}

func specs() []bot.Spec {
	all := commands.All(&bot.Services{})
	out := make([]bot.Spec, len(all))
	for i, c := range all {
		out[i] = c.Spec()
	}
	return out
}

// commandTable is made of the commands' specs.
func commandTable(_ context.Context, w io.Writer) error {
	fmt.Fprintln(w, "| command | what it does | least role | asks first |\n|---|---|---|---|")
	for _, s := range specs() {
		usage := "`" + cell(s.Usage()) + "`"
		if len(s.Aliases) > 0 {
			usage += "<br>also `" + strings.Join(s.Aliases, "`, `") + "`"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", usage, cell(s.Summary), s.Role, yes(s.Confirm))
	}
	return nil
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// cell makes a text safe inside a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// rights asks the default policy for each verb, role and environment.
func rights(ctx context.Context, w io.Writer) error {
	all := specs()
	p, err := policy.Parse("default.cedar", policy.Default, all, nil)
	if err != nil {
		return err
	}
	rows, err := p.Table(ctx, all, []string{"staging", "production"})
	if err != nil {
		return err
	}
	roles, grid := []string{}, map[string]map[string][]string{}
	var verbs []string
	for _, r := range rows {
		if grid[r.Verb] == nil {
			grid[r.Verb] = map[string][]string{}
			verbs = append(verbs, r.Verb)
		}
		if len(verbs) == 1 && (len(roles) == 0 || roles[len(roles)-1] != r.Role) {
			roles = append(roles, r.Role)
		}
		if r.Allowed {
			grid[r.Verb][r.Role] = append(grid[r.Verb][r.Role], r.Environment)
		}
	}
	fmt.Fprintf(w, "| action | %s |\n|---|%s\n", strings.Join(roles, " | "), strings.Repeat(":---:|", len(roles)))
	for _, v := range verbs {
		fmt.Fprintf(w, "| `%s` |", v)
		for _, role := range roles {
			fmt.Fprintf(w, " %s |", where(grid[v][role], 2))
		}
		fmt.Fprintln(w)
	}
	return nil
}

// where names the environments in which something is allowed.
func where(allowed []string, all int) string {
	switch len(allowed) {
	case 0:
		return "–"
	case all:
		return "yes"
	}
	return "only " + strings.Join(allowed, ", ")
}

// integrationTable lists what can stand below "integrations" in the configuration.
func integrationTable(_ context.Context, w io.Writer) error {
	fmt.Fprintln(w, "| type | what it is |\n|---|---|")
	for _, k := range integrations.All(nil) {
		fmt.Fprintf(w, "| `%s` | %s |\n", k.Type, cell(k.Summary))
	}
	return nil
}

// configuration is the file that stands in for a missing one.
func configuration(_ context.Context, w io.Writer) error {
	text, err := os.ReadFile("../../bot/config/default.yaml")
	if err != nil {
		return fmt.Errorf("read the embedded configuration: %w", err)
	}
	fmt.Fprintf(w, "```yaml\n%s```\n", text)
	return nil
}
