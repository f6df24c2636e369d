package sandbox

import (
	"bufio"
	"errors"
	"os"
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
// target, "error: ..." when something went wrong.
type statusLine struct {
	mu   sync.Mutex
	err  error
	done chan struct{}
}

// execError is a report of exec-child about a program that cannot be executed.
type execError struct{ text string }

func (e *execError) Error() string { return e.text }

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
	if text, ok := strings.CutPrefix(line, "error: "); ok {
		return &execError{strings.TrimSpace(text)}
	}
	return errors.New("it ended before its program began")
}

func (s *statusLine) readRest(in *bufio.Reader, pipe *os.File) {
	defer close(s.done)
	defer pipe.Close()
	line, _ := in.ReadString('\n')
	if text, ok := strings.CutPrefix(line, "error: "); ok {
		s.mu.Lock()
		s.err = &execError{strings.TrimSpace(text)}
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
