package engine

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// The Java classes that a log shows.
const (
	classAbort       = "hudson.AbortException"
	classInterrupted = "org.jenkinsci.plugins.workflow.steps.FlowInterruptedException"
	classNoProperty  = "groovy.lang.MissingPropertyException"
	classNoMethod    = "groovy.lang.MissingMethodException"
	classNull        = "java.lang.NullPointerException"
	classNumber      = "java.lang.NumberFormatException"
	classArgument    = "java.lang.IllegalArgumentException"
	classIndex       = "java.lang.IndexOutOfBoundsException"
	classUnsupported = "java.lang.UnsupportedOperationException"
)

// Failure is what Jenkins would call an exception: it fails a step and, caught by
// nobody, the build.
type Failure struct {
	// Class is the Java class, Message its message. Both may stand in the log.
	Class, Message string
	// Hint is what to do about it, in a sentence; "" if Message says it all.
	Hint string
	// Stopped is set when the step was interrupted.
	Stopped *Interruption
}

// Error is the message.
func (f *Failure) Error() string { return f.Message }

// Interruption says why running steps were ended from outside.
type Interruption struct {
	// By names who stopped the build by hand; Timeout says that a timeout did;
	// FailFast that another branch had failed.
	By       string
	Timeout  bool
	FailFast bool
	// RejectedBy names who answered an input with no; Superseded is the number of the
	// build that took this one's place.
	RejectedBy string
	Superseded int
	// scope is the timeout that struck; confined, that it has ended: who is around it
	// may go on.
	scope    *scopeOfStop
	confined bool
}

func abort(format string, args ...any) *Failure {
	return &Failure{Class: classAbort, Message: fmt.Sprintf(format, args...)}
}

func throwable(class, format string, args ...any) *Failure {
	return &Failure{Class: class, Message: fmt.Sprintf(format, args...)}
}

func interrupted(why Interruption) *Failure {
	f := &Failure{Class: classInterrupted, Stopped: &why}
	return f
}

// result is what the failure makes of the build.
func (f *Failure) result() Result {
	switch {
	case f.Stopped == nil:
		return Failed
	case f.Stopped.Superseded > 0:
		return NotBuilt
	}
	return Aborted
}

// isStop reports whether err is an interruption that nothing may go on after: not one
// by a timeout further inside.
func isStop(err error) bool {
	why := asFailure(err).Stopped
	return why != nil && !why.confined
}

// line is how the log shows the failure at the end; "" for nothing.
func (f *Failure) line() string {
	switch {
	case f.Stopped != nil:
		return f.Stopped.line()
	case f.isAbort():
		return "ERROR: " + f.Message
	}
	return f.java()
}

func (i *Interruption) line() string {
	switch {
	case i.Timeout:
		return "Timeout has been exceeded"
	case i.RejectedBy != "":
		return "Rejected by " + i.RejectedBy
	case i.Superseded > 0:
		return "Superseded by #" + strconv.Itoa(i.Superseded)
	}
	return ""
}

// isAbort: of the exceptions that show as their message alone.
func (f *Failure) isAbort() bool { return f.Class == classAbort || f.Class == classNoCredentials }

// java is the failure as Java prints it.
func (f *Failure) java() string {
	if f.Message == "" {
		return f.Class
	}
	return f.Class + ": " + f.Message
}

// classNoCredentials is an AbortException, so it is shown as one.
const classNoCredentials = "org.jenkinsci.plugins.credentialsbinding.impl.CredentialNotFoundException" //nolint:gosec // a class

// asFailure makes a Failure of any error: a host's own is a failed step with its
// text.
func asFailure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return throwable("java.io.IOException", "%v", err)
}

// Stop is the cause to cancel a run's context with when a person stops the build:
// the steps are interrupted and post runs. Any other cause cuts the run off.
type Stop struct {
	// By is the person's name as the log shows it.
	By string
	// Superseded is set instead when a later build has taken this one's place.
	Superseded int
}

// Error says who.
func (s *Stop) Error() string {
	if s.Superseded > 0 {
		return "superseded by #" + strconv.Itoa(s.Superseded)
	}
	return "aborted by " + s.By
}

// ErrCutOff ends a run whose context ended for another reason than a Stop, or whose
// host returned it: neither catch, retry nor post sees it.
var ErrCutOff = errors.New("the run was cut off")

// stopOf is the Stop that ended ctx, nil if something else did.
func stopOf(ctx context.Context) *Stop {
	var s *Stop
	if errors.As(context.Cause(ctx), &s) {
		return s
	}
	return nil
}
