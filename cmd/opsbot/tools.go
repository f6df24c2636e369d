package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"opsbot/blueprints"
	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/policy"
	"opsbot/commands"
	"opsbot/integrations"
	"opsbot/templates"
)

func (p *program) configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check the configuration, or learn about it"}
	kinds := func() []bot.IntegrationKind { return integrations.All(nil) }
	cmd.AddCommand(
		&cobra.Command{Use: "check", Short: "Read the configuration strictly and say what is wrong", Args: noArgs, RunE: func(*cobra.Command, []string) error {
			cfg, dir, err := p.load()
			if err != nil {
				return err
			}
			if err := checkSections(cfg, kinds()); err != nil {
				return err
			}
			if _, err := policy.Load(cfg.Policy, specsOf(commands.All(&bot.Services{})), cfg.Groups); err != nil {
				return err
			}
			fmt.Fprintf(p.s.out, "The configuration is fine. Data folder: %s\n", dir)
			return nil
		}},
		&cobra.Command{Use: "schema", Short: "Print the JSON Schema", Args: noArgs, RunE: func(*cobra.Command, []string) error {
			schema, err := config.Schema(kinds())
			if err != nil {
				return err
			}
			_, err = p.s.out.Write(append(schema, '\n'))
			return err
		}},
		&cobra.Command{Use: "example", Short: "Print a commented configuration", Args: noArgs, RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(p.s.out, config.Example(kinds()))
			return err
		}},
	)
	return cmd
}

// checkSections decodes every integration's section into its own struct.
func checkSections(cfg *config.Config, kinds []bot.IntegrationKind) error {
	for _, section := range cfg.Integrations {
		found := false
		for _, k := range kinds {
			if k.Type != section.Type {
				continue
			}
			found = true
			if err := section.Decode(k.Config); err != nil {
				return err
			}
		}
		if !found {
			return bot.Errorf(bot.CodeInvalid, "line %d: integrations.%s: there is no type %q; there are: %s",
				section.Line, section.Name, section.Type, strings.Join(typeNames(), ", "))
		}
	}
	return nil
}

func (p *program) blueprintCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "blueprint", Short: "Look at blueprints, render and test them"}
	cmd.AddCommand(
		&cobra.Command{Use: "list", Short: "List the blueprints", Args: noArgs, RunE: func(*cobra.Command, []string) error {
			all, err := openCatalogue()
			if err != nil {
				return err
			}
			for _, b := range all.List() {
				fmt.Fprintf(p.s.out, "%-16s %-8s %s\n", b.Name, b.Version, b.Description)
			}
			return nil
		}},
		&cobra.Command{Use: "show NAME", Short: "Show a blueprint's parameters", Args: exactly(1, 1), RunE: func(_ *cobra.Command, args []string) error {
			all, err := openCatalogue()
			if err != nil {
				return err
			}
			b, err := all.Get(args[0])
			if err != nil {
				return err
			}
			enc := json.NewEncoder(p.s.out)
			enc.SetIndent("", "  ")
			return enc.Encode(map[string]any{"name": b.Name, "version": b.Version, "description": b.Description, "owner": b.Owner, "parameters": json.RawMessage(b.Schema)})
		}},
		&cobra.Command{Use: "render NAME DIR [key=value ...]", Short: "Render a blueprint into a folder", Args: exactly(2, -1), RunE: p.render},
		&cobra.Command{Use: "lint [DIR]", Short: "Look for mistakes, in all built-in blueprints or in the one in DIR", Args: exactly(0, 1), RunE: p.lint},
		p.blueprintTestCommand(),
	)
	return cmd
}

func (p *program) render(cmd *cobra.Command, args []string) error {
	all, err := openCatalogue()
	if err != nil {
		return err
	}
	req := bot.RenderRequest{Blueprint: args[0], Owner: "local", Name: filepath.Base(args[1]), Answers: map[string]string{}}
	for _, pair := range args[2:] {
		key, value, ok := strings.Cut(pair, "=")
		switch {
		case !ok:
			return usageError{fmt.Errorf("%q is no key=value", pair)}
		case key == "name":
			req.Name = value
		case key == "owner":
			req.Owner = value
		default:
			req.Answers[key] = value
		}
	}
	if req, err = all.Resolve(req); err != nil {
		return err
	}
	tree, err := all.Render(cmd.Context(), req)
	if err != nil {
		return err
	}
	if err := blueprints.WriteTree(args[1], tree); err != nil {
		return err
	}
	fmt.Fprintf(p.s.out, "Rendered %s %s into %s: %d files.\n", req.Blueprint, req.Version, args[1], len(tree.Files))
	return nil
}

func (p *program) lint(cmd *cobra.Command, args []string) error {
	trees := map[string]fs.FS{}
	if len(args) == 1 {
		trees[filepath.Base(args[0])] = os.DirFS(args[0])
	} else {
		files, err := templates.Blueprints()
		if err != nil {
			return err
		}
		names, err := fs.ReadDir(files, ".")
		if err != nil {
			return err
		}
		for _, n := range names {
			if trees[n.Name()], err = fs.Sub(files, n.Name()); err != nil {
				return err
			}
		}
	}
	bad := 0
	for _, name := range slices.Sorted(maps.Keys(trees)) {
		for _, f := range blueprints.Lint(cmd.Context(), trees[name], name) {
			fmt.Fprintf(p.s.out, "%s/%s\n", name, f.Error())
			bad++
		}
	}
	if bad > 0 {
		return errFailed
	}
	fmt.Fprintf(p.s.out, "%d blueprints looked at, nothing found.\n", len(trees))
	return nil
}

func (p *program) operationsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "operations", Short: "Look at operations, resume or undo them"}
	for _, c := range []struct {
		use, short, what string
		args             int
	}{
		{"list", "List the newest operations", "list", 0},
		{"show ID", "Show an operation with its steps", "show", 1},
		{"resume ID", "Try the failed steps of an operation again", "resume", 1},
		{"undo ID", "Remove what an operation made", "undo", 1},
	} {
		cmd.AddCommand(&cobra.Command{Use: c.use, Short: c.short, Args: exactly(c.args, c.args), RunE: func(cmd *cobra.Command, args []string) error {
			in := localRequest{}
			if len(args) > 0 {
				in.ID = args[0]
			}
			return p.withServer(cmd.Context(), func(ctx context.Context, client *http.Client) error {
				var out localAnswer
				if err := call(ctx, client, "/operations/"+c.what, in, &out); err != nil {
					return err
				}
				fmt.Fprint(p.s.out, out.Text)
				return nil
			})
		}})
	}
	return cmd
}
