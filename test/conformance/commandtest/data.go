package commandtest

import (
	"context"
	"fmt"
	"strings"

	"opsbot/bot"
)

// Commit is a made-up commit id.
func Commit(n int) string { return fmt.Sprintf("%07x%s", n, strings.Repeat("0", 33)) }

// Resource stores something that the project has outside.
func (r *Rig) Resource(kind bot.ResourceKind, instance, externalID, name string) bot.Resource {
	r.T.Helper()
	res := bot.Resource{
		ID: bot.NewID(r.Clock.Now()), ProjectID: r.Project.ID, Kind: kind, Instance: instance, ExternalID: externalID, Name: name,
		URL: "http://" + instance + "/" + name, CloneURL: "http://" + instance + "/" + name + ".git", State: "active", CreatedAt: r.Clock.Now(),
	}
	r.Write(func(ctx context.Context, tx *bot.Tx) error { return tx.Resources.Put(ctx, res) })
	return res
}

// Repository makes the project's repository on the forge, with one commit.
func (r *Rig) Repository() (repo bot.Repository, head string) {
	r.T.Helper()
	ctx := context.Background()
	repo, err := r.Forge.EnsureRepository(ctx, bot.RepoSpec{Owner: "acme", Name: r.Project.Slug, DefaultBranch: "main", Operation: "earlier"})
	if err != nil {
		r.T.Fatal(err)
	}
	head, err = r.Forge.Push(ctx, bot.PushRequest{Repository: repo, Branch: "main", Author: bot.Signature{Name: "alice"}, Message: "Initial commit"})
	if err != nil {
		r.T.Fatal(err)
	}
	res := r.Resource(bot.ResourceRepository, "git", repo.ExternalID, "acme/"+r.Project.Slug)
	res.URL, res.CloneURL = repo.URL, repo.CloneURL
	r.Write(func(ctx context.Context, tx *bot.Tx) error { return tx.Resources.Put(ctx, res) })
	return repo, head
}

// Build stores a build; result "" is one that runs.
func (r *Rig) Build(n int, branch string, result bot.Result) bot.Build {
	r.T.Helper()
	b := bot.Build{
		ProjectID: r.Project.ID, Instance: "ci", Ref: bot.BuildRef{Job: "job/hello", Branch: branch, Number: n}, State: bot.BuildRunning, Result: result,
		Commit: Commit(n), URL: fmt.Sprintf("http://ci/hello/%d", n), QueuedAt: r.Clock.Now(), StartedAt: r.Clock.Now(), Sequence: 1,
	}
	if result != "" {
		b.State, b.FinishedAt = bot.BuildFinished, b.StartedAt.Add(41e9)
	}
	r.Write(func(ctx context.Context, tx *bot.Tx) (err error) {
		b, err = tx.Builds.Put(ctx, b)
		return err
	})
	return b
}

// Version stores a version of a commit.
func (r *Rig) Version(n int, commit string) bot.Version {
	r.T.Helper()
	v := bot.Version{
		ID: bot.NewID(r.Clock.Now()), ProjectID: r.Project.ID, Commit: commit, BuildID: fmt.Sprintf("build-%d", n), Number: n, Branch: "main",
		Label: fmt.Sprintf("1.0.0-%d-g%s", n, commit[:7]), CreatedAt: r.Clock.Now(),
	}
	r.Write(func(ctx context.Context, tx *bot.Tx) error { return tx.Versions.Insert(ctx, v) })
	return v
}

// Runs stores what an environment runs; change may say more.
func (r *Rig) Runs(env string, v bot.Version, change ...func(*bot.EnvironmentState)) {
	r.T.Helper()
	r.Write(func(ctx context.Context, tx *bot.Tx) error {
		s, err := tx.Environments.Get(ctx, r.Project.ID, env)
		if err != nil {
			return err
		}
		s.DesiredID, s.ObservedID, s.Health = v.ID, v.ID, "healthy"
		for _, c := range change {
			c(&s)
		}
		return tx.Environments.Put(ctx, s)
	})
}

// State reads what an environment should run.
func (r *Rig) State(env string) (s bot.EnvironmentState) {
	r.T.Helper()
	r.Read(func(ctx context.Context, tx *bot.Tx) (err error) {
		s, err = tx.Environments.Get(ctx, r.Project.ID, env)
		return err
	})
	return s
}

// Started reports whether a delivery was filed, in the plan's words.
func (r *Rig) Started(plan string) bool {
	r.T.Helper()
	known := true
	r.Read(func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Documents.Get(ctx, "deliveries", "started", plan)
		known = err == nil
		return nil
	})
	return known
}
