package localgit

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"opsbot/bot"
)

// The kinds of our documents.
const (
	kindRepo = "repository" // key: the repository's id
	kindName = "name"       // key: owner/name in lower case
	kindHook = "hook"       // key: repository id/resource id
	kindRef  = "ref"        // key: repository id/full ref name
	kindHome = "home"
)

// record is a repository as the store keeps it.
type record struct {
	ID            string    `json:"id"`
	Owner         string    `json:"owner"`
	Name          string    `json:"name"`
	Description   string    `json:"description,omitempty"`
	ProjectID     string    `json:"project_id,omitempty"`
	Private       bool      `json:"private,omitempty"`
	DefaultBranch string    `json:"default_branch"`
	Operation     string    `json:"operation"` // the marker of who made it
	Archived      bool      `json:"archived,omitempty"`
	CreatedAt     time.Time `json:"created_at"`
}

type nameRecord struct {
	ID string `json:"id"`
}

func (r record) full() string { return r.Owner + "/" + r.Name }

func (r record) nameKey() string { return nameKey(r.Owner, r.Name) }

func nameKey(owner, name string) string { return strings.ToLower(owner + "/" + name) }

func (f *Forge) repository(r record) bot.Repository {
	page := f.pageURL(r.Owner, r.Name)
	return bot.Repository{
		ExternalID: r.ID, Owner: r.Owner, Name: r.Name, URL: page,
		CloneURL: page + ".git", DefaultBranch: r.DefaultBranch, Private: r.Private, Archived: r.Archived,
	}
}

var (
	namePattern = regexp.MustCompile(`^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?$`)
	idPattern   = regexp.MustCompile(`^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// checkName refuses what cannot be a folder of a URL everywhere, or would be
// mistaken for something of git's.
func checkName(what, name string) error {
	low := strings.ToLower(name)
	if !namePattern.MatchString(name) || strings.Contains(name, "..") ||
		strings.HasSuffix(low, ".git") || strings.HasSuffix(low, ".lock") {
		return bot.Errorf(bot.CodeInvalid,
			"%q cannot be the name of a%s: use 1 to 100 letters, digits, dots, dashes and underscores, beginning with a letter, a digit or an underscore and not ending in a dot, .git or .lock.",
			bot.Escape(bot.Shorten(name, 60)), what)
	}
	return nil
}

func (f *Forge) checkSpec(spec bot.RepoSpec) error {
	if err := checkName("n owner", spec.Owner); err != nil {
		return err
	}
	if err := checkName(" repository", spec.Name); err != nil {
		return err
	}
	same := func(o string) bool { return strings.EqualFold(o, spec.Owner) }
	if len(f.env.Owners) > 0 && !slices.ContainsFunc(f.env.Owners, same) {
		return bot.Errorf(bot.CodeForbidden, "%s is not one of the owners that the configuration names for %s: %s.",
			spec.Owner, f.env.Name, strings.Join(f.env.Owners, ", "))
	}
	return nil
}

// getDoc reads a document into body; CodeNotFound if there is none.
func (f *Forge) getDoc(ctx context.Context, tx *bot.Tx, kind, key string, body any) (rev int64, err error) {
	doc, err := tx.Documents.Get(ctx, f.env.Name, kind, key)
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(doc.Body, body); err != nil {
		return 0, fmt.Errorf("localgit: read %s %s: %w", kind, key, err)
	}
	return doc.Rev, nil
}

func (f *Forge) putDoc(ctx context.Context, tx *bot.Tx, kind, key string, rev int64, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("localgit: write %s %s: %w", kind, key, err)
	}
	_, err = tx.Documents.Put(ctx, bot.Document{Instance: f.env.Name, Kind: kind, Key: key, Rev: rev, Body: data})
	return err
}

// byName finds the repository in the same transaction; found is false without one.
func (f *Forge) byName(ctx context.Context, tx *bot.Tx, owner, name string) (r record, found bool, err error) {
	var ref nameRecord
	if _, err := f.getDoc(ctx, tx, kindName, nameKey(owner, name), &ref); err != nil {
		return absentIsFine(err)
	}
	if _, err := f.getDoc(ctx, tx, kindRepo, ref.ID, &r); err != nil {
		return absentIsFine(err)
	}
	return r, true, nil
}

func absentIsFine(err error) (record, bool, error) {
	if bot.CodeOf(err) == bot.CodeNotFound {
		return record{}, false, nil
	}
	return record{}, false, err
}

// named reads a repository by name; CodeNotFound.
func (f *Forge) named(ctx context.Context, owner, name string) (r record, err error) {
	err = f.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		var found bool
		if r, found, err = f.byName(ctx, tx, owner, name); err == nil && !found {
			return f.missing(owner, name)
		}
		return err
	})
	return r, err
}

// find reads the repository that repo means: by its immutable id, or by name when
// there is none. CodeNotFound.
func (f *Forge) find(ctx context.Context, repo bot.Repository) (r record, err error) {
	if err := f.atHome(ctx); err != nil {
		return record{}, err
	}
	if repo.ExternalID == "" {
		return f.named(ctx, repo.Owner, repo.Name)
	}
	if !idPattern.MatchString(repo.ExternalID) {
		return record{}, f.missing(repo.Owner, repo.Name)
	}
	err = f.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		_, err := f.getDoc(ctx, tx, kindRepo, repo.ExternalID, &r)
		return err
	})
	if bot.CodeOf(err) == bot.CodeNotFound {
		return record{}, f.missing(repo.Owner, repo.Name)
	}
	return r, err
}

func (f *Forge) missing(owner, name string) error {
	return bot.Errorf(bot.CodeNotFound, "There is no repository %s on %s.", bot.Escape(bot.Shorten(owner+"/"+name, 200)), f.env.Name)
}

// all lists every repository.
func (f *Forge) all(ctx context.Context) (out []record, err error) {
	err = f.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		docs, err := tx.Documents.List(ctx, f.env.Name, kindRepo, "", "", 0)
		if err != nil {
			return err
		}
		out = make([]record, len(docs))
		for i, d := range docs {
			if err := json.Unmarshal(d.Body, &out[i]); err != nil {
				return fmt.Errorf("localgit: read repository %s: %w", d.Key, err)
			}
		}
		return nil
	})
	return out, err
}
