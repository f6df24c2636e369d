package gitea

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"

	sdk "code.gitea.io/sdk/gitea"

	"opsbot/bot"
	"opsbot/bot/rest"
)

const (
	maxFile  = 1 << 20
	mostPage = 50 // Gitea gives no more by default
	// mostTagPages and mostTagCommits bound the search for the nearest tag.
	mostTagPages   = 20
	mostTagCommits = 2000
	mostBranches   = 5000
)

// Branches implements bot.CommitReader.
func (f *Forge) Branches(ctx context.Context, repo bot.Repository) (map[string]string, error) {
	r, err := f.resolve(ctx, repo)
	if err != nil {
		return nil, err
	}
	return f.branches(ctx, r)
}

func (f *Forge) branches(ctx context.Context, r *sdk.Repository) (map[string]string, error) {
	out := map[string]string{}
	opts := sdk.ListRepoBranchesOptions{ListOptions: sdk.ListOptions{Page: 1, PageSize: mostPage}}
	for len(out) < mostBranches {
		page, resp, err := f.api(ctx).ListRepoBranches(owner(r), r.Name, opts)
		if err != nil {
			return nil, f.explain(ctx, resp, err, "list the branches of "+full(r))
		}
		for _, b := range page {
			if b.Commit == nil || !hashForm.MatchString(b.Commit.ID) {
				return nil, odd("a list of branches")
			}
			out[b.Name] = b.Commit.ID
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
	return f.log(ctx, r, from, to, limit)
}

// log lists what is reachable from to and not from from, newest first.
func (f *Forge) log(ctx context.Context, r *sdk.Repository, from, to string, limit int) ([]bot.Commit, error) {
	out, size := []bot.Commit{}, min(max(limit, 1), mostPage)
	for number := 1; number != 0 && len(out) < limit; {
		page, next, err := f.page(ctx, r, span{to: to, from: from, size: size}, number)
		if err != nil {
			return nil, f.noCommit(ctx, err, r, from, to)
		}
		out, number = append(out, page...), next
	}
	return out[:min(max(limit, 0), len(out))], nil
}

// span is what a list of commits is about; size: of a page.
type span struct {
	from, to string
	size     int
}

// page lists one page of commits; next is 0 after the last.
func (f *Forge) page(ctx context.Context, r *sdk.Repository, of span, number int) (out []bot.Commit, next int, err error) {
	list, resp, err := f.api(ctx).ListRepoCommits(owner(r), r.Name, sdk.ListCommitOptions{
		ListOptions: sdk.ListOptions{Page: number, PageSize: of.size}, SHA: of.to, Not: of.from,
	})
	if err != nil {
		return nil, 0, f.explain(ctx, resp, err, "show the commits of "+full(r))
	}
	for _, c := range list {
		one, ok := toCommit(c)
		if !ok {
			return nil, 0, odd("a list of commits")
		}
		out = append(out, one)
	}
	return out, resp.NextPage, nil
}

// noCommit: of an empty repository, or one without the commit, Gitea says 409 or
// 404; if it lacks the commit where the list should end, it says 500.
func (f *Forge) noCommit(ctx context.Context, err error, r *sdk.Repository, from, to string) error {
	lacked := to
	switch code := bot.CodeOf(err); {
	case code == bot.CodeConflict, code == bot.CodeNotFound, code == bot.CodeInvalid:
	case from != "" && rest.StatusOf(err) == http.StatusInternalServerError:
		_, resp, gone := f.api(ctx).GetSingleCommit(owner(r), r.Name, from)
		if bot.CodeOf(f.explain(ctx, resp, gone, "show a commit of "+full(r))) != bot.CodeNotFound {
			return err
		}
		lacked = from
	default:
		return err
	}
	return bot.Errorf(bot.CodeNotFound, "%s has no commit %s.", bot.Escape(full(r)), bot.Escape(lacked)).Because(err)
}

// entry is what Gitea tells of a file.
type entry struct {
	Type, SHA, Encoding, Content string
	Size                         int64
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
	file, err := f.entry(ctx, r, commit, name)
	switch {
	case err != nil:
		return nil, err
	case file == nil || file.Type != "file":
		return nil, none // a folder, a submodule, a link
	case file.Size > maxFile:
		return nil, bot.Errorf(bot.CodeTooLarge, "%s is larger than 1 MiB.", bot.Escape(name))
	case file.Size == 0:
		return []byte{}, nil
	}
	data, err := base64.StdEncoding.DecodeString(file.Content)
	if err != nil || file.Encoding != "base64" || int64(len(data)) != file.Size {
		return nil, odd("a file")
	}
	return data, nil
}

// entry reads a file with its content; nil if there is none, or a folder. The
// library takes every answer that it cannot read for a folder.
func (f *Forge) entry(ctx context.Context, r *sdk.Repository, ref, name string) (*entry, error) {
	var raw json.RawMessage
	err := f.ask(ctx, rest.Request{
		Path: "/api/v1/repos/" + segments(full(r)) + "/contents/" + segments(name), Query: url.Values{"ref": {ref}}, Into: &raw,
	}, "show "+name+" of "+full(r))
	if code := bot.CodeOf(err); code == bot.CodeNotFound || code == bot.CodeInvalid {
		return nil, nil //nolint:nilnil // absent is an answer
	}
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) {
		return nil, nil //nolint:nilnil // as above
	}
	var out entry
	if err := json.Unmarshal(raw, &out); err != nil || out.Type == "" {
		return nil, odd("a file")
	}
	return &out, nil
}

func segments(name string) string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

// ask sends what the library cannot; its errors are explained like the library's.
func (f *Forge) ask(ctx context.Context, r rest.Request, doing string) error {
	r.Safe = true
	if r.Into == nil {
		r.Header = http.Header{"Accept": {"application/json"}}
	}
	_, err := f.rest.Do(ctx, r)
	var status *rest.StatusError
	if !errors.As(err, &status) {
		return err
	}
	var body struct{ Message string }
	_ = json.Unmarshal([]byte(status.Body), &body) // no JSON: without a message
	at, _ := url.Parse(status.URL)
	return f.refused(&http.Response{
		StatusCode: status.Status, Header: status.Header, Request: &http.Request{Method: status.Method, URL: at},
	}, body.Message, doing)
}
