package jenkins

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"time"

	"opsbot/bot"
)

// The kinds of documents. Keys are made of escaped names, so that a prefix never
// reaches into another job.
const (
	kindJob     = "job"     // JOB: which jobs are polled
	kindRequest = "request" // JOB/KEY: what was asked for, and what became of it
	kindQueue   = "queue"   // JOB/QUEUE ID: whose build it is, who aborted it
	kindProject = "project" // PROJECT: which job is its
	kindSeen    = "seen"    // JOB/BRANCH: which builds were told of
	kindPush    = "push"    // JOB: a push that Jenkins is to be told of
	kindState   = "state"   // "lease"
	kindBranch  = "branch"  // JOB/BRANCH: the numbers of its builds
	kindDeploy  = "deploy"  // DEPLOYMENT: which run of a job is it
	kindApp     = "app"     // PROJECT/ENVIRONMENT: the deployment that was applied last
)

type jobDoc struct {
	Name      string `json:"name"`
	ID        string `json:"id"` // see Service.job
	ProjectID string `json:"project_id"`
	// Since is when OpsBot first had to do with the job: older builds are not told of.
	Since time.Time `json:"since"`
}

type projectDoc struct {
	Job string `json:"job"`
}

// requestDoc is written before a build is asked for, so that after a crash the
// build is looked for instead of asked for again.
type requestDoc struct {
	Key        string            `json:"key"`
	Branch     string            `json:"branch"`
	At         time.Time         `json:"at"`
	Next       int               `json:"next"` // the branch's next number then
	Parameters map[string]string `json:"parameters,omitempty"`
	By         string            `json:"by,omitempty"`
	Cause      bot.Cause         `json:"cause"`
	Queue      string            `json:"queue,omitempty"` // "" while it is not known
}

// queueDoc is what we know of a build that Jenkins does not keep.
type queueDoc struct {
	Key     string    `json:"key,omitempty"`
	By      string    `json:"by,omitempty"`
	Cause   bot.Cause `json:"cause"`
	AbortBy string    `json:"abort_by,omitempty"`
	Branch  string    `json:"branch,omitempty"`
	At      time.Time `json:"at"`
	// Asked are the ids of all questions that it was seen to wait for.
	Asked   []string    `json:"asked,omitempty"`
	Answers []answerDoc `json:"answers,omitempty"`
}

// ask remembers a question.
func (d *queueDoc) ask(id string) {
	if !slices.Contains(d.Asked, id) {
		d.Asked = append(d.Asked, id)
	}
}

func esc(name string) string { return url.PathEscape(name) }

// record is a document together with the revision that it was read at.
type record[T any] struct {
	doc  bot.Document
	body T
}

func (r *record[T]) isNew() bool { return r.doc.Rev == 0 }

// ensure reads a document, or gives a new one that was never saved.
func ensure[T any](ctx context.Context, tx *bot.Tx, instance, kind, key string) (*record[T], error) {
	r := &record[T]{doc: bot.Document{Instance: instance, Kind: kind, Key: key}}
	d, err := tx.Documents.Get(ctx, instance, kind, key)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return r, nil
	case err != nil:
		return nil, err
	}
	r.doc = d
	if err := json.Unmarshal(d.Body, &r.body); err != nil {
		return nil, fmt.Errorf("jenkins: read %s %s: %w", kind, key, err)
	}
	return r, nil
}

// save writes the document if nobody else has written it since; else CodeStale.
func (r *record[T]) save(ctx context.Context, tx *bot.Tx) (err error) {
	if r.doc.Body, err = json.Marshal(r.body); err != nil {
		return fmt.Errorf("jenkins: encode %s %s: %w", r.doc.Kind, r.doc.Key, err)
	}
	r.doc.Rev, err = tx.Documents.Put(ctx, r.doc)
	return err
}

// read gives the body of a document, the zero one if there is none.
func read[T any](ctx context.Context, s *Service, kind, key string) (body T, found bool, err error) {
	err = s.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		r, err := ensure[T](ctx, tx, s.env.Name, kind, key)
		if err == nil {
			body, found = r.body, !r.isNew()
		}
		return err
	})
	return body, found, err
}

// change reads, changes and writes a document in one transaction.
func change[T any](ctx context.Context, s *Service, kind, key string, fn func(body *T, isNew bool) error) error {
	return s.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		r, err := ensure[T](ctx, tx, s.env.Name, kind, key)
		if err != nil {
			return err
		}
		if err := fn(&r.body, r.isNew()); err != nil {
			return err
		}
		return r.save(ctx, tx)
	})
}

// rememberJob makes the job one that is polled.
func (s *Service) rememberJob(ctx context.Context, name, id string, spec bot.JobSpec) error {
	have, known, err := read[jobDoc](ctx, s, kindJob, esc(name))
	if err != nil || have.ProjectID == spec.ProjectID && have.ID == id {
		return err
	}
	if known { // of a job that was deleted behind our back
		if err := s.forgetJob(ctx, name); err != nil {
			return err
		}
	}
	return s.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		job, err := ensure[jobDoc](ctx, tx, s.env.Name, kindJob, esc(name))
		if err != nil {
			return err
		}
		job.body = jobDoc{Name: name, ID: id, ProjectID: spec.ProjectID, Since: s.env.Clock.Now()}
		if err := job.save(ctx, tx); err != nil {
			return err
		}
		p, err := ensure[projectDoc](ctx, tx, s.env.Name, kindProject, esc(spec.ProjectID))
		if err != nil {
			return err
		}
		p.body.Job = name
		if err := p.save(ctx, tx); err != nil {
			return err
		}
		return tx.Wakes.Wake(ctx, bot.QueueBuilds, time.Time{})
	})
}

// forgetJob removes what is known of a job and its builds.
func (s *Service) forgetJob(ctx context.Context, name string) error {
	return s.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		for _, kind := range []string{kindRequest, kindQueue, kindSeen, kindBranch} {
			docs, err := tx.Documents.List(ctx, s.env.Name, kind, esc(name)+"/", "", 0)
			if err != nil {
				return err
			}
			for _, d := range docs {
				if err := tx.Documents.Delete(ctx, s.env.Name, kind, d.Key); err != nil {
					return err
				}
			}
		}
		job, err := ensure[jobDoc](ctx, tx, s.env.Name, kindJob, esc(name))
		if err != nil {
			return err
		}
		for kind, key := range map[string]string{kindJob: esc(name), kindPush: esc(name), kindProject: esc(job.body.ProjectID)} {
			if err := tx.Documents.Delete(ctx, s.env.Name, kind, key); err != nil {
				return err
			}
		}
		return nil
	})
}
