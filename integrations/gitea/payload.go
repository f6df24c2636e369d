package gitea

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"opsbot/bot"
	"opsbot/bot/gitpush"
	"opsbot/bot/rest"
)

// origin is where a payload comes from.
type origin struct {
	repository, url string
	updated         string // as sent: tells an event from an equal one later
}

func open(body []byte) (top rest.Object, from origin, err error) {
	if !utf8.Valid(body) {
		return nil, from, errors.New("the body is not UTF-8")
	}
	if err := json.Unmarshal(body, &top); err != nil {
		return nil, from, err
	}
	var repo rest.Object
	if err := top.Read("repository", &repo); err != nil {
		return nil, from, err
	}
	var id int64
	if err := repo.Read("id", &id); err != nil || id <= 0 {
		return nil, from, errors.New("repository.id is no number")
	}
	from.repository = strconv.FormatInt(id, 10)
	if from.url, err = repo.Text("html_url", 1<<12); err != nil {
		return nil, from, err
	}
	if !strings.HasPrefix(from.url, "http://") && !strings.HasPrefix(from.url, "https://") {
		from.url = ""
	}
	from.updated, err = repo.Text("updated_at", 64)
	return top, from, err
}

// event is the part of an event that comes from the repository.
func (o origin) event(kind bot.EventType, branch string) *bot.Event {
	return &bot.Event{Type: kind, Kind: bot.ResourceRepository, ExternalID: o.repository, Branch: branch, URL: o.url}
}

// id names what happened: two hooks, of the repository and of its organisation,
// deliver it under two ids, Gitea's "replay" under a third, and it counts once.
func (o origin) id(parts ...string) string {
	h := sha256.New()
	for _, part := range append([]string{o.repository, o.updated}, parts...) {
		fmt.Fprintf(h, "%d:%s,", len(part), part)
	}
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80 // UUIDv8: our own layout
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// parsePush reads a push; nil for tags, other refs and test deliveries.
func parsePush(body []byte) (*bot.Event, error) {
	top, from, err := open(body)
	if err != nil {
		return nil, err
	}
	ref, err := top.Text("ref", 300)
	if err != nil {
		return nil, err
	}
	branch, isBranch := strings.CutPrefix(ref, "refs/heads/")
	if !isBranch && !strings.HasPrefix(ref, "refs/") {
		return nil, errors.New("ref is not a full name")
	}
	before, after, err := hashes(top)
	if err != nil || !isBranch || before == after {
		return nil, err
	}
	if err := gitpush.CheckBranch(branch); err != nil {
		return nil, err
	}
	e := from.event(bot.EventPushed, branch)
	e.ID, e.Before, e.Commit = from.id(ref, before, after), before, after
	if e.Pusher, err = person(top, "pusher"); err != nil {
		return nil, err
	}
	if after == "" {
		e.Type = bot.EventBranchDeleted
		return e, nil
	}
	e.Commits, err = commits(top, after)
	return e, err
}

// parseDelete reads the deletion of a branch; nil for a tag's. It does not tell which
// commit was there.
func parseDelete(body []byte) (*bot.Event, error) {
	top, from, err := open(body)
	if err != nil {
		return nil, err
	}
	kind, err := top.Text("ref_type", 40)
	if err != nil {
		return nil, err
	}
	ref, err := top.Text("ref", 300)
	if err != nil || kind == "tag" {
		return nil, err
	}
	if kind != "branch" {
		return nil, errors.New("ref_type is neither branch nor tag")
	}
	branch := strings.TrimPrefix(ref, "refs/heads/")
	if err := gitpush.CheckBranch(branch); err != nil {
		return nil, err
	}
	e := from.event(bot.EventBranchDeleted, branch)
	e.ID = from.id("delete", branch)
	e.Pusher, err = person(top, "sender")
	return e, err
}

// hashes reads before and after; "" stands for the hash of zeros.
func hashes(top rest.Object) (before, after string, err error) {
	for key, into := range map[string]*string{"before": &before, "after": &after} {
		hash, err := top.Text(key, 64)
		if err != nil {
			return "", "", err
		}
		if !hashForm.MatchString(hash) {
			return "", "", fmt.Errorf("%s is not a commit", key)
		}
		*into = unzero(hash)
	}
	return before, after, nil
}

// unzero turns the hash of zeros, which stands for "no commit", into "".
func unzero(hash string) string {
	if strings.Trim(hash, "0") == "" {
		return ""
	}
	return hash
}

// person reads an account's name.
func person(top rest.Object, key string) (string, error) {
	var who rest.Object
	if err := top.Read(key, &who); err != nil {
		return "", err
	}
	name, err := who.Text("login", 1<<12)
	if err != nil {
		return "", err
	}
	if name == "" { // as versions before 1.0 had it
		name, err = who.Text("username", 1<<12)
	}
	return bot.Shorten(name, 100), err
}

// commits reads those of a push, newest first as Gitea sends them. It may leave out
// the older ones, and all of a branch that begins at a known commit.
func commits(top rest.Object, after string) (out []bot.Commit, err error) {
	var list []rest.Object
	if err := top.Read("commits", &list); err != nil {
		return nil, err
	}
	if len(list) > maxEventCommits {
		return nil, fmt.Errorf("%d commits are over %d", len(list), maxEventCommits)
	}
	for _, o := range list {
		c, err := commitOf(o)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if n := len(out); n > 1 && out[0].ID != after && out[n-1].ID == after {
		slices.Reverse(out) // Gogs, and Gitea before it was Gitea
	}
	var head rest.Object
	if err := top.Read("head_commit", &head); err != nil || head == nil || len(out) > 0 && out[0].ID == after {
		return out, err
	}
	c, err := commitOf(head)
	if err == nil && c.ID == after {
		out = append([]bot.Commit{c}, out...)
	}
	return out, err
}

// commitOf reads a commit of a push.
func commitOf(o rest.Object) (c bot.Commit, err error) {
	if c.ID, err = o.Text("id", 64); err != nil {
		return c, err
	}
	if !hashForm.MatchString(c.ID) || unzero(c.ID) == "" {
		return c, errors.New("a commit has no usable id")
	}
	message, err := o.Text("message", maxBody)
	if err != nil {
		return c, err
	}
	c.Title, c.Operation = title(message), operationOf(message)
	at, err := o.Text("timestamp", 64)
	if err != nil {
		return c, err
	}
	c.At = moment(at)
	var author rest.Object
	if err := o.Read("author", &author); err != nil {
		return c, err
	}
	c.Author, err = author.Text("name", 1<<12)
	c.Author = bot.Shorten(c.Author, 100)
	return c, err
}
