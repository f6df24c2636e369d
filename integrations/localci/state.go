package localci

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"opsbot/bot"
)

// The kinds of documents. Keys are made of escaped names, so that a prefix never
// reaches into another job.
const (
	kindJob     = "job"     // JOB
	kindProject = "project" // PROJECT: which job is its
	kindBranch  = "branch"  // JOB/BRANCH
	kindBuild   = "build"   // JOB/BRANCH/NUMBER
	kindRequest = "request" // JOB/KEY: which build a request became
	kindQueue   = "queue"   // ORDER: builds that are not finished
	kindState   = "state"   // "queue": the counter; "lease": who runs builds
)

type jobDoc struct {
	Name      string      `json:"name"`
	Spec      bot.JobSpec `json:"spec"`
	URL       string      `json:"url"`
	CreatedAt time.Time   `json:"created_at"`
	Cause     bot.Cause   `json:"cause"`
}

type branchDoc struct {
	Job    string `json:"job"`
	Branch string `json:"branch"`
	// Last is the highest number given. It outlives the branch: a branch made anew
	// must not reuse the identity of builds that others remember.
	Last   int    `json:"last"`
	Seen   string `json:"seen"` // the commit that a push or the indexing built last
	Pruned bool   `json:"pruned,omitempty"`
	// Of the newest finished build.
	Finished int        `json:"finished,omitempty"`
	Result   bot.Result `json:"result,omitempty"`
	Commit   string     `json:"commit,omitempty"`
	Good     string     `json:"good,omitempty"` // commit of the last successful build
	// Report is the blob of the newest test report.
	Report string `json:"report,omitempty"`
	// Kept is the lowest number that is still kept.
	Kept    int           `json:"kept,omitempty"`
	Options branchOptions `json:"options,omitzero"`
}

type buildDoc struct {
	Build   bot.Build `json:"build"`
	Order   int64     `json:"order"`
	Why     string    `json:"why,omitempty"` // first line of the log
	AbortBy string    `json:"abort_by,omitempty"`
	// Superseded is the number of the build that ends this one.
	Superseded int `json:"superseded,omitempty"`
	// Answers are those that the attempt's questions were given, without passwords.
	Answers map[string]bot.InputAnswer `json:"answers,omitempty"`
	// AsksAgain: an earlier attempt was waiting for an answer when OpsBot ended.
	AsksAgain bool   `json:"asks_again,omitempty"`
	Report    string `json:"report,omitempty"`
	// Waits counts the attempts that met a full disk, Uncounted those attempts that
	// are not held against the limit. NotBefore is when the next may begin.
	Waits     int       `json:"waits,omitempty"`
	Uncounted int       `json:"uncounted,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
}

type projectDoc struct {
	Job string `json:"job"`
}

type queueDoc struct {
	Job    string `json:"job"`
	Branch string `json:"branch"`
	Number int    `json:"number"`
}

type counterDoc struct {
	Next int64 `json:"next"`
}

func esc(name string) string { return url.PathEscape(name) }

func branchKey(job, branch string) string { return esc(job) + "/" + esc(branch) }

func buildKey(ref bot.BuildRef) string {
	return fmt.Sprintf("%s/%08d", branchKey(ref.Job, ref.Branch), ref.Number)
}

func queueKey(order int64) string { return fmt.Sprintf("%016d", order) }

// record is a document together with the revision that it was read at.
type record[T any] struct {
	instance, kind, key string
	rev                 int64
	body                T
}

// load reads a document; CodeNotFound if there is none.
func load[T any](ctx context.Context, tx *bot.Tx, instance, kind, key string) (*record[T], error) {
	d, err := tx.Documents.Get(ctx, instance, kind, key)
	if err != nil {
		return nil, err
	}
	return decode[T](d)
}

// ensure reads a document, or gives a new one that was never saved.
func ensure[T any](ctx context.Context, tx *bot.Tx, instance, kind, key string) (*record[T], error) {
	r, err := load[T](ctx, tx, instance, kind, key)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return &record[T]{instance: instance, kind: kind, key: key}, nil
	}
	return r, err
}

func decode[T any](d bot.Document) (*record[T], error) {
	r := &record[T]{instance: d.Instance, kind: d.Kind, key: d.Key, rev: d.Rev}
	if err := json.Unmarshal(d.Body, &r.body); err != nil {
		return nil, fmt.Errorf("localci: read %s %s: %w", d.Kind, d.Key, err)
	}
	return r, nil
}

// list reads the documents whose key starts with prefix, by key.
func list[T any](ctx context.Context, tx *bot.Tx, instance, kind, prefix string) ([]*record[T], error) {
	docs, err := tx.Documents.List(ctx, instance, kind, prefix, "", 0)
	if err != nil {
		return nil, err
	}
	var all []*record[T]
	for _, d := range docs {
		r, err := decode[T](d)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// isNew reports whether the document was never saved.
func (r *record[T]) isNew() bool { return r.rev == 0 }

// save writes the document if nobody else has written it since; else CodeStale.
func (r *record[T]) save(ctx context.Context, tx *bot.Tx) error {
	body, err := json.Marshal(r.body)
	if err != nil {
		return fmt.Errorf("localci: encode %s %s: %w", r.kind, r.key, err)
	}
	r.rev, err = tx.Documents.Put(ctx, bot.Document{Instance: r.instance, Kind: r.kind, Key: r.key, Rev: r.rev, Body: body})
	return err
}

func (r *record[T]) remove(ctx context.Context, tx *bot.Tx) error {
	return tx.Documents.Delete(ctx, r.instance, r.kind, r.key)
}

// write runs fn in a transaction, again when somebody else was faster.
func (s *Service) write(ctx context.Context, fn func(ctx context.Context, tx *bot.Tx) error) error {
	const tries = 10
	var err error
	for range tries {
		if err = s.env.Work.Write(ctx, fn); bot.CodeOf(err) != bot.CodeStale {
			return err
		}
	}
	return err
}
