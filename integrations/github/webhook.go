package github

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"regexp"
	"strings"

	"opsbot/bot"
	"opsbot/bot/rest"
	"opsbot/bot/sign"
)

const (
	maxBody         = 25 << 20 // GitHub sends no larger ones
	maxEventCommits = 3000
)

var deliveryID = regexp.MustCompile(`^[A-Za-z0-9-]{1,100}$`)

// Verify implements bot.WebhookParser. The secret is the instance's own, so that a
// genuine delivery may speak about every project of it.
func (f *Forge) Verify(d bot.Delivery) (string, bot.Scope, error) {
	scheme, err := f.signature(context.Background())
	if err != nil {
		return "", bot.Scope{}, err
	}
	if err := scheme.Verify(d.Header, d.Body); err != nil {
		return "", bot.Scope{}, err
	}
	id := d.Header.Get("X-GitHub-Delivery")
	if !deliveryID.MatchString(id) {
		return "", bot.Scope{}, bot.Errorf(bot.CodeInvalid, "webhook refused: no usable X-GitHub-Delivery header")
	}
	return id, bot.Scope{}, nil
}

// signature reads the secret once: what runs before anything is stored does no I/O.
func (f *Forge) signature(ctx context.Context) (sign.Scheme, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.scheme != nil {
		return f.scheme, nil
	}
	secret, err := f.cfg.WebhookSecret.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	f.mask.Add(secret)
	made, err := sign.GitHub(secret)
	if err != nil {
		return nil, err
	}
	f.scheme = made
	return made, nil
}

// Parse implements bot.WebhookParser: a push or deletion of a branch is one event.
// A deletion comes as a push and as a "delete"; only the push tells the commit that
// was there, so that the other one, like all other kinds (ping, pull_request, ...),
// is checked to be JSON and of no interest.
func (f *Forge) Parse(_ context.Context, d bot.Delivery) ([]bot.Event, error) {
	kind := d.Header.Get("X-GitHub-Event")
	body, err := content(d)
	var p pushed
	switch {
	case err != nil:
	case kind == "push":
		p, err = parsePush(body)
	default:
		var any rest.Object
		err = json.Unmarshal(body, &any)
	}
	if err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "The delivery %s of kind %s is not what it should be.",
			bot.Escape(bot.Shorten(d.ID, 100)), bot.Escape(bot.Shorten(or(kind, "(none)"), 40))).Because(err)
	}
	if kind != "push" {
		return nil, nil
	}
	e, ok := p.event()
	if !ok {
		return nil, nil
	}
	e.Source, e.ReceivedAt, e.Cause = d.Instance, d.ReceivedAt, d.Cause
	if e.OccurredAt.IsZero() {
		e.OccurredAt = d.ReceivedAt
	}
	return []bot.Event{e}, nil
}

// content is the payload; a hook that people made may send it as a form.
func content(d bot.Delivery) ([]byte, error) {
	if len(d.Body) > maxBody {
		return nil, fmt.Errorf("the body is over %d bytes", maxBody)
	}
	kind, _, err := mime.ParseMediaType(d.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return d.Body, nil //nolint:nilerr // JSON, then, or it is found out
	}
	form, err := url.ParseQuery(string(d.Body))
	if err != nil {
		return nil, err
	}
	return []byte(form.Get("payload")), nil
}

// event makes one of a push; ok is false for tags and other refs.
func (p pushed) event() (bot.Event, bool) {
	branch, ok := strings.CutPrefix(p.ref, "refs/heads/")
	if !ok || p.before == "" && p.after == "" {
		return bot.Event{}, false
	}
	e := bot.Event{
		ID: p.id(), Type: bot.EventPushed, OccurredAt: p.at, Kind: bot.ResourceRepository, ExternalID: p.repository,
		Branch: branch, Before: p.before, Commit: p.after, Pusher: p.pusher, URL: p.url,
	}
	if p.after == "" {
		e.Type = bot.EventBranchDeleted
		return e, true
	}
	for i := len(p.commits) - 1; i >= 0; i-- {
		e.Commits = append(e.Commits, p.commits[i])
	}
	if p.head != nil && (len(e.Commits) == 0 || e.Commits[0].ID != p.head.ID) {
		e.Commits = append([]bot.Commit{*p.head}, e.Commits...)
	}
	return e, true
}

// id names the push itself: two hooks, of the repository and of its organisation,
// deliver it under two ids, and it counts once. The time tells it from an equal one
// after a branch was moved back.
func (p pushed) id() string {
	h := sha256.New()
	for _, part := range []string{p.repository, p.ref, p.before, p.after, p.at.Format("20060102150405")} {
		fmt.Fprintf(h, "%d:%s,", len(part), part)
	}
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80 // UUIDv8: our own layout
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
