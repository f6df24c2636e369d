package deleteproject

import (
	"context"
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

// world is a project with everything that it can have outside.
func world(t *testing.T) (*commandtest.Rig, *Command) {
	t.Helper()
	r := commandtest.New(t)
	c := New(r.Services)
	r.Serve(c)
	repo, _ := r.Repository()
	hook := r.Resource(bot.ResourceHook, "git", "h1", "http://ops.test/hooks/git/x")
	if _, err := r.Forge.EnsureHook(t.Context(), bot.HookSpec{Repository: repo, ResourceID: hook.ID, URL: hook.Name}); err != nil {
		t.Fatal(err)
	}
	r.Resource(bot.ResourceJob, "ci", "job/hello", "hello")
	r.Resource(bot.ResourceEnvironment, "run", r.Project.ID+"/staging", "staging")
	r.Runs("staging", r.Version(1, commandtest.Commit(1)))
	return r, c
}

func project(r *commandtest.Rig) (p bot.Project, left []string, err error) {
	r.Read(func(ctx context.Context, tx *bot.Tx) error {
		p, err = tx.Projects.ByID(ctx, r.Project.ID)
		all, err := tx.Resources.Of(ctx, r.Project.ID)
		for _, one := range all {
			left = append(left, string(one.Kind))
		}
		return err
	})
	return p, left, err
}

func TestArchive(t *testing.T) {
	t.Parallel()
	r, c := world(t)
	plan, err := c.Plan(t.Context(), r.Request(c, "name=hello"))
	if err != nil || plan.Typed != "hello" || len(plan.Lines) != 4 || len(plan.Warnings) != 0 {
		t.Fatalf("%+v, %v", plan, err)
	}
	r.Said(c, "name=hello")
	op := r.Ended("delete-project")
	p, left, err := project(r)
	if op.State != bot.OperationSucceeded || err != nil || p.State != bot.ProjectArchived || p.ArchivedAt.IsZero() || strings.Join(left, " ") != "repository" {
		t.Errorf("%s %s: %+v, left %v", op.State, op.Error, p, left)
	}
	if got := strings.Join(append(r.CI.Calls(), r.Runner.Calls()...), ";"); got != "RemoveJob job/hello;Remove hello staging" {
		t.Error(got)
	}
	if s := r.State("staging"); s.DesiredID != "" {
		t.Errorf("%+v", s)
	}
	if title := (&kind{c}).Title(op); title != "Archiving hello" {
		t.Errorf("%s", title)
	}
	r.Refused(c, bot.CodeConflict, "hello is archived already; `--purge` removes it for good.", "name=hello")
	r.Said(c, "name=hello", "--purge")
	if op := r.Ended("delete-project"); op.State != bot.OperationSucceeded {
		t.Errorf("%s", op.Error)
	}
}

func TestPurge(t *testing.T) {
	t.Parallel()
	r, c := world(t)
	plan, err := c.Plan(t.Context(), r.Request(c, "name=hello", "--purge"))
	if err != nil || len(plan.Warnings) != 1 || plan.Title != "Plan: remove hello for good" {
		t.Fatalf("%+v, %v", plan, err)
	}
	other, _ := c.Plan(t.Context(), r.Request(c, "name=hello"))
	if string(other.Content) == string(plan.Content) {
		t.Error("archiving and removing have the same content")
	}
	r.Said(c, "name=hello", "--purge")
	op := r.Ended("delete-project")
	if _, _, err := project(r); op.State != bot.OperationSucceeded || bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("%s %s: %v", op.State, op.Error, err)
	}
	if found, _, err := r.Forge.FindRepository(t.Context(), bot.RepoSpec{Owner: "acme", Name: "hello"}); err != nil || found != bot.PresenceAbsent {
		t.Errorf("the repository is %s, %v", found, err)
	}
	r.NewProject("hello") // its name is free again
	if title := (&kind{c}).Title(op); title != "Removing hello" {
		t.Errorf("%s", title)
	}
}

// TestFailureKeepsTheProject: what could not be removed is still ours.
func TestFailureKeepsTheProject(t *testing.T) {
	t.Parallel()
	r, c := world(t)
	r.CI.Fail("RemoveJob", bot.Errorf(bot.CodeForbidden, "The server refuses."))
	r.Said(c, "name=hello", "--purge")
	op := r.Ended("delete-project")
	p, left, err := project(r)
	if op.State != bot.OperationFailed || op.Error != "The server refuses." || err != nil || p.State != bot.ProjectActive || !strings.Contains(strings.Join(left, " "), "repository") {
		t.Errorf("%s %s: %+v, left %v", op.State, op.Error, p, left)
	}
}

func TestOddities(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	r.Serve(c)
	r.Said(c, "name=hello") // nothing outside at all
	if op := r.Ended("delete-project"); op.State != bot.OperationSucceeded {
		t.Errorf("%s", op.Error)
	}
	young := r.NewProject("young")
	young.State = bot.ProjectCreating
	r.Write(func(ctx context.Context, tx *bot.Tx) error { return tx.Projects.Put(ctx, young) })
	r.Refused(c, bot.CodeConflict, "young is still being made", "name=young")
	if _, err := (&kind{c}).Steps(&bot.Operation{Input: []byte("{")}); bot.CodeOf(err) != bot.CodeInternal {
		t.Error(err)
	}
}

// TestAdoptedRepositoryStays: OpsBot did not make it, so it goes with nothing.
func TestAdoptedRepositoryStays(t *testing.T) {
	t.Parallel()
	r, c := world(t)
	var repo bot.Resource
	r.Write(func(ctx context.Context, tx *bot.Tx) error {
		all, err := tx.Resources.Of(ctx, r.Project.ID)
		for _, one := range all {
			if one.Kind == bot.ResourceRepository {
				repo = one
				repo.Adopted = true
				err = tx.Resources.Put(ctx, repo)
			}
		}
		return err
	})
	for _, args := range [][]string{{"name=hello"}, {"name=hello", "--purge"}} {
		plan, err := c.Plan(t.Context(), r.Request(c, args...))
		if err != nil {
			t.Fatal(err)
		}
		lines := ""
		for _, l := range plan.Lines {
			lines += string(l) + "\n"
		}
		r.Want(lines, "Leave the repository acme/hello as it is: OpsBot did not make it.")
		if len(plan.Warnings) > 0 && strings.Contains(string(plan.Warnings[0]), "commits") {
			t.Errorf("%s", plan.Warnings)
		}
	}
	r.Said(c, "name=hello", "--purge")
	if op := r.Ended("delete-project"); op.State != bot.OperationSucceeded {
		t.Fatalf("%s %s", op.State, op.Error)
	}
	if heads, err := r.Forge.Branches(t.Context(), repo.Repository("main")); err != nil || len(heads) != 1 {
		t.Errorf("the repository has %v, %v", heads, err)
	}
}

// TestArchivesWithoutARepository that somebody has removed by hand.
func TestArchivesWithoutARepository(t *testing.T) {
	t.Parallel()
	r, c := world(t)
	_, repo, err := r.Forge.FindRepository(t.Context(), bot.RepoSpec{Owner: "acme", Name: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Forge.RemoveRepository(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	r.Said(c, "name=hello")
	op := r.Ended("delete-project")
	p, left, err := project(r)
	if op.State != bot.OperationSucceeded || err != nil || p.State != bot.ProjectArchived || strings.Contains(strings.Join(left, " "), "repository") {
		t.Errorf("%s %s: %+v, left %v, %v", op.State, op.Error, p, left, err)
	}
}
