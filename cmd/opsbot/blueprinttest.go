package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"opsbot/blueprints"
	"opsbot/templates"
)

func (p *program) blueprintTestCommand() *cobra.Command {
	return &cobra.Command{
		Use: "test NAME [DIR]", Short: "Render a blueprint's fixtures, compare the golden trees and run their pipelines; with DIR the one in that folder", Args: exactly(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := templates.Blueprints()
			if err != nil {
				return err
			}
			folder := ""
			if len(args) == 2 {
				folder = filepath.Dir(filepath.Clean(args[1]))
				if _, err := os.Stat(args[1]); err != nil {
					return usageError{fmt.Errorf("there is no folder %s", args[1])}
				}
			}
			all, err := blueprints.Open(files, folder)
			if err != nil {
				return err
			}
			b, err := all.Find(args[0])
			if err != nil {
				return err
			}
			var results []blueprints.FixtureResult
			err = p.withTrial(cmd.Context(), func(ctx context.Context, t *trial) error {
				results = b.Test(ctx, blueprints.TestOptions{Pipeline: t})
				return nil
			})
			if err != nil {
				return err
			}
			bad := false
			for _, r := range results {
				if r.Err != nil {
					bad = true
					fmt.Fprintf(p.s.out, "FAIL %s: %v\n", r.Fixture, r.Err)
					continue
				}
				fmt.Fprintf(p.s.out, "ok   %s: %d files as expected, its pipeline ends with SUCCESS\n", r.Fixture, r.Files)
			}
			if len(results) == 0 {
				return errors.New("the blueprint has no fixtures")
			}
			if bad {
				return errFailed
			}
			return nil
		},
	}
}
