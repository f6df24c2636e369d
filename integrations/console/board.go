package console

import (
	"context"
	"net/http"

	"opsbot/bot"
)

// boardRow is a project with a cell per environment.
type boardRow struct {
	Project bot.Project
	Repo    string
	Job     string
	Build   *bot.Build
	Cells   []boardCell
}

// boardCell is what runs in one environment.
type boardCell struct {
	Label, Health, URL, Lock, Going string
	Drift                           bool // not what should run
}

// board shows projects x environments; the page asks for it again by itself.
func (c *Console) board(w http.ResponseWriter, r *http.Request) {
	var rows []boardRow
	err := c.env.Work.Read(r.Context(), func(ctx context.Context, tx *bot.Tx) error {
		all, err := tx.Projects.List(ctx)
		if err != nil {
			return err
		}
		for _, p := range all {
			if p.State == bot.ProjectArchived {
				continue
			}
			row, err := c.boardRow(ctx, tx, p)
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return nil
	})
	if err != nil {
		c.fail(w, r, err)
		return
	}
	data := map[string]any{"Rows": rows, "Environments": c.env.Environments, "Title": "Board"}
	name := "board"
	if r.Header.Get("HX-Request") != "" {
		name = "board-table"
	}
	c.page(w, r, http.StatusOK, name, data)
}

func (c *Console) boardRow(ctx context.Context, tx *bot.Tx, p bot.Project) (boardRow, error) {
	row := boardRow{Project: p}
	resources, err := tx.Resources.Of(ctx, p.ID)
	if err != nil {
		return row, err
	}
	for _, res := range resources {
		switch res.Kind {
		case bot.ResourceRepository:
			row.Repo = res.URL
		case bot.ResourceJob:
			row.Job = res.URL
		}
	}
	builds, err := tx.Builds.Recent(ctx, p.ID, p.DefaultBranch, 1)
	if err != nil {
		return row, err
	}
	if len(builds) > 0 {
		row.Build = &builds[0]
	}
	for _, env := range c.env.Environments {
		cell, err := cellOf(ctx, tx, p, env.Name)
		if err != nil {
			return row, err
		}
		row.Cells = append(row.Cells, cell)
	}
	return row, nil
}

func cellOf(ctx context.Context, tx *bot.Tx, p bot.Project, env string) (cell boardCell, err error) {
	s, err := tx.Environments.Get(ctx, p.ID, env)
	if err != nil {
		return cell, err
	}
	if s.DesiredID != "" {
		v, err := tx.Versions.ByID(ctx, s.DesiredID)
		if err != nil {
			return cell, err
		}
		cell.Label, cell.Health, cell.URL, cell.Drift = v.Label, s.Health, s.URL, s.ObservedID != s.DesiredID
	}
	if s.LockedBy != "" {
		cell.Lock = s.LockReason
	}
	open, err := tx.Deployments.Find(ctx, bot.DeploymentFilter{ProjectID: p.ID, Environment: env, Open: true, Limit: 1})
	if len(open) > 0 {
		cell.Going = string(open[0].State)
	}
	return cell, err
}
