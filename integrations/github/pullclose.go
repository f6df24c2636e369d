package github

import (
	"bytes"
	"context"
	"encoding/base64"
	"unicode/utf8"

	gh "github.com/google/go-github/v60/github"

	"opsbot/bot"
)

// entries are the files as GitHub's trees take them: text within the request, what
// JSON cannot carry as an object that is made before.
func (f *Forge) entries(ctx context.Context, r *gh.Repository, tree bot.Tree) ([]*gh.TreeEntry, error) {
	out := make([]*gh.TreeEntry, 0, len(tree.Files))
	for _, file := range tree.Files {
		e := &gh.TreeEntry{Path: gh.String(file.Path), Mode: gh.String("100644"), Type: gh.String("blob")}
		if file.Executable {
			e.Mode = gh.String("100755")
		}
		if utf8.Valid(file.Data) && !bytes.ContainsRune(file.Data, 0) {
			e.Content = gh.String(string(file.Data))
			out = append(out, e)
			continue
		}
		blob, resp, err := f.api().Git.CreateBlob(ctx, r.GetOwner().GetLogin(), r.GetName(), &gh.Blob{
			Content: gh.String(base64.StdEncoding.EncodeToString(file.Data)), Encoding: gh.String("base64"),
		})
		if err != nil {
			return nil, f.explain(ctx, err, "store "+file.Path+" in "+full(r))
		}
		if !hashForm.MatchString(blob.GetSHA()) {
			return nil, f.odd(resp, "a file")
		}
		e.SHA = blob.SHA
		out = append(out, e)
	}
	return out, nil
}

// ClosePullRequest implements bot.PullRequester.
func (f *Forge) ClosePullRequest(ctx context.Context, spec bot.PullRequestSpec) error {
	p, err := f.lookPull(ctx, spec)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return nil
	case err != nil:
		return err
	case p.presence() == bot.PresenceForeign:
		return f.closeGrown(ctx, p, spec)
	}
	if p.presence() == bot.PresenceOurs {
		if p.pull.GetState() != "open" && !p.pull.GetMergedAt().IsZero() {
			return nil
		}
		if err := f.closePull(ctx, p); err != nil {
			return err
		}
	}
	if p.head == "" || !p.marked {
		return nil
	}
	_, err = f.api().Git.DeleteRef(ctx, p.repo.GetOwner().GetLogin(), p.repo.GetName(), "heads/"+spec.Branch)
	if err == nil {
		return nil
	}
	if head, again := f.tip(ctx, p.repo, spec.Branch); again == nil && head == "" {
		return nil // somebody was faster
	}
	return f.explain(ctx, err, "delete the branch "+spec.Branch+" of "+full(p.repo))
}

func (f *Forge) closePull(ctx context.Context, p proposal) error {
	if p.pull.GetState() != "open" {
		return nil
	}
	_, _, err := f.api().PullRequests.Edit(ctx, p.repo.GetOwner().GetLogin(), p.repo.GetName(), p.pull.GetNumber(), &gh.PullRequest{State: gh.String("closed")})
	return f.explain(ctx, err, "close a pull request of "+full(p.repo))
}

// closeGrown closes one to which people have added commits; their branch stays. One
// without any of ours is not ours to close.
func (f *Forge) closeGrown(ctx context.Context, p proposal, spec bot.PullRequestSpec) error {
	if p.pull.GetState() != "open" {
		return nil
	}
	commits, _, err := f.api().PullRequests.ListCommits(ctx, p.repo.GetOwner().GetLogin(), p.repo.GetName(), p.pull.GetNumber(), &gh.ListOptions{PerPage: mostPage})
	if err != nil {
		return f.explain(ctx, err, "show the commits of a pull request of "+full(p.repo))
	}
	for _, c := range commits {
		if operationOf(c.GetCommit().GetMessage()) == spec.Operation {
			return f.closePull(ctx, p)
		}
	}
	return bot.Errorf(bot.CodeConflict, "The pull request %s is not the one that this operation made; it is left alone.", p.pull.GetHTMLURL())
}
