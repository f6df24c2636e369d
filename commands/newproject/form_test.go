package newproject

import (
	"context"
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
	"opsbot/test/conformance/forgetest"
)

func TestForm(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	req := r.Request(c, "name=new-one", "--private=true", "+size=big")
	form, err := c.Form(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	var names []string
	for _, f := range form.Fields {
		names = append(names, f.Name+":"+string(f.Kind))
		values[f.Name] = f.Value
	}
	if form.Title != "New tiny" || values["name"] != "new-one" || values["private"] != "true" {
		t.Errorf("%q %v", form.Title, values)
	}
	if got := strings.Join(names, " "); !strings.HasPrefix(got, "name:text ") || !strings.HasSuffix(got, "owner:select private:checkbox") {
		t.Errorf("the fields are %s", got)
	}
	values["owner"] = "Umbrella"
	args, problems, err := c.Fill(t.Context(), r.Request(c), values)
	if err != nil || len(problems) > 0 || args.Values["name"] != "new-one" || args.Flags["owner"] != "Umbrella" || args.Flags["private"] != "true" {
		t.Errorf("%+v %v %v", args, problems, err)
	}
	typed := r.Request(c, "--dry-run=true", "--pipeline=ci", "--forge=git", "--private=true")
	values["private"] = "false"
	args, _, err = c.Fill(t.Context(), typed, values)
	if f := args.Flags; err != nil || f["dry-run"] != "true" || f["pipeline"] != "ci" || f["forge"] != "git" || f["private"] != "" || typed.Args.Flags["private"] != "true" {
		t.Errorf("what was typed became %v, %v", args.Flags, err)
	}
	for field, wrong := range map[string]string{"name": "New One", "owner": "nobody"} {
		bad := map[string]string{"name": "new-one", field: wrong}
		if _, problems, err := c.Fill(t.Context(), r.Request(c), bad); err != nil || len(problems) != 1 {
			t.Errorf("%s=%s: %v %v", field, wrong, problems, err)
		}
	}
	if all := c.Variants(r.Request(c, "--blueprint=tiny")); len(all) != 1 {
		t.Errorf("a blueprint that was named leaves %d forms", len(all))
	}
}

// retiring is a forge that knows what of a repository is only ours.
type retiring struct {
	*forgetest.Fake
	retired []string
}

func (f *retiring) RetireRepository(_ context.Context, repo bot.Repository, operation string) (bool, error) {
	f.retired = append(f.retired, repo.Name+" of "+operation)
	return true, nil
}

// TestUndoAsksTheForge: where the forge can tell what is only ours it decides.
func TestUndoAsksTheForge(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	forge := &retiring{Fake: r.Forge}
	r.Services.Integrations = commandtest.Instances{"git": forge, "ci": r.CI, "run": r.Runner}
	r.Said(c, "name=new-one")
	op := undone(t, r, r.Ended("new-project"))
	if op.State != bot.OperationUndone || len(forge.retired) != 1 || forge.retired[0] != "new-one of "+op.ID {
		t.Errorf("%s %s: %v", op.State, op.Error, forge.retired)
	}
}

// TestFirstCommitIsAChange: no webhook was there that could have told of it.
func TestFirstCommitIsAChange(t *testing.T) {
	t.Parallel()
	r, c := setup(t)
	r.Said(c, "name=new-one")
	op := r.Ended("new-project")
	r.Read(func(ctx context.Context, tx *bot.Tx) error {
		all, err := tx.Changes.Recent(ctx, op.ProjectID, 10)
		if len(all) != 1 || all[0].Title != "Initial commit" || all[0].Author != "alice" || all[0].Branch != "main" {
			t.Errorf("the changes are %+v", all)
		}
		return err
	})
}
