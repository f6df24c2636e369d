package gitlab

import (
	"context"
	"encoding/base64"
	"path"
	"strings"

	gl "gitlab.com/gitlab-org/api/client-go"

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
	p, err := f.resolve(ctx, repo)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	opts := &gl.ListBranchesOptions{ListOptions: gl.ListOptions{PerPage: mostPage}}
	for len(out) < mostBranches {
		page, resp, err := f.api.Branches.ListBranches(p.ID, opts, gl.WithContext(ctx))
		if err != nil {
			return nil, f.explain(ctx, err, "list the branches of "+full(p))
		}
		for _, b := range page {
			if b.Commit == nil {
				return nil, f.odd("a branch")
			}
			out[b.Name] = b.Commit.ID
		}
		if opts.Page = resp.NextPage; opts.Page == 0 {
			break
		}
	}
	return out, nil
}

// Commits implements bot.CommitReader.
func (f *Forge) Commits(ctx context.Context, repo bot.Repository, from, to string, limit int) ([]bot.Commit, error) {
	if !hashForm.MatchString(to) || from != "" && !hashForm.MatchString(from) {
		return nil, bot.Errorf(bot.CodeNotFound, "There is no such commit.")
	}
	p, err := f.resolve(ctx, repo)
	if err != nil {
		return nil, err
	}
	revision := to
	if from != "" {
		revision = from + ".." + to
	}
	out := []bot.Commit{}
	err = f.log(ctx, p, revision, min(max(limit, 1), mostPage), func(c *gl.Commit) bool {
		out = append(out, toCommit(c))
		return len(out) >= limit
	})
	if err == nil && len(out) == 0 {
		err = f.wantCommit(ctx, p, to) // of an unknown one GitLab lists nothing
	}
	if err != nil {
		return nil, noCommit(err, p, to)
	}
	return out[:min(max(limit, 0), len(out))], nil
}

func (f *Forge) wantCommit(ctx context.Context, p *gl.Project, commit string) error {
	_, _, err := f.api.Commits.GetCommit(p.ID, commit, &gl.GetCommitOptions{Stats: gl.Ptr(false)}, gl.WithContext(ctx))
	return f.explain(ctx, err, "show a commit of "+full(p))
}

// noCommit: of an empty project, or one without the commit, GitLab says 404 or 400.
func noCommit(err error, p *gl.Project, commit string) error {
	switch bot.CodeOf(err) {
	case bot.CodeNotFound, bot.CodeInvalid:
		return bot.Errorf(bot.CodeNotFound, "%s has no commit %s.", full(p), commit).Because(err)
	}
	return err
}

// log hands over what a revision reaches, newest first, until enough.
func (f *Forge) log(ctx context.Context, p *gl.Project, revision string, size int, enough func(*gl.Commit) bool) error {
	opts := &gl.ListCommitsOptions{RefName: &revision, ListOptions: gl.ListOptions{PerPage: int64(size)}}
	for seen := 0; seen < mostBranches; seen += size {
		page, resp, err := f.api.Commits.ListCommits(p.ID, opts, gl.WithContext(ctx))
		if err != nil {
			return f.explain(ctx, err, "show the commits of "+full(p))
		}
		for _, c := range page {
			if enough(c) {
				return nil
			}
		}
		if opts.Page = resp.NextPage; opts.Page == 0 {
			break
		}
	}
	return nil
}

// ReadFile implements bot.CommitReader.
func (f *Forge) ReadFile(ctx context.Context, repo bot.Repository, commit, name string) ([]byte, error) {
	none := bot.Errorf(bot.CodeNotFound, "There is no file %s at that commit.", bot.Escape(bot.Shorten(name, 100)))
	if !hashForm.MatchString(commit) || name == "" || path.IsAbs(name) || path.Clean(name) != name || strings.Contains(name, "..") {
		return nil, none
	}
	p, err := f.resolve(ctx, repo)
	if err != nil {
		return nil, err
	}
	file, _, err := f.api.RepositoryFiles.GetFile(p.ID, name, &gl.GetFileOptions{Ref: &commit}, gl.WithContext(ctx))
	if err = f.explain(ctx, err, "show "+name+" of "+full(p)); err != nil {
		if code := bot.CodeOf(err); code == bot.CodeNotFound || code == bot.CodeInvalid {
			return nil, none.Because(err)
		}
		return nil, err
	}
	if file.Size > maxFile {
		return nil, bot.Errorf(bot.CodeTooLarge, "%s is larger than 1 MiB.", bot.Escape(name))
	}
	data, err := base64.StdEncoding.DecodeString(file.Content)
	if err != nil || file.Encoding != "base64" || int64(len(data)) != file.Size {
		return nil, f.odd("a file")
	}
	return data, nil
}

// NearestTag implements bot.CommitReader: by the order in which GitLab lists commits,
// newest first. The search ends after 2,000 commits or 1,000 tags.
func (f *Forge) NearestTag(ctx context.Context, repo bot.Repository, commit string) (string, error) {
	if !hashForm.MatchString(commit) {
		return "", bot.Errorf(bot.CodeNotFound, "There is no such commit.")
	}
	p, err := f.resolve(ctx, repo)
	if err != nil {
		return "", err
	}
	tags, err := f.tags(ctx, p)
	if err != nil || len(tags) == 0 {
		return "", err
	}
	nearest, seen := "", 0
	err = f.log(ctx, p, commit, mostPage, func(c *gl.Commit) bool {
		nearest, seen = tags[c.ID], seen+1
		return nearest != "" || seen >= mostTagCommits
	})
	if err != nil {
		return "", noCommit(err, p, commit)
	}
	return nearest, nil
}

// tags gives commit -> tag; of several, the one GitLab lists first.
func (f *Forge) tags(ctx context.Context, p *gl.Project) (map[string]string, error) {
	out := map[string]string{}
	opts := &gl.ListTagsOptions{ListOptions: gl.ListOptions{PerPage: mostPage}}
	for range mostTagPages {
		page, resp, err := f.api.Tags.ListTags(p.ID, opts, gl.WithContext(ctx))
		if err != nil {
			return nil, f.explain(ctx, err, "list the tags of "+full(p))
		}
		for _, t := range page {
			if t.Commit != nil && out[t.Commit.ID] == "" {
				out[t.Commit.ID] = t.Name
			}
		}
		if opts.Page = resp.NextPage; opts.Page == 0 {
			break
		}
	}
	return out, nil
}
