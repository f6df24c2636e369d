// Package gitpush puts one tree as one commit on an empty branch of a git
// repository: over smart HTTP, or straight into a bare repository on this
// machine.
//
// The commit is deterministic: author, dates, message and tree come from the
// request alone, so that the same request gives the same hash for ever, and a
// push interrupted at any moment can be repeated. All objects are built in
// memory and travel as one pack.
package gitpush

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"opsbot/bot"
)

// Bounds used where Options leave them zero.
const (
	DefaultTimeout  = 2 * time.Minute
	DefaultMaxBytes = 64 << 20
	DefaultMaxFiles = 10_000
)

// Options configure a Pusher. The zero value pushes without credentials.
type Options struct {
	// Credentials gives user name and secret for basic authentication, asked for
	// each push so that short-lived tokens stay fresh. Nil pushes anonymously.
	Credentials func(ctx context.Context) (user, secret string, err error)
	// Transport sends the requests; nil is a transport of the Pusher's own.
	Transport http.RoundTripper
	// Committer is the commit's committer; the zero value means its author. It is
	// part of the hash, so it must not change while a request may be repeated.
	Committer bot.Signature
	// Timeout bounds one Push; 0 = DefaultTimeout.
	Timeout time.Duration
	// MaxBytes bounds the content of all files; 0 = DefaultMaxBytes.
	MaxBytes int64
	// MaxFiles bounds their number; 0 = DefaultMaxFiles.
	MaxFiles int
}

// Pusher pushes. Safe for concurrent use.
type Pusher struct {
	opts Options
	http *http.Client
}

// New makes a Pusher.
func New(opts Options) *Pusher {
	if opts.Timeout == 0 {
		opts.Timeout = DefaultTimeout
	}
	if opts.MaxBytes == 0 {
		opts.MaxBytes = DefaultMaxBytes
	}
	if opts.MaxFiles == 0 {
		opts.MaxFiles = DefaultMaxFiles
	}
	if opts.Transport == nil {
		opts.Transport = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		}
	}
	return &Pusher{opts: opts, http: &http.Client{Transport: boundedTransport{opts.Transport}, CheckRedirect: checkRedirect}}
}

// Hash returns the hash of the commit that Push would make of req.
func (p *Pusher) Hash(req bot.PushRequest) (string, error) {
	c, err := p.build(req)
	if err != nil {
		return "", err
	}
	return c.hash.String(), nil
}

// Prepare checks req as Push does and gives it as it would be committed: its message
// with the trailer, its author as git takes one, its date in UTC. It is for forges
// that make commits by an API of their own.
func (p *Pusher) Prepare(req bot.PushRequest) (bot.PushRequest, error) {
	if _, err := p.build(req); err != nil {
		return bot.PushRequest{}, err
	}
	author := signature(req.Author, req.At)
	req.Author, req.At, req.Message = bot.Signature{Name: author.Name, Email: author.Email}, author.When.Truncate(time.Second), message(req)
	return req, nil
}

// Push puts req's commit on req.Branch of target and returns its full hash.
// Target is an http(s) URL without credentials, or the absolute path of a bare
// repository on this machine; a path is written directly, with git's own lock
// and with everything synced to disk, but without running the repository's hooks.
//
// A branch that has exactly this commit is success and nothing is sent. Errors:
// CodeInvalid (request or target), CodeTooLarge, CodeConflict (the branch has
// something else, or a rule of the forge refused the push; its text is quoted,
// escaped), CodeNotFound, CodeUnauthenticated, CodeForbidden, CodeStorageFull,
// and CodeUnavailable with retry for whatever may pass.
func (p *Pusher) Push(ctx context.Context, target string, req bot.PushRequest) (string, error) {
	if bot.InTransaction(ctx) {
		return "", bot.Errorf(bot.CodeInternal, "A push to %s was tried inside a transaction.", name(req))
	}
	c, err := p.build(req)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, p.opts.Timeout)
	defer cancel()
	switch {
	case filepath.IsAbs(target):
		err = pushLocal(ctx, target, c)
	case strings.HasPrefix(target, "https://"), strings.HasPrefix(target, "http://"):
		err = p.pushRemote(ctx, target, c)
	default:
		err = bot.Errorf(bot.CodeInvalid, "%s cannot be pushed to: its address is neither an http(s) URL nor a path.", name(req))
	}
	if err != nil {
		return "", err
	}
	return c.hash.String(), nil
}

// boundedTransport cuts off what a forge answers: it is asked for refs and a short
// report, and must not fill our memory.
type boundedTransport struct{ next http.RoundTripper }

const maxAnswer = 32 << 20

func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.next.RoundTrip(r)
	if err == nil && res.Body != nil {
		res.Body = http.MaxBytesReader(nil, res.Body, maxAnswer)
	}
	return res, err
}

// checkRedirect keeps a push on the server that it was meant for.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if from := via[0].URL; req.URL.Scheme != from.Scheme || !strings.EqualFold(req.URL.Host, from.Host) {
		return errElsewhere
	}
	if len(via) > 5 {
		return errors.New("after 5 redirects the forge still redirects")
	}
	return nil
}

// errElsewhere is a redirect that is not followed.
var errElsewhere = errors.New("the forge redirects to another server")

func name(req bot.PushRequest) string {
	return string(bot.Escape(req.Repository.Owner + "/" + req.Repository.Name))
}

func occupied(c *commit) error {
	return bot.Errorf(bot.CodeConflict,
		"The branch %s of %s already has other commits, so the first commit cannot be pushed there. Choose another name, or empty the branch.",
		bot.Escape(c.branch), c.name)
}

// unlessFull maps errors of the machine's own file system.
func unlessFull(err error, c *commit) error {
	if errors.Is(err, errNoSpace) || errors.Is(err, errQuota) {
		return bot.Errorf(bot.CodeStorageFull, "There is no space left for the repository %s.", c.name).Because(err).Backoff()
	}
	if errors.Is(err, os.ErrNotExist) {
		return bot.Errorf(bot.CodeNotFound, "The repository %s is not there.", c.name).Because(err)
	}
	return bot.Errorf(bot.CodeUnavailable, "The repository %s could not be written.", c.name).Because(err).Backoff()
}
