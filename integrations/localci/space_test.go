package localci

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/integrations/localci/engine"
)

// disk is a file system whose space the test decides.
type disk struct {
	mu sync.Mutex
	space
}

func newDisk(s *Service) *disk {
	d := &disk{space: space{free: 50 << 30, total: 100 << 30}}
	s.space = func() space {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.space
	}
	return d
}

func (d *disk) leave(free uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free = free
}

// until moves the clock on whenever somebody waits on it, until check is true.
func (b *bench) until(t *testing.T, what string, check func() bool) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	for !check() {
		b.store.mu.Lock()
		changed := b.store.changed
		b.store.mu.Unlock()
		select {
		case <-changed:
		case <-b.clock.asked:
			b.clock.advance(pollTime)
		case <-deadline:
			t.Fatalf("waited in vain for %s; events %q", what, b.store.events())
		}
	}
}

func (b *bench) is(t *testing.T, state bot.BuildState, attempt int) func() bool {
	t.Helper()
	return func() bool {
		build := b.status(t, "main", 1)
		return build.State == state && build.Attempt == attempt
	}
}

// fails makes the first attempts meet a full disk, as the pipeline's steps do.
func fails(s *Service, first int) {
	s.execute = func(_ context.Context, r *run) outcome {
		r.log.Line(fmt.Sprintf("working on attempt %d", r.build.Attempt))
		if r.build.Attempt > first {
			return success
		}
		if err := r.own(fmt.Errorf("store it: %w", syscall.ENOSPC)); !errors.Is(err, engine.ErrCutOff) {
			return outcome{Result: bot.ResultFailure, Message: "the run is not cut off"}
		}
		return outcome{Result: bot.ResultFailure, Message: "no result of an attempt that was cut off"}
	}
}

// A full disk is not the build's failure: it runs again once there is space, more
// often than the limit of attempts, without a restart, and says what it waits for.
func TestBuildWaitsForSpace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := newDisk(b.Service)
	d.leave(100 << 20) // little, but not nothing
	fails(b.Service, 5)
	serve(t, b.Service)
	b.store.await(t, "the second place in the queue", b.is(t, bot.BuildQueued, 2))
	if got := b.status(t, "main", 1).Message; !strings.HasPrefix(got, "Waiting for disk space. Free some in "+b.env.Dir) {
		t.Errorf("while it waits it says %q", got)
	}
	b.until(t, "the end", b.is(t, bot.BuildFinished, 6))
	if build := b.status(t, "main", 1); build.Result != bot.ResultSuccess || build.Message != "" {
		t.Errorf("build %+v", build)
	}
	text := b.logOf(t, "main", 1)
	for _, want := range []string{"[localci: Waiting for disk space.", "this is attempt 6]", "working on attempt 6\nFinished: SUCCESS\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the log:\n%s", want, text)
		}
	}
	if n := strings.Count(text, "Finished:"); n != 1 {
		t.Errorf("%d ends in the log:\n%s", n, text)
	}
}

func TestPauseForSpaceGrows(t *testing.T) {
	t.Parallel()
	for waits, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 7: time.Minute, 1000: time.Minute} {
		if got := spacePause(waits); got != want {
			t.Errorf("the pause after %d times is %s, want %s", waits, got, want)
		}
	}
}

// A build that takes all of the disk each time must end.
func TestBuildThatFillsTheDiskIsGivenUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	newDisk(b.Service) // plenty, once its workspace is gone
	fails(b.Service, 100)
	serve(t, b.Service)
	b.until(t, "the end", b.is(t, bot.BuildFinished, 3))
	if build := b.status(t, "main", 1); build.Result != bot.ResultFailure || !strings.Contains(build.Message, "filled the disk") {
		t.Errorf("build %+v", build)
	}
}

// On a full disk nothing begins; what waits says so once.
func TestNothingBeginsOnAFullDisk(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := newDisk(b.Service)
	d.leave(0)
	b.execute = func(context.Context, *run) outcome { return success }
	for range 2 {
		if claimed, err := b.claim(t.Context()); claimed != nil || err != nil {
			t.Fatalf("claimed %+v, %v", claimed, err)
		}
	}
	want := []string{"pipelinerun.queued main#1 queued", "pipelinerun.queued main#1 queued"}
	if got := b.store.events(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("events %q, want %q", got, want)
	}
	if got := b.status(t, "main", 1).Message; !strings.Contains(got, "Waiting for disk space") {
		t.Errorf("message %q", got)
	}
	d.leave(50 << 30)
	serve(t, b.Service)
	if build := b.finished(t, "main", 1); build.Result != bot.ResultSuccess || build.Attempt != 1 || build.Message != "" {
		t.Errorf("build %+v", build)
	}
}

// The store lies on the same disk: what can't be written down now is later.
func TestFullStoreKeepsTheBuildOpen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := newDisk(b.Service)
	d.leave(100 << 20)
	full := bot.Errorf(bot.CodeStorageFull, "no space")
	b.execute = func(_ context.Context, r *run) outcome {
		if r.build.Attempt > 1 {
			return success
		}
		b.store.breakWith(full)
		if err := (&host{run: r}).Send(t.Context(), engine.Message{Text: "hello"}); !errors.Is(err, engine.ErrCutOff) {
			t.Errorf("a message that can't be stored: %v", err)
		}
		return outcome{Result: bot.ResultFailure}
	}
	serve(t, b.Service)
	<-b.store.failed // the message
	<-b.store.failed // the place in the queue
	b.store.breakWith(nil)
	b.until(t, "the end", b.is(t, bot.BuildFinished, 2))
	if got := b.status(t, "main", 1).Result; got != bot.ResultSuccess {
		t.Errorf("result %s", got)
	}
}

func TestAbortWhileWaitingForSpace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := newDisk(b.Service)
	d.leave(100 << 20)
	fails(b.Service, 100)
	serve(t, b.Service)
	b.store.await(t, "the second place in the queue", b.is(t, bot.BuildQueued, 2))
	if err := b.Abort(t.Context(), b.ref("main", 1), "bob"); err != nil {
		t.Fatal(err)
	}
	if build := b.finished(t, "main", 1); build.Result != bot.ResultAborted {
		t.Errorf("build %+v", build)
	}
}

// What a person has stopped is over, also if the disk got full meanwhile.
func TestStoppedOnAFullDisk(t *testing.T) {
	t.Parallel()
	b := setup(t)
	newDisk(b.Service).leave(100 << 20)
	began := make(chan struct{})
	b.execute = func(ctx context.Context, r *run) outcome {
		close(began)
		<-ctx.Done()
		r.diskIsFull()
		return outcome{}
	}
	serve(t, b.Service)
	<-began
	if err := b.Abort(t.Context(), b.ref("main", 1), "bob"); err != nil {
		t.Fatal(err)
	}
	if build := b.finished(t, "main", 1); build.Result != bot.ResultAborted || build.Message != "Aborted by bob" {
		t.Errorf("build %+v", build)
	}
	if text := b.logOf(t, "main", 1); !strings.HasSuffix(text, "Finished: ABORTED\n") {
		t.Errorf("log %q", text)
	}
}

// A line of the log that can't be written stops the attempt; its end can be written
// once more.
func TestLogOnAFullDisk(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	l, err := openLog("/dev/full", 1000)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	l.onFull = func() { told++ }
	l.Line("one")
	if err := l.Ending("Finished: SUCCESS"); !noSpace(err) || told != 1 {
		t.Errorf("ending: %v; told %d times", err, told)
	}
	if err := l.Close(); !noSpace(err) {
		t.Errorf("close: %v", err)
	}
}

func TestFullLogCutsTheAttempt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	newDisk(b.Service).leave(100 << 20)
	b.execute = func(ctx context.Context, r *run) outcome {
		if r.build.Attempt > 1 {
			return success
		}
		r.log.onFull()
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), errDiskFull) {
			t.Errorf("the attempt ended by %v", context.Cause(ctx))
		}
		return outcome{Result: bot.ResultAborted}
	}
	serve(t, b.Service)
	b.until(t, "the end", b.is(t, bot.BuildFinished, 2))
	if got := b.status(t, "main", 1).Result; got != bot.ResultSuccess {
		t.Errorf("result %s", got)
	}
}

func TestSpace(t *testing.T) {
	t.Parallel()
	tests := []struct {
		space           space
		isFull, isRoomy bool
	}{
		{space{free: 0, total: 100 << 30}, true, false},
		{space{free: 63 << 20, total: 100 << 30}, true, false},
		{space{free: 65 << 20, total: 100 << 30}, false, false},
		{space{free: 1 << 30, total: 100 << 30}, false, true},
		{space{free: 4<<20 - 1, total: 64 << 20}, true, false},
		{space{free: 5 << 20, total: 64 << 20}, false, false},
		{space{free: 7 << 20, total: 64 << 20}, false, true},
	}
	for _, tt := range tests {
		if full, roomy := tt.space.full(), tt.space.roomy(); full != tt.isFull || roomy != tt.isRoomy {
			t.Errorf("%+v is full %v, roomy %v", tt.space, full, roomy)
		}
	}
	if s := spaceOf(t.TempDir()); s.total == 0 {
		t.Errorf("space of a folder %+v", s)
	}
	if s := spaceOf(filepath.Join(t.TempDir(), "nothing")); s.full() {
		t.Errorf("space of nothing %+v", s)
	}
}

// A script that fails on a full disk is not to blame: nothing after it runs, no post
// either, and the next attempt begins with a fresh checkout.
func TestScriptOnAFullDisk(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if err := b.runner.Available(); err != nil {
		t.Skipf("NOT TESTED, no sandbox: %v", err)
	}
	caches := filepath.Join(b.env.Dir, "caches", folderName("shop"))
	b.space = func() space { // full at one look, after the script has asked for it
		if os.Rename(filepath.Join(caches, "fill"), filepath.Join(caches, "was-full")) == nil {
			return space{total: 100 << 30}
		}
		return space{free: 100 << 20, total: 100 << 30}
	}
	b.repo.commit(t, "main", map[string]string{"Jenkinsfile": `pipeline {
    agent any
    stages { stage('S') { steps {
        catchError { retry(3) { sh '''
            test ! -e litter
            touch litter
            if [ -e $XDG_CACHE_HOME/was-full ]; then exit 0; fi
            touch $XDG_CACHE_HOME/fill
            exit 7
        ''' } }
        echo 'after'
    } } }
    post { always { sh 'echo posted >> $XDG_CACHE_HOME/posted' } }
}`})
	if _, err := b.Build(t.Context(), bot.BuildRequest{Job: b.job}); err != nil {
		t.Fatal(err)
	}
	b.config.Executors = 1
	serve(t, b.Service)
	b.until(t, "the end", func() bool { return b.status(t, "main", 2).State == bot.BuildFinished })
	if build := b.status(t, "main", 2); build.Result != bot.ResultSuccess || build.Attempt != 2 {
		t.Errorf("build %+v; log\n%s", build, b.logOf(t, "main", 2))
	}
	if got := readFile(t, filepath.Join(caches, "posted")); got != "posted\n" {
		t.Errorf("post has run as %q", got)
	}
	if text := b.logOf(t, "main", 2); strings.Count(text, "after\n") != 1 || strings.Contains(text, "Retrying") {
		t.Errorf("log\n%s", text)
	}
}
