package relay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"opsbot/bot"
)

// ErrUnprepared is what Render answers when the card refers to something that
// Prepare has to store first.
var ErrUnprepared = errors.New("relay: card is not prepared")

// Preparer is a bot.Card whose post refers to stored things, such as the actions
// behind its buttons. When Render answers ErrUnprepared the pump calls Prepare in
// a writing transaction and renders again. Prepared twice is prepared once.
type Preparer interface {
	Prepare(ctx context.Context, tx *bot.Tx, id string, room bot.Room) error
}

// Settler is a bot.Card whose news come in bursts: the pump waits that long
// before it renders, so that a burst costs one call of the chat.
type Settler interface {
	Settle() time.Duration
}

// ChangeCardOptions configure the card of a change.
type ChangeCardOptions struct {
	Clock bot.Clock // required; ends the life of buttons
	// Environments in promotion order.
	Environments []bot.Environment
	// Catalogue lists the commands that buttons may stand for; a button whose verb
	// is not in it is left out. nil: no action buttons.
	Catalogue func() []bot.Spec
	// Zone is the time zone of the times shown; nil = UTC.
	Zone *time.Location
}

// ChangeCard renders one commit on one branch: its builds, what they made of it
// and where that runs. Only what has reported is shown. Safe for concurrent use.
type ChangeCard struct {
	o    ChangeCardOptions
	face clockFace
}

var (
	_ bot.Card = (*ChangeCard)(nil)
	_ Preparer = (*ChangeCard)(nil)
	_ Settler  = (*ChangeCard)(nil)
)

// NewChangeCard makes the card.
func NewChangeCard(o ChangeCardOptions) *ChangeCard {
	return &ChangeCard{o: o, face: newClockFace(o.Zone)}
}

// Kind is CardKind.
func (c *ChangeCard) Kind() string { return CardKind }

// Settle spans the moment between "queued" and "started", and between the end of
// a build and the start of the deployment that follows from it.
func (c *ChangeCard) Settle() time.Duration { return 250 * time.Millisecond }

// Render implements bot.Card; nil while nothing has reported about
// the change, and in rooms that want lines instead.
func (c *ChangeCard) Render(ctx context.Context, tx *bot.Tx, id string, room bot.Room) (*bot.Post, error) {
	if room.Style == StyleLines {
		return nil, nil // whoever touched it: this room reads lines
	}
	v, err := c.load(ctx, tx, id)
	if err != nil || v == nil {
		return nil, err
	}
	buttons, err := c.buttons(ctx, tx, v, room)
	if err != nil {
		return nil, err
	}
	post := &bot.Post{Title: title(v), Tone: tone(v), Buttons: buttons}
	for _, b := range v.builds {
		post.Fields = append(post.Fields, c.buildField(v, b))
	}
	if newest := v.newest(); newest != nil {
		post.Fields = append(post.Fields, reportFields(*newest)...)
	}
	for _, source := range slices.Sorted(maps.Keys(v.gates)) {
		post.Fields = append(post.Fields, gateField(v.gates[source]))
	}
	for _, d := range v.deployments {
		post.Fields = append(post.Fields, c.deploymentField(v, d))
	}
	return post, nil
}

// shownBuilds bounds the card of a commit that is built again and again.
const shownBuilds = 5

// view is everything that the card shows.
type view struct {
	project     bot.Project
	change      bot.Change
	builds      []bot.Build                     // by number, the last few
	usual       time.Duration                   // how long a build of the branch takes; 0 = not known
	gates       map[string]gate                 // by source
	version     *bot.Version                    // of the newest build that made one
	labels      map[string]string               // by version id
	deployments []bot.Deployment                // the newest per environment, in promotion order
	sick        map[string]bot.EnvironmentState // by environment: where what is shown does not run well
	runs        map[string]bool                 // by environment: where what is shown is what should run
	left        map[string]bot.Deployment       // by environment: the rollback that led away from what is shown
	others      map[string]string               // labels of other changes' versions, by version id
}

// newest is the build that counts now; nil if there is none.
func (v *view) newest() *bot.Build {
	if len(v.builds) == 0 {
		return nil
	}
	return &v.builds[len(v.builds)-1]
}

// load reads the view; nil when there is nothing to show.
func (c *ChangeCard) load(ctx context.Context, tx *bot.Tx, id string) (*view, error) {
	v := &view{
		labels: map[string]string{}, sick: map[string]bot.EnvironmentState{}, runs: map[string]bool{},
		left: map[string]bot.Deployment{}, others: map[string]string{},
	}
	var err error
	if v.change, err = tx.Changes.ByID(ctx, id); err != nil {
		return nil, absent(err)
	}
	if v.project, err = tx.Projects.ByID(ctx, v.change.ProjectID); err != nil {
		return nil, absent(err)
	}
	if err := v.loadBuilds(ctx, tx); err != nil {
		return nil, err
	}
	if err := v.loadUsual(ctx, tx); err != nil {
		return nil, err
	}
	if v.gates, _, err = loadGates(ctx, tx, v.change.ID); err != nil {
		return nil, err
	}
	if err := v.loadDeployments(ctx, tx, c.o.Environments); err != nil {
		return nil, err
	}
	if len(v.builds) == 0 && len(v.deployments) == 0 && len(v.gates) == 0 {
		return nil, nil
	}
	return v, nil
}

// absent makes a missing row "nothing to show": a purged project's card stays as
// it was.
func absent(err error) error {
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil
	}
	return fmt.Errorf("relay: load change: %w", err)
}

func (v *view) loadBuilds(ctx context.Context, tx *bot.Tx) error {
	all, err := tx.Builds.ByCommit(ctx, v.project.ID, v.change.Commit)
	if err != nil {
		return fmt.Errorf("relay: load builds of %s: %w", v.change.ID, err)
	}
	for _, b := range all {
		if b.Ref.Branch == v.change.Branch {
			v.builds = append(v.builds, b)
		}
	}
	v.builds = v.builds[max(0, len(v.builds)-shownBuilds):]
	for i := len(v.builds) - 1; i >= 0 && v.version == nil; i-- {
		got, err := tx.Versions.ByBuild(ctx, v.builds[i].ID)
		switch {
		case err == nil:
			v.version, v.labels[got.ID] = &got, got.Label
		case bot.CodeOf(err) != bot.CodeNotFound:
			return fmt.Errorf("relay: load version of build %s: %w", v.builds[i].ID, err)
		}
	}
	return nil
}

func (v *view) loadDeployments(ctx context.Context, tx *bot.Tx, order []bot.Environment) error {
	all, err := tx.Deployments.Find(ctx, bot.DeploymentFilter{ProjectID: v.project.ID, Commit: v.change.Commit})
	if err != nil {
		return fmt.Errorf("relay: load deployments of %s: %w", v.change.ID, err)
	}
	newest := map[string]bot.Deployment{}
	for _, d := range all {
		// A commit that is on two branches has versions of both; each card its own.
		mine, err := v.made(ctx, tx, d.VersionID)
		if err != nil {
			return err
		}
		if _, later := newest[d.Environment]; mine && !later {
			newest[d.Environment] = d
		}
	}
	for _, e := range order {
		d, ok := newest[e.Name]
		if !ok {
			continue
		}
		v.deployments = append(v.deployments, d)
		if err := v.loadFate(ctx, tx, d); err != nil {
			return err
		}
	}
	return nil
}

// loadFate notes what became of what a deployment brought: whether it still is what
// should run, whether it runs well, and whether it was rolled back.
func (v *view) loadFate(ctx context.Context, tx *bot.Tx, d bot.Deployment) error {
	if d.State != bot.DeploymentSucceeded {
		return nil
	}
	state, err := tx.Environments.Get(ctx, d.ProjectID, d.Environment)
	if err != nil {
		return fmt.Errorf("relay: load state of %s: %w", d.Environment, err)
	}
	if d.Verb == "rollback" {
		if err := v.loadLabel(ctx, tx, d.PreviousID); err != nil {
			return err
		}
	}
	if v.runs[d.Environment] = state.DesiredID == d.VersionID; v.runs[d.Environment] {
		if state.Health == "unhealthy" {
			v.sick[d.Environment] = state
		}
		return nil
	}
	return v.loadRollback(ctx, tx, d)
}

// loadRollback finds the rollback that took away what a deployment brought.
func (v *view) loadRollback(ctx context.Context, tx *bot.Tx, d bot.Deployment) error {
	later, err := tx.Deployments.Find(ctx, bot.DeploymentFilter{ProjectID: d.ProjectID, Environment: d.Environment, State: bot.DeploymentSucceeded})
	if err != nil {
		return fmt.Errorf("relay: load deployments to %s: %w", d.Environment, err)
	}
	for _, l := range later { // newest first
		if l.ID == d.ID {
			return nil
		}
		if l.Verb == "rollback" && l.PreviousID == d.VersionID {
			v.left[d.Environment] = l
			return v.loadLabel(ctx, tx, l.VersionID)
		}
	}
	return nil
}

func (v *view) loadLabel(ctx context.Context, tx *bot.Tx, versionID string) error {
	if versionID == "" {
		return nil
	}
	got, err := tx.Versions.ByID(ctx, versionID)
	if err != nil {
		return absent(err)
	}
	v.others[versionID] = got.Label
	return nil
}

// made reports whether a version was made on the change's branch, and keeps its label.
func (v *view) made(ctx context.Context, tx *bot.Tx, versionID string) (bool, error) {
	if _, known := v.labels[versionID]; known {
		return true, nil
	}
	got, err := tx.Versions.ByID(ctx, versionID)
	if err != nil {
		return false, absent(err)
	}
	if got.Branch != v.change.Branch {
		return false, nil
	}
	v.labels[versionID] = got.Label
	return true, nil
}

// title is: hello-world · main · 3f2c1ab "Initial commit" by you.
func title(v *view) bot.Text {
	var b strings.Builder
	b.WriteString(string(foreign(v.project.Slug, 100)))
	if v.change.Branch != "" {
		b.WriteString(" · " + string(foreign(v.change.Branch, 80)))
	}
	b.WriteString(" · " + string(foreign(shortCommit(v.change.Commit), 12)))
	if t := foreign(v.change.Title, 100); t != "" {
		b.WriteString(` "` + string(t) + `"`)
	}
	if a := foreign(v.change.Author, 60); a != "" {
		b.WriteString(" by " + string(a))
	}
	return bot.Text(b.String())
}
