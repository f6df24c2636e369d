package bootstrap_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
	"opsbot/test/conformance/forgetest"
)

// forge is a forge that guards branches and takes pull requests, and tells of it.
type forge struct {
	*forgetest.Fake
	mu     sync.Mutex
	calls  []string
	refuse error
	pulls  map[string]string // branch -> operation
}

func (f *forge) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

func (f *forge) said() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.calls, ";")
}

func (f *forge) EnsureProtection(_ context.Context, s bot.ProtectionSpec) error {
	f.note("protect %s of %s for %s", s.Branch, s.Repository.Name, strings.Join(s.Checks, ","))
	return f.refuse
}

func (f *forge) RemoveProtection(_ context.Context, s bot.ProtectionSpec) error {
	f.note("unprotect %s", s.Branch)
	return nil
}

func (f *forge) WriteStatus(context.Context, bot.CommitStatus) error { return nil }

func (f *forge) FindPullRequest(_ context.Context, s bot.PullRequestSpec) (bot.Presence, bot.PullRequest, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch f.pulls[s.Branch] {
	case "":
		return bot.PresenceAbsent, bot.PullRequest{}, nil
	case s.Operation:
		return bot.PresenceOurs, bot.PullRequest{Number: 1, URL: "https://forge.example.com/pull/1"}, nil
	}
	return bot.PresenceForeign, bot.PullRequest{}, nil
}

func (f *forge) EnsurePullRequest(_ context.Context, s bot.PullRequestSpec) (bot.PullRequest, error) {
	var names []string
	for _, file := range s.Files.Files {
		names = append(names, file.Path)
	}
	f.note("propose %s into %s", strings.Join(names, ","), s.Base)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pulls[s.Branch] = s.Operation
	return bot.PullRequest{Number: 1, URL: "https://forge.example.com/pull/1", Open: true}, nil
}

func (f *forge) ClosePullRequest(_ context.Context, s bot.PullRequestSpec) error {
	f.note("close %s", s.Branch)
	return nil
}

// quality makes something for each project, and has a taste in names.
type quality struct {
	mu   sync.Mutex
	made map[string]string // name -> operation
	fail error
}

func (*quality) ProvisionTitle() string          { return "Quality project" }
func (*quality) ProvisionKind() bot.ResourceKind { return bot.ResourceQuality }

func (q *quality) CheckName(name string) error {
	if strings.Contains(name, "ugly") {
		return bot.Errorf(bot.CodeInvalid, "Quality takes no ugly names.")
	}
	return nil
}

func (q *quality) FindProvision(_ context.Context, s bot.ProvisionSpec) (bot.Presence, bot.Provision, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	have := bot.Provision{ExternalID: s.Owner + ":" + s.Name, Name: s.Name, URL: "https://q/" + s.Name}
	switch q.made[s.Name] {
	case "":
		return bot.PresenceAbsent, bot.Provision{}, nil
	case s.Operation:
		return bot.PresenceOurs, have, nil
	}
	return bot.PresenceForeign, have, nil
}

func (q *quality) EnsureProvision(ctx context.Context, s bot.ProvisionSpec) (bot.Provision, error) {
	if q.fail != nil {
		return bot.Provision{}, q.fail
	}
	q.mu.Lock()
	q.made[s.Name] = s.Operation
	q.mu.Unlock()
	_, have, err := q.FindProvision(ctx, s)
	return have, err
}

func (q *quality) RemoveProvision(_ context.Context, s bot.ProvisionSpec) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.made, s.Name)
	return nil
}

// pipelines is a catalogue whose blueprint brings a Jenkinsfile.
type pipelines struct{ commandtest.Blueprints }

func (pipelines) Render(context.Context, bot.RenderRequest) (bot.Tree, error) {
	return bot.Tree{Files: []bot.TreeFile{
		{Path: ".opsbot/project.yaml", Data: []byte("run: [x]\n")}, {Path: "Jenkinsfile", Data: []byte("pipeline {}\n")}, {Path: "main.go", Data: []byte("package main\n")},
	}}, nil
}

type world struct {
	*commandtest.Rig
	forge   *forge
	quality *quality
}

func setup(t *testing.T) *world {
	t.Helper()
	r := commandtest.New(t)
	w := &world{Rig: r, forge: &forge{Fake: r.Forge, pulls: map[string]string{}}, quality: &quality{made: map[string]string{}}}
	r.Services.Integrations = commandtest.Instances{"git": w.forge, "ci": r.CI, "run": r.Runner, "chat": r.Chat, "quality": w.quality}
	r.Services.Blueprints = pipelines{}
	r.Services.Defaults.Provision = []string{"quality"}
	r.Serve()
	return w
}

// project is one as a command would file it.
func (w *world) project(slug string) bot.Bootstrap {
	return bot.Bootstrap{
		Render: bot.RenderRequest{Blueprint: "tiny", Version: "1.0.0", Owner: "acme", Name: slug},
		Project: bot.Project{
			ID: bot.NewID(w.Clock.Now()), Slug: slug, Owner: "acme", State: bot.ProjectCreating, Blueprint: "tiny", BlueprintVer: "1.0.0",
			DefaultBranch: "main", Forge: "git", Pipeline: "ci", CreatedBy: w.Alice.ID, CreatedByName: "alice",
			Room: bot.RoomRef{Instance: "console", ID: "general"}, CreatedAt: w.Clock.Now(),
		},
	}
}

func (w *world) request() *bot.Request {
	now := w.Clock.Now()
	return &bot.Request{User: w.Alice, Now: now, Cause: bot.Cause{Root: "root"}, Message: bot.Message{
		ID: "m1", Room: bot.RoomRef{Instance: "console", ID: "general"}, Author: w.Alice.Account, SentAt: now,
	}}
}

func (w *world) start(b bot.Bootstrap) {
	w.T.Helper()
	w.Write(func(ctx context.Context, tx *bot.Tx) error {
		return w.Services.Bootstraps.Start(ctx, tx, b, w.request())
	})
}

func (w *world) undo(op *bot.Operation) *bot.Operation {
	w.T.Helper()
	w.Write(func(ctx context.Context, tx *bot.Tx) error {
		return w.Services.Operations.Undo(ctx, tx, op.ID, bot.Cause{Root: "root"})
	})
	return w.Ended(op.Kind)
}

func (w *world) has(p bot.Project) (kinds []string) {
	w.Read(func(ctx context.Context, tx *bot.Tx) error {
		all, err := tx.Resources.Of(ctx, p.ID)
		for _, r := range all {
			kinds = append(kinds, string(r.Kind))
		}
		slices.Sort(kinds)
		return err
	})
	return kinds
}

func (w *world) said(op *bot.Operation) string {
	var text string
	w.Read(func(ctx context.Context, tx *bot.Tx) error {
		row, err := tx.Posts.Get(ctx, op.Message.Room, "op:"+op.ID+":done")
		text = commandtest.Text(row.Content)
		return err
	})
	return text
}

func TestMakesAllAndUndoesAll(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b := w.project("new-one")
	if err := w.Services.Bootstraps.Check(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	w.start(b)
	op := w.Ended("new-project")
	if got := strings.Join(w.has(b.Project), " "); op.State != bot.OperationSucceeded || got != "environment environment hook job quality repository" {
		t.Fatalf("%s %s: %s", op.State, op.Error, got)
	}
	if got := w.forge.said(); got != "protect main of new-one for opsbot/ci" {
		t.Errorf("%s", got)
	}
	w.Want(w.said(op), "Success! Your project is available on git: https://forge.example.com/acme/new-one", "To start the ci job use `buildNow new-one`")
	if op = w.undo(op); op.State != bot.OperationUndone || len(w.quality.made) > 0 || !strings.HasSuffix(w.forge.said(), ";unprotect main") {
		t.Errorf("%s %s: %v, %s", op.State, op.Error, w.quality.made, w.forge.said())
	}
}

func TestEffectsNameEveryCall(t *testing.T) {
	t.Parallel()
	w := setup(t)
	lines, err := w.Services.Bootstraps.Effects(t.Context(), w.project("new-one"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, l := range lines {
		all = append(all, string(l))
	}
	w.Want(strings.Join(all, "\n"), "1. git: make the public repository acme/new-one.", "2. git: push one commit with 3 files from tiny 1.0.0 to main.",
		"3. git: guard the branch main", "4. git: install one webhook to http://ops.test/hooks/git.", "5. ci: make the multibranch job new-one",
		"6. quality: make the Quality project new-one.", "7. Environments: staging, production.")
	if w.forge.said() != "" || len(w.quality.made) > 0 {
		t.Error("something was made")
	}
}

// TestAllServicesAreAskedFirst: nothing is made of a name that the last of them would refuse.
func TestAllServicesAreAskedFirst(t *testing.T) {
	t.Parallel()
	w := setup(t)
	err := w.Services.Bootstraps.Check(t.Context(), w.project("ugly-one"))
	if bot.CodeOf(err) != bot.CodeInvalid || bot.MessageOf(err) != "Quality takes no ugly names." {
		t.Error(err)
	}
	w.Services.Defaults.Provision = []string{"run"}
	if err := w.Services.Bootstraps.Check(t.Context(), w.project("new-one")); bot.CodeOf(err) != bot.CodeUnsupported {
		t.Error(err)
	}
	for field, change := range map[string]func(p *bot.Project){
		"forge": func(p *bot.Project) { p.Forge = "ci" }, "pipeline": func(p *bot.Project) { p.Pipeline = "git" }, "none": func(p *bot.Project) { p.Forge = "moon" },
	} {
		b := w.project("new-one")
		change(&b.Project)
		if err := w.Services.Bootstraps.Check(t.Context(), b); err == nil {
			t.Errorf("a wrong %s passes", field)
		}
	}
}

// TestOptionalStepsCanBeSkipped: a forge without protection and a quality server that
// is down do not keep the project from being used.
func TestOptionalStepsCanBeSkipped(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.forge.refuse = bot.Errorf(bot.CodeUnsupported, "The plan has no protection.")
	w.quality.fail = bot.Errorf(bot.CodeForbidden, "The token may not create projects.")
	b := w.project("new-one")
	w.start(b)
	for _, step := range []string{"protection", "provision-quality"} {
		op := w.Ended("new-project")
		if op.State != bot.OperationFailed {
			t.Fatalf("%s %s", op.State, op.Error)
		}
		w.Write(func(ctx context.Context, tx *bot.Tx) error {
			return w.Services.Operations.Skip(ctx, tx, op.ID, step, bot.Cause{Root: "root"})
		})
	}
	op := w.Ended("new-project")
	if got := strings.Join(w.has(b.Project), " "); op.State != bot.OperationSucceeded || got != "environment environment hook job repository" {
		t.Errorf("%s %s: %s", op.State, op.Error, got)
	}
}

func TestForeignProvisionIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.quality.made["new-one"] = "another"
	w.start(w.project("new-one"))
	op := w.Ended("new-project")
	if op.State != bot.OperationFailed || !strings.Contains(op.Error, "There is a Quality project new-one already that OpsBot did not make: https://q/new-one") {
		t.Errorf("%s: %s", op.State, op.Error)
	}
	if op = w.undo(op); op.State != bot.OperationUndone || w.quality.made["new-one"] != "another" {
		t.Errorf("%s %s: %v", op.State, op.Error, w.quality.made)
	}
}

// TestJoinsTheRoomOfTheCards, when it is not the one in which the bot was asked.
func TestJoinsTheRoomOfTheCards(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.Chat.AddRoom("team", "T1")
	b := w.project("new-one")
	b.Project.Room = bot.RoomRef{Instance: "chat", ID: "T1"}
	w.start(b)
	if op := w.Ended("new-project"); op.State != bot.OperationSucceeded || !w.Chat.Inside("T1") {
		t.Errorf("%s %s: inside %t", op.State, op.Error, w.Chat.Inside("T1"))
	}
}

// adopted is a repository that is there, with these files.
func (w *world) adopted(slug string, files ...string) bot.Bootstrap {
	w.T.Helper()
	repo, err := w.forge.EnsureRepository(w.T.Context(), bot.RepoSpec{Owner: "acme", Name: slug, DefaultBranch: "main", Operation: "someone"})
	if err != nil {
		w.T.Fatal(err)
	}
	req := bot.PushRequest{Repository: repo, Branch: "main", Author: bot.Signature{Name: "bob"}, Message: "Work"}
	for _, f := range files {
		req.Tree.Files = append(req.Tree.Files, bot.TreeFile{Path: f})
	}
	if _, err := w.forge.Push(w.T.Context(), req); err != nil {
		w.T.Fatal(err)
	}
	b := w.project(slug)
	b.Adopt = &repo
	return b
}

// TestProposesWhatIsMissing, and only that; what a team wrote stays.
func TestProposesWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b := w.adopted("old-one", ".opsbot/project.yaml", "app.go")
	lines, err := w.Services.Bootstraps.Effects(t.Context(), b)
	if err != nil || !strings.Contains(fmt.Sprint(lines), "open a pull request into main that adds .opsbot/project.yaml and Jenkinsfile from tiny 1.0.0") {
		t.Errorf("%s, %v", lines, err)
	}
	w.start(b)
	op := w.Ended("adopt")
	if op.State != bot.OperationSucceeded || w.forge.said() != "propose Jenkinsfile into main" {
		t.Fatalf("%s %s: %s", op.State, op.Error, w.forge.said())
	}
	w.Want(w.said(op), "Nothing is built until the pull request with the Jenkinsfile is merged: https://forge.example.com/pull/1")
	if op = w.undo(op); op.State != bot.OperationUndone || !strings.HasSuffix(w.forge.said(), ";close opsbot/pipeline") {
		t.Errorf("%s %s: %s", op.State, op.Error, w.forge.said())
	}
	if found, _, err := w.forge.FindRepository(t.Context(), bot.RepoSpec{Owner: "acme", Name: "old-one", Operation: "someone"}); found != bot.PresenceOurs {
		t.Errorf("the repository is %s, %v", found, err)
	}
}

func TestForeignProposalIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b := w.adopted("old-one", "app.go")
	w.forge.pulls["opsbot/pipeline"] = "another"
	w.start(b)
	if op := w.Ended("adopt"); op.State != bot.OperationFailed || !strings.Contains(op.Error, "has a branch opsbot/pipeline already") || w.forge.said() != "" {
		t.Errorf("%s %s: %s", op.State, op.Error, w.forge.said())
	}
	has := w.adopted("built", "Jenkinsfile")
	if _, err := w.Services.Bootstraps.Effects(t.Context(), has); bot.CodeOf(err) != bot.CodeConflict {
		t.Error(err)
	}
}
