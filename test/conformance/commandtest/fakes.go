package commandtest

import (
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"opsbot/bot"
	"opsbot/test/conformance/chattest"
)

// journal keeps calls, and the errors that are to come. Safe for concurrent use.
type journal struct {
	mu    sync.Mutex
	calls []string
	fail  map[string]error
}

// Fail has the method answer with err until it is told nil.
func (j *journal) Fail(method string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fail[method] = err
}

// Calls are the calls so far, "Method what".
func (j *journal) Calls() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.calls)
}

func (j *journal) note(method, format string, args ...any) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.fail[method]; err != nil {
		return err
	}
	j.calls = append(j.calls, method+" "+fmt.Sprintf(format, args...))
	return nil
}

// Pipeline is an in-memory bot.Pipeline with logs, that can be stopped.
type Pipeline struct {
	journal
	jobs map[string]string // external id -> operation
	Log  string
}

var (
	_ bot.Pipeline  = (*Pipeline)(nil)
	_ bot.Aborter   = (*Pipeline)(nil)
	_ bot.LogReader = (*Pipeline)(nil)
	_ bot.Inputter  = (*Pipeline)(nil)
)

func newPipeline() *Pipeline {
	return &Pipeline{journal: journal{fail: map[string]error{}}, jobs: map[string]string{}, Log: "line\n"}
}

// FindJob implements bot.Pipeline.
func (p *Pipeline) FindJob(_ context.Context, spec bot.JobSpec) (bot.Presence, bot.Job, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	job := bot.Job{ExternalID: "job/" + spec.Name, URL: "http://ci/" + spec.Name}
	switch p.jobs[job.ExternalID] {
	case "":
		return bot.PresenceAbsent, bot.Job{}, p.fail["FindJob"]
	case spec.Operation:
		return bot.PresenceOurs, job, p.fail["FindJob"]
	}
	return bot.PresenceForeign, job, p.fail["FindJob"]
}

// EnsureJob implements bot.Pipeline.
func (p *Pipeline) EnsureJob(_ context.Context, spec bot.JobSpec) (bot.Job, error) {
	if err := p.note("EnsureJob", "%s", path.Join(spec.Folder, spec.Name)); err != nil {
		return bot.Job{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.jobs["job/"+spec.Name] = spec.Operation
	return bot.Job{ExternalID: "job/" + spec.Name, URL: "http://ci/" + spec.Name}, nil
}

// RemoveJob implements bot.Pipeline.
func (p *Pipeline) RemoveJob(_ context.Context, job bot.Job) error {
	if err := p.note("RemoveJob", "%s", job.ExternalID); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.jobs, job.ExternalID)
	return nil
}

// Build implements bot.Pipeline.
func (p *Pipeline) Build(_ context.Context, req bot.BuildRequest) (bot.BuildRef, error) {
	err := p.note("Build", "%s %s %v by %s", req.Job.ExternalID, req.Branch, req.Parameters, req.By)
	return bot.BuildRef{Job: req.Job.ExternalID, Branch: req.Branch, Number: 7}, err
}

// Status implements bot.Pipeline; no command asks.
func (p *Pipeline) Status(context.Context, bot.BuildRef) (bot.Build, error) {
	return bot.Build{}, bot.Errorf(bot.CodeInternal, "nobody expected to be asked")
}

// Abort implements bot.Aborter.
func (p *Pipeline) Abort(_ context.Context, ref bot.BuildRef, by string) error {
	return p.note("Abort", "%s #%d by %s", ref.Branch, ref.Number, by)
}

// PendingInputs implements bot.Inputter; no command asks.
func (p *Pipeline) PendingInputs(context.Context, bot.BuildRef) ([]bot.Input, error) {
	return nil, bot.Errorf(bot.CodeInternal, "nobody expected to be asked")
}

// AnswerInput implements bot.Inputter.
func (p *Pipeline) AnswerInput(_ context.Context, ref bot.BuildRef, a bot.InputAnswer) error {
	return p.note("Answer", "%s #%d %s %t %v by %s", ref.Branch, ref.Number, a.ID, a.Proceed, a.Values, a.By)
}

// ReadLog implements bot.LogReader.
func (p *Pipeline) ReadLog(_ context.Context, ref bot.LogRef, _ int64) (io.ReadCloser, error) {
	err := p.note("ReadLog", "%s #%d", ref.Build.Branch, ref.Build.Number)
	return io.NopCloser(strings.NewReader(p.Log)), err
}

// Deployer is an in-memory bot.Deployer that can be emptied and has logs.
type Deployer struct {
	journal
	bot.Deployer // Plan, Apply and Observe are bot/delivery's to call
	Log          string
}

var (
	_ bot.LogReader = (*Deployer)(nil)
	_ bot.Locator   = (*Deployer)(nil)
)

func newDeployer() *Deployer {
	return &Deployer{journal: journal{fail: map[string]error{}}, Log: "app\n"}
}

// Remove implements bot.Deployer.
func (d *Deployer) Remove(_ context.Context, p bot.Project, environment string) error {
	return d.note("Remove", "%s %s", p.Slug, environment)
}

// ReadLog implements bot.LogReader.
func (d *Deployer) ReadLog(_ context.Context, ref bot.LogRef, _ int64) (io.ReadCloser, error) {
	err := d.note("ReadLog", "%s", ref.Environment)
	return io.NopCloser(strings.NewReader(d.Log)), err
}

// AppURL implements bot.Locator.
func (*Deployer) AppURL(p bot.Project, environment string) string {
	return "http://" + p.Slug + "." + environment
}

// Blueprints is a catalogue of one, "tiny", with the parameter "port".
type Blueprints struct{}

var _ bot.Blueprints = Blueprints{}

// List implements bot.Blueprints.
func (Blueprints) List() []bot.BlueprintInfo {
	return []bot.BlueprintInfo{{Name: "tiny", Version: "1.0.0", Description: "as *little* as can be", Owner: "us", Parameters: []bot.BlueprintParameter{
		{Name: "port", Title: "the port", Type: "integer", Default: "8080"},
		{Name: "tier", Description: "how important", Type: "string", Enum: []string{"low", "high"}, Required: true},
	}}}
}

// Get implements bot.Blueprints.
func (b Blueprints) Get(name string) (bot.BlueprintInfo, error) {
	if name != "tiny" {
		return bot.BlueprintInfo{}, bot.Errorf(bot.CodeNotFound, "There is no blueprint %q.", name)
	}
	return b.List()[0], nil
}

// Resolve implements bot.Blueprints.
func (b Blueprints) Resolve(req bot.RenderRequest) (bot.RenderRequest, error) {
	if _, err := b.Get(req.Blueprint); err != nil {
		return req, err
	}
	req.Version = "1.0.0"
	if req.Answers["port"] == "x" {
		return req, bot.Errorf(bot.CodeInvalid, "The parameter port must be a number.")
	}
	return req, nil
}

// Render implements bot.Blueprints.
func (Blueprints) Render(_ context.Context, req bot.RenderRequest) (bot.Tree, error) {
	return bot.Tree{Files: []bot.TreeFile{{Path: "README.md", Data: []byte("# " + req.Name + "\n")}}}, nil
}

// Chat is a chat with rooms that can be entered and left. Safe for concurrent use.
type Chat struct {
	chattest.Fake
	mu     sync.Mutex
	rooms  map[string]string // name -> id
	inside map[string]bool   // id -> the bot is in it
}

var _ bot.RoomKeeper = (*Chat)(nil)

// AddRoom makes a room that the bot is not in.
func (c *Chat) AddRoom(name, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rooms == nil {
		c.rooms, c.inside = map[string]string{}, map[string]bool{}
	}
	c.rooms[name] = id
}

// Inside reports whether the bot is in a room.
func (c *Chat) Inside(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inside[id]
}

// FindRoom implements bot.RoomKeeper.
func (c *Chat) FindRoom(_ context.Context, name string) (bot.Room, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, ok := c.rooms[strings.TrimPrefix(name, "#")]
	if !ok {
		return bot.Room{}, bot.Errorf(bot.CodeNotFound, "There is no room %q.", name)
	}
	return bot.Room{Ref: bot.RoomRef{Instance: "chat", ID: id}, Name: strings.TrimPrefix(name, "#")}, nil
}

// JoinRoom implements bot.RoomKeeper. Rooms whose id begins with "p" are private.
func (c *Chat) JoinRoom(_ context.Context, ref bot.RoomRef) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if strings.HasPrefix(ref.ID, "p") {
		return bot.Errorf(bot.CodeForbidden, "Only somebody inside can invite me.")
	}
	c.inside[ref.ID] = true
	return nil
}

// LeaveRoom implements bot.RoomKeeper.
func (c *Chat) LeaveRoom(_ context.Context, ref bot.RoomRef) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.inside, ref.ID)
	return nil
}

// SendEphemeral implements bot.Ephemeral.
func (*Chat) SendEphemeral(context.Context, bot.Post) error { return nil }
