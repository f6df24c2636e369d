package gitea

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"regexp"

	"opsbot/bot"
	"opsbot/bot/rest"
	"opsbot/bot/sign"
)

const (
	maxBody         = 25 << 20
	maxEventCommits = 3000
)

var deliveryID = regexp.MustCompile(`^[A-Za-z0-9-]{1,100}$`)

// Verify implements bot.WebhookParser. The instance's secret may speak about every
// project of it, a repository's own about that one: Parse sees to it.
func (f *Forge) Verify(d bot.Delivery) (string, bot.Scope, error) {
	secret, err := f.secretFor(context.Background(), d)
	if err != nil {
		return "", bot.Scope{}, err
	}
	scheme, err := schemeOf(d.Header, secret)
	if err != nil {
		return "", bot.Scope{}, err
	}
	if err := scheme.Verify(d.Header, d.Body); err != nil {
		return "", bot.Scope{}, err
	}
	id := header(d.Header, "Delivery")
	if !deliveryID.MatchString(id) {
		return "", bot.Scope{}, bot.Errorf(bot.CodeInvalid, "webhook refused: no usable X-Gitea-Delivery header")
	}
	return id, bot.Scope{}, nil
}

// schemeOf picks the first signature that is there: they are all over the same body
// by the same secret. Without any, Gitea's is what is missed.
func schemeOf(h http.Header, secret string) (*sign.HMAC, error) {
	for _, scheme := range []struct {
		header string
		make   func(keys ...string) (*sign.HMAC, error)
	}{{"X-Gitea-Signature", sign.Gitea}, {"X-Forgejo-Signature", sign.Forgejo}, {"X-Hub-Signature-256", sign.GitHub}} {
		if len(h.Values(scheme.header)) > 0 {
			return scheme.make(secret)
		}
	}
	return sign.Gitea(secret)
}

// header reads X-Gitea-NAME, or Forgejo's own.
func header(h http.Header, name string) string {
	return or(h.Get("X-Gitea-"+name), h.Get("X-Forgejo-"+name))
}

// Parse implements bot.WebhookParser: a push to a branch is one event, and so is its
// deletion, which comes as "delete". All other kinds (create, which a push follows;
// pull_request, release, ...) are checked to be JSON and of no interest; so is the
// test delivery, a push from a commit to itself.
func (f *Forge) Parse(_ context.Context, d bot.Delivery) ([]bot.Event, error) {
	kind := header(d.Header, "Event")
	body, err := content(d)
	var e *bot.Event
	switch {
	case err != nil:
	case kind == "push":
		e, err = parsePush(body)
	case kind == "delete":
		e, err = parseDelete(body)
	default:
		var any rest.Object
		err = json.Unmarshal(body, &any)
	}
	if err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "The delivery %s of kind %s is not what it should be.",
			bot.Escape(bot.Shorten(d.ID, 100)), bot.Escape(bot.Shorten(or(kind, "(none)"), 40))).Because(err)
	}
	if e == nil {
		return nil, nil
	}
	if named, err := repositoryOf(d); err != nil || named != "" && named != e.ExternalID {
		return nil, bot.Errorf(bot.CodeInvalid, "The delivery %s is about another repository than the one whose webhook sent it.", bot.Escape(bot.Shorten(d.ID, 100))).Because(err)
	}
	e.Source, e.ReceivedAt, e.Cause = d.Instance, d.ReceivedAt, d.Cause
	e.OccurredAt = d.ReceivedAt // the payload does not tell
	return []bot.Event{*e}, nil
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
