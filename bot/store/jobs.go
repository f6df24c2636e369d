package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"opsbot/bot"
)

// wakeJob is the only job there is: a timer. River's tables hold nothing that
// would be missed.
type wakeJob struct {
	Queue bot.Queue `json:"queue"`
}

// Kind names the job in River's table.
func (wakeJob) Kind() string { return "opsbot_wake" }

// wakeWorker notifies the queue of a timer that fired.
type wakeWorker struct {
	river.WorkerDefaults[wakeJob]
	s *Store
}

// Work wakes the listeners of this process and, on PostgreSQL, of the others.
func (w *wakeWorker) Work(ctx context.Context, job *river.Job[wakeJob]) error {
	w.s.hub.notify(job.Args.Queue)
	if w.s.pg == nil {
		return nil
	}
	_, err := w.s.pg.Exec(ctx, "SELECT pg_notify($1, $2)", channel, w.s.owner+" "+string(job.Args.Queue))
	return err
}

// jobs are River's clients: one that inserts within bun's transaction, and on
// PostgreSQL another one that works. River makes a client work only its driver's
// own transactions, hence the two.
type jobs struct {
	inserter *river.Client[*sql.Tx]
	start    func(ctx context.Context) error
	stop     func(ctx context.Context) error
}

func (s *Store) newJobs() (*jobs, error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, &wakeWorker{s: s})
	working := &river.Config{
		ID:     s.owner,
		Logger: slog.New(warnings{s.log.Handler()}),
		// A job's own deadline is not River's business, and there is no long job.
		JobTimeout:                  -1,
		FetchPollInterval:           2 * time.Second,
		CompletedJobRetentionPeriod: 10 * time.Minute,
		Queues:                      map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 2}},
		Workers:                     workers,
	}
	if s.pg == nil {
		client, err := river.NewClient(riversqlite.New(s.writer()), working)
		if err != nil {
			return nil, fmt.Errorf("store: set up jobs: %w", err)
		}
		return &jobs{inserter: client, start: client.Start, stop: client.StopAndCancel}, nil
	}
	worker, err := river.NewClient[pgx.Tx](riverpgxv5.New(s.pg), working)
	if err != nil {
		return nil, fmt.Errorf("store: set up jobs: %w", err)
	}
	inserter, err := river.NewClient(riverdatabasesql.New(nil), &river.Config{Logger: slog.New(warnings{s.log.Handler()})})
	if err != nil {
		return nil, fmt.Errorf("store: set up jobs: %w", err)
	}
	return &jobs{inserter: inserter, start: worker.Start, stop: worker.StopAndCancel}, nil
}

// warnings passes on what an operator may have to act on: River tells the story of
// its own starts, stops and migrations, too.
type warnings struct{ slog.Handler }

// Enabled implements slog.Handler.
func (h warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

// insert sets a timer within the transaction.
func (j *jobs) insert(ctx context.Context, tx *sql.Tx, k wake) error {
	_, err := j.inserter.InsertTx(ctx, tx, wakeJob{Queue: k.queue}, &river.InsertOpts{ScheduledAt: k.at.time(), MaxAttempts: 1})
	return err
}

// Running is closed once Run works: timers fire and other replicas are heard.
func (s *Store) Running() <-chan struct{} { return s.running }

// Run works timers and wake-ups until ctx ends. Without it everything can be read
// and written, but timers do not fire and other replicas are not heard.
func (s *Store) Run(ctx context.Context) error {
	// River must be stopped by itself, not by the context, to finish what it writes.
	if err := s.jobs.start(context.WithoutCancel(ctx)); err != nil {
		return s.wrap("start the timers", err)
	}
	heard, hears := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(heard)
		s.hear(ctx, sync.OnceFunc(func() { close(hears) }))
	}()
	select {
	case <-hears:
	case <-ctx.Done():
	}
	s.started.Do(func() { close(s.running) })
	swept := make(chan struct{})
	go func() {
		defer close(swept)
		s.runSweeps(ctx)
	}()
	s.hub.runAlarms(ctx, s.clock)
	<-heard
	<-swept
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.jobs.stop(stop); err != nil {
		return s.wrap("stop the timers", err)
	}
	return nil
}
