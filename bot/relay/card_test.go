package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
)

// story is what a card test tells the store.
type story struct {
	rig    *rig
	change bot.Change
}

func tell(t *testing.T) *story {
	t.Helper()
	s := &story{rig: setup(t)}
	s.rig.write(func(ctx context.Context, tx *bot.Tx) (err error) {
		s.change, err = tx.Changes.Ensure(ctx, bot.Change{
			ProjectID: s.rig.project.ID, Branch: "main", Commit: commit1, Title: "Initial commit", Author: "you", CreatedAt: at1352(),
		})
		return err
	})
	return s
}

func (s *story) build(number int, change func(*bot.Build)) bot.Build {
	b := bot.Build{
		ProjectID: s.rig.project.ID, Instance: "ci", Ref: bot.BuildRef{Job: "hello-world", Branch: "main", Number: number},
		Attempt: 1, State: bot.BuildFinished, Result: bot.ResultSuccess, Commit: commit1,
		QueuedAt: at1352(), StartedAt: at1352(), FinishedAt: at1352().Add(41 * time.Second),
		LogURL: fmt.Sprintf("http://127.0.0.1:8080/builds/%d/log", number),
	}
	if change != nil {
		change(&b)
	}
	s.rig.write(func(ctx context.Context, tx *bot.Tx) (err error) {
		b, err = tx.Builds.Put(ctx, b)
		return err
	})
	return b
}

// earlier stores builds of other commits that took so many seconds.
func (s *story) earlier(took ...int) {
	for i, seconds := range took {
		s.build(i+1, func(b *bot.Build) {
			b.Commit, b.FinishedAt = fmt.Sprintf("%040d", i), b.StartedAt.Add(time.Duration(seconds)*time.Second)
		})
	}
}

func (s *story) version(b bot.Build) bot.Version {
	v := bot.Version{
		ID: bot.NewID(at1352()), ProjectID: s.rig.project.ID, Commit: commit1, BuildID: b.ID, Number: b.Ref.Number,
		Label: fmt.Sprintf("0.1.0-%d-g3f2c1ab", b.Ref.Number), Branch: "main", CreatedAt: at1352(),
	}
	s.rig.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Versions.Insert(ctx, v) })
	return v
}

func (s *story) deployment(env string, v bot.Version, state bot.DeploymentState, change func(*bot.Deployment)) {
	d := bot.Deployment{
		ID: "043527e6-9c2e-4135-b9df-c658437c22d" + string(env[0]), ProjectID: s.rig.project.ID, Environment: env, Verb: "deploy",
		VersionID: v.ID, State: state, StartedAt: at1352().Add(42 * time.Second), URL: "http://hello-world." + env + ".localhost:8081/",
	}
	if state.Final() {
		d.FinishedAt = at1352().Add(70 * time.Second)
	}
	if change != nil {
		change(&d)
	}
	s.rig.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Deployments.Put(ctx, d) })
}

// render gives the card, preparing it as the pump does.
func (s *story) render(card *ChangeCard, room bot.Room) *bot.Post {
	s.rig.t.Helper()
	var post *bot.Post
	draw := func(ctx context.Context, tx *bot.Tx) (err error) {
		post, err = card.Render(ctx, tx, s.change.ID, room)
		return err
	}
	err := s.rig.store.Read(s.rig.t.Context(), draw)
	if errors.Is(err, ErrUnprepared) {
		s.rig.write(func(ctx context.Context, tx *bot.Tx) error { return card.Prepare(ctx, tx, s.change.ID, room) })
		err = s.rig.store.Read(s.rig.t.Context(), draw)
	}
	if err != nil {
		s.rig.t.Fatal(err)
	}
	return post
}

// picture writes a card as text; buttons show what their actions would run.
func (s *story) picture(p *bot.Post) string {
	s.rig.t.Helper()
	if p == nil {
		return "(nothing)\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  {%s}\n", p.Title, p.Tone)
	for _, f := range p.Fields {
		fmt.Fprintf(&b, "  %-14s %s  {%s} %s\n", f.Name, f.Value, f.Tone, f.URL)
	}
	for _, button := range p.Buttons {
		does := button.URL
		if button.Action != "" {
			s.rig.read(func(ctx context.Context, tx *bot.Tx) error {
				a, err := tx.Actions.Get(ctx, button.Action)
				does = a.Verb + " " + string(a.Args)
				return err
			})
		}
		fmt.Fprintf(&b, "  [%s] %s -> %s\n", button.Label, button.Style, does)
	}
	return b.String()
}

// builtStates are what builds can have told.
func builtStates() map[string]func(s *story) {
	return map[string]func(s *story){
		"nothing-reported": func(*story) {},
		"queued": func(s *story) {
			s.build(1, func(b *bot.Build) { b.State, b.Result = bot.BuildQueued, "" })
		},
		"queued-without-number": func(s *story) {
			s.build(0, func(b *bot.Build) { b.State, b.Result, b.LogURL, b.Ref.Queue = bot.BuildQueued, "", "", "q7" })
		},
		"running": func(s *story) {
			s.build(1, func(b *bot.Build) { b.State, b.Result = bot.BuildRunning, "" })
		},
		"in-a-stage": func(s *story) {
			s.earlier(30, 50, 20)
			s.build(9, func(b *bot.Build) {
				b.State, b.Result = bot.BuildRunning, ""
				b.Stages = []bot.Stage{{Name: "Build", Status: "SUCCESS"}, {Name: "Test *all*", Status: "IN_PROGRESS"}, {Name: "Ship", Status: "NOT_EXECUTED"}}
			})
		},
		"asking": func(s *story) {
			s.build(1, func(b *bot.Build) {
				b.State, b.Result, b.Message = bot.BuildRunning, "", "Waits for input: Release to <production>?"
				b.Inputs = []bot.Input{
					{ID: "Go", Message: "Release to <production>?", Proceed: "Ship it"},
					{ID: "B", Message: "Which?", Parameters: []bot.InputParameter{{Name: "WHICH", Kind: "choice", Choices: []string{"a", "b"}}}},
				}
			})
		},
		"slower-than-usual": func(s *story) {
			s.earlier(30, 50, 20)
			s.build(9, func(b *bot.Build) {
				b.Artifacts = []bot.Artifact{
					{Name: "app.jar", URI: "https://ci.example.com/job/x/artifact/app.jar"},
					{Name: "kept in blobs", Digest: "sha256:1"},
					{Name: "[x](y)", URI: "https://ci.example.com/r"},
					{Name: "bad", URI: "javascript:alert(1)"},
					{Name: "3", URI: "https://ci.example.com/3"},
					{Name: "4", URI: "https://ci.example.com/4"},
				}
			})
		},
		"gated": func(s *story) {
			s.build(1, nil)
			s.rig.event(bot.Event{Type: bot.EventGateReported, Branch: "main", Commit: commit1, Text: "ERROR: coverage 61 % < 80 %", Tone: bot.ToneBad, URL: "https://sonar.example.com/x"})
			s.rig.turn()
			s.rig.event(bot.Event{Type: bot.EventGateReported, Branch: "main", Commit: commit1, Text: "OK", Tone: bot.ToneGood, URL: "https://sonar.example.com/x"})
			s.rig.turn()
		},
		"second-attempt": func(s *story) {
			s.build(1, func(b *bot.Build) { b.State, b.Result, b.Attempt = bot.BuildRunning, "", 2 })
		},
		"succeeded": func(s *story) { s.version(s.build(1, nil)) },
		"succeeded-with-tests": func(s *story) {
			s.build(1, func(b *bot.Build) { b.Tests = &bot.TestTotals{Total: 12, Skipped: 2} })
		},
		"unstable": func(s *story) {
			s.build(1, func(b *bot.Build) {
				b.Result, b.Tests = bot.ResultUnstable, &bot.TestTotals{Total: 12, Failed: 5, Failures: []string{"a.TestOne", "b.Test_Two", "c.T3", "d.T4"}}
			})
		},
		"refused": func(s *story) {
			s.build(1, func(b *bot.Build) {
				b.Result, b.FinishedAt = bot.ResultFailure, at1352().Add(300*time.Millisecond)
				b.Message = "Jenkinsfile:3:5: the step [input] runs on Jenkins only\nJenkinsfile:9:1: more"
			})
		},
		"aborted": func(s *story) {
			s.build(1, func(b *bot.Build) { b.Result, b.Message = bot.ResultAborted, "Aborted by alice" })
		},
		"aborted-otherwise": func(s *story) {
			s.build(1, func(b *bot.Build) { b.Result, b.Message = bot.ResultAborted, "Timeout has been exceeded" })
		},
		"without-a-sandbox": func(s *story) {
			s.build(1, func(b *bot.Build) { b.Message = "ran without a sandbox" })
		},
		"log-as-action": func(s *story) { s.build(3, func(b *bot.Build) { b.LogURL = "ftp://x/log" }) },
		"rebuilt": func(s *story) {
			for n := 1; n <= 7; n++ {
				s.build(n, func(b *bot.Build) {
					if n < 7 {
						b.Result = bot.ResultFailure
					}
				})
			}
		},
	}
}

// shippedStates are what deployments can have told.
func shippedStates() map[string]func(s *story) {
	return map[string]func(s *story){
		"deploying": func(s *story) {
			v := s.version(s.build(1, nil))
			s.deployment("staging", v, bot.DeploymentApplying, nil)
		},
		"staging-succeeded": func(s *story) {
			v := s.version(s.build(1, nil))
			s.deployment("staging", v, bot.DeploymentSucceeded, nil)
		},
		"staging-failed": func(s *story) {
			v := s.version(s.build(1, nil))
			s.deployment("staging", v, bot.DeploymentRolledBack, func(d *bot.Deployment) { d.Message = "health check: 500 [internal]" })
		},
		"production-waits": func(s *story) {
			v := s.version(s.build(1, nil))
			s.deployment("staging", v, bot.DeploymentSucceeded, nil)
			s.deployment("production", v, bot.DeploymentWaiting, nil)
		},
		"everywhere": func(s *story) {
			v := s.version(s.build(1, nil))
			s.deployment("staging", v, bot.DeploymentSucceeded, nil)
			s.deployment("production", v, bot.DeploymentSucceeded, nil)
		},
		"unknown-end": func(s *story) {
			v := s.version(s.build(1, nil))
			s.deployment("staging", v, bot.DeploymentUnknown, nil)
		},
		"rolling-back": func(s *story) {
			v := s.version(s.build(1, nil))
			s.deployment("staging", v, bot.DeploymentSucceeded, nil)
			s.deployment("production", v, bot.DeploymentWatching, func(d *bot.Deployment) { d.Verb = "rollback" })
		},
		"newer-version-not-yet-on-staging": func(s *story) {
			v := s.version(s.build(1, nil))
			s.deployment("staging", v, bot.DeploymentSucceeded, nil)
			s.version(s.build(2, nil))
		},
	}
}

func TestCardStates(t *testing.T) {
	t.Parallel()
	states := builtStates()
	maps.Copy(states, shippedStates())
	for name, happen := range states {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tell(t)
			happen(s)
			golden(t, "card/"+name+".golden", s.picture(s.render(s.rig.card, bot.Room{Ref: s.rig.project.Room})))
		})
	}
}

// TestRollbackOnBothCards: the card of the change that was rolled back from says so,
// and that of the old one that it runs again, until something follows it.
func TestRollbackOnBothCards(t *testing.T) {
	t.Parallel()
	s := tell(t)
	old, room := s.version(s.build(1, nil)), bot.Room{Ref: s.rig.project.Room}
	bad := bot.Version{ID: bot.NewID(at1352()), ProjectID: s.rig.project.ID, Commit: commit2, BuildID: "b2", Number: 2, Label: "0.1.0-2-g9e8d7c6", Branch: "main", CreatedAt: at1352()}
	first, second := s.change, bot.Change{}
	s.rig.write(func(ctx context.Context, tx *bot.Tx) (err error) {
		second, err = tx.Changes.Ensure(ctx, bot.Change{ProjectID: s.rig.project.ID, Branch: "main", Commit: commit2, Title: "Break it", Author: "you", CreatedAt: at1352()})
		if err != nil {
			return err
		}
		return tx.Versions.Insert(ctx, bad)
	})
	ship := func(minute int, verb string, v bot.Version, previous string) {
		s.deployment("production", v, bot.DeploymentSucceeded, func(d *bot.Deployment) {
			d.ID, d.Verb, d.PreviousID = fmt.Sprintf("d%d", minute), verb, previous
			d.StartedAt, d.FinishedAt = at1352().Add(time.Duration(minute)*time.Minute), at1352().Add(time.Duration(minute)*time.Minute+10*time.Second)
		})
		s.rig.write(func(ctx context.Context, tx *bot.Tx) error {
			return tx.Environments.Put(ctx, bot.EnvironmentState{ProjectID: s.rig.project.ID, Environment: "production", DesiredID: v.ID, ObservedID: v.ID})
		})
	}
	shows := func(when string, on bot.Change, tone bot.Tone, want string) {
		t.Helper()
		s.change = on
		p := s.render(s.rig.card, room)
		if f := p.Fields[len(p.Fields)-1]; string(f.Value) != want || f.Tone != tone {
			t.Errorf("%s %q shows %s {%s}\nwant %s {%s}", when, on.Title, f.Value, f.Tone, want, tone)
		}
	}
	ship(1, "deploy", old, "")
	ship(2, "deploy", bad, old.ID)
	shows("deployed over,", first, bot.ToneGood, "0.1.0-1-g3f2c1ab succeeded at 13:53:10, ID d1")
	shows("deployed,", second, bot.ToneGood, "0.1.0-2-g9e8d7c6 succeeded at 13:54:10, ID d2")
	ship(3, "rollback", old, bad.ID)
	shows("brought back,", first, bot.ToneGood, "0.1.0-1-g3f2c1ab runs again since 13:55:10, rolled back from 0.1.0-2-g9e8d7c6, ID d3")
	shows("rolled back from,", second, bot.ToneWarn, "0.1.0-2-g9e8d7c6 succeeded at 13:54:10, rolled back to 0.1.0-1-g3f2c1ab at 13:55:10, ID d2")
	ship(4, "deploy", bad, old.ID)
	shows("deployed over again,", first, bot.ToneGood, "0.1.0-1-g3f2c1ab ran again at 13:55:10, rolled back from 0.1.0-2-g9e8d7c6, ID d3")
	shows("deployed again,", second, bot.ToneGood, "0.1.0-2-g9e8d7c6 succeeded at 13:56:10, ID d4")
}

func TestRenderingAgainIsTheSame(t *testing.T) {
	t.Parallel()
	s := tell(t)
	v := s.version(s.build(1, nil))
	s.deployment("staging", v, bot.DeploymentSucceeded, nil)
	room := bot.Room{Ref: s.rig.project.Room}
	first := s.render(s.rig.card, room)
	s.rig.clock.add(time.Hour)
	s.rig.write(func(ctx context.Context, tx *bot.Tx) error { return s.rig.card.Prepare(ctx, tx, s.change.ID, room) })
	again := s.render(s.rig.card, room)
	if hash(first) != hash(again) {
		t.Errorf("first  %+v\nagain %+v", first, again)
	}
	for _, b := range first.Buttons {
		if b.URL == "" && len(b.Action) != 22 {
			t.Errorf("button %q has the action %q", b.Label, b.Action)
		}
	}
	s.rig.clock.add(actionLife)
	late := s.render(s.rig.card, room)
	if late.Buttons[0].Action == first.Buttons[0].Action {
		t.Error("an expired action is still behind the button")
	}
}

func TestButtonsOnlyForCommandsThatExist(t *testing.T) {
	t.Parallel()
	s := tell(t)
	v := s.version(s.build(1, nil))
	s.deployment("staging", v, bot.DeploymentSucceeded, nil)
	bare := NewChangeCard(ChangeCardOptions{Clock: s.rig.clock, Environments: environments(), Catalogue: func() []bot.Spec {
		return []bot.Spec{{Verb: "deploy", Params: []bot.Param{{Name: "secret", Type: bot.ParamText}}}}
	}})
	p := s.render(bare, bot.Room{Ref: s.rig.project.Room})
	if len(p.Buttons) != 1 || p.Buttons[0].Label != "Log" || p.Buttons[0].URL == "" {
		t.Errorf("buttons = %+v", p.Buttons)
	}
}

func TestCardInAnotherZone(t *testing.T) {
	t.Parallel()
	s := tell(t)
	s.build(1, func(b *bot.Build) { b.State, b.Result = bot.BuildRunning, "" })
	zone := time.FixedZone("X", 2*60*60)
	p := s.render(NewChangeCard(ChangeCardOptions{Clock: s.rig.clock, Zone: zone}), bot.Room{Ref: s.rig.project.Room})
	if p.Fields[0].Value != "started 15:52" {
		t.Errorf("field = %q", p.Fields[0].Value)
	}
}

func TestCardIsNotForLinesRooms(t *testing.T) {
	t.Parallel()
	s := tell(t)
	s.build(1, nil)
	if p := s.render(s.rig.card, bot.Room{Ref: s.rig.project.Room, Style: StyleLines}); p != nil {
		t.Errorf("card = %+v", p)
	}
}

func TestOtherBranchHasItsOwnCard(t *testing.T) {
	t.Parallel()
	s := tell(t)
	b := s.build(1, func(b *bot.Build) { b.Ref.Branch = "feature" })
	v := bot.Version{ID: bot.NewID(at1352()), ProjectID: s.rig.project.ID, Commit: commit1, BuildID: b.ID, Label: "other", Branch: "feature", CreatedAt: at1352()}
	s.rig.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Versions.Insert(ctx, v) })
	s.deployment("staging", v, bot.DeploymentSucceeded, nil)
	if p := s.render(s.rig.card, bot.Room{Ref: s.rig.project.Room}); p != nil {
		t.Errorf("main's card shows feature's: %+v", p)
	}
}

func TestPurgedProjectRendersNothing(t *testing.T) {
	t.Parallel()
	s := tell(t)
	s.change.ID = bot.NewID(at1352())
	if p := s.render(s.rig.card, bot.Room{Ref: s.rig.project.Room}); p != nil {
		t.Errorf("card = %+v", p)
	}
}

func TestActionArgsAreTheCommands(t *testing.T) {
	t.Parallel()
	s := tell(t)
	v := s.version(s.build(1, nil))
	s.deployment("staging", v, bot.DeploymentSucceeded, nil)
	p := s.render(s.rig.card, bot.Room{Ref: s.rig.project.Room})
	s.rig.read(func(ctx context.Context, tx *bot.Tx) error {
		a, err := tx.Actions.Get(ctx, p.Buttons[0].Action)
		if err != nil {
			return err
		}
		var args bot.Args
		if err := json.Unmarshal(a.Args, &args); err != nil {
			return err
		}
		if a.Verb != "deploy" || args.Values["name"] != "hello-world" || args.Values[bot.VersionValue] != v.Label || args.Values["env"] != "production" || a.Room != s.rig.project.Room {
			t.Errorf("action = %+v, args %+v", a, args)
		}
		return nil
	})
}
