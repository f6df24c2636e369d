package gitlab

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"opsbot/bot"
	"opsbot/bot/rest"
	"opsbot/bot/sign"
)

const (
	maxBody         = 25 << 20 // GitLab sends no larger ones
	maxEventCommits = 3000
	pushHook        = "Push Hook"
)

var deliveryID = regexp.MustCompile(`^[A-Za-z0-9-]{1,100}$`)

// Verify implements bot.WebhookParser. The secret is the instance's own, so that a
// genuine delivery may speak about every project of it. GitLab sends it as it is: it
// proves who sent the delivery, and nothing about its body.
func (f *Forge) Verify(d bot.Delivery) (string, bot.Scope, error) {
	scheme, err := f.signature(context.Background())
	if err != nil {
		return "", bot.Scope{}, err
	}
	if err := scheme.Verify(d.Header, d.Body); err != nil {
		return "", bot.Scope{}, err
	}
	id := idOf(d)
	if id == "" {
		return "", bot.Scope{}, bot.Errorf(bot.CodeInvalid, "webhook refused: no usable Idempotency-Key or X-Gitlab-Event-UUID header")
	}
	return id, bot.Scope{}, nil
}

// idOf is the delivery's id. Idempotency-Key is made for each event and webhook and
// stays the same when GitLab repeats it. Before 17.4 there was only the event's UUID,
// which what one event causes shares; X-Gitlab-Webhook-UUID is new for each attempt.
func idOf(d bot.Delivery) string {
	if key := d.Header.Get("Idempotency-Key"); deliveryID.MatchString(key) {
		return key
	}
	event := d.Header.Get("X-Gitlab-Event-UUID")
	if !deliveryID.MatchString(event) {
		return ""
	}
	return event + "-" + digest(d.Header.Get("X-Gitlab-Event"), string(d.Body))[:13]
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
	made, err := sign.GitLab(secret)
	if err != nil {
		return nil, err
	}
	f.scheme = made
	return made, nil
}

// Parse implements bot.WebhookParser: a push or deletion of a branch is one event.
// Of a push of several branches GitLab sends one delivery each, and none at all if
// they are more than three (push_event_hooks_limit). All other kinds (tags, merge
// requests, ...) are checked to be JSON and of no interest.
func (f *Forge) Parse(_ context.Context, d bot.Delivery) ([]bot.Event, error) {
	kind := d.Header.Get("X-Gitlab-Event")
	p, err := parse(kind, d.Body)
	if err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "The delivery %s of kind %s is not what it should be.",
			bot.Escape(bot.Shorten(d.ID, 100)), bot.Escape(bot.Shorten(or(kind, "(none)"), 40))).Because(err)
	}
	branch, ok := strings.CutPrefix(p.ref, "refs/heads/")
	if !ok || p.before == "" && p.after == "" {
		return nil, nil
	}
	e := bot.Event{
		ID: p.id(or(d.Header.Get("X-Gitlab-Event-UUID"), d.ID)), Source: d.Instance, Type: bot.EventPushed, OccurredAt: d.ReceivedAt,
		ReceivedAt: d.ReceivedAt, Cause: d.Cause, Kind: bot.ResourceRepository, ExternalID: p.project,
		Branch: branch, Before: p.before, Commit: p.after, Pusher: p.pusher, URL: p.url,
	}
	if p.after == "" {
		e.Type = bot.EventBranchDeleted
		return []bot.Event{e}, nil
	}
	for i := len(p.commits) - 1; i >= 0; i-- {
		e.Commits = append(e.Commits, p.commits[i])
	}
	return []bot.Event{e}, nil
}

// parse reads a push; of another kind the result is empty.
func parse(kind string, body []byte) (p pushed, err error) {
	switch {
	case len(body) > maxBody:
		return p, fmt.Errorf("the body is over %d bytes", maxBody)
	case kind == pushHook:
		return parsePush(body)
	}
	var other rest.Object
	return p, json.Unmarshal(body, &other)
}

// id names the push itself: two hooks, of the project and of its group, deliver it
// under two ids and one event's UUID, and it counts once.
func (p pushed) id(event string) string {
	return digest(event, p.project, p.ref, p.before, p.after)
}

// digest makes an id of texts.
func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s,", len(part), part)
	}
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80 // UUIDv8: our own layout
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
