// Package forgetest is the conformance suite of bot.RepoHost and its optional
// ports, and an in-memory forge that passes it. Every forge integration runs the
// suite; each rule has a deliberately broken forge that the suite rejects.
package forgetest

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/test/conformance"
)

// Rig is a forge under test and what the contract's ports cannot do themselves.
type Rig struct {
	Forge bot.RepoHost
	// Owner may have repositories on the forge.
	Owner string
	// HookURL is where the forge's webhooks may lead; a resource id is appended.
	HookURL string
	// Commit adds a commit with that message to a branch, as a developer would,
	// and returns its id. Nil leaves out the rules that need it.
	Commit func(ctx context.Context, repo bot.Repository, branch, message string) (string, error)
	// Tag tags a commit. Nil leaves out the rules that need it.
	Tag func(ctx context.Context, repo bot.Repository, tag, commit string) error
}

// Rule is one promise of the contract. Check returns nil when the forge keeps it,
// or cannot be asked.
type Rule = conformance.Rule[Rig]

// Run checks every rule on a fresh forge.
func Run(t *testing.T, fresh func(t *testing.T) Rig) {
	t.Helper()
	conformance.Run(t, Rules(), time.Minute, fresh)
}

// Rules are the promises of bot.RepoHost, bot.Archiver, bot.HookInstaller and
// bot.CommitReader.
func Rules() []Rule {
	return []Rule{
		{"what was never made is absent", absent},
		{"what was made is ours, as described", oursAsMade},
		{"ensuring twice makes one", ensureTwice},
		{"another operation's repository is foreign", foreign},
		{"a conflict names owner and link", conflictSays},
		{"names differ by more than case", caseless},
		{"a name does not lead elsewhere", hostileNames},
		{"of many operations at once one wins", raceOfOperations},
		{"the same operation at once makes one", raceOfOne},
		{"a new repository is empty", newIsEmpty},
		{"removed is absent, and removing again succeeds", removal},
		{"removing one leaves the others", removeOnlyOne},
		{"an id is never given twice", freshID},
		{"a clone source is usable", cloneSource},
		{"archiving twice succeeds and ends pushes", archiving},
		{"a push makes one commit as asked", pushCommit},
		{"a push repeated changes nothing", pushTwice},
		{"the same push at once is one", pushRace},
		{"an occupied branch is a conflict", pushOccupied},
		{"a push to what is not there is not found", pushMissing},
		{"files are read as pushed", readFiles},
		{"what is not there is not found", readMissing},
		{"large files are refused", readLarge},
		{"commits are those in between, newest first", commitsBetween},
		{"commits are bounded by the limit", commitsLimit},
		{"the nearest tag is the nearest", nearestTag},
		{"a hook is found once it is there", hookFound},
		{"ensuring a hook twice leaves one", hookTwice},
		{"hooks are told apart by resource and repository", hookApart},
		{"removing a hook twice succeeds", hookRemoved},
	}
}

func start() time.Time { return time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC) }

func (r Rig) spec(name, operation string) bot.RepoSpec {
	return bot.RepoSpec{
		ProjectID: "0190-project", Owner: r.Owner, Name: name, Description: "A test",
		DefaultBranch: "main", Operation: operation,
	}
}

func (r Rig) repo(ctx context.Context, name string) (bot.Repository, error) {
	repo, err := r.Forge.EnsureRepository(ctx, r.spec(name, "op-1"))
	if err != nil {
		return repo, fmt.Errorf("EnsureRepository %s: %w", name, err)
	}
	return repo, nil
}

func (r Rig) request(repo bot.Repository, content string) bot.PushRequest {
	return bot.PushRequest{
		Repository: repo, Branch: "main", Operation: "op-1", At: start(),
		Author: bot.Signature{Name: "Alice", Email: "alice@example.com"}, Message: "Initial commit\n\nFrom a blueprint.",
		Tree: bot.Tree{Files: []bot.TreeFile{
			{Path: "README.md", Data: []byte(content)},
			{Path: "bin/run", Executable: true, Data: []byte("#!/bin/sh\n")},
		}},
	}
}

// pushed makes a repository with the first commit.
func (r Rig) pushed(ctx context.Context, name string) (bot.Repository, string, error) {
	repo, err := r.repo(ctx, name)
	if err != nil {
		return repo, "", err
	}
	commit, err := r.Forge.Push(ctx, r.request(repo, "hello"))
	if err != nil {
		return repo, "", fmt.Errorf("Push: %w", err)
	}
	return repo, commit, nil
}

func (r Rig) find(ctx context.Context, name, operation string, want bot.Presence) (bot.Repository, error) {
	got, repo, err := r.Forge.FindRepository(ctx, r.spec(name, operation))
	if err != nil {
		return repo, fmt.Errorf("FindRepository %s: %w", name, err)
	}
	if got != want {
		return repo, fmt.Errorf("FindRepository %s for %s gives %s, want %s", name, operation, got, want)
	}
	return repo, nil
}

// plainURL reports what is wrong with an address that is shown or cloned from.
func plainURL(what, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%s %q is not an http(s) URL", what, text)
	}
	if u.User != nil {
		return fmt.Errorf("%s holds credentials", what)
	}
	return nil
}

func cloneSource(ctx context.Context, r Rig) error {
	repo, _, err := r.pushed(ctx, "source")
	if err != nil {
		return err
	}
	src, err := r.Forge.CloneSource(ctx, repo)
	if err != nil {
		return fmt.Errorf("CloneSource: %w", err)
	}
	if src.Path {
		if !filepath.IsAbs(src.URL) {
			return fmt.Errorf("the path %q is not absolute", src.URL)
		}
		return nil
	}
	return plainURL("CloneSource.URL", src.URL)
}

// say tells an error or that there is none, where a wrong value is as bad as an error.
func say(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}
