package newproject

import (
	"context"
	"slices"
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

func setup(t *testing.T) (*commandtest.Rig, *Command) {
	t.Helper()
	r := commandtest.New(t)
	c := New(r.Services)
	r.Serve(c)
	return r, c
}

func stored(r *commandtest.Rig, slug string) (p bot.Project, has []string, err error) {
	r.Read(func(ctx context.Context, tx *bot.Tx) error {
		if p, err = tx.Projects.BySlug(ctx, slug); err != nil {
			return nil //nolint:nilerr // handed on
		}
		all, err := tx.Resources.Of(ctx, p.ID)
		for _, one := range all {
			has = append(has, string(one.Kind)+" "+one.Name)
		}
		slices.Sort(has)
		return err
	})
	return p, has, err
}

func TestMakesEverything(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	if text := r.Said(c, "name=hello-world", "--private", "--owner=umbrella", "+port=99"); text != "" {
		t.Errorf("the card speaks, not %q", text)
	}
	op := r.Ended("new-project")
	p, has, err := stored(r, "hello-world")
	if op.State != bot.OperationSucceeded || err != nil || p.State != bot.ProjectActive || p.Owner != "Umbrella" || !p.Private || p.CreatedBy != r.Alice.ID || p.Room.ID != "general" {
		t.Fatalf("%s %s: %+v, %v", op.State, op.Error, p, err)
	}
	if len(has) != 5 || has[0] != "environment production" || has[1] != "environment staging" || !strings.HasPrefix(has[2], "hook http://ops.test/hooks/git/") ||
		has[3] != "job hello-world" || has[4] != "repository Umbrella/hello-world" {
		t.Errorf("%q", has)
	}
	r.Read(func(ctx context.Context, tx *bot.Tx) error {
		row, err := tx.Posts.Get(ctx, p.Room, "op:"+op.ID+":done")
		if err == nil {
			r.Want(commandtest.Text(row.Content), "Success! Your project is available on git: https://forge.example.com/Umbrella/hello-world",
				"Success! Your ci job is available at: http://ci/hello-world", "To start the ci job use `buildNow hello-world`")
		}
		return err
	})
	r.Refused(c, bot.CodeConflict, "There is a project hello-world already, made by alice and owned by Umbrella: https://forge.example.com/Umbrella/hello-world", "name=hello-world")
}

func TestRefusesBeforeAnythingIsMade(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	access := c.Access(r.Request(c, "name=x", "--owner=o", "--blueprint=b"))
	if access.OwnerName != "o" || access.Blueprint != "b" || c.Access(r.Request(c, "name=x")).OwnerName != "acme" {
		t.Errorf("%+v", access)
	}
	r.Refused(c, bot.CodeInvalid, "Did you mean hello-world?", "name=Hello World")
	r.Refused(c, bot.CodeInvalid, "reserved", "name=vendor")
	r.Refused(c, bot.CodeInvalid, `There is no owner "evil" in the configuration; there are: acme, Umbrella.`, "name=new-one", "--owner=evil")
	r.Refused(c, bot.CodeNotFound, `There is no blueprint "big".`, "name=new-one", "--blueprint=big")
	r.Refused(c, bot.CodeInvalid, "The parameter port must be a number.", "name=new-one", "+port=x")
	r.Refused(c, bot.CodeInvalid, "The parameter port is given twice.", "name=new-one", "+port=1", "+port=2")
	r.Refused(c, bot.CodeConflict, "There is a project hello already, made by alice", "name=hello")
	r.Write(func(ctx context.Context, tx *bot.Tx) error {
		r.Project.State = bot.ProjectArchived
		return tx.Projects.Put(ctx, r.Project)
	})
	r.Refused(c, bot.CodeConflict, "`delete-project hello --purge` frees the name.", "name=hello")
	if _, _, err := stored(r, "new-one"); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("something was made: %v", err)
	}
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	r.Services.Defaults.BlueprintNote = "No Go here."
	r.Want(r.Said(c, "name=new-one", "--dry-run"), "Plan for new-one (nothing is changed)", "1. git: make the public repository acme/new-one.",
		"push one commit with 1 files from tiny 1.0.0 to main", "5. Environments: staging, production.", "No Go here.", "README.md")
	if _, _, err := stored(r, "new-one"); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("something was made: %v", err)
	}
}

// TestSecondRequestPointsToTheFirst, while that one has stopped half-way.
func TestSecondRequestPointsToTheFirst(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	r.CI.Fail("EnsureJob", bot.Errorf(bot.CodeForbidden, "The server refuses."))
	r.Said(c, "name=new-one")
	op := r.Ended("new-project")
	if p, _, _ := stored(r, "new-one"); op.State != bot.OperationFailed || p.State != bot.ProjectCreating {
		t.Fatalf("%s, %+v", op.State, p)
	}
	r.Refused(c, bot.CodeConflict, "new-one is being made already, by alice (operation "+op.ID[24:]+", failed).", "name=new-one")
}

// undone has the engine undo an operation, and waits for its end.
func undone(t *testing.T, r *commandtest.Rig, op *bot.Operation) *bot.Operation {
	t.Helper()
	r.Write(func(ctx context.Context, tx *bot.Tx) error {
		return r.Services.Operations.Undo(ctx, tx, op.ID, bot.Cause{Root: "root"})
	})
	return r.Ended("new-project")
}

func TestUndoRemovesWhatWasMade(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	r.Said(c, "name=new-one")
	op := undone(t, r, r.Ended("new-project"))
	if _, _, err := stored(r, "new-one"); op.State != bot.OperationUndone || bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("%s %s: the name is not free: %v", op.State, op.Error, err)
	}
	if found, _, err := r.Forge.FindRepository(t.Context(), bot.RepoSpec{Owner: "acme", Name: "new-one"}); err != nil || found != bot.PresenceAbsent {
		t.Errorf("the repository is %s, %v", found, err)
	}
	if calls := strings.Join(append(r.CI.Calls(), r.Runner.Calls()...), ";"); calls != "EnsureJob new-one;RemoveJob job/new-one;Remove new-one staging;Remove new-one production" {
		t.Errorf("%s", calls)
	}
}

// TestUndoLeavesOthersCommits: what people have pushed since is never lost.
func TestUndoLeavesOthersCommits(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	r.Said(c, "name=new-one")
	op := r.Ended("new-project")
	_, repo, err := r.Forge.FindRepository(t.Context(), bot.RepoSpec{Owner: "acme", Name: "new-one", Operation: op.ID})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Forge.Commit(t.Context(), repo, "main", "work of a week"); err != nil {
		t.Fatal(err)
	}
	op = undone(t, r, op)
	if found, _, _ := r.Forge.FindRepository(t.Context(), bot.RepoSpec{Owner: "acme", Name: "new-one", Operation: op.ID}); found != bot.PresenceOurs {
		t.Errorf("the repository is %s", found)
	}
	if op.State != bot.OperationFailed || !strings.Contains(op.Error, "has commits beyond OpsBot's (branch main); it is left alone.") {
		t.Errorf("%s: %s", op.State, op.Error)
	}
}

// TestForeignRepositoryIsLeftAlone: the name is taken outside.
func TestForeignRepositoryIsLeftAlone(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	if _, err := r.Forge.EnsureRepository(t.Context(), bot.RepoSpec{Owner: "acme", Name: "new-one", Operation: "another"}); err != nil {
		t.Fatal(err)
	}
	r.Said(c, "name=new-one")
	op := r.Ended("new-project")
	if op.State != bot.OperationFailed || !strings.Contains(op.Error, "There is a repository acme/new-one on git already that OpsBot did not make: https://forge.example.com/acme/new-one") {
		t.Errorf("%s: %s", op.State, op.Error)
	}
	if op = undone(t, r, op); op.State != bot.OperationUndone {
		t.Errorf("undo: %s: %s", op.State, op.Error)
	}
	if found, _, err := r.Forge.FindRepository(t.Context(), bot.RepoSpec{Owner: "acme", Name: "new-one", Operation: "another"}); found != bot.PresenceOurs {
		t.Errorf("the foreign repository is %s, %v", found, err)
	}
}

// TestTeam: a team's jobs lie in its folder; the policy is asked about the team as it
// is configured.
func TestTeam(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	r.Refused(c, bot.CodeInvalid, "There is no team in the configuration", "name=new-one", "--team=web")
	r.Services.Defaults.Teams = []string{"payments", "web"}
	r.Refused(c, bot.CodeInvalid, "Did you mean web?", "name=new-one", "--team=wep")
	if a := c.Access(r.Request(c, "name=new-one", "--team=WEB")); a.Team != "web" {
		t.Errorf("%+v", a)
	}
	form, err := c.Form(t.Context(), r.Request(c, "--team=web"))
	if err != nil || !slices.ContainsFunc(form.Fields, func(f bot.FormField) bool { return f.Name == "team" && f.Value == "web" && len(f.Options) == 2 }) {
		t.Errorf("%+v, %v", form, err)
	}
	r.Said(c, "name=new-one", "--team=WEB")
	op := r.Ended("new-project")
	if p, _, err := stored(r, "new-one"); err != nil || p.Team != "web" || op.State != bot.OperationSucceeded {
		t.Errorf("%s %s: %+v, %v", op.State, op.Error, p, err)
	}
	if calls := strings.Join(r.CI.Calls(), ";"); calls != "EnsureJob web/new-one" {
		t.Error(calls)
	}
}
