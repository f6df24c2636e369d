package gitlab

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"opsbot/bot"
	"opsbot/bot/gitpush"
	"opsbot/bot/rest"
)

// pushed is a push payload after checking.
type pushed struct {
	ref, before, after string // "" for the hash of zeros
	project, url       string
	pusher             string
	commits            []bot.Commit // oldest first, as sent; the last twenty at most
}

func parsePush(body []byte) (p pushed, err error) {
	if !utf8.Valid(body) {
		return p, errors.New("the body is not UTF-8")
	}
	var top rest.Object
	if err := json.Unmarshal(body, &top); err != nil {
		return p, err
	}
	if kind, err := top.Text("object_kind", 40); err != nil || kind != "push" {
		return p, errors.New("object_kind is not push")
	}
	if p.ref, err = top.Text("ref", 300); err != nil {
		return p, err
	}
	if branch, ok := strings.CutPrefix(p.ref, "refs/heads/"); ok {
		if err := gitpush.CheckBranch(branch); err != nil {
			return p, err
		}
	} else if !strings.HasPrefix(p.ref, "refs/") {
		return p, errors.New("ref is not a full name")
	}
	for _, part := range []func(rest.Object) error{p.readHashes, p.readProject, p.readPusher, p.readCommits} {
		if err := part(top); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *pushed) readHashes(top rest.Object) error {
	for key, into := range map[string]*string{"before": &p.before, "after": &p.after} {
		hash, err := top.Text(key, 64)
		if err != nil {
			return err
		}
		if !hashForm.MatchString(hash) {
			return fmt.Errorf("%s is not a commit", key)
		}
		*into = unzero(hash)
	}
	return nil
}

// unzero turns the hash of zeros, which stands for "no commit", into "".
func unzero(hash string) string {
	if strings.Trim(hash, "0") == "" {
		return ""
	}
	return hash
}

// readProject reads the id, which is there twice and must be the same.
func (p *pushed) readProject(top rest.Object) error {
	var id, again int64
	if err := top.Read("project_id", &id); err != nil || id <= 0 {
		return errors.New("project_id is no number")
	}
	var project rest.Object
	if err := top.Read("project", &project); err != nil {
		return err
	}
	if err := project.Read("id", &again); err != nil || again != 0 && again != id {
		return errors.New("project.id is another one than project_id")
	}
	p.project = strconv.FormatInt(id, 10)
	var err error
	if p.url, err = project.Text("web_url", 1<<12); err != nil {
		return err
	}
	if !strings.HasPrefix(p.url, "http://") && !strings.HasPrefix(p.url, "https://") {
		p.url = ""
	}
	return nil
}

func (p *pushed) readPusher(top rest.Object) error {
	for _, key := range []string{"user_username", "user_name"} {
		name, err := top.Text(key, 1<<12)
		if err != nil {
			return err
		}
		p.pusher = or(p.pusher, bot.Shorten(name, 100))
	}
	return nil
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
	return nil
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
	c.At = moment(o["timestamp"])
	var author rest.Object
	if err := o.Read("author", &author); err != nil {
		return c, err
	}
	c.Author, err = author.Text("name", 1<<12)
	c.Author = bot.Shorten(c.Author, 100)
	return c, err
}

// moment reads RFC 3339; zero for anything else.
func moment(raw json.RawMessage) time.Time {
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
