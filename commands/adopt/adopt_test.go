package adopt

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

// there makes a repository that OpsBot has nothing to do with.
func there(t *testing.T, r *commandtest.Rig, name string, files ...string) bot.Repository {
	t.Helper()
	repo, err := r.Forge.EnsureRepository(t.Context(), bot.RepoSpec{Owner: "Umbrella", Name: name, DefaultBranch: "main", Operation: "someone"})
	if err != nil {
		t.Fatal(err)
	}
	req := bot.PushRequest{Repository: repo, Branch: "main", Author: bot.Signature{Name: "bob"}, Message: "Work of years"}
	for _, f := range files {
		req.Tree.Files = append(req.Tree.Files, bot.TreeFile{Path: f, Data: []byte("x")})
	}
	if len(files) > 0 {
		if _, err := r.Forge.Push(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	return repo
}

func resources(r *commandtest.Rig, slug string) (p bot.Project, has []string) {
	r.Read(func(ctx context.Context, tx *bot.Tx) (err error) {
		if p, err = tx.Projects.BySlug(ctx, slug); err != nil {
			return err
		}
		all, err := tx.Resources.Of(ctx, p.ID)
		for _, one := range all {
			word := string(one.Kind)
			if one.Adopted && one.MadeBy == "" {
				word += " adopted"
			}
			has = append(has, word)
		}
		slices.Sort(has)
		return err
	})
	return p, has
}

func TestAdopts(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	repo := there(t, r, "old-service", "Jenkinsfile", "main.go")
	plan, err := c.Plan(t.Context(), r.Request(c, "name=umbrella/old-service"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, l := range plan.Lines {
		lines = append(lines, string(l))
	}
	r.Want(strings.Join(lines, "\n"), "1. git: take over https://forge.example.com/Umbrella/old-service as it is; nothing is committed, renamed or protected.",
		"2. git: install one webhook", "3. ci: make the multibranch job old-service", "4. Environments: staging, production.")
	r.Said(c, "name=old-service", "--owner=umbrella")
	op := r.Ended("adopt")
	p, has := resources(r, "old-service")
	if got := strings.Join(has, ","); op.State != bot.OperationSucceeded || got != "environment,environment,hook,job,repository adopted" {
		t.Errorf("%s %s: %s", op.State, op.Error, got)
	}
	if p.State != bot.ProjectActive || p.Owner != "Umbrella" || p.DefaultBranch != "main" {
		t.Errorf("%+v", p)
	}
	r.Refused(c, bot.CodeConflict, repo.URL+" belongs to the project old-service already.", "name=old-service", "--owner=Umbrella", "--as=twice")
}

// TestPrivateStaysPrivate: what services make for a private repository is private, too.
func TestPrivateStaysPrivate(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	repo, err := r.Forge.EnsureRepository(t.Context(), bot.RepoSpec{Owner: "acme", Name: "hidden", DefaultBranch: "main", Operation: "someone", Private: true})
	if err != nil {
		t.Fatal(err)
	}
	req := bot.PushRequest{Repository: repo, Branch: "main", Author: bot.Signature{Name: "bob"}, Message: "Work"}
	if _, err := r.Forge.Push(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	r.Said(c, "name=acme/hidden")
	r.Ended("adopt")
	if p, _ := resources(r, "hidden"); !p.Private {
		t.Error("it counts as public")
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	there(t, r, "empty")
	there(t, r, "Big_Thing", "main.go")
	r.Refused(c, bot.CodeNotFound, "There is no repository Umbrella/nothing on git, or OpsBot's account may not see it.", "name=Umbrella/nothing")
	r.Refused(c, bot.CodeInvalid, `There is no owner "evil" in the configuration; there are: acme, Umbrella.`, "name=evil/thing")
	r.Refused(c, bot.CodeConflict, "has no commit on main yet", "name=Umbrella/empty")
	if err := r.Forge.ArchiveRepository(t.Context(), there(t, r, "dusty", "main.go")); err != nil {
		t.Fatal(err)
	}
	r.Refused(c, bot.CodeConflict, "https://forge.example.com/Umbrella/dusty is archived: nothing can be added to it.", "name=Umbrella/dusty")
	r.Refused(c, bot.CodeInvalid, "Give the project another name with --as=NAME.", "name=Umbrella/Big_Thing")
	r.Refused(c, bot.CodeUnsupported, "it has no pull requests", "name=Umbrella/Big_Thing", "--as=big-thing", "--propose=tiny")
	r.Refused(c, bot.CodeConflict, "There is a project hello already", "name=Umbrella/Big_Thing", "--as=hello")
	plan, err := c.Plan(t.Context(), r.Request(c, "name=Umbrella/Big_Thing", "--as=big-thing"))
	if err != nil || !strings.Contains(string(plan.Lines[1]), "Nothing is built until there is a Jenkinsfile") {
		t.Errorf("%v %v", plan, err)
	}
}

// TestUndoLeavesTheRepository: nothing of it was ours.
func TestUndoLeavesTheRepository(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	repo := there(t, r, "old-service", "Jenkinsfile")
	r.Said(c, "name=Umbrella/old-service")
	op := r.Ended("adopt")
	r.Write(func(ctx context.Context, tx *bot.Tx) error {
		return r.Services.Operations.Undo(ctx, tx, op.ID, bot.Cause{Root: "root"})
	})
	if op = r.Ended("adopt"); op.State != bot.OperationUndone {
		t.Errorf("%s: %s", op.State, op.Error)
	}
	heads, err := r.Forge.Branches(t.Context(), repo)
	if err != nil || len(heads) != 1 {
		t.Errorf("the repository has %v, %v", heads, err)
	}
	if calls := strings.Join(r.CI.Calls(), ";"); calls != "EnsureJob old-service;RemoveJob job/old-service" {
		t.Error(calls)
	}
	r.Said(c, "name=Umbrella/old-service") // the name and the repository are free again
	if op = r.Ended("adopt"); op.State != bot.OperationSucceeded {
		t.Errorf("%s: %s", op.State, op.Error)
	}
}
