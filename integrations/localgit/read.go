package localgit

import (
	"bytes"
	"context"
	"errors"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"opsbot/bot"
	"opsbot/bot/gitpush"
)

const (
	maxFile    = 1 << 20  // of ReadFile
	maxListing = 32 << 20 // what git may print for refs and logs
	maxCommits = 1000
	perMessage = 8 << 10
)

// saidNoSpace recognises a full disk in what git printed.
func saidNoSpace(err error) bool {
	var exit *exitError
	return errors.As(err, &exit) && strings.Contains(exit.said, "No space left on device")
}

// refs lists branches and tags with what they point at; a tag of its own is not
// peeled, as in a push.
func (f *Forge) refs(ctx context.Context, r record) (map[string]string, error) {
	out, err := f.git.run(ctx, f.repoPath(r.ID), maxListing, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/", "refs/tags/")
	if err != nil {
		return nil, full(err, "read the branches of "+r.full())
	}
	refs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		hash, ref, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if ok && isHash(hash) && visible(ref) {
			refs[ref] = hash
		}
	}
	return refs, nil
}

// Branches implements bot.CommitReader.
func (f *Forge) Branches(ctx context.Context, repo bot.Repository) (map[string]string, error) {
	r, err := f.find(ctx, repo)
	if err != nil {
		return nil, err
	}
	refs, err := f.refs(ctx, r)
	if err != nil {
		return nil, err
	}
	branches := map[string]string{}
	for ref, hash := range refs {
		if name, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
			branches[name] = hash
		}
	}
	return branches, nil
}

// Commits implements bot.CommitReader. limit <= 0 means 100; at most 1000 are given.
func (f *Forge) Commits(ctx context.Context, repo bot.Repository, from, to string, limit int) ([]bot.Commit, error) {
	r, err := f.find(ctx, repo)
	if err != nil {
		return nil, err
	}
	if limit <= 0 {
		limit = 100
	}
	revs := []string{to}
	if from != "" {
		revs = append(revs, "^"+from)
	}
	if err := checkRevision(from, to); err != nil {
		return nil, err
	}
	list, err := f.log(ctx, r, min(limit, maxCommits), revs...)
	if err != nil {
		return nil, f.unreadable(err, r, to)
	}
	out := make([]bot.Commit, len(list))
	for i, c := range list {
		out[i] = c.toCommit()
	}
	return out, nil
}

// checkRevision lets commit ids and branch names pass: nothing that git could take
// for an option, a range or a search.
func checkRevision(from, to string) error {
	for _, rev := range []string{from, to} {
		if rev == "" && to != "" {
			continue
		}
		if err := gitpush.CheckBranch(rev); err != nil {
			return bot.Errorf(bot.CodeInvalid, "%q is neither a commit nor a branch.", bot.Escape(bot.Shorten(rev, 60)))
		}
	}
	return nil
}

// logged is a commit as git log tells it.
type logged struct {
	ID, Tree           string
	Author, Mail       string
	Committer, Commits string // name and mail of the committer
	At                 time.Time
	Message            string
}

func (c logged) toCommit() bot.Commit {
	return bot.Commit{ID: c.ID, Title: title(c.Message), Author: c.Author, At: c.At, Operation: operationOf(c.Message)}
}

const logFields = 8

// log gives the commits that revs select, newest first. Messages are cut.
func (f *Forge) log(ctx context.Context, r record, limit int, revs ...string) ([]logged, error) {
	args := []string{
		"log", "-z", "--no-color", "--max-count=" + strconv.Itoa(limit),
		"--format=tformat:%H%x00%T%x00%an%x00%ae%x00%cn%x00%ce%x00%ct%x00%B", "--end-of-options",
	}
	out, err := f.git.run(ctx, f.repoPath(r.ID), maxListing, append(args, revs...)...)
	if err != nil && !errors.Is(err, errOutput) {
		return nil, err
	}
	parts := strings.Split(string(out), "\x00")
	var list []logged
	for ; len(parts) > logFields; parts = parts[logFields:] { // the last record ends with a NUL too
		seconds, err := strconv.ParseInt(parts[6], 10, 64)
		if err != nil || !isHash(parts[0]) {
			break // a NUL inside a message: what follows cannot be told apart
		}
		text := func(i int) string { return strings.ToValidUTF8(parts[i], "\ufffd") }
		list = append(list, logged{
			ID: parts[0], Tree: parts[1], Author: text(2), Mail: text(3), Committer: text(4),
			Commits: text(5), At: time.Unix(seconds, 0).UTC(), Message: cut(text(7), perMessage),
		})
	}
	return list, nil
}

// cut shortens s to at most n bytes without cutting a character, keeping a trailer
// at its end.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	end := n
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	if op := operationOf(s); op != "" {
		return s[:end] + "\n\n" + operationTrailer + op + "\n"
	}
	return s[:end]
}

// ReadFile implements bot.CommitReader.
func (f *Forge) ReadFile(ctx context.Context, repo bot.Repository, commit, name string) ([]byte, error) {
	r, err := f.find(ctx, repo)
	if err != nil {
		return nil, err
	}
	return f.readFile(ctx, r, commit, name, maxFile)
}

func (f *Forge) readFile(ctx context.Context, r record, commit, name string, limit int64) ([]byte, error) {
	if err := checkRevision("", commit); err != nil {
		return nil, err
	}
	nothing := bot.Errorf(bot.CodeNotFound, "%s has no file %s at %s.", r.full(), bot.Escape(bot.Shorten(name, 200)), bot.Escape(bot.Shorten(commit, 12)))
	if name == "" || path.IsAbs(name) || path.Clean(name) != name || strings.HasPrefix(name, "../") || strings.ContainsRune(name, 0) {
		return nil, nothing
	}
	dir := f.repoPath(r.ID)
	out, err := f.git.run(ctx, dir, 1<<16, "ls-tree", "-z", "--long", "--full-tree", "--end-of-options", commit, "--", name)
	if err != nil {
		return nil, f.unreadable(err, r, commit)
	}
	// MODE SP TYPE SP HASH SP* SIZE TAB PATH NUL
	head, _, _ := bytes.Cut(out, []byte{'\t'})
	fields := strings.Fields(string(head))
	if len(fields) != 4 || fields[1] != "blob" || fields[0] == "120000" {
		return nil, nothing
	}
	if size, err := strconv.ParseInt(fields[3], 10, 64); err != nil || size > limit {
		return nil, bot.Errorf(bot.CodeTooLarge, "The file %s is over the bound of %d bytes.", bot.Escape(bot.Shorten(name, 200)), limit)
	}
	data, err := f.git.run(ctx, dir, limit+1, "cat-file", "blob", fields[2])
	return data, full(err, "read a file of "+r.full())
}

// NearestTag implements bot.CommitReader.
func (f *Forge) NearestTag(ctx context.Context, repo bot.Repository, commit string) (string, error) {
	r, err := f.find(ctx, repo)
	if err != nil {
		return "", err
	}
	if err := checkRevision("", commit); err != nil {
		return "", err
	}
	out, err := f.git.run(ctx, f.repoPath(r.ID), 4096, "describe", "--tags", "--abbrev=0", commit)
	var exit *exitError
	if errors.As(err, &exit) && (strings.Contains(exit.said, "No names found") || strings.Contains(exit.said, "No tags can describe")) {
		// Without tags git says so before it looks for the commit.
		if _, err := f.git.run(ctx, f.repoPath(r.ID), 4096, "rev-parse", "--verify", "--quiet", "--end-of-options", commit+"^{commit}"); err != nil {
			return "", bot.Errorf(bot.CodeNotFound, "%s has no commit %s.", r.full(), bot.Escape(bot.Shorten(commit, 60))).Because(err)
		}
		return "", nil
	}
	if err != nil {
		return "", f.unreadable(err, r, commit)
	}
	return strings.TrimSpace(string(out)), nil
}

// unreadable turns git's refusal of an unknown commit into CodeNotFound.
func (f *Forge) unreadable(err error, r record, commit string) error {
	var exit *exitError
	if errors.As(err, &exit) && exit.code == 128 {
		return bot.Errorf(bot.CodeNotFound, "%s has no commit %s.", r.full(), bot.Escape(bot.Shorten(commit, 60))).Because(err)
	}
	return full(err, "read the history of "+r.full())
}
