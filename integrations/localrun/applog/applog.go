// Package applog keeps the output of one app in an environment: bounded, rotated,
// and readable by byte offset while it is written.
package applog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// maxLine is how long a line may get before it is written in pieces.
const maxLine = 64 << 10

// Log is one app's log. Offsets count all bytes ever written, also those that
// rotation has removed. Safe for concurrent use.
type Log struct {
	dir   string
	limit int64 // of one of the two files kept

	mu   sync.Mutex
	file *os.File
	base int64 // offset of file's first byte
	size int64
	lost int64 // bytes that could not be written since the last success
}

// Open opens or makes the log in dir, which keeps between limit/2 and limit bytes.
func Open(dir string, limit int64) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("applog: create folder: %w", err)
	}
	l := &Log{dir: dir, limit: max(limit/2, 1)}
	parts, err := list(dir)
	if err != nil {
		return nil, err
	}
	if len(parts) > 0 {
		l.base, l.size = parts[len(parts)-1].base, parts[len(parts)-1].size
	}
	if l.file, err = os.OpenFile(partPath(dir, l.base), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return nil, fmt.Errorf("applog: open: %w", err)
	}
	return l, nil
}

// Close closes the log's file.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}

// Printf writes a line of OpsBot's own between those of the app.
func (l *Log) Printf(format string, args ...any) {
	l.write([]byte("--- " + fmt.Sprintf(format, args...) + "\n"))
}

// write never fails: an app must not stop because its log's disk is full. What was
// lost is said once there is space again.
func (l *Log) write(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost > 0 {
		note := fmt.Appendf(nil, "--- %d bytes of the log were lost\n", l.lost)
		if !l.put(note) {
			l.lost += int64(len(b))
			return
		}
		l.lost = 0
	}
	if !l.put(b) {
		l.lost += int64(len(b))
	}
}

// put appends b to the current file, beginning a new one when it is full.
func (l *Log) put(b []byte) bool {
	if l.size > 0 && l.size+int64(len(b)) > l.limit {
		l.rotate()
	}
	n, err := l.file.Write(b)
	if err != nil && n > 0 {
		// Half a line would be taken for the app's own.
		if l.file.Truncate(l.size) != nil {
			l.size += int64(n)
		}
		return false
	}
	l.size += int64(n)
	return err == nil
}

// rotate begins a new file and removes all but the one before it. Where it can't,
// it goes on in the old one.
func (l *Log) rotate() {
	next, err := os.OpenFile(partPath(l.dir, l.base+l.size), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	_ = l.file.Close()
	old := l.base
	l.file, l.base, l.size = next, l.base+l.size, 0
	parts, err := list(l.dir)
	if err != nil {
		return
	}
	for _, p := range parts {
		if p.base < old {
			_ = os.Remove(partPath(l.dir, p.base))
		}
	}
}

// Writer returns a writer for one instance of the app. Whole lines are written in
// one piece, so that two instances never mix within a line, and as clean leaves them;
// nil leaves them as they are.
func (l *Log) Writer(clean func(string) string) *Writer { return &Writer{log: l, clean: clean} }

// Writer collects lines. Safe for concurrent use.
type Writer struct {
	log   *Log
	clean func(string) string
	mu    sync.Mutex
	rest  []byte
	last  string
}

// Write implements io.Writer; it always takes all of b.
func (w *Writer) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, b...)
	end := bytes.LastIndexByte(w.rest, '\n') + 1
	if end == 0 && len(w.rest) < maxLine {
		return len(b), nil
	}
	if end == 0 {
		end = len(w.rest)
	}
	w.flush(end)
	return len(b), nil
}

func (w *Writer) flush(end int) {
	text := string(w.rest[:end])
	if w.clean != nil {
		text = w.clean(text)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if line := strings.TrimSpace(lines[len(lines)-1]); line != "" {
		w.last = line
	}
	w.log.write([]byte(text))
	w.rest = append(w.rest[:0], w.rest[end:]...)
}

// End writes what is left of an unfinished line.
func (w *Writer) End() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rest) > 0 {
		w.rest = append(w.rest, '\n')
		w.flush(len(w.rest))
	}
}

// Last returns the last line that was not empty.
func (w *Writer) Last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// Read returns the log in dir from byte offset on, as far as it is kept; the
// caller closes it. The error is fs.ErrNotExist if there is none.
func Read(dir string, offset int64) (io.ReadCloser, error) {
	parts, err := list(dir)
	if err != nil {
		return nil, err
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("applog: %s: %w", dir, fs.ErrNotExist)
	}
	out := &reader{}
	var readers []io.Reader
	for _, p := range parts {
		f, err := os.Open(partPath(dir, p.base))
		if errors.Is(err, fs.ErrNotExist) {
			continue // rotated away meanwhile
		}
		if err != nil {
			return nil, errors.Join(err, out.Close())
		}
		out.files = append(out.files, f)
		if skip := min(offset-p.base, p.size); skip > 0 {
			if _, err := f.Seek(skip, io.SeekStart); err != nil {
				return nil, errors.Join(err, out.Close())
			}
		}
		readers = append(readers, f)
	}
	out.Reader = io.MultiReader(readers...)
	return out, nil
}

type reader struct {
	io.Reader
	files []*os.File
}

func (r *reader) Close() error {
	var errs []error
	for _, f := range r.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// part is one file of a log, named by the offset of its first byte.
type part struct{ base, size int64 }

func partPath(dir string, base int64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d.log", base))
}

// list returns the parts in dir in order.
func list(dir string) ([]part, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("applog: list: %w", err)
	}
	var parts []part
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".log")
		base, err := strconv.ParseInt(name, 10, 64)
		if !ok || err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue
		}
		parts = append(parts, part{base, info.Size()})
	}
	return parts, nil
}
