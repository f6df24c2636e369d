package sandbox

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func exitOf(s *os.ProcessState) (int, syscall.Signal) {
	status, ok := s.Sys().(syscall.WaitStatus)
	if !ok {
		return s.ExitCode(), 0
	}
	if status.Signaled() {
		return 128 + int(status.Signal()), status.Signal()
	}
	code := status.ExitStatus()
	if code > 128 && code <= 128+64 {
		return code, syscall.Signal(code - 128)
	}
	return code, 0
}

// statusLine reads what exec-child reports: "exec" right before it executes the
// target, "error N: ..." when something went wrong.
type statusLine struct {
	mu   sync.Mutex
	err  error
	done chan struct{}
}

// execError is a report of exec-child about a program that cannot be executed; errno
// is the system's reason, 0 if there is none.
type execError struct {
	text  string
	errno syscall.Errno
}

func (e *execError) Error() string { return e.text }

// Unwrap gives the system's reason, so that a full disk is known as one.
func (e *execError) Unwrap() error {
	if e.errno == 0 {
		return nil
	}
	return e.errno
}

// formatError is the line that parseError reads.
func formatError(err error) string {
	var errno syscall.Errno
	errors.As(err, &errno) // or it stays 0
	return fmt.Sprintf("error %d: %s\n", int(errno), oneLine(err))
}

// parseError reads a line of formatError; nil for any other.
func parseError(line string) *execError {
	rest, ok := strings.CutPrefix(line, "error ")
	number, text, found := strings.Cut(rest, ": ")
	n, err := strconv.ParseUint(number, 10, 16)
	if !ok || !found || err != nil {
		return nil
	}
	return &execError{text: strings.TrimSpace(text), errno: syscall.Errno(n)}
}

// awaitExec returns nil when the target is about to be executed. It keeps reading
// in the background for a late error.
func (s *statusLine) awaitExec(pipe *os.File) error {
	in := bufio.NewReader(pipe)
	line, err := in.ReadString('\n')
	if err == nil && line == "exec\n" {
		go s.readRest(in, pipe)
		return nil
	}
	close(s.done)
	_ = pipe.Close()
	if refused := parseError(line); refused != nil {
		return refused
	}
	return errors.New("it ended before its program began")
}

func (s *statusLine) readRest(in *bufio.Reader, pipe *os.File) {
	defer close(s.done)
	defer pipe.Close()
	line, _ := in.ReadString('\n')
	if refused := parseError(line); refused != nil {
		s.mu.Lock()
		s.err = refused
		s.mu.Unlock()
	}
}

// late returns an error reported after "exec". It is called after the child's end,
// when nobody but an escaped grandchild can hold the pipe.
func (s *statusLine) late() error {
	select {
	case <-s.done:
	case <-time.After(pipeDelay):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
