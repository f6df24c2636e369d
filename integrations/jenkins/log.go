package jenkins

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// ReadLog gives what the log of a build holds by now, from a byte of its text on.
//
// Jenkins' own offsets count the raw log, with notes that no reader sees, and its
// progressive answers have other line ends than the plain one. So offsets here are
// those of the plain text with line feeds alone; for a reader that goes on where it
// stopped, the raw position that belongs to it is remembered, and for any other the
// text is read from its beginning and skipped.
func (s *Service) ReadLog(ctx context.Context, ref bot.LogRef, offset int64) (io.ReadCloser, error) {
	var b bot.BuildRef
	var at string
	var err error
	if ref.Environment != "" {
		b, at, err = s.deployLog(ctx, ref)
	} else {
		b, at, err = s.logPath(ctx, ref.Build)
	}
	if err != nil {
		return nil, err
	}
	if b.Number == 0 {
		return io.NopCloser(strings.NewReader("")), nil // it waits in the queue
	}
	offset = max(offset, 0)
	body, err := s.readLogAt(ctx, at, offset)
	if bot.CodeOf(err) == bot.CodeNotFound {
		// The branch's job may be called otherwise than we think: a look at the build
		// finds that out.
		if _, err := s.status(ctx, b); err != nil {
			return nil, err
		}
		body, err = s.readLogAt(ctx, buildPath(b.Job, s.nameOf(b.Job, b.Branch), b.Number), offset)
	}
	if err != nil {
		return nil, s.logError(b, err)
	}
	return body, nil
}

func (s *Service) readLogAt(ctx context.Context, at string, offset int64) (io.ReadCloser, error) {
	if raw, ok := s.offsets.at(at, offset); ok {
		text, ok, err := s.progress(ctx, at, raw, offset)
		if err != nil || ok {
			return io.NopCloser(strings.NewReader(text)), err
		}
	}
	if offset == 0 {
		if text, ok, err := s.progress(ctx, at, 0, 0); err == nil && ok {
			return io.NopCloser(strings.NewReader(text)), nil
		} else if err != nil && bot.CodeOf(err) != bot.CodeTooLarge {
			return nil, err
		}
	}
	body, err := s.openText(ctx, at)
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, body, offset); err != nil && !errors.Is(err, io.EOF) {
		_ = body.Close()
		return nil, err
	}
	return body, nil
}

func (s *Service) logError(ref bot.BuildRef, err error) error {
	if bot.CodeOf(err) == bot.CodeNotFound {
		return s.noBuild(ref).Because(err)
	}
	return fmt.Errorf("jenkins: log of %s/%s #%d: %w", ref.Job, ref.Branch, ref.Number, err)
}

// logPath gives a build by its job's name, and finds the number of one that was
// known by its queue id alone.
func (s *Service) logPath(ctx context.Context, ref bot.BuildRef) (bot.BuildRef, string, error) {
	ref, _, err := s.enter(ctx, ref)
	if err != nil {
		return ref, "", err
	}
	return s.logPathOf(ctx, ref)
}

// deployLog is where the newest deployment's build has its log: it is all that Jenkins
// knows of what runs.
func (s *Service) deployLog(ctx context.Context, ref bot.LogRef) (bot.BuildRef, string, error) {
	app, known, err := read[appDoc](ctx, s, kindApp, appKey(ref.ProjectID, ref.Environment))
	if err != nil || !known {
		return bot.BuildRef{}, "", orElse(err, bot.Errorf(bot.CodeNotFound, "Jenkins has deployed nothing to %s yet.", bot.Shorten(ref.Environment, 60)))
	}
	d, _, err := read[deployDoc](ctx, s, kindDeploy, esc(app.Deployment))
	if err != nil {
		return bot.BuildRef{}, "", err
	}
	if d.Queue == "" {
		return bot.BuildRef{}, "", bot.Errorf(bot.CodeNotFound, "Jenkins has deployed nothing to %s yet.", bot.Shorten(ref.Environment, 60))
	}
	build := d.ref(d.Queue)
	build.Number = d.Number
	return s.logPathOf(ctx, build)
}

// logPathOf is logPath by the job's name.
func (s *Service) logPathOf(ctx context.Context, ref bot.BuildRef) (bot.BuildRef, string, error) {
	if ref.Number == 0 || !goodBranch(ref.Branch) {
		b, err := s.status(ctx, ref)
		if err != nil {
			return ref, "", err
		}
		ref = b.Ref
	}
	return ref, buildPath(ref.Job, s.nameOf(ref.Job, ref.Branch), ref.Number), nil
}

// progress reads from a raw position on; ok is false if the log is not the one
// that the position belongs to.
func (s *Service) progress(ctx context.Context, at string, raw, offset int64) (text string, ok bool, err error) {
	text, header, err := s.get(ctx, at+"logText/progressiveText", query{"start": strconv.FormatInt(raw, 10)}, "text/plain")
	if err != nil {
		return "", false, err
	}
	size, err := strconv.ParseInt(header.Get("X-Text-Size"), 10, 64)
	if err != nil || size < raw {
		s.offsets.drop(at) // past its end Jenkins begins anew
		return "", false, nil
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	s.offsets.put(at, offset+int64(len(text)), size)
	return text, true, nil
}

// openText streams the whole log as plain text, however long it is.
func (s *Service) openText(ctx context.Context, at string) (io.ReadCloser, error) {
	stream, err := s.rest.Open(ctx, rest.Request{Path: at + "consoleText", Header: http.Header{"Accept": {"text/plain"}}, Unbounded: true})
	if err != nil {
		return nil, err
	}
	if isPage(stream.Header) {
		_ = stream.Body.Close()
		return nil, bot.Errorf(bot.CodeUnavailable, "Jenkins answered with an HTML page instead of a log: is its URL right, or is a proxy in between?")
	}
	return &lineFeeds{Closer: stream.Body, from: bufio.NewReaderSize(stream.Body, 32<<10)}, nil
}

// lineFeeds turns CR LF into LF, also where they come in two pieces.
type lineFeeds struct {
	io.Closer
	from *bufio.Reader
}

// Read implements io.Reader; it does not wait for more once it has something.
func (l *lineFeeds) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) && (n == 0 || l.from.Buffered() > 0) {
		c, err := l.from.ReadByte()
		if err != nil {
			return n, err
		}
		if c == '\r' {
			if next, _ := l.from.Peek(1); len(next) == 1 && next[0] == '\n' {
				continue
			}
		}
		p[n] = c
		n++
	}
	return n, nil
}

// readText reads a log for a report: all of it, or beginning and end of a long one.
func (s *Service) readText(ctx context.Context, at string, l *logText) error {
	if l.read {
		return nil
	}
	body, err := s.openText(ctx, at)
	if err != nil {
		return err
	}
	defer body.Close()
	const half = 128 << 10
	head, err := io.ReadAll(io.LimitReader(body, half))
	if err != nil {
		return err
	}
	var tail []byte
	rest := io.LimitReader(body, maxLog)
	buf := make([]byte, 32<<10)
	for {
		n, err := rest.Read(buf)
		if tail = append(tail, buf[:n]...); len(tail) > 2*half {
			tail = append(tail[:0], tail[len(tail)-half:]...)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	l.read, l.text = true, strings.ToValidUTF8(string(head)+string(tail), "�")
	return nil
}

// commitInLog finds the commit where the log begins: it stands there before any
// checkout, and a long log is not read for it again and again.
func (s *Service) commitInLog(ctx context.Context, at string, l *logText) (string, error) {
	if l.read {
		return l.commit(), nil
	}
	body, err := s.openText(ctx, at)
	if err != nil {
		return "", err
	}
	defer body.Close()
	head, err := io.ReadAll(io.LimitReader(body, 64<<10))
	if err != nil {
		return "", err
	}
	begin := logText{text: strings.ToValidUTF8(string(head), "�")}
	return begin.commit(), nil
}

// maxLog bounds how much of a log is read to find something out.
const maxLog = 64 << 20

// offsets remembers, for the logs read last, which raw position the end of the
// text read so far has. The zero value is ready.
type offsets struct {
	mu    sync.Mutex
	known map[string][2]int64 // path -> text, raw
	order []string
}

const maxOffsets = 256

func (o *offsets) at(path string, text int64) (raw int64, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	pair, ok := o.known[path]
	return pair[1], ok && pair[0] == text && text > 0
}

func (o *offsets) put(path string, text, raw int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known == nil {
		o.known = map[string][2]int64{}
	}
	if _, ok := o.known[path]; !ok {
		if o.order = append(o.order, path); len(o.order) > maxOffsets {
			delete(o.known, o.order[0])
			o.order = o.order[1:]
		}
	}
	o.known[path] = [2]int64{text, raw}
}

func (o *offsets) drop(path string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.known, path)
	for i, p := range o.order {
		if p == path {
			o.order = append(o.order[:i], o.order[i+1:]...)
			break
		}
	}
}
