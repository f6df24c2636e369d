package github

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
	repository, url    string
	at                 time.Time
	pusher             string
	commits            []bot.Commit // oldest first, as sent
	head               *bot.Commit
}

func parsePush(body []byte) (p pushed, err error) {
	if !utf8.Valid(body) {
		return p, errors.New("the body is not UTF-8")
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
		return p, errors.New("ref is not a full name")
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
		if !hashForm.MatchString(hash) {
			return fmt.Errorf("%s is not a commit", key)
		}
		*into = unzero(hash)
	}
	var deleted bool
	if err := top.Read("deleted", &deleted); err != nil {
		return err
	}
	if deleted != (p.after == "") {
		return errors.New("deleted and after contradict each other")
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

func (p *pushed) readRepository(top rest.Object) error {
	var repo rest.Object
	if err := top.Read("repository", &repo); err != nil {
		return err
	}
	var id int64
	if err := repo.Read("id", &id); err != nil || id <= 0 {
		return errors.New("repository.id is no number")
	}
	p.repository = strconv.FormatInt(id, 10)
	var err error
	if p.url, err = repo.Text("html_url", 1<<12); err != nil {
		return err
	}
	if !strings.HasPrefix(p.url, "http://") && !strings.HasPrefix(p.url, "https://") {
		p.url = ""
	}
	p.at = moment(repo["pushed_at"])
	return nil
}

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
