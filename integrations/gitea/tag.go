package gitea

import (
	"context"

	sdk "code.gitea.io/sdk/gitea"

	"opsbot/bot"
)

// NearestTag implements bot.CommitReader: by the order in which Gitea lists commits,
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
	seen := 0
	for number := 1; number != 0 && seen < mostTagCommits; {
		page, next, err := f.page(ctx, r, span{to: commit, size: mostPage}, number)
		if err != nil {
			return "", f.noCommit(ctx, err, r, "", commit)
		}
		for _, c := range page {
			if tag := tags[c.ID]; tag != "" {
				return tag, nil
			}
		}
		seen, number = seen+len(page), next
	}
	return "", nil
}

// tags gives commit -> tag; of several, the one Gitea lists first.
func (f *Forge) tags(ctx context.Context, r *sdk.Repository) (map[string]string, error) {
	out := map[string]string{}
	opts := sdk.ListRepoTagsOptions{ListOptions: sdk.ListOptions{Page: 1, PageSize: mostPage}}
	for range mostTagPages {
		page, resp, err := f.api(ctx).ListRepoTags(owner(r), r.Name, opts)
		if err != nil {
			return nil, f.explain(ctx, resp, err, "list the tags of "+full(r))
		}
		for _, t := range page {
			if t.Commit != nil && out[t.Commit.SHA] == "" {
				out[t.Commit.SHA] = t.Name
			}
		}
		if opts.Page = resp.NextPage; opts.Page == 0 {
			break
		}
	}
	return out, nil
}
