package storetest

import (
	"context"
	"testing"

	"opsbot/bot"
)

func projectRules() []rule {
	return []rule{
		{"projects/come back whole and change", projectWhole},
		{"projects/a slug is unique without regard to case", projectUnique},
		{"projects/purged frees the slug", projectPurged},
		{"resources/found by external id while active", resourceExternal},
		{"resources/a repository belongs to one project", resourceOneOwner},
		{"resources/of a project and of an operation", resourceLists},
	}
}

func project(e *env, id, slug string) bot.Project {
	return bot.Project{ID: id, Slug: slug, State: bot.ProjectActive, CreatedAt: e.now()}
}

func putProject(p bot.Project) func(ctx context.Context, tx *bot.Tx) error {
	return func(ctx context.Context, tx *bot.Tx) error { return tx.Projects.Put(ctx, p) }
}

func bySlug(slug string) func(ctx context.Context, tx *bot.Tx) (bot.Project, error) {
	return func(ctx context.Context, tx *bot.Tx) (bot.Project, error) { return tx.Projects.BySlug(ctx, slug) }
}

func projectWhole(t *testing.T, e *env) {
	p := bot.Project{
		ID: "1", Slug: "Hello", Description: "d", Owner: "o", Team: "t", CreatedBy: "u", CreatedByName: "n",
		State: bot.ProjectArchived, Blueprint: "b", BlueprintVer: "1.0.0", DefaultBranch: "main", Forge: "f", Pipeline: "p",
		Private: true, Room: room("r"), CreatedAt: e.now(), ArchivedAt: e.now(),
	}
	e.write(putProject(p))
	same(t, get(e, bySlug("hELLO")), p)
	p.Slug, p.State = "other", bot.ProjectActive
	e.write(putProject(p))
	same(t, get(e, func(ctx context.Context, tx *bot.Tx) (bot.Project, error) { return tx.Projects.ByID(ctx, "1") }), p)
	e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error {
		_, err := bySlug("hello")(ctx, tx)
		return err
	})
	e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Projects.ByID(ctx, "2")
		return err
	})
}

func projectUnique(t *testing.T, e *env) {
	a, b := project(e, "1", "alpha"), project(e, "2", "Beta")
	e.write(putProject(b))
	e.write(putProject(a))
	e.refused(bot.CodeConflict, putProject(project(e, "3", "ALPHA")))
	renamed := b
	renamed.Slug = "Alpha"
	e.refused(bot.CodeConflict, putProject(renamed))
	same(t, get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.Project, error) { return tx.Projects.List(ctx) }), []bot.Project{a, b})
	results := make(chan error, 6)
	for i := range cap(results) {
		go func() { results <- e.Write(t.Context(), putProject(project(e, string(rune('a'+i)), "Gamma"))) }()
	}
	made := 0
	for range cap(results) {
		switch err := <-results; bot.CodeOf(err) {
		case "":
			made++
		case bot.CodeConflict:
		default:
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("%d projects of one name were made at once", made)
	}
}

func projectPurged(t *testing.T, e *env) {
	e.write(putProject(project(e, "1", "alpha")))
	e.write(putResource(bot.Resource{ID: "x", ProjectID: "1", Kind: bot.ResourceRepository, Instance: "g", ExternalID: "7"}))
	purge := func(ctx context.Context, tx *bot.Tx) error { return tx.Projects.Purge(ctx, "1") }
	e.write(purge)
	e.refused(bot.CodeNotFound, purge)
	e.write(putProject(project(e, "2", "Alpha")))
	e.write(putResource(bot.Resource{ID: "y", ProjectID: "2", Kind: bot.ResourceRepository, Instance: "g", ExternalID: "7"}))
	if got := get(e, external("g", bot.ResourceRepository, "7")); got.ProjectID != "2" {
		t.Errorf("the repository belongs to %q", got.ProjectID)
	}
}

func putResource(r bot.Resource) func(ctx context.Context, tx *bot.Tx) error {
	return func(ctx context.Context, tx *bot.Tx) error { return tx.Resources.Put(ctx, r) }
}

func external(instance string, kind bot.ResourceKind, id string) func(ctx context.Context, tx *bot.Tx) (bot.Resource, error) {
	return func(ctx context.Context, tx *bot.Tx) (bot.Resource, error) {
		return tx.Resources.ByExternal(ctx, instance, kind, id)
	}
}

func resourceExternal(t *testing.T, e *env) {
	r := bot.Resource{
		ID: "1", ProjectID: "p", Kind: bot.ResourceHook, Instance: "g", ExternalID: "7", Name: "n", URL: "u",
		CloneURL: "c", MadeBy: "op", Adopted: true, State: "active", CreatedAt: e.now(),
	}
	e.write(putResource(r))
	same(t, get(e, external("g", bot.ResourceHook, "7")), r)
	missing := func(instance string, kind bot.ResourceKind, id string) {
		t.Helper()
		e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error {
			_, err := external(instance, kind, id)(ctx, tx)
			return err
		})
	}
	missing("h", bot.ResourceHook, "7")
	missing("g", bot.ResourceJob, "7")
	missing("g", bot.ResourceHook, "8")
	r.State = "removed"
	e.write(putResource(r))
	missing("g", bot.ResourceHook, "7")
	same(t, get(e, func(ctx context.Context, tx *bot.Tx) (bot.Resource, error) { return tx.Resources.ByID(ctx, "1") }), r)
}

func resourceOneOwner(t *testing.T, e *env) {
	r := bot.Resource{ID: "1", ProjectID: "p", Kind: bot.ResourceRepository, Instance: "g", ExternalID: "7"}
	e.write(putResource(r))
	e.write(putResource(r)) // again is an update
	thief := bot.Resource{ID: "2", ProjectID: "q", Kind: bot.ResourceRepository, Instance: "g", ExternalID: "7"}
	e.write(func(ctx context.Context, tx *bot.Tx) error { // a refusal does not end the transaction
		if code := bot.CodeOf(tx.Resources.Put(ctx, thief)); code != bot.CodeConflict {
			t.Errorf("got code %q", code)
		}
		return tx.Resources.Put(ctx, r)
	})
	r.State = "removed"
	e.write(putResource(r))
	e.write(putResource(thief))
}

func resourceLists(t *testing.T, e *env) {
	a := bot.Resource{ID: "b", ProjectID: "p", Kind: bot.ResourceJob, Instance: "g", MadeBy: "op", State: "active"}
	b := bot.Resource{ID: "a", ProjectID: "p", Kind: bot.ResourceHook, Instance: "g", State: "active"}
	gone := bot.Resource{ID: "c", ProjectID: "p", MadeBy: "op", State: "removed"}
	other := bot.Resource{ID: "d", ProjectID: "q", MadeBy: "op", State: "active"}
	for _, r := range []bot.Resource{a, b, gone, other} {
		e.write(putResource(r))
	}
	same(t, get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.Resource, error) { return tx.Resources.Of(ctx, "p") }), []bot.Resource{a, b})
	same(t, get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.Resource, error) { return tx.Resources.MadeBy(ctx, "op") }), []bot.Resource{a, other})
}
