package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"opsbot/bot"
)

// operations answers `opsbot operations` on the socket.
func (a *app) operations(ctx context.Context, what string, in localRequest) (any, error) {
	var out strings.Builder
	err := a.store.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		out.Reset()
		switch what {
		case "list":
			return listOperations(ctx, tx, &out)
		case "show":
			return showOperation(ctx, tx, in.ID, &out)
		case "resume", "undo":
			op, err := tx.Operations.Get(ctx, in.ID)
			if err != nil {
				return err
			}
			do := a.engine.Retry
			if what == "undo" {
				do = a.engine.Undo
			}
			if err := do(ctx, tx, op.ID, op.Cause); err != nil {
				return err
			}
			fmt.Fprintf(&out, "The operation %s goes on.\n", op.ID)
			return tx.Audit.Append(ctx, bot.AuditRow{
				ID: bot.NewID(a.services.Clock.Now()), At: a.services.Clock.Now(), UserName: ownerName(), AsOwner: true,
				Verb: what, Args: "operations " + what + " " + op.ID, ProjectID: op.ProjectID, Environment: op.Environment, Decision: "allowed",
				Outcome: "done", Cause: op.Cause,
			})
		}
		return bot.Errorf(bot.CodeInvalid, "There is no operations %s.", what)
	})
	return localAnswer{Text: out.String()}, err
}

func listOperations(ctx context.Context, tx *bot.Tx, out *strings.Builder) error {
	all, err := tx.Operations.Find(ctx, bot.OperationFilter{Limit: 50})
	if err != nil {
		return err
	}
	for _, op := range all {
		fmt.Fprintf(out, "%s  %-14s %-20s %-12s %-10s %s\n", op.ID, op.Kind, op.Subject, op.Environment, op.State, op.CreatedAt.Format("2006-01-02 15:04:05"))
	}
	if len(all) == 0 {
		out.WriteString("There is no operation yet.\n")
	}
	return nil
}

func showOperation(ctx context.Context, tx *bot.Tx, id string, out *strings.Builder) error {
	op, err := tx.Operations.Get(ctx, id)
	if err != nil {
		return err
	}
	rows, err := tx.Steps.Of(ctx, op.ID)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s %s %s: %s\n  by %s at %s, lease %q until %s, epoch %d\n", op.ID, op.Kind, op.Subject, op.State, op.Requester.Name,
		op.CreatedAt.Format("2006-01-02 15:04:05"), op.LeaseOwner, op.LeaseUntil.Format("15:04:05"), op.Epoch)
	for _, r := range rows {
		fmt.Fprintf(out, "  %-14s %-9s attempts %d  %s%s\n", r.Name, r.State, r.Attempt, bot.Unescape(bot.Text(r.Detail)), r.Error)
	}
	return nil
}

// findings asks every integration whether it would work.
func (a *app) findings(ctx context.Context) map[string][]bot.Finding {
	out := map[string][]bot.Finding{"secrets": a.vault.Probe(ctx)}
	for _, name := range a.instances.Names() {
		if p, ok := a.instances.Get(name).(bot.Prober); ok {
			out[name] = append(out[name], p.Probe(ctx)...)
		}
	}
	return out
}

func (p *program) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Try everything that the configuration names, and say what to do", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withServer(cmd.Context(), func(ctx context.Context, c *http.Client) error {
				var all map[string][]bot.Finding
				if err := call(ctx, c, "/doctor", localRequest{}, &all); err != nil {
					return err
				}
				bad := false
				for _, name := range slices.Sorted(maps.Keys(all)) {
					for _, f := range all[name] {
						mark := "ok"
						if !f.OK {
							mark, bad = "!!", true
						}
						fmt.Fprintf(p.s.out, "%s  %-10s %-22s %s\n", mark, name, f.Subject, strings.TrimSpace(f.Text))
					}
				}
				if bad {
					return errFailed
				}
				return nil
			})
		},
	}
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: noArgs, RunE: func(*cobra.Command, []string) error {
		info, ok := debug.ReadBuildInfo()
		if !ok {
			fmt.Fprintln(p.s.out, "opsbot (unknown build)")
			return nil
		}
		revision, dirty := "unknown", ""
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				revision = s.Value[:min(12, len(s.Value))]
			case s.Key == "vcs.modified" && s.Value == "true":
				dirty = " (modified)"
			}
		}
		fmt.Fprintf(p.s.out, "opsbot %s, commit %s%s, %s\n", info.Main.Version, revision, dirty, info.GoVersion)
		return nil
	}}
}
