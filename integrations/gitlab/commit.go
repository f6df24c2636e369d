package gitlab

import (
	"context"
	"encoding/base64"
	"path"
	"strings"

	gl "gitlab.com/gitlab-org/api/client-go"

	"opsbot/bot"
)

const mostFolderPages = 20

// commit makes the proposal's commit on a new branch, in one call, on exactly the
// commit of the base that its files were compared with.
func (f *Forge) commit(ctx context.Context, p *gl.Project, spec bot.PullRequestSpec) error {
	if p.Archived {
		return archived(p)
	}
	base, err := f.branch(ctx, p, spec.Base)
	if err != nil {
		return err
	}
	actions, err := f.actions(ctx, p, base.Commit.ID, spec.Files)
	if err != nil {
		return err
	}
	if len(actions) == 0 {
		return bot.Errorf(bot.CodeInvalid, "There is nothing to propose to %s: no file was named.", full(p))
	}
	message := trailed(spec.Message, spec.Operation)
	_, _, err = f.api.Commits.CreateCommit(p.ID, &gl.CreateCommitOptions{
		Branch: &spec.Branch, StartSHA: &base.Commit.ID, CommitMessage: &message, Actions: actions,
		AuthorName: &spec.Author.Name, AuthorEmail: &spec.Author.Email, Stats: gl.Ptr(false),
	}, gl.WithContext(ctx))
	if err == nil {
		return nil
	}
	err = f.explain(ctx, err, "commit to the branch "+spec.Branch+" of "+full(p))
	if bot.CodeOf(err) != bot.CodeInvalid {
		return err
	}
	// The branch may have been made meanwhile: by an earlier try of ours?
	there, again := f.branch(ctx, p, spec.Branch)
	if again == nil && (&proposal{branch: there}).ourBranch(spec.Operation) {
		return nil
	}
	return err
}

// trailed is a message with the operation's trailer.
func trailed(message, operation string) string {
	message = strings.TrimSpace(message)
	if operation == "" || operationOf(message) == operation {
		return message
	}
	return message + "\n\n" + operationTrailer + operation
}

// actions say for each file whether it is new: GitLab wants to be told.
func (f *Forge) actions(ctx context.Context, p *gl.Project, commit string, tree bot.Tree) (out []*gl.CommitActionOptions, err error) {
	there := map[string]string{} // path -> mode
	seen := map[string]bool{}
	for _, file := range tree.Files {
		dir := path.Dir(file.Path)
		if !seen[dir] {
			seen[dir] = true
			if err := f.folder(ctx, p, commit, dir, there); err != nil {
				return nil, err
			}
		}
		mode, exists := there[file.Path]
		action := gl.FileCreate
		if exists {
			action = gl.FileUpdate
		}
		out = append(out, &gl.CommitActionOptions{
			Action: &action, FilePath: gl.Ptr(file.Path), Content: gl.Ptr(base64.StdEncoding.EncodeToString(file.Data)), Encoding: gl.Ptr("base64"),
		})
		if file.Executable != (mode == "100755") {
			chmod := gl.FileChmod
			out = append(out, &gl.CommitActionOptions{Action: &chmod, FilePath: gl.Ptr(file.Path), ExecuteFilemode: gl.Ptr(file.Executable)})
		}
	}
	return out, nil
}

// folder adds the files of a folder, with their modes; a folder that is not there
// has none.
func (f *Forge) folder(ctx context.Context, p *gl.Project, commit, dir string, into map[string]string) error {
	opts := &gl.ListTreeOptions{Ref: &commit, ListOptions: gl.ListOptions{PerPage: mostPage}}
	if dir != "." {
		opts.Path = &dir
	}
	for range mostFolderPages {
		page, resp, err := f.api.Repositories.ListTree(p.ID, opts, gl.WithContext(ctx))
		err = f.explain(ctx, err, "list the files of "+full(p))
		if bot.CodeOf(err) == bot.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		for _, n := range page {
			if n.Type == "blob" {
				into[n.Path] = n.Mode
			}
		}
		if opts.Page = resp.NextPage; opts.Page == 0 {
			break
		}
	}
	return nil
}
