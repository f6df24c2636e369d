package store

import (
	"context"
	"strings"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

type projectRow struct {
	bun.BaseModel    `bun:"table:projects"`
	ID               string `bun:"id,pk"`
	Slug             string `bun:"slug"`
	SlugKey          string `bun:"slug_key"` // lower case
	Description      string `bun:"description"`
	Owner            string `bun:"owner"`
	Team             string `bun:"team"`
	CreatedBy        string `bun:"created_by"`
	CreatedByName    string `bun:"created_by_name"`
	State            string `bun:"state"`
	Blueprint        string `bun:"blueprint"`
	BlueprintVersion string `bun:"blueprint_version"`
	DefaultBranch    string `bun:"default_branch"`
	Forge            string `bun:"forge"`
	Pipeline         string `bun:"pipeline"`
	Private          bool   `bun:"private"`
	roomCols
	CreatedAt  micros `bun:"created_at"`
	ArchivedAt micros `bun:"archived_at"`
}

func projectRowOf(p bot.Project) projectRow {
	return projectRow{
		ID: p.ID, Slug: p.Slug, SlugKey: strings.ToLower(p.Slug), Description: p.Description, Owner: p.Owner,
		Team: p.Team, CreatedBy: p.CreatedBy, CreatedByName: p.CreatedByName, State: string(p.State), Blueprint: p.Blueprint,
		BlueprintVersion: p.BlueprintVer, DefaultBranch: p.DefaultBranch, Forge: p.Forge, Pipeline: p.Pipeline,
		Private: p.Private, roomCols: place(p.Room), CreatedAt: us(p.CreatedAt), ArchivedAt: us(p.ArchivedAt),
	}
}

func (r projectRow) noun() bot.Project {
	return bot.Project{
		ID: r.ID, Slug: r.Slug, Description: r.Description, Owner: r.Owner, Team: r.Team,
		CreatedBy: r.CreatedBy, CreatedByName: r.CreatedByName, State: bot.ProjectState(r.State), Blueprint: r.Blueprint,
		BlueprintVer: r.BlueprintVersion, DefaultBranch: r.DefaultBranch, Forge: r.Forge, Pipeline: r.Pipeline,
		Private: r.Private, Room: r.ref(), CreatedAt: r.CreatedAt.time(), ArchivedAt: r.ArchivedAt.time(),
	}
}

type projects struct{ *work }

var _ bot.Projects = projects{}

// Put implements bot.Projects.
func (r projects) Put(ctx context.Context, p bot.Project) error {
	row := projectRowOf(p)
	other, err := first[projectRow](ctx, r.work, noProject(p.Slug), where("slug_key = ?", row.SlugKey))
	if err == nil && other.ID != p.ID {
		return taken("a project", other.Slug)
	}
	if err != nil && bot.CodeOf(err) != bot.CodeNotFound {
		return err
	}
	return upsert(ctx, r.work, &row, "id")
}

func noProject(name string) *bot.Error {
	return bot.Errorf(bot.CodeNotFound, "There is no project %q.", name)
}

// ByID implements bot.Projects.
func (r projects) ByID(ctx context.Context, id string) (bot.Project, error) {
	row, err := first[projectRow](ctx, r.work, noProject(id), where("id = ?", id))
	return row.noun(), err
}

// BySlug implements bot.Projects; case does not matter.
func (r projects) BySlug(ctx context.Context, slug string) (bot.Project, error) {
	row, err := first[projectRow](ctx, r.work, noProject(slug), where("slug_key = ?", strings.ToLower(slug)))
	return row.noun(), err
}

// List implements bot.Projects.
func (r projects) List(ctx context.Context) ([]bot.Project, error) {
	return list(ctx, r.work, projectRow.noun, order("slug_key"))
}

// Purge implements bot.Projects. The project's resources are given up with it: a
// repository that outlives it may be adopted by another.
func (r projects) Purge(ctx context.Context, id string) error {
	_, err := r.raw(ctx, "give up a project's resources",
		"UPDATE resources SET state = 'removed' WHERE project_id = ? AND state = 'active'", id)
	if err != nil {
		return err
	}
	if _, err := r.raw(ctx, "remove a project's secrets", "DELETE FROM secrets WHERE project_id = ?", id); err != nil {
		return err
	}
	n, err := r.raw(ctx, "purge a project", "DELETE FROM projects WHERE id = ?", id)
	if err == nil && n == 0 {
		return noProject(id)
	}
	return err
}

type resourceRow struct {
	bun.BaseModel `bun:"table:resources"`
	Seq           int64  `bun:"seq,pk,autoincrement"`
	ID            string `bun:"id"`
	ProjectID     string `bun:"project_id"`
	Kind          string `bun:"kind"`
	Instance      string `bun:"instance"`
	ExternalID    string `bun:"external_id"`
	Name          string `bun:"name"`
	URL           string `bun:"url"`
	CloneURL      string `bun:"clone_url"`
	MadeBy        string `bun:"made_by"`
	Adopted       bool   `bun:"adopted"`
	State         string `bun:"state"`
	CreatedAt     micros `bun:"created_at"`
}

func (r resourceRow) noun() bot.Resource {
	return bot.Resource{
		ID: r.ID, ProjectID: r.ProjectID, Kind: bot.ResourceKind(r.Kind), Instance: r.Instance,
		ExternalID: r.ExternalID, Name: r.Name, URL: r.URL, CloneURL: r.CloneURL, MadeBy: r.MadeBy, Adopted: r.Adopted,
		State: r.State, CreatedAt: r.CreatedAt.time(),
	}
}

type resources struct{ *work }

var _ bot.Resources = resources{}

const active = "state = 'active'"

// Put implements bot.Resources; "" as state is active. CodeConflict when another
// project has that repository.
func (r resources) Put(ctx context.Context, res bot.Resource) error {
	if res.State == "" {
		res.State = "active"
	}
	if res.State == "active" && res.Kind == bot.ResourceRepository && res.ExternalID != "" {
		// The unique index would end a PostgreSQL transaction; looking first does not.
		owner, err := r.ByExternal(ctx, res.Instance, res.Kind, res.ExternalID)
		if err == nil && owner.ID != res.ID {
			return bot.Errorf(bot.CodeConflict, "The repository %s belongs to another project.", res.Name)
		}
		if err != nil && bot.CodeOf(err) != bot.CodeNotFound {
			return err
		}
	}
	return upsert(ctx, r.work, &resourceRow{
		ID: res.ID, ProjectID: res.ProjectID, Kind: string(res.Kind),
		Instance: res.Instance, ExternalID: res.ExternalID, Name: res.Name, URL: res.URL, CloneURL: res.CloneURL,
		MadeBy: res.MadeBy, Adopted: res.Adopted, State: res.State, CreatedAt: us(res.CreatedAt),
	}, "id")
}

// ByID implements bot.Resources.
func (r resources) ByID(ctx context.Context, id string) (bot.Resource, error) {
	row, err := first[resourceRow](ctx, r.work, bot.Errorf(bot.CodeNotFound, "There is no resource %q.", id), where("id = ?", id))
	return row.noun(), err
}

// ByExternal implements bot.Resources; the newest one if there are several.
func (r resources) ByExternal(ctx context.Context, instance string, kind bot.ResourceKind, externalID string) (bot.Resource, error) {
	row, err := first[resourceRow](ctx, r.work,
		bot.Errorf(bot.CodeNotFound, "No project has the %s %q of %s.", kind, externalID, instance),
		where(active), where("instance = ? AND kind = ? AND external_id = ?", instance, string(kind), externalID), order("seq DESC"))
	return row.noun(), err
}

// Of implements bot.Resources.
func (r resources) Of(ctx context.Context, projectID string) ([]bot.Resource, error) {
	return list(ctx, r.work, resourceRow.noun, where(active), where("project_id = ?", projectID), order("seq"))
}

// MadeBy implements bot.Resources.
func (r resources) MadeBy(ctx context.Context, operationID string) ([]bot.Resource, error) {
	return list(ctx, r.work, resourceRow.noun, where(active), where("made_by = ?", operationID), order("seq"))
}
