package gitpush

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"

	"opsbot/bot"
)

// remote is one push over HTTP.
type remote struct {
	commit  *commit
	session transport.ReceivePackSession
	secret  string // masked in everything that comes back
}

func (p *Pusher) pushRemote(ctx context.Context, target string, c *commit) error {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" {
		// Not the parse error: it would quote the URL with what must not be in it.
		return bot.Errorf(bot.CodeInvalid, "The clone URL of %s is not a plain http(s) URL without credentials.", c.name)
	}
	r := &remote{commit: c}
	auth, err := p.login(ctx, r)
	if err != nil {
		return err
	}
	endpoint, err := transport.NewEndpoint(u.String())
	if err != nil {
		return bot.Errorf(bot.CodeInvalid, "The clone URL of %s cannot be used.", c.name).Because(err)
	}
	if r.session, err = githttp.NewClient(p.http).NewReceivePackSession(endpoint, auth); err != nil {
		return fmt.Errorf("gitpush: open session to %s: %w", c.name, err)
	}
	defer func() { _ = r.session.Close() }()
	return r.push(ctx)
}

func (p *Pusher) login(ctx context.Context, r *remote) (transport.AuthMethod, error) {
	if p.opts.Credentials == nil {
		return nil, nil
	}
	user, secret, err := p.opts.Credentials(ctx)
	if err != nil {
		return nil, fmt.Errorf("gitpush: credentials for %s: %w", r.commit.name, err)
	}
	r.secret = secret
	return &githttp.BasicAuth{Username: user, Password: secret}, nil
}

func (r *remote) push(ctx context.Context) error {
	refs, err := r.session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return r.explain(ctx, err)
	}
	if there, ok := refs.References[r.commit.ref().String()]; ok {
		if there == r.commit.hash {
			return nil
		}
		return occupied(r.commit)
	}
	pack, _, err := r.commit.pack()
	if err != nil {
		return err
	}
	said := &tail{limit: 2000}
	req := packp.NewReferenceUpdateRequestFromCapabilities(refs.Capabilities)
	req.Commands = []*packp.Command{{Name: r.commit.ref(), Old: plumbing.ZeroHash, New: r.commit.hash}}
	req.Packfile = io.NopCloser(bytes.NewReader(pack))
	req.Progress = said
	if refs.Capabilities.Supports(capability.Sideband64k) {
		_ = req.Capabilities.Set(capability.Sideband64k)
	}
	report, err := r.session.ReceivePack(ctx, req)
	if err == nil && report != nil {
		return nil
	}
	return r.refused(ctx, report, err, said.String())
}

// refused tells a rule's refusal from a failure on the way. When somebody else was
// faster the branch is looked at once more: it may have been ourselves.
func (r *remote) refused(ctx context.Context, report *packp.ReportStatus, err error, said string) error {
	if report == nil {
		if err == nil {
			err = errors.New("the forge gave no report")
		}
		return r.explain(ctx, err)
	}
	if refs, again := r.session.AdvertisedReferencesContext(ctx); again == nil {
		there, ok := refs.References[r.commit.ref().String()]
		if ok && there == r.commit.hash {
			return nil
		}
		if ok {
			return occupied(r.commit)
		}
	}
	why := r.mask(strings.TrimSpace(err.Error() + "\n" + said))
	out := bot.Errorf(bot.CodeConflict, "The forge refused the push to %s: %s",
		r.commit.name, bot.Escape(bot.Shorten(why, 400)))
	if strings.HasPrefix(err.Error(), "unpack error") {
		return out.Backoff() // not a rule: the forge could not store the pack this time
	}
	return out
}

// explain maps what the HTTP transport reports.
func (r *remote) explain(ctx context.Context, err error) error {
	cause := errors.New(r.mask(bot.Shorten(err.Error(), 500)))
	at := r.commit.name
	var status *githttp.Err
	if unexpected := (*plumbing.UnexpectedError)(nil); errors.As(err, &unexpected) {
		errors.As(unexpected.Err, &status)
	}
	switch {
	case ctx.Err() != nil:
		return bot.Errorf(bot.CodeUnavailable, "The push to %s took too long.", at).Because(errors.Join(ctx.Err(), cause)).Backoff()
	case strings.Contains(err.Error(), errElsewhere.Error()): // the library's errors do not unwrap
		return bot.Errorf(bot.CodeInvalid, "The forge redirects the push to %s to another server, which OpsBot does not follow: is its URL in the configuration right?", at).Because(cause)
	case errors.Is(err, transport.ErrAuthenticationRequired):
		return bot.Errorf(bot.CodeUnauthenticated, "The forge did not accept OpsBot's credentials for %s.", at).Because(cause)
	case errors.Is(err, transport.ErrAuthorizationFailed):
		return bot.Errorf(bot.CodeForbidden, "OpsBot may not push to %s.", at).Because(cause)
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return bot.Errorf(bot.CodeNotFound, "The forge has no repository %s, or hides it from OpsBot.", at).Because(cause)
	case status != nil && status.StatusCode() == 413:
		return bot.Errorf(bot.CodeTooLarge, "The push to %s is larger than the forge accepts.", at).Because(cause)
	}
	return bot.Errorf(bot.CodeUnavailable, "The forge did not answer the push to %s properly.", at).Because(cause).Backoff()
}

func (r *remote) mask(text string) string {
	if r.secret == "" {
		return text
	}
	return strings.ReplaceAll(text, r.secret, "***")
}

// tail keeps the last bytes of what a forge says on the side: rules print the
// reason last.
type tail struct {
	limit int
	kept  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.kept) }
