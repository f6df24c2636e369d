package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// sh runs a script. Without #! as its very first characters it is for sh -xe.
func (f frame) sh(a arguments) (any, error) {
	if err := f.needNode(); err != nil {
		return nil, err
	}
	text := a.text("script", true)
	status, stdout := a.flag("returnStatus", false), a.flag("returnStdout", false)
	if text == "" {
		f.run.console.say("Warning: was asked to run an empty script")
		return shValue(status, stdout, 0, ""), nil
	}
	if f.run.console.holds(text) {
		f.run.console.say(`Warning: A secret was passed to "sh" using Groovy String interpolation, which is insecure.`)
	}
	log := &lineWriter{console: f.run.console}
	captured := &boundedBuffer{}
	script := Script{
		Text: text, Direct: strings.HasPrefix(text, "#!"), Dir: f.node.dir, Env: f.environ(), Stdout: log, Stderr: log,
	}
	if stdout {
		script.Stdout = captured
	}
	ctx, end, err := f.begin("Sending interrupt signal to process", false)
	if err != nil {
		return nil, err
	}
	exit, err := f.node.ws.Shell(ctx, script)
	f.run.cutBy(err)
	log.finish()
	end()
	if err := f.ended(ctx, exit, err); err != nil {
		return nil, err
	}
	if exit.Code != 0 && !status {
		return nil, f.shFailure(exit, captured)
	}
	return shValue(status, stdout, exit.Code, captured.String()), nil
}

// ended tells the end of a script that was interrupted. One that was told so and
// exits 0 all the same has passed.
func (f frame) ended(ctx context.Context, exit Exit, err error) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, ErrCutOff) {
		return ErrCutOff
	}
	var why *Failure
	if !errors.As(cause, &why) || err == nil && exit.Code == 0 && !exit.Own {
		return err
	}
	if exit.Signal == 15 {
		f.run.console.say("Terminated")
	}
	f.run.console.say(fmt.Sprintf("script returned exit code %d", exit.Code))
	return why
}

// shFailure also shows what was to be returned, as Jenkins does.
func (f frame) shFailure(exit Exit, captured *boundedBuffer) error {
	if exit.Signal == 9 {
		f.run.console.say("Killed")
	}
	if out := captured.String(); out != "" {
		f.run.console.say(strings.TrimSuffix(out, "\n"))
	}
	return abort("script returned exit code %d", exit.Code)
}

func shValue(status, stdout bool, code int, out string) any {
	switch {
	case status:
		return int64(code)
	case stdout:
		return out
	}
	return nil
}

// boundedBuffer keeps what a script returns; more than maxText fails the write.
type boundedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write keeps p, or refuses it beyond the bound.
func (b *boundedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buf.Len()+len(p) > maxText {
		return 0, io.ErrShortBuffer
	}
	return b.buf.Write(p)
}

// String is what was kept.
func (b *boundedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (f frame) sleep(a arguments) error {
	d, err := duration(a, time.Second)
	if err != nil {
		return err
	}
	f.run.console.say("Sleeping for " + timeSpan(d))
	return f.outside(func(ctx context.Context) error {
		select {
		case <-f.run.clock.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
}

// duration reads time and unit.
func duration(a arguments, otherwise time.Duration) (time.Duration, error) {
	v, _ := a.value("time", true)
	n, ok := number(v)
	if s, isText := v.(string); isText {
		whole, err := toInteger(s)
		if err != nil {
			return 0, err
		}
		n, ok = number(whole)
	}
	if !ok {
		return 0, throwable(classArgument, "time is %s", toString(v))
	}
	unit := otherwise
	if name := a.text("unit", false); name != "" {
		if unit, ok = timeUnit(name); !ok {
			return 0, throwable(classArgument, "No enum constant java.util.concurrent.TimeUnit.%s", name)
		}
	}
	const longest = float64(1<<62 - 1)
	return time.Duration(min(n*float64(unit), longest)), nil
}
