package localci

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"opsbot/bot"
)

// sweep removes the files of branches that are no more and of builds that are no
// longer kept. What it misses it finds the next time.
func (s *Service) sweep(ctx context.Context) {
	var branches []*record[branchDoc]
	err := s.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		branches, err = list[branchDoc](ctx, tx, s.env.Name, kindBranch, "")
		return err
	})
	for _, b := range branches {
		err = errors.Join(err, s.sweepBranch(b.body))
	}
	if err != nil && ctx.Err() == nil {
		s.env.Log.Warn("remove files of old builds", "instance", s.env.Name, "error", err)
	}
}

func (s *Service) sweepBranch(b branchDoc) error {
	logs := filepath.Dir(s.logPath(bot.BuildRef{Job: b.Job, Branch: b.Branch}))
	if b.Pruned {
		return errors.Join(removeTree(logs), s.spaces.remove(b.Job, b.Branch))
	}
	entries, err := os.ReadDir(logs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		var number int
		if _, err := fmt.Sscanf(e.Name(), "%d.log", &number); err == nil && number < b.Kept {
			if err := os.Remove(filepath.Join(logs, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
