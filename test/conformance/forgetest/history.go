package forgetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"opsbot/bot"
	"opsbot/test/conformance"
)

func pushCommit(ctx context.Context, r Rig) error {
	repo, commit, err := r.pushed(ctx, "pushed")
	if err != nil {
		return err
	}
	if len(commit) != 40 && len(commit) != 64 {
		return fmt.Errorf("the commit %q is not a full hash", commit)
	}
	reader, ok := r.Forge.(bot.CommitReader)
	if !ok {
		return nil
	}
	branches, err := reader.Branches(ctx, repo)
	if err != nil {
		return fmt.Errorf("Branches: %w", err)
	}
	if len(branches) != 1 || branches["main"] != commit {
		return fmt.Errorf("branches %v, want main at %s", branches, commit)
	}
	list, err := reader.Commits(ctx, repo, "", commit, 10)
	if err != nil {
		return fmt.Errorf("Commits: %w", err)
	}
	if len(list) != 1 {
		return fmt.Errorf("the push made %d commits", len(list))
	}
	c := list[0]
	if c.ID != commit || c.Title != "Initial commit" || c.Author != "Alice" || !c.At.Equal(start()) || c.Operation != "op-1" {
		return fmt.Errorf("the commit is %+v", c)
	}
	return nil
}

func pushTwice(ctx context.Context, r Rig) error {
	repo, commit, err := r.pushed(ctx, "again")
	if err != nil {
		return err
	}
	again, err := r.Forge.Push(ctx, r.request(repo, "hello"))
	if err != nil {
		return fmt.Errorf("the second push: %w", err)
	}
	if again != commit {
		return fmt.Errorf("the second push gives %s, the first %s", again, commit)
	}
	return nil
}

func pushRace(ctx context.Context, r Rig) error {
	repo, err := r.repo(ctx, "race")
	if err != nil {
		return err
	}
	commits := make([]string, 4)
	errs := conformance.Together(len(commits), func(i int) (err error) {
		commits[i], err = r.Forge.Push(ctx, r.request(repo, "hello"))
		if bot.CodeOf(err) == bot.CodeUnavailable { // "try again" is a fair answer
			commits[i], err = r.Forge.Push(ctx, r.request(repo, "hello"))
		}
		if bot.CodeOf(err) == bot.CodeUnavailable {
			return nil
		}
		return err
	})
	if err := errors.Join(errs...); err != nil {
		return err
	}
	final, err := r.Forge.Push(ctx, r.request(repo, "hello"))
	if err != nil {
		return fmt.Errorf("the push afterwards: %w", err)
	}
	for _, c := range commits {
		if c != "" && c != final {
			return fmt.Errorf("several commits: %v, then %s", commits, final)
		}
	}
	return nil
}

func pushOccupied(ctx context.Context, r Rig) error {
	repo, commit, err := r.pushed(ctx, "occupied")
	if err != nil {
		return err
	}
	_, err = r.Forge.Push(ctx, r.request(repo, "something else"))
	if err := conformance.WantCode("a push to a branch that has another commit", err, bot.CodeConflict); err != nil {
		return err
	}
	if reader, ok := r.Forge.(bot.CommitReader); ok {
		branches, err := reader.Branches(ctx, repo)
		if err != nil {
			return fmt.Errorf("Branches: %w", err)
		}
		if branches["main"] != commit {
			return fmt.Errorf("the refused push moved the branch: %v", branches)
		}
	}
	return nil
}

func pushMissing(ctx context.Context, r Rig) error {
	repo, err := r.repo(ctx, "gone")
	if err != nil {
		return err
	}
	if err := r.Forge.RemoveRepository(ctx, repo); err != nil {
		return fmt.Errorf("RemoveRepository: %w", err)
	}
	_, err = r.Forge.Push(ctx, r.request(repo, "hello"))
	return conformance.WantCode("a push to a removed repository", err, bot.CodeNotFound)
}

// reading gives the reader and a repository with one commit.
func reading(ctx context.Context, r Rig) (reader bot.CommitReader, repo bot.Repository, commit string, err error) {
	reader, ok := r.Forge.(bot.CommitReader)
	if !ok {
		return nil, repo, "", nil
	}
	repo, commit, err = r.pushed(ctx, "history")
	return reader, repo, commit, err
}

func readFiles(ctx context.Context, r Rig) error {
	reader, repo, commit, err := reading(ctx, r)
	if reader == nil || err != nil {
		return err
	}
	for _, f := range r.request(repo, "hello").Tree.Files {
		data, err := reader.ReadFile(ctx, repo, commit, f.Path)
		if err != nil || !bytes.Equal(data, f.Data) {
			return fmt.Errorf("%s is %q, %v, want %q", f.Path, data, say(err), f.Data)
		}
	}
	return nil
}

func readMissing(ctx context.Context, r Rig) error {
	reader, repo, commit, err := reading(ctx, r)
	if reader == nil || err != nil {
		return err
	}
	for _, path := range []string{"absent", "bin", "bin/run/deeper", "../README.md"} {
		_, err := reader.ReadFile(ctx, repo, commit, path)
		if err := conformance.WantCode("ReadFile "+path, err, bot.CodeNotFound); err != nil {
			return err
		}
	}
	unknown := "0123456789012345678901234567890123456789"
	_, err = reader.ReadFile(ctx, repo, unknown, "README.md")
	if err := conformance.WantCode("ReadFile at an unknown commit", err, bot.CodeNotFound); err != nil {
		return err
	}
	_, err = reader.Commits(ctx, repo, "", unknown, 1)
	return conformance.WantCode("Commits to an unknown commit", err, bot.CodeNotFound)
}

func readLarge(ctx context.Context, r Rig) error {
	reader, ok := r.Forge.(bot.CommitReader)
	if !ok {
		return nil
	}
	repo, err := r.repo(ctx, "large")
	if err != nil {
		return err
	}
	req := r.request(repo, "hello")
	req.Tree.Files[0].Data = bytes.Repeat([]byte("x"), 1<<20)
	req.Tree.Files[1].Data = bytes.Repeat([]byte("x"), 1<<20+1)
	commit, err := r.Forge.Push(ctx, req)
	if err != nil {
		return fmt.Errorf("Push: %w", err)
	}
	if data, err := reader.ReadFile(ctx, repo, commit, "README.md"); err != nil || len(data) != 1<<20 {
		return fmt.Errorf("a file of 1 MiB gives %d bytes, %v", len(data), say(err))
	}
	_, err = reader.ReadFile(ctx, repo, commit, "bin/run")
	return conformance.WantCode("ReadFile of more than 1 MiB", err, bot.CodeTooLarge)
}

// grown gives a repository with three commits, oldest first.
func grown(ctx context.Context, r Rig) (reader bot.CommitReader, repo bot.Repository, commits []string, err error) {
	reader, repo, first, err := reading(ctx, r)
	if reader == nil || r.Commit == nil || err != nil {
		return nil, repo, nil, err
	}
	commits = []string{first}
	for _, message := range []string{"Second\n\nbody", "Third"} {
		c, err := r.Commit(ctx, repo, "main", message)
		if err != nil {
			return nil, repo, nil, fmt.Errorf("commit %q: %w", message, err)
		}
		commits = append(commits, c)
	}
	return reader, repo, commits, nil
}

func commitsBetween(ctx context.Context, r Rig) error {
	reader, repo, commits, err := grown(ctx, r)
	if reader == nil || err != nil {
		return err
	}
	list, err := reader.Commits(ctx, repo, commits[0], commits[2], 10)
	if err != nil || len(list) != 2 || list[0].ID != commits[2] || list[1].ID != commits[1] {
		return fmt.Errorf("between first and third: %+v, %v, want %v", list, say(err), commits[1:])
	}
	if list[1].Title != "Second" || list[1].Operation != "" {
		return fmt.Errorf("the second commit is %+v", list[1])
	}
	if list, err = reader.Commits(ctx, repo, commits[2], commits[0], 10); err != nil || len(list) != 0 {
		return fmt.Errorf("backwards there is %+v, %v, want nothing", list, say(err))
	}
	return nil
}

func commitsLimit(ctx context.Context, r Rig) error {
	reader, repo, commits, err := grown(ctx, r)
	if reader == nil || err != nil {
		return err
	}
	list, err := reader.Commits(ctx, repo, "", commits[2], 2)
	if err != nil || len(list) != 2 || list[0].ID != commits[2] {
		return fmt.Errorf("two of three: %+v, %v", list, say(err))
	}
	return nil
}

func nearestTag(ctx context.Context, r Rig) error {
	reader, repo, commits, err := grown(ctx, r)
	if reader == nil || r.Tag == nil || err != nil {
		return err
	}
	if tag, err := reader.NearestTag(ctx, repo, commits[2]); err != nil || tag != "" {
		return fmt.Errorf("without tags the nearest is %q, %v", tag, say(err))
	}
	for tag, commit := range map[string]string{"v0.9.0": commits[0], "v1.0.0": commits[1]} {
		if err := r.Tag(ctx, repo, tag, commit); err != nil {
			return fmt.Errorf("tag: %w", err)
		}
	}
	for i, want := range []string{"v0.9.0", "v1.0.0", "v1.0.0"} {
		if tag, err := reader.NearestTag(ctx, repo, commits[i]); err != nil || tag != want {
			return fmt.Errorf("nearest tag of commit %d is %q, %v, want %s", i+1, tag, say(err), want)
		}
	}
	return nil
}
