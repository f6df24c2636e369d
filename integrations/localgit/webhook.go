package localgit

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"opsbot/bot"
	"opsbot/bot/gitpush"
	"opsbot/bot/rest"
)

const (
	maxBody         = 25 << 20 // GitHub sends no larger ones either
	maxEventCommits = 3000
)

var deliveryID = regexp.MustCompile(`^[A-Za-z0-9-]{1,100}$`)

// Verify implements bot.WebhookParser. The key is this installation's own, so a
// genuine delivery may speak about every project of the instance.
func (f *Forge) Verify(d bot.Delivery) (string, bot.Scope, error) {
	if err := f.scheme.Verify(d.Header, d.Body); err != nil {
		return "", bot.Scope{}, err
	}
	id := d.Header.Get("X-GitHub-Delivery")
	if !deliveryID.MatchString(id) {
		return "", bot.Scope{}, bot.Errorf(bot.CodeInvalid, "webhook refused: no usable X-GitHub-Delivery header")
	}
	return id, bot.Scope{}, nil
}

// Parse implements bot.WebhookParser: a push or deletion of a branch is one event;
// anything else of a well-formed push, and all other kinds of deliveries, none.
// Event.Commits is newest first and holds the commit pushed even where the payload
// lists no commits (a new branch on an old commit).
func (f *Forge) Parse(_ context.Context, d bot.Delivery) ([]bot.Event, error) {
	if d.Header.Get("X-GitHub-Event") != "push" {
		return nil, nil
	}
	p, err := parsePush(d.Body)
	if err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "The push delivery %s is not what it should be.", bot.Escape(bot.Shorten(d.ID, 100))).Because(err)
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

// pushed is a push payload after checking.
type pushed struct {
	ref, before, after string // "" for the hash of zeros
	sequence           int64
	repository, url    string
	at                 time.Time
	pusher             string
	commits            []bot.Commit // oldest first, as sent
	head               *bot.Commit
}

func (p pushed) event() (bot.Event, bool) {
	branch, ok := strings.CutPrefix(p.ref, "refs/heads/")
	if !ok || p.before == "" && p.after == "" {
		return bot.Event{}, false
	}
	m := move{Ref: p.ref, Before: p.before, After: p.after, Seq: p.sequence}
	e := bot.Event{
		ID: m.id(p.repository), Type: bot.EventPushed, OccurredAt: p.at, Sequence: p.sequence,
		Kind: bot.ResourceRepository, ExternalID: p.repository,
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

func parsePush(body []byte) (p pushed, err error) {
	if len(body) > maxBody {
		return p, fmt.Errorf("the body is over %d bytes", maxBody)
	}
	if !utf8.Valid(body) {
		return p, fmt.Errorf("the body is not UTF-8")
	}
	var top rest.Object
	if err := json.Unmarshal(body, &top); err != nil {
		return p, err
	}
	if p.ref, err = top.Text("ref", 300); err != nil {
		return p, err
	}
	if branch, ok := strings.CutPrefix(p.ref, "refs/heads/"); ok {
		if err := gitpush.CheckBranch(branch); err != nil {
			return p, err
		}
	} else if !strings.HasPrefix(p.ref, "refs/") {
		return p, fmt.Errorf("ref is not a full name")
	}
	for _, part := range []func(rest.Object) error{p.readHashes, p.readRepository, p.readCommits} {
		if err := part(top); err != nil {
			return p, err
		}
	}
	var pusher rest.Object
	if err := top.Read("pusher", &pusher); err != nil {
		return p, err
	}
	if p.pusher, err = pusher.Text("name", 1<<12); err != nil {
		return p, err
	}
	p.pusher = bot.Shorten(p.pusher, 100)
	return p, nil
}

func (p *pushed) readHashes(top rest.Object) error {
	for key, into := range map[string]*string{"before": &p.before, "after": &p.after} {
		hash, err := top.Text(key, 64)
		if err != nil {
			return err
		}
		if !isHash(hash) {
			return fmt.Errorf("%s is not a commit", key)
		}
		*into = unzero(hash)
	}
	var deleted bool
	if err := top.Read("deleted", &deleted); err != nil {
		return err
	}
	if deleted != (p.after == "") {
		return fmt.Errorf("deleted and after contradict each other")
	}
	if err := top.Read("sequence", &p.sequence); err != nil || p.sequence < 0 {
		return fmt.Errorf("sequence is not a count")
	}
	return nil
}

func (p *pushed) readRepository(top rest.Object) error {
	var repo rest.Object
	err := top.Read("repository", &repo)
	if err != nil {
		return err
	}
	if p.repository = identity(repo["id"]); p.repository == "" {
		return fmt.Errorf("repository.id is neither a number nor an id")
	}
	if p.url, err = repo.Text("html_url", 1<<12); err != nil {
		return err
	}
	if !strings.HasPrefix(p.url, "http://") && !strings.HasPrefix(p.url, "https://") {
		p.url = ""
	}
	p.at = moment(repo["pushed_at"])
	return nil
}

// identity reads a number, as GitHub's, or a text, as ours; "" for anything else.
func identity(raw json.RawMessage) string {
	var id string
	if json.Unmarshal(raw, &id) != nil {
		id = string(raw)
		if n, err := strconv.ParseInt(id, 10, 64); err != nil || n <= 0 {
			return ""
		}
	}
	if !externalID.MatchString(id) {
		return ""
	}
	return id
}

var externalID = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z-]{0,63}$`)

// moment reads seconds since 1970, or RFC 3339; zero for anything else.
func moment(raw json.RawMessage) time.Time {
	if seconds, err := strconv.ParseInt(string(raw), 10, 64); err == nil && seconds > 0 && seconds < 1<<36 {
		return time.Unix(seconds, 0).UTC()
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.Year() < 1970 || at.Year() > 4000 {
		return time.Time{}
	}
	return at.UTC().Truncate(time.Microsecond)
}

func (p *pushed) readCommits(top rest.Object) error {
	var list []rest.Object
	if err := top.Read("commits", &list); err != nil {
		return err
	}
	if len(list) > maxEventCommits {
		return fmt.Errorf("%d commits are over %d", len(list), maxEventCommits)
	}
	for _, o := range list {
		c, err := commitOf(o)
		if err != nil {
			return err
		}
		p.commits = append(p.commits, c)
	}
	var head rest.Object
	if err := top.Read("head_commit", &head); err != nil || head == nil {
		return err
	}
	c, err := commitOf(head)
	p.head = &c
	return err
}
