package localgit

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"opsbot/bot"
)

const operationTrailer = "OpsBot-Operation: "

// move is one ref's step from one delivery to the next; "" stands for "no commit".
type move struct {
	Ref, Before, After string
	Pusher             string // "" = not known: the push was found by comparing refs
	Push               string // id of the noted push, "" without one
	At                 time.Time
	Seq                int64 // grows by one with every move of this ref
}

// id names the move for ever: the same one made up again after a crash is the same
// delivery. The sequence tells two equal moves apart, such as a branch that is
// deleted and created again.
func (m move) id(parts ...string) string {
	h := sha256.New()
	for _, p := range append(parts, m.Ref, m.Before, m.After, strconv.FormatInt(m.Seq, 10)) {
		fmt.Fprintf(h, "%d:%s,", len(p), p)
	}
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80 // UUIDv8: our own layout
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// pushPayload is GitHub's push event as far as it can be filled truthfully, with two
// additions: repository.id is a text, and sequence counts the moves of the ref.
type pushPayload struct {
	Ref        string            `json:"ref"`
	Before     string            `json:"before"`
	After      string            `json:"after"`
	Created    bool              `json:"created"`
	Deleted    bool              `json:"deleted"`
	Forced     bool              `json:"forced"`
	Sequence   int64             `json:"sequence"`
	Compare    string            `json:"compare"`
	Commits    []payloadCommit   `json:"commits"` // oldest first
	HeadCommit *payloadCommit    `json:"head_commit"`
	Repository payloadRepository `json:"repository"`
	Pusher     payloadPerson     `json:"pusher"`
}

type payloadCommit struct {
	ID        string        `json:"id"`
	TreeID    string        `json:"tree_id"`
	Distinct  bool          `json:"distinct"`
	Message   string        `json:"message"`
	Timestamp string        `json:"timestamp"`
	URL       string        `json:"url"`
	Author    payloadPerson `json:"author"`
	Committer payloadPerson `json:"committer"`
}

type payloadPerson struct {
	Name  string `json:"name"`
	Email string `json:"email,omitempty"`
}

type payloadRepository struct {
	ID            string        `json:"id"`
	Name          string        `json:"name"`
	FullName      string        `json:"full_name"`
	Private       bool          `json:"private"`
	Owner         payloadPerson `json:"owner"`
	HTMLURL       string        `json:"html_url"`
	CloneURL      string        `json:"clone_url"`
	DefaultBranch string        `json:"default_branch"`
	PushedAt      string        `json:"pushed_at"` // RFC 3339
}

// payload describes a move. list is what it brought, newest first; head the commit
// at its end, nil for a deletion.
func (f *Forge) payload(r record, m move, list []logged, head *logged, forced bool) pushPayload {
	repo := f.repository(r)
	p := pushPayload{
		Ref: m.Ref, Before: zeroed(m.Before), After: zeroed(m.After), Sequence: m.Seq,
		Created: m.Before == "", Deleted: m.After == "", Forced: forced, Compare: repo.URL,
		Commits: []payloadCommit{},
		Repository: payloadRepository{
			ID: r.ID, Name: r.Name, FullName: r.full(), Private: r.Private,
			Owner: payloadPerson{Name: r.Owner}, HTMLURL: repo.URL, CloneURL: repo.CloneURL,
			DefaultBranch: r.DefaultBranch, PushedAt: m.At.Format(time.RFC3339Nano),
		},
		Pusher: payloadPerson{Name: m.Pusher},
	}
	for i := len(list) - 1; i >= 0; i-- {
		p.Commits = append(p.Commits, fromLogged(list[i], repo.URL))
	}
	if head != nil {
		c := fromLogged(*head, repo.URL)
		p.HeadCommit = &c
	}
	return p
}

func fromLogged(c logged, page string) payloadCommit {
	return payloadCommit{
		ID: c.ID, TreeID: c.Tree, Distinct: true, Message: c.Message,
		Timestamp: c.At.Format(time.RFC3339), URL: page + "#" + c.ID[:12],
		Author: payloadPerson{c.Author, c.Mail}, Committer: payloadPerson{c.Committer, c.Commits},
	}
}

// title is the first line of a message that says something, cut for a card.
func title(message string) string {
	for line := range strings.Lines(message) {
		if line = strings.TrimSpace(line); line != "" {
			return bot.Shorten(line, 250)
		}
	}
	return ""
}

// operationOf reads the trailer, from the last paragraph only: anybody may quote it
// elsewhere.
func operationOf(message string) string {
	message = strings.TrimSpace(message)
	last := message[strings.LastIndex(message, "\n\n")+1:]
	for line := range strings.Lines(last) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), operationTrailer); ok && len(id) <= 100 {
			return strings.TrimSpace(id)
		}
	}
	return ""
}
