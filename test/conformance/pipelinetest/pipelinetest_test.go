package pipelinetest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/test/conformance"
	"opsbot/test/conformance/pipelinetest"
)

func TestFake(t *testing.T) {
	t.Parallel()
	pipelinetest.Run(t, func(*testing.T) pipelinetest.Rig {
		r, _ := pipelinetest.NewRig()
		return r
	})
}

// jobs name the rule about jobs that each broken pipeline must be caught by.
func jobs() map[string]func(b *broken) {
	return map[string]func(b *broken){
		"a job that was never made is absent": func(b *broken) {
			b.found = func(p *bot.Presence, _ *bot.Job) { *p = bot.PresenceUnknown }
		},
		"a job that was made is ours, as told": func(b *broken) {
			b.ensured = func(j *bot.Job, err error) error { j.URL = "/job/shop"; return err }
			b.found = func(_ *bot.Presence, j *bot.Job) { j.URL = "/job/shop" }
		},
		"another's job is foreign": func(b *broken) {
			b.found = func(p *bot.Presence, _ *bot.Job) {
				if *p == bot.PresenceForeign {
					*p = bot.PresenceOurs
				}
			}
		},
		"another project's job is a conflict and stays as it was": func(b *broken) {
			b.spec = func(s *bot.JobSpec) { s.ProjectID = "0190-shop" }
		},
		"a job made at once is one": func(b *broken) {
			b.ensured = func(j *bot.Job, err error) error { j.ExternalID += fmt.Sprint(b.count()); return err }
		},
		"a job is updated in place": func(b *broken) {
			b.ensured = func(j *bot.Job, err error) error {
				if b.count() > 1 {
					_ = b.Fake.RemoveJob(context.Background(), *j) // made anew, its builds are gone
				}
				return err
			}
		},
		"a removed job is absent with its builds, and removing again succeeds": func(b *broken) {
			b.remove = func(j bot.Job) error {
				if p, _, _ := b.Fake.FindJob(context.Background(), bot.JobSpec{Name: j.ExternalID}); p == bot.PresenceAbsent {
					return errors.New("there is no such job")
				}
				return b.Fake.RemoveJob(context.Background(), j)
			}
		},
		"removing a job leaves the others": func(b *broken) {
			b.remove = func(bot.Job) error { return b.Fake.RemoveJob(context.Background(), bot.Job{ExternalID: "shop"}) }
		},
	}
}

// builds name the rule about builds that each broken pipeline must be caught by.
func builds() map[string]func(b *broken) {
	return map[string]func(b *broken){
		"a build runs and ends": func(b *broken) {
			b.status = func(got *bot.Build, err error) error { got.FinishedAt = time.Time{}; return err }
		},
		"a build keeps what it was asked with": func(b *broken) { b.request = func(r *bot.BuildRequest) { r.Parameters = nil } },
		"a build is of the newest commit": func(b *broken) {
			first := ""
			b.status = func(got *bot.Build, err error) error {
				if first == "" {
					first = got.Commit
				}
				got.Commit = first // a stale view of the branch
				return err
			}
		},
		"a build is of the commit asked for":       func(b *broken) { b.request = func(r *bot.BuildRequest) { r.Commit = "" } },
		"the same key is the same build":           func(b *broken) { b.request = func(r *bot.BuildRequest) { r.Key = "" } },
		"the same key at once is the same build":   func(b *broken) { b.request = func(r *bot.BuildRequest) { r.Key += fmt.Sprint(b.count()) } },
		"other keys are other builds":              func(b *broken) { b.request = func(r *bot.BuildRequest) { r.Key = "same" } },
		"what is not there is not built":           func(b *broken) { b.built = func(_ *bot.BuildRef, _ error) error { return nil } },
		"a build that never was is not found":      func(b *broken) { b.status = func(*bot.Build, error) error { return nil } },
		"a failing build is a failure and says so": func(b *broken) { b.status = func(got *bot.Build, err error) error { got.Message = ""; return err } },
		"a later report has a higher sequence":     func(b *broken) { b.status = func(got *bot.Build, err error) error { got.Sequence = 1; return err } },
	}
}

// ends name the rule about aborts, logs and lists.
func ends() map[string]func(b *broken) {
	return map[string]func(b *broken){
		"an aborted build that runs ends aborted": func(b *broken) {
			b.status = func(got *bot.Build, err error) error {
				if got.Result == bot.ResultAborted {
					got.Result = bot.ResultFailure
				}
				return err
			}
		},
		"an aborted build that waits never runs": func(b *broken) {
			b.abort = func(ref bot.BuildRef) error {
				for range pipelinetest.FakeExecutors { // looks let it start first
					_, _ = b.Fake.Status(context.Background(), ref)
				}
				if ref.Number > pipelinetest.FakeExecutors {
					return nil // a queued build is not stopped: it starts, and is then
				}
				if ref.Number == pipelinetest.FakeExecutors {
					defer func() {
						last := bot.BuildRef{Job: ref.Job, Branch: ref.Branch, Number: ref.Number + 1}
						_, _ = b.Fake.Status(context.Background(), last)
						_ = b.Fake.Abort(context.Background(), last, "carol")
					}()
				}
				return b.Fake.Abort(context.Background(), ref, "carol")
			}
		},
		"aborting an ended build changes nothing": func(b *broken) { b.abort = func(bot.BuildRef) error { return errors.New("it has ended") } },
		"a log holds what the build wrote":        func(b *broken) { b.offset = func(o int64) int64 { return o + 1 } },
		"a log is read from an offset on":         func(b *broken) { b.offset = func(int64) int64 { return 0 } },
		"a log of a build that never was is not found": func(b *broken) {
			b.readLog = func(r bot.LogRef) bot.LogRef { r.Build.Number = 1; return r }
		},
		"builds are listed newest first": func(b *broken) {
			b.list = func(l []bot.Build) []bot.Build { slices.Reverse(l); return l }
		},
		"a list of builds ends at its limit": func(b *broken) { b.limit = func(int) int { return 100 } },
		"a list has builds of its branch only": func(b *broken) {
			b.branch = func(string) string { return "main" }
		},
	}
}

// TestBrokenPipelinesAreRejected: every rule has a pipeline that breaks it and is
// caught.
func TestBrokenPipelinesAreRejected(t *testing.T) {
	t.Parallel()
	conformance.Reject(t, pipelinetest.Rules(), func(breakIt func(*broken)) pipelinetest.Rig {
		rig, fake := pipelinetest.NewRig()
		b := &broken{Fake: fake}
		breakIt(b)
		rig.Pipeline = b
		return rig
	}, jobs(), builds(), ends())
}
