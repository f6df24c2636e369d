package bot

import (
	"errors"
	"fmt"
	"time"
)

// Code classes an error for machines: it selects the exit status, the HTTP
// status and the tone of the reply.
type Code string

// The codes, from the most to the least common.
const (
	CodeInvalid         Code = "invalid"         // the request makes no sense as written
	CodeNotFound        Code = "not_found"       // the named object does not exist
	CodeConflict        Code = "conflict"        // exists already, or is somebody else's
	CodeForbidden       Code = "forbidden"       // known person, not allowed
	CodeUnauthenticated Code = "unauthenticated" // who is asking is not known
	CodeUnavailable     Code = "unavailable"     // an outside system did not answer properly
	CodeUnsupported     Code = "unsupported"     // this integration cannot do that
	CodeTooLarge        Code = "too_large"       // over a declared bound
	CodeStorageFull     Code = "storage_full"    // no space left; work goes on once there is
	CodeStale           Code = "stale"           // a compare-and-set lost: somebody else went on
	CodeUnknown         Code = "unknown"         // whether the effect happened cannot be told
	CodeInternal        Code = "internal"        // our own fault
)

// Retry says whether trying the same thing again can help. It is a property of
// the error; only the operation engine and the relay act on it.
type Retry int

// The retry classes.
const (
	RetryNever   Retry = iota // the same call gives the same answer
	RetryBackoff              // a passing fault: again, later and later
	RetryAfter                // again after Error.After (429, Retry-After)
)

// Error is the error that crosses package borders: a code for machines, a
// sentence for the person in the chat, a cause for the operator's log.
type Error struct {
	Code Code
	// Message is one sentence for the person: what failed, on which object, and
	// what to do. No secret, no stack, no Go error text.
	Message string
	// Err is the cause for the log; nil if Message says it all.
	Err   error
	Retry Retry
	// After is how long to wait when Retry is RetryAfter.
	After time.Duration
}

// Errorf makes an Error without a cause; a %w in format is not supported. The message
// is plain text, which whoever shows it escapes: of Text among args it keeps what that
// shows, on one line.
func Errorf(code Code, format string, args ...any) *Error {
	for i, a := range args {
		if text, is := a.(Text); is {
			args[i] = Unescape(text)
		}
	}
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Because returns a copy of e with the cause set.
func (e *Error) Because(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

// Backoff returns a copy of e that is retried with growing pauses.
func (e *Error) Backoff() *Error {
	c := *e
	c.Retry = RetryBackoff
	return &c
}

// Wait returns a copy of e that is retried after d.
func (e *Error) Wait(d time.Duration) *Error {
	c := *e
	c.Retry, c.After = RetryAfter, d
	return &c
}

// Error gives message and cause, for the log.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first Error in err's chain; CodeInternal for
// any other error, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// MessageOf returns the sentence for the person. An error without one gives a
// neutral sentence: its text may hold what must not be shown.
func MessageOf(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Message != "" {
		return e.Message
	}
	return "Something went wrong inside OpsBot; the operator finds the cause in the log."
}

// RetryOf returns the retry class of err and, for RetryAfter, the pause. An
// error without a class is retried with backoff: a programming slip must not
// end an operation for good while a passing fault could be its cause.
func RetryOf(err error) (Retry, time.Duration) {
	var e *Error
	if errors.As(err, &e) {
		return e.Retry, e.After
	}
	return RetryBackoff, 0
}
