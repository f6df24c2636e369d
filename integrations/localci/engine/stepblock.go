package engine

import (
	"errors"
	"path"
	"strings"
	"time"
)

func (f frame) timeout(a arguments) (any, error) {
	d, err := duration(a, time.Minute)
	if err != nil {
		return nil, err
	}
	var v any
	err = f.withTimeout(d, func(f frame) error {
		var err error
		v, err = f.block(a.block)
		return err
	})
	return v, err
}

// timestamps shows when each line came; lines of branches beside the block, too.
func (f frame) timestamps(a arguments) (any, error) {
	f.run.console.stamp(1)
	defer f.run.console.stamp(-1)
	return f.block(a.block)
}

func (f frame) retry(a arguments) (any, error) {
	v, _ := a.value("count", true)
	count, ok := v.(int64)
	if !ok {
		return nil, throwable(classArgument, "count is %s", toString(v))
	}
	var value any
	err := f.retrying(count, func() error {
		var err error
		value, err = f.block(a.block)
		return err
	})
	return value, err
}

// retrying runs body until it passes, at most count times. An interruption is not
// retried, but for a timeout inside of body.
func (f frame) retrying(count int64, body func() error) error {
	for attempt := int64(1); ; attempt++ {
		err := body()
		if err == nil || attempt >= count || errors.Is(err, ErrCutOff) || isStop(err) {
			return err
		}
		failure := asFailure(err)
		if !failure.isAbort() && failure.Stopped == nil {
			f.run.console.say("ERROR: Execution failed")
		}
		f.run.console.say(failure.line())
		f.run.console.say("Retrying")
	}
}

// within is f with dir as its folder.
func (f frame) within(dir string) frame {
	f.node = &node{ws: f.node.ws, dir: f.absolute(dir)}
	return f
}

func (f frame) absolute(name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(f.node.dir, name)
}

func (f frame) dir(a arguments) (any, error) {
	if err := f.needNode(); err != nil {
		return nil, err
	}
	f = f.within(a.text("path", true))
	f.run.console.say("Running in " + f.node.dir)
	return f.block(a.block)
}

// withEnv takes NAME=value, and NAME+WORD=value to put something before a path.
func (f frame) withEnv(a arguments) (any, error) {
	v, _ := a.value("overrides", true)
	layer := map[string]string{}
	f.env = f.env.with(layer)
	for _, item := range iterable(v) {
		name, value, ok := strings.Cut(toString(item), "=")
		if !ok {
			return nil, throwable(classArgument, "missing ‘=’ in: %s", toString(item))
		}
		if before, _, extends := strings.Cut(name, "+"); extends {
			if old, ok := f.lookupEnv(before); ok {
				value += ":" + old
			}
			name = before
		}
		layer[name] = value
	}
	return f.block(a.block)
}

func (f frame) catchError(a arguments) (any, error) {
	v, err := f.block(a.block)
	if err == nil {
		return v, nil
	}
	build, stage := Failed, Success
	for name, to := range map[string]*Result{"buildResult": &build, "stageResult": &stage} {
		given, ok := a.value(name, false)
		if !ok {
			continue
		}
		if *to = Success; given != nil {
			if *to, ok = parseResult(toString(given)); !ok {
				return nil, throwable(classArgument, "%s is invalid: %s", name, toString(given))
			}
		}
	}
	return nil, f.caught(err, a.text("message", false), build, stage, a.flag("catchInterruptions", true))
}

func (f frame) warnError(a arguments) (any, error) {
	v, err := f.block(a.block)
	if err == nil {
		return v, nil
	}
	return nil, f.caught(err, a.text("message", true), Unstable, Unstable, a.flag("catchInterruptions", true))
}

// caught turns a failure into results. An interruption is not softened.
func (f frame) caught(err error, message string, build, stage Result, interruptions bool) error {
	if errors.Is(err, ErrCutOff) {
		return err
	}
	failure := asFailure(err)
	if !interruptions && isStop(err) {
		return err
	}
	if failure.Stopped != nil {
		build, stage = worst(build, failure.result()), worst(stage, failure.result())
	}
	if message != "" {
		f.run.console.say("ERROR: " + message)
	}
	if line := failure.line(); line != "" {
		f.run.console.say(line)
	}
	if build.Worse(Success) {
		f.run.console.say("Setting overall build result to " + string(build))
		f.run.worsen(build)
	}
	f.warn(statusOf(stage))
	return nil
}

func statusOf(r Result) Status {
	switch r {
	case Unstable:
		return StatusUnstable
	case Failed:
		return StatusFailed
	case Aborted:
		return StatusAborted
	case NotBuilt:
		return StatusNotExecuted
	}
	return StatusSuccess
}

// nodeBlock is the node step of a scripted pipeline: a workspace, no checkout.
func (f frame) nodeBlock(a arguments) (any, error) {
	var v any
	err := f.allocate(WorkspaceRequest{Label: a.text("label", true)}, func(f frame) error {
		var err error
		v, err = f.block(a.block)
		return err
	})
	return v, err
}

// stageBlock is the stage step of a scripted pipeline.
func (f frame) stageBlock(a arguments) (any, error) {
	s := f.open(a.text("name", true), "")
	inner := f
	inner.stage = s
	inner.env = f.env.with(map[string]string{"STAGE_NAME": s.Name})
	v, err := inner.block(a.block)
	f.run.close(s, err)
	return v, err
}
