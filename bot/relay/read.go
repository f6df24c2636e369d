package relay

import (
	"context"
	"fmt"
	"runtime/debug"
	"strconv"

	"golang.org/x/sync/errgroup"

	"opsbot/bot"
)

// read parses all rows, a few at a time, outside any transaction.
func (p *Processor) read(ctx context.Context, rows []bot.InboxRow) []*task {
	tasks := make([]*task, len(rows))
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, row := range rows {
		tasks[i] = &task{row: row}
		g.Go(func() error {
			tasks[i].events, tasks[i].err = p.parse(ctx, row)
			return nil
		})
	}
	_ = g.Wait() // errors belong to their rows
	return tasks
}

// parse gives the row's events, complete with source and id.
func (p *Processor) parse(ctx context.Context, row bot.InboxRow) (events []bot.Event, err error) {
	switch {
	case row.Event != nil:
		events = []bot.Event{*row.Event}
	case row.Delivery != nil:
		if events, err = p.parseDelivery(ctx, row); err != nil {
			return nil, err
		}
	default:
		return nil, bot.Errorf(bot.CodeInvalid, "The inbox row %s is empty.", row.ID)
	}
	for i := range events {
		e := &events[i]
		e.Source = row.Instance
		if e.ReceivedAt.IsZero() {
			e.ReceivedAt = row.Received
		}
		if e.OccurredAt.IsZero() {
			e.OccurredAt = e.ReceivedAt
		}
		if e.ID == "" {
			e.ID = row.Key
			if i > 0 {
				e.ID += "/" + strconv.Itoa(i)
			}
		}
	}
	return events, nil
}

// parseDelivery asks the instance; its panic is an error of this row alone.
func (p *Processor) parseDelivery(ctx context.Context, row bot.InboxRow) (events []bot.Event, err error) {
	parser, err := bot.Find[bot.WebhookParser](p.o.Integrations, row.Instance, "webhooks")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, parseTimeout)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			err = bot.Errorf(bot.CodeInternal, "A delivery from %s could not be read.", row.Instance).
				Because(fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
		}
	}()
	events, err = parser.Parse(ctx, *row.Delivery)
	if err != nil {
		return nil, fmt.Errorf("relay: parse delivery %s of %s: %w", row.Key, row.Instance, err)
	}
	for i := range events {
		// What came through a webhook names its project by resources alone.
		events[i].ProjectID, events[i].Cause = "", bot.Cause{}
	}
	return events, nil
}

// sort finds each task's lane.
func (p *Processor) sort(ctx context.Context, tx *bot.Tx, tasks []*task) error {
	for _, t := range tasks {
		t.lane, t.many = "", false
		for i := range t.events {
			project, _, err := findProject(ctx, tx, t.row, &t.events[i])
			if err != nil {
				return err
			}
			switch {
			case project == nil:
			case t.lane == "":
				t.lane = project.ID
			case t.lane != project.ID:
				t.many = true
			}
		}
	}
	return nil
}
