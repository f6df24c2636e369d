package localrun

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"opsbot/bot"
)

// Kinds of documents.
const (
	kindApp        = "app"
	kindDeployment = "deployment"
	kindLease      = "lease"
)

// recentDeployments is how many ended deployments of an app can be asked about.
const recentDeployments = 30

// release is what it takes to run a version.
type release struct {
	VersionID string         `json:"version_id"`
	Label     string         `json:"label"`
	Branch    string         `json:"branch"`
	Commit    string         `json:"commit"`
	Spec      bot.RunSpec    `json:"spec"`
	Artifacts []bot.Artifact `json:"artifacts"` // only those to run
}

// folder names the release's files by their content: versions that are the same
// share them.
func (r release) folder() string {
	sum := sha256.New()
	for _, a := range r.Artifacts {
		_, _ = fmt.Fprintf(sum, "%q %s\n", a.Name, a.Digest)
	}
	return hex.EncodeToString(sum.Sum(nil))[:40]
}

// appDoc is one project in one environment.
type appDoc struct {
	ProjectID   string `json:"project_id"`
	Slug        string `json:"slug"`
	Environment string `json:"environment"`
	// Desired is the last good release: what a restart brings back. nil: none yet.
	Desired *release `json:"desired,omitempty"`
	// History are earlier good releases, newest first.
	History []release `json:"history,omitempty"`
	// Observed is what runs: a version id, "" when nothing does.
	Observed string `json:"observed,omitempty"`
	Health   string `json:"health,omitempty"`
	// Pending is the id of the deployment being carried out.
	Pending string `json:"pending,omitempty"`
	// Deployments are the ids whose documents are kept, newest first.
	Deployments []string `json:"deployments,omitempty"`
}

// deploymentDoc is one deployment, kept under its id.
type deploymentDoc struct {
	ID       string              `json:"id"`
	App      string              `json:"app"` // key of its appDoc
	Release  release             `json:"release"`
	State    bot.DeploymentState `json:"state"`
	Message  string              `json:"message,omitempty"`
	Steps    []string            `json:"steps,omitempty"`
	URL      string              `json:"url"`
	Started  time.Time           `json:"started"`
	Finished time.Time           `json:"finished,omitzero"`
	Cause    bot.Cause           `json:"cause,omitzero"`
}

func appKey(projectID, environment string) string { return projectID + "/" + environment }

// get reads a document into body and returns its revision; 0 if there is none.
func (s *Service) get(ctx context.Context, tx *bot.Tx, kind, key string, body any) (rev int64, err error) {
	d, err := tx.Documents.Get(ctx, s.env.Name, kind, key)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(d.Body, body); err != nil {
		return 0, fmt.Errorf("localrun: read %s %s: %w", kind, key, err)
	}
	return d.Rev, nil
}

func (s *Service) put(ctx context.Context, tx *bot.Tx, kind, key string, rev int64, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("localrun: encode %s %s: %w", kind, key, err)
	}
	_, err = tx.Documents.Put(ctx, bot.Document{Instance: s.env.Name, Kind: kind, Key: key, Rev: rev, Body: data})
	return err
}

// errGone says that the app or deployment was removed meanwhile.
var errGone = errors.New("localrun: it was removed")

// change rewrites a deployment and its app in one transaction.
func (s *Service) change(ctx context.Context, id string, fn func(tx *bot.Tx, a *appDoc, d *deploymentDoc) error) error {
	return s.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		var d deploymentDoc
		dRev, err := s.get(ctx, tx, kindDeployment, id, &d)
		if err != nil || dRev == 0 {
			return errors.Join(err, gone(dRev))
		}
		var a appDoc
		aRev, err := s.get(ctx, tx, kindApp, d.App, &a)
		if err != nil || aRev == 0 {
			return errors.Join(err, gone(aRev))
		}
		if err := fn(tx, &a, &d); err != nil {
			return err
		}
		if err := s.put(ctx, tx, kindDeployment, id, dRev, d); err != nil {
			return err
		}
		return s.put(ctx, tx, kindApp, d.App, aRev, a)
	})
}

func gone(rev int64) error {
	if rev == 0 {
		return errGone
	}
	return nil
}

// loadApp reads an app; nil if it was removed.
func (s *Service) loadApp(ctx context.Context, key string) (a *appDoc, err error) {
	err = s.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		var doc appDoc
		rev, err := s.get(ctx, tx, kindApp, key, &doc)
		if rev > 0 {
			a = &doc
		}
		return err
	})
	return a, err
}

func (s *Service) loadDeployment(ctx context.Context, id string) (d *deploymentDoc, err error) {
	err = s.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		var doc deploymentDoc
		rev, err := s.get(ctx, tx, kindDeployment, id, &doc)
		if rev > 0 {
			d = &doc
		}
		return err
	})
	return d, err
}

// apps reads all apps by key.
func (s *Service) apps(ctx context.Context) (all map[string]appDoc, err error) {
	err = s.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		docs, err := tx.Documents.List(ctx, s.env.Name, kindApp, "", "", 0)
		if err != nil {
			return err
		}
		all = make(map[string]appDoc, len(docs))
		for _, d := range docs {
			var a appDoc
			if err := json.Unmarshal(d.Body, &a); err != nil {
				return fmt.Errorf("localrun: read app %s: %w", d.Key, err)
			}
			all[d.Key] = a
		}
		return nil
	})
	return all, err
}

// emit hands an event about an app to the relay, within the caller's transaction.
// The event's version is the one that runs now; its commit, which names the card,
// is the deployment's.
func (s *Service) emit(ctx context.Context, tx *bot.Tx, a *appDoc, d *deploymentDoc, what bot.EventType, text string) error {
	now := s.env.Clock.Now()
	e := bot.Event{
		ID: bot.NewID(now), Source: s.env.Name, Type: what, OccurredAt: now, ReceivedAt: now, ProjectID: a.ProjectID, Kind: bot.ResourceEnvironment,
		Environment: a.Environment, VersionID: a.Observed, Health: a.Health, Text: text, URL: s.url(a.Slug, a.Environment),
	}
	if d != nil {
		e.DeploymentID, e.Branch, e.Commit, e.Cause = d.ID, d.Release.Branch, d.Release.Commit, d.Cause
	} else if a.Desired != nil {
		e.Branch, e.Commit = a.Desired.Branch, a.Desired.Commit
	}
	row := bot.InboxRow{
		ID: bot.NewID(now), Instance: s.env.Name, Key: e.ID, Event: &e,
		Scope: bot.Scope{ProjectID: a.ProjectID}, State: "new", Received: now, Cause: e.Cause,
	}
	_, err := tx.Inbox.Add(ctx, row)
	return err
}

// releaseOf picks what the version's spec wants to run: one artifact, or the files
// of an archived folder.
func releaseOf(v bot.Version) (release, error) {
	r := release{VersionID: v.ID, Label: v.Label, Branch: v.Branch, Commit: v.Commit, Spec: v.Spec}
	if v.Spec.Artifact == "" || len(v.Spec.Run) == 0 && v.Spec.Static == "" {
		return r, bot.Errorf(bot.CodeInvalid, "The version %s does not say what to run: .opsbot/project.yaml names no artifact with run or static.", v.Label)
	}
	wanted := strings.TrimSuffix(v.Spec.Artifact, "/")
	for _, a := range v.Artifacts {
		if a.Kind == bot.ArtifactArchive && a.Name == wanted {
			r.Artifacts = []bot.Artifact{a}
			return r, nil
		}
		if a.Kind == bot.ArtifactArchive && strings.HasPrefix(a.Name, wanted+"/") {
			r.Artifacts = append(r.Artifacts, a)
		}
	}
	if len(r.Artifacts) == 0 {
		return r, bot.Errorf(bot.CodeInvalid, "The version %s has no artifact named %q, which .opsbot/project.yaml wants to run.", v.Label, v.Spec.Artifact)
	}
	slices.SortFunc(r.Artifacts, func(a, b bot.Artifact) int { return strings.Compare(a.Name, b.Name) })
	return r, nil
}
