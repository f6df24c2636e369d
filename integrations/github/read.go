package github

import (
	"context"
	"encoding/base64"
	"path"
	"slices"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"opsbot/bot"
)

const (
	maxFile  = 1 << 20
	mostPage = 100
	// mostTagPages and mostTagCommits bound the search for the nearest tag.
	mostTagPages   = 10
	mostTagCommits = 2000
	mostBranches   = 5000
)

// Branches implements bot.CommitReader.
func (f *Forge) Branches(ctx context.Context, repo bot.Repository) (map[string]string, error) {
	r, err := f.resolve(ctx, repo)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	opts := &gh.BranchListOptions{ListOptions: gh.ListOptions{PerPage: mostPage}}
	for range mostBranches / mostPage { // whatever GitHub says about a next page
		page, resp, err := f.api().Repositories.ListBranches(ctx, r.GetOwner().GetLogin(), r.GetName(), opts)
		if err != nil {
			return nil, f.explain(ctx, err, "list the branches of "+full(r))
		}
		for _, b := range page {
			out[b.GetName()] = b.GetCommit().GetSHA()
		}
		if opts.Page = resp.NextPage; opts.Page == 0 {
			return out, nil
		}
	}
	return out, nil
}

// Commits implements bot.CommitReader.
func (f *Forge) Commits(ctx context.Context, repo bot.Repository, from, to string, limit int) ([]bot.Commit, error) {
	if !hashForm.MatchString(to) || from != "" && !hashForm.MatchString(from) {
		return nil, bot.Errorf(bot.CodeNotFound, "There is no such commit.")
	}
	r, err := f.resolve(ctx, repo)
	if err != nil {
		return nil, err
	}
	var list []*gh.RepositoryCommit
	if from == "" {
		list, err = f.log(ctx, r, to, limit)
	} else {
		list, err = f.between(ctx, r, from, to, limit)
	}
	if err != nil {
		return nil, noCommit(err, r, to)
	}
	out := make([]bot.Commit, 0, len(list))
	for _, c := range list {
		out = append(out, toCommit(c))
	}
	return out, nil
}

// noCommit: of an empty repository, or one without the commit, GitHub says 409, 404
// or 422.
func noCommit(err error, r *gh.Repository, commit string) error {
	switch bot.CodeOf(err) {
	case bot.CodeConflict, bot.CodeNotFound, bot.CodeInvalid:
		return bot.Errorf(bot.CodeNotFound, "%s has no commit %s.", full(r), commit).Because(err)
	}
	return err
}

// log lists what is reachable from a commit, newest first.
func (f *Forge) log(ctx context.Context, r *gh.Repository, to string, limit int) (out []*gh.RepositoryCommit, err error) {
	opts := &gh.CommitsListOptions{SHA: to, ListOptions: gh.ListOptions{PerPage: min(max(limit, 1), mostPage)}}
	for range limit/opts.PerPage + 1 {
		page, resp, err := f.api().Repositories.ListCommits(ctx, r.GetOwner().GetLogin(), r.GetName(), opts)
		if err != nil {
			return nil, f.explain(ctx, err, "show the commits of "+full(r))
		}
		out = append(out, page...)
		if opts.Page = resp.NextPage; opts.Page == 0 || len(out) >= limit {
			break
		}
	}
	return out[:min(limit, len(out))], nil
}

// between lists what to has beyond from, newest first. GitHub gives the oldest
// first, so that the pages are asked for from the last one.
func (f *Forge) between(ctx context.Context, r *gh.Repository, from, to string, limit int) (out []*gh.RepositoryCommit, err error) {
	page := func(n int) (*gh.CommitsComparison, error) {
		c, _, err := f.api().Repositories.CompareCommits(ctx, r.GetOwner().GetLogin(), r.GetName(), from, to, &gh.ListOptions{Page: n, PerPage: mostPage})
		return c, f.explain(ctx, err, "compare commits of "+full(r))
	}
	first, err := page(1)
	if err != nil {
		return nil, err
	}
	last := (first.GetTotalCommits() + mostPage - 1) / mostPage
	for n := last; n >= 1 && n >= last-limit/mostPage-1 && len(out) < limit; n-- {
		this := first
		if n > 1 {
			if this, err = page(n); err != nil {
				return nil, err
			}
		}
		for _, c := range slices.Backward(this.Commits) {
			out = append(out, c)
		}
	}
	return out[:min(limit, len(out))], nil
}

// ReadFile implements bot.CommitReader.
func (f *Forge) ReadFile(ctx context.Context, repo bot.Repository, commit, name string) ([]byte, error) {
	none := bot.Errorf(bot.CodeNotFound, "There is no file %s at that commit.", bot.Escape(bot.Shorten(name, 100)))
	if !hashForm.MatchString(commit) || name == "" || path.IsAbs(name) || path.Clean(name) != name || strings.Contains(name, "..") {
		return nil, none
	}
	r, err := f.resolve(ctx, repo)
	if err != nil {
		return nil, err
	}
	owner := r.GetOwner().GetLogin()
	file, _, _, err := f.api().Repositories.GetContents(ctx, owner, r.GetName(), name, &gh.RepositoryContentGetOptions{Ref: commit})
	if err = f.explain(ctx, err, "show "+name+" of "+full(r)); err != nil {
		if code := bot.CodeOf(err); code == bot.CodeNotFound || code == bot.CodeInvalid {
			return nil, none.Because(err)
		}
		return nil, err
	}
	switch {
	case file == nil || file.GetType() != "file":
		return nil, none // a folder, a submodule
	case file.GetSize() > maxFile:
		return nil, bot.Errorf(bot.CodeTooLarge, "%s is larger than 1 MiB.", bot.Escape(name))
	case file.GetSize() == 0:
		return []byte{}, nil
	case file.GetEncoding() == "base64":
		text, err := file.GetContent()
		if err == nil {
			return []byte(text), nil
		}
	}
	blob, resp, err := f.api().Git.GetBlob(ctx, owner, r.GetName(), file.GetSHA())
	if err != nil {
		return nil, f.explain(ctx, err, "show "+name+" of "+full(r))
	}
	data, err := base64.StdEncoding.DecodeString(blob.GetContent())
	if err != nil || blob.GetEncoding() != "base64" {
		return nil, f.odd(resp, "a file")
	}
	return data, nil
}

// NearestTag implements bot.CommitReader: by the order in which GitHub lists commits,
// newest first. The search ends after 2,000 commits or 1,000 tags.
func (f *Forge) NearestTag(ctx context.Context, repo bot.Repository, commit string) (string, error) {
	r, err := f.resolve(ctx, repo)
	if err != nil {
		return "", err
	}
	tags, err := f.tags(ctx, r)
	if err != nil || len(tags) == 0 {
		return "", err
	}
	if tag := tags[commit]; tag != "" {
		return tag, nil
	}
	if !hashForm.MatchString(commit) {
		return "", bot.Errorf(bot.CodeNotFound, "There is no such commit.")
	}
	opts := &gh.CommitsListOptions{SHA: commit, ListOptions: gh.ListOptions{PerPage: mostPage}}
	for seen := 0; seen < mostTagCommits; seen += mostPage {
		page, resp, err := f.api().Repositories.ListCommits(ctx, r.GetOwner().GetLogin(), r.GetName(), opts)
		if err != nil {
			return "", noCommit(f.explain(ctx, err, "show the commits of "+full(r)), r, commit)
		}
		for _, c := range page {
			if tag := tags[c.GetSHA()]; tag != "" {
				return tag, nil
			}
		}
		if opts.Page = resp.NextPage; opts.Page == 0 {
			break
		}
	}
	return "", nil
}

// tags gives commit -> tag; of several, the one GitHub lists first.
func (f *Forge) tags(ctx context.Context, r *gh.Repository) (map[string]string, error) {
	out := map[string]string{}
	opts := &gh.ListOptions{PerPage: mostPage}
	for range mostTagPages {
		page, resp, err := f.api().Repositories.ListTags(ctx, r.GetOwner().GetLogin(), r.GetName(), opts)
		if err != nil {
			return nil, f.explain(ctx, err, "list the tags of "+full(r))
		}
		for _, t := range page {
			if id := t.GetCommit().GetSHA(); out[id] == "" {
				out[id] = t.GetName()
			}
		}
		if opts.Page = resp.NextPage; opts.Page == 0 {
			break
		}
	}
	return out, nil
}
