// Package delivery brings versions into environments: it makes a version of a
// build that succeeded, plans a deployment, runs it as an operation over any
// bot.Deployer, and keeps what should run and what does apart.
package delivery

import (
	"context"
	"log/slog"
	"time"

	"opsbot/bot"
)

// Options configure a Service. All fields must be set.
type Options struct {
	Clock        bot.Clock
	Work         bot.UnitOfWork
	Blobs        bot.Blobs
	Log          *slog.Logger
	Integrations bot.Integrations
	Operations   bot.Starter
	Environments []bot.Environment // in promotion order
	Commands     func() []string   // verbs, for messages; may be nil
	// Watcher hears of every change of a deployment; nil: nobody does.
	Watcher bot.DeploymentWatcher
	// Poll is how long to wait between two looks at a running deployment; 0 = 500 ms.
	Poll time.Duration
	// MaxArtifacts bounds what is fetched of one build, in bytes; 0 = 2 GiB.
	MaxArtifacts int64
}

// Service implements bot.Deliveries and takes part in the processing of events.
// Safe for concurrent use.
type Service struct{ opt Options }

var (
	_ bot.Deliveries   = (*Service)(nil)
	_ bot.EventHandler = (*Service)(nil)
)

// New makes a Service.
func New(opt Options) *Service {
	if opt.Poll == 0 {
		opt.Poll = 500 * time.Millisecond
	}
	if opt.MaxArtifacts == 0 {
		opt.MaxArtifacts = defaultMaxArtifacts
	}
	return &Service{opt: opt}
}

// SetOperations ties the knot with the operation engine, which needs this
// service's kinds; called once, before anything runs.
func (s *Service) SetOperations(o bot.Starter) { s.opt.Operations = o }

// Kinds are the operation kinds that this service runs.
func (s *Service) Kinds() []bot.OperationKind {
	return []bot.OperationKind{&deployKind{s}, &releaseKind{s}}
}

// Environment finds a configured environment by name, without regard to case.
func (s *Service) Environment(name string) (bot.Environment, error) {
	return bot.FindEnvironment(s.opt.Environments, name)
}

func (s *Service) deployer(env bot.Environment) (bot.Deployer, error) {
	return bot.Find[bot.Deployer](s.opt.Integrations, env.Deployer, "deployments")
}

// repository gives a project's repository and the forge that can read its commits.
func (s *Service) repository(ctx context.Context, p bot.Project) (bot.Repository, bot.CommitReader, error) {
	forge, err := bot.Find[bot.CommitReader](s.opt.Integrations, p.Forge, "commit history")
	if err != nil {
		return bot.Repository{}, nil, err
	}
	var found *bot.Resource
	err = s.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		all, err := tx.Resources.Of(ctx, p.ID)
		for i := range all {
			if all[i].Kind == bot.ResourceRepository {
				found = &all[i]
			}
		}
		return err
	})
	if err != nil {
		return bot.Repository{}, nil, err
	}
	if found == nil {
		return bot.Repository{}, nil, bot.Errorf(bot.CodeNotFound, "The project %s has no repository.", p.Slug)
	}
	return found.Repository(p.DefaultBranch), forge, nil
}

// touch has the cards renewed that show a commit of a project.
func touch(ctx context.Context, tx *bot.Tx, p bot.Project, commit string, cause bot.Cause) error {
	rooms, err := bot.RoomsOf(ctx, tx, p)
	if err != nil || len(rooms) == 0 {
		return err
	}
	changes, err := tx.Changes.ByCommit(ctx, p.ID, commit)
	if err != nil {
		return err
	}
	for _, c := range changes {
		for _, room := range rooms {
			if err := tx.Posts.Touch(ctx, room.Ref, "change:"+c.ID, "change", c.ID, cause); err != nil {
				return err
			}
		}
	}
	return tx.Wakes.Wake(ctx, bot.QueuePosts, time.Time{})
}
