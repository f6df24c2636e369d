package localci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"opsbot/bot"
)

// buildLog is the log of one build: appended line by line, cut at a limit. It is
// safe for concurrent use; parallel stages write side by side.
type buildLog struct {
	mu     sync.Mutex
	f      *os.File
	size   int64
	limit  int64
	middle bool // the last byte was no line end
	cut    bool
	err    error
	onFull func() // told when there is no space for a line
}

// openLog opens a log at its end: a further attempt goes on in the same file, so
// that readers' offsets stay true.
func openLog(path string, limit int64) (*buildLog, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("localci: create folder of log: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("localci: open log: %w", err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("localci: open log: %w", err)
	}
	return &buildLog{f: f, size: size, limit: size + limit}, nil
}

// Line writes one line; output without a line end is completed before it.
func (l *buildLog) Line(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.middle {
		l.write([]byte("\n"))
	}
	l.write([]byte(text + "\n"))
}

// Write takes a step's output. It never fails, for the step is not to blame; Close
// tells what went wrong.
func (l *buildLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write(p)
	return len(p), nil
}

func (l *buildLog) write(p []byte) {
	if len(p) == 0 || l.cut {
		return
	}
	if room := l.limit - l.size; int64(len(p)) > room {
		p = fmt.Appendf(bytes.Clone(p[:room]), "\n[localci: the log is cut here, at %d bytes; the build goes on]\n", l.limit)
		l.cut = true
	}
	err := l.append(p)
	if l.err == nil {
		l.err = err // a full disk may have space again for the rest
	}
	if noSpace(err) && l.onFull != nil {
		l.onFull()
	}
}

func (l *buildLog) append(p []byte) error {
	n, err := l.f.Write(p)
	l.size += int64(n)
	if n > 0 {
		l.middle = p[n-1] != '\n'
	}
	return err
}

// Ending writes past the limit: how the build ended must be in its log. Unlike the
// other lines it may be written again after an error.
func (l *buildLog) Ending(text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	text += "\n"
	if l.middle {
		text = "\n" + text
	}
	return l.append([]byte(text))
}

// Close closes the file and returns the first error of all writing.
func (l *buildLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.err, l.f.Close())
}

// ReadLog gives what the log of a build holds by now, from a byte offset on. A
// build that has not begun has an empty log; one that ended before it began has
// the reason in it.
func (s *Service) ReadLog(ctx context.Context, ref bot.LogRef, offset int64) (io.ReadCloser, error) {
	if ref.Environment != "" || ref.Build.Number == 0 {
		return nil, bot.Errorf(bot.CodeUnsupported, "localci has logs of builds only.")
	}
	build, err := s.Status(ctx, ref.Build)
	if err != nil {
		return nil, err
	}
	if err := s.ownedHere(ctx); err != nil {
		return nil, err
	}
	f, err := os.Open(s.logPath(ref.Build))
	if errors.Is(err, fs.ErrNotExist) {
		text := neverRan(build)
		return io.NopCloser(strings.NewReader(text[min(max(offset, 0), int64(len(text))):])), nil
	}
	if err != nil {
		return nil, fmt.Errorf("localci: open log: %w", err)
	}
	if _, err := f.Seek(max(offset, 0), io.SeekStart); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("localci: seek in log: %w", err)
	}
	return f, nil
}

func neverRan(b bot.Build) string {
	if b.State != bot.BuildFinished || b.Message == "" {
		return ""
	}
	return b.Message + "\nFinished: " + string(b.Result) + "\n"
}
