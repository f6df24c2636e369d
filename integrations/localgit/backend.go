package localgit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"opsbot/bot"
)

const (
	// defaultIdle is how long a client may send or take nothing; there is no bound for
	// a whole clone or push, which may be large on a slow line.
	defaultIdle = 2 * time.Minute
	// finishing bounds what git does with a push once it has all of it.
	finishing = 15 * time.Minute
	// hopeless times the bound of a push is read, to say no, and not more.
	hopeless = 4
)

// serveGit answers a request of the git program by git's own http-backend. It is not
// net/http/cgi, which refuses the chunked bodies of large pushes.
func (f *Forge) serveGit(w http.ResponseWriter, r *http.Request, repo record, rt route, user *bot.User) {
	if f.git.path == "" {
		f.refuse(w, r, bot.Errorf(bot.CodeUnavailable, "The program git is not installed on OpsBot's machine."))
		return
	}
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-r.Context().Done():
		return
	}
	writes := rt.rest == "git-receive-pack"
	// Only what is hopeless is refused here: git shows the words of receive-pack, which
	// refuses by receive.maxInputSize, but not those of a refused POST.
	if writes && r.ContentLength > hopeless*int64(f.config.MaxPush) {
		f.refuse(w, r, f.tooLarge())
		return
	}
	b := &backend{forge: f, w: w, r: r, control: http.NewResponseController(w), writes: writes}
	b.env = append(b.environment(repo, rt, user), f.git.env...)
	var err error
	if writes {
		err = f.receive(r.Context(), b, repo, user)
	} else {
		err = b.run(r.Context(), nil)
	}
	if err == nil || r.Context().Err() != nil {
		return
	}
	f.env.Log.Warn("git http-backend failed", "repository", repo.full(), "service", rt.service, "error", err)
	if !b.answered {
		f.refuse(w, r, full(err, "serve "+repo.full()))
	}
}

func (f *Forge) tooLarge() error {
	return bot.Errorf(bot.CodeTooLarge, "This push is larger than the %d MiB that OpsBot accepts at once. Push less at a time, or keep large files elsewhere.",
		int64(f.config.MaxPush)>>20)
}

// receive runs a push. Its client going away does not stop it: a git killed while
// it moves branches leaves locks, and half a push ends by itself.
func (f *Forge) receive(ctx context.Context, b *backend, repo record, user *bot.User) error {
	push := bot.NewID(f.env.Clock.Now())
	if err := os.MkdirAll(f.path("spool", repo.ID), 0o700); err != nil {
		return err
	}
	lock, err := f.lockShared(repo.ID)
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.running[push] = repo.ID
	f.mu.Unlock()
	b.env = append(b.env, "OPSBOT_SPOOL="+f.path("spool", repo.ID), "OPSBOT_PUSH="+push, "OPSBOT_PUSHER="+plainName(*user))
	err = b.run(context.WithoutCancel(ctx), []*os.File{lock})
	_ = lock.Close()
	f.mu.Lock()
	delete(f.running, push)
	f.mu.Unlock()
	f.notify(repo.ID)
	f.env.Log.Info("push received", "repository", repo.full(), "user", user.Name, "push", push)
	return err
}

// backend is one run of http-backend.
type backend struct {
	forge    *Forge
	w        http.ResponseWriter
	r        *http.Request
	control  *http.ResponseController
	env      []string
	writes   bool
	answered bool
}

var protocolVersion = regexp.MustCompile(`^[a-z0-9=:]{1,64}$`)

// environment is CGI's. Only header fields that git needs pass.
func (b *backend) environment(repo record, rt route, user *bot.User) []string {
	query := ""
	if b.r.Method == http.MethodGet {
		query = "service=git-" + rt.service
	}
	host, _, _ := net.SplitHostPort(b.r.RemoteAddr)
	env := []string{
		"GATEWAY_INTERFACE=CGI/1.1", "SERVER_PROTOCOL=HTTP/1.1", "REQUEST_METHOD=" + b.r.Method, "QUERY_STRING=" + query,
		"GIT_PROJECT_ROOT=" + b.forge.path("repos"), "PATH_INFO=/" + repo.ID + ".git/" + rt.rest,
		"GIT_HTTP_EXPORT_ALL=1", "REMOTE_ADDR=" + host, "CONTENT_TYPE=" + oneLine(b.r.Header.Get("Content-Type")),
	}
	if user != nil {
		env = append(env, "REMOTE_USER="+plainName(*user))
	}
	if b.r.ContentLength >= 0 {
		env = append(env, "CONTENT_LENGTH="+strconv.FormatInt(b.r.ContentLength, 10))
	}
	if enc := b.r.Header.Get("Content-Encoding"); enc == "gzip" || enc == "x-gzip" {
		env = append(env, "HTTP_CONTENT_ENCODING="+enc)
	}
	if v := b.r.Header.Get("Git-Protocol"); protocolVersion.MatchString(v) {
		env = append(env, "GIT_PROTOCOL="+v)
	}
	return env
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, bot.Shorten(s, 200))
}

func (b *backend) run(ctx context.Context, files []*os.File) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := b.forge.git.command(ctx, b.forge.env.Dir, "http-backend")
	said := &tail{limit: 2000}
	cmd.Env, cmd.Stderr, cmd.ExtraFiles = b.env, said, files
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer b.resetDeadlines()
	var sent sync.WaitGroup
	sent.Go(func() { b.send(stdin) })
	// An answer that begins before the request is read would make the server cut the
	// connection: a git that gives up early must still get its words through.
	sent.Wait()
	if b.writes {
		late := time.AfterFunc(finishing, cancel)
		defer late.Stop()
	}
	err = b.answer(stdout)
	if err != nil && b.writes {
		_, _ = io.Copy(io.Discard, stdout) // the client is gone; the push goes on
	} else if err != nil {
		cancel()
	}
	return errors.Join(err, exited(cmd, said))
}

func exited(cmd *exec.Cmd, said *tail) error {
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("git http-backend: %w: %s", err, strings.TrimSpace(string(said.kept)))
	}
	return nil
}

// send gives the request's body to git. When git gives up, the rest is still read,
// within reason, so that the client gets to read why.
func (b *backend) send(stdin io.WriteCloser) {
	body := &patientReader{b}
	_, err := io.Copy(stdin, body)
	_ = stdin.Close()
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) {
		_, _ = io.Copy(io.Discard, io.LimitReader(body, hopeless*int64(b.forge.config.MaxPush)))
	}
}

// answer passes on what http-backend says: a CGI header, then the body as it comes.
func (b *backend) answer(stdout io.Reader) error {
	out := bufio.NewReaderSize(stdout, 32<<10)
	head, err := textproto.NewReader(bufio.NewReader(io.LimitReader(&byteByByte{out}, 16<<10))).ReadMIMEHeader()
	if err != nil {
		return fmt.Errorf("git http-backend gave no answer: %w", err)
	}
	status := http.StatusOK
	if text, _, _ := strings.Cut(head.Get("Status"), " "); text != "" {
		if status, err = strconv.Atoi(text); err != nil || status < 200 || status > 599 {
			return fmt.Errorf("git http-backend gave the status %q", text)
		}
	}
	for _, name := range []string{"Content-Type", "Expires", "Pragma", "Cache-Control"} {
		if v := head.Get(name); v != "" {
			b.w.Header().Set(name, v)
		}
	}
	b.w.Header().Set("X-Content-Type-Options", "nosniff")
	b.answered = true
	b.w.WriteHeader(status)
	_, err = io.Copy(&patientWriter{b}, out)
	return err
}

// byteByByte keeps the header's reader from taking what belongs to the body.
type byteByByte struct{ r *bufio.Reader }

func (r *byteByByte) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return r.r.Read(p[:1])
}

// patientReader reads the body; each read has its own deadline.
type patientReader struct{ b *backend }

func (p *patientReader) Read(buf []byte) (int, error) {
	_ = p.b.control.SetReadDeadline(bot.SystemClock{}.Now().Add(p.b.forge.idle)) // not every writer has deadlines
	return p.b.r.Body.Read(buf)
}

// patientWriter writes and flushes; each write has its own deadline.
type patientWriter struct{ b *backend }

func (p *patientWriter) Write(buf []byte) (int, error) {
	_ = p.b.control.SetWriteDeadline(bot.SystemClock{}.Now().Add(p.b.forge.idle))
	n, err := p.b.w.Write(buf)
	if err == nil {
		_ = p.b.control.Flush()
	}
	return n, err
}

// resetDeadlines leaves the connection as it was: it may carry other requests.
func (b *backend) resetDeadlines() {
	_ = b.control.SetReadDeadline(time.Time{})
	_ = b.control.SetWriteDeadline(time.Time{})
}
