package localgit

import (
	"bytes"
	"context"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"opsbot/bot"
)

const (
	pageCommits = 20
	pageFiles   = 200
	maxRaw      = 16 << 20
)

// page is what the repository's page shows. All of it is foreign text, which
// html/template escapes.
type page struct {
	Repo     record
	CloneURL string
	Branches []pageBranch
	Files    []pageFile
	Cut      bool // there are more files
	Commits  []bot.Commit
}

type pageBranch struct {
	Name, Commit string
	Default      bool
}

type pageFile struct{ Name, URL string }

// servePage answers a browser: the page, or one raw file of it.
func (f *Forge) servePage(w http.ResponseWriter, r *http.Request, repo record, rt route) {
	if raw, ok := strings.CutPrefix(rt.rest, "raw/"); ok && !rt.dotGit {
		f.serveRaw(w, r, repo, raw)
		return
	}
	switch {
	case rt.rest != "":
		f.refuse(w, r, bot.Errorf(bot.CodeNotFound, "There is nothing here."))
		return
	case rt.dotGit: // somebody opened the clone URL in a browser
		http.Redirect(w, r, prefix+url.PathEscape(repo.Owner)+"/"+url.PathEscape(repo.Name), http.StatusSeeOther)
		return
	}
	p, err := f.page(r.Context(), repo)
	var out bytes.Buffer
	if err == nil {
		err = pageTemplate().Execute(&out, p)
	}
	if err != nil {
		f.refuse(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "sandbox allow-top-navigation-by-user-activation; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write(out.Bytes())
}

func (f *Forge) page(ctx context.Context, repo record) (page, error) {
	p := page{Repo: repo, CloneURL: f.repository(repo).CloneURL}
	refs, err := f.refs(ctx, repo)
	if err != nil {
		return p, err
	}
	for ref, hash := range refs {
		if name, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
			p.Branches = append(p.Branches, pageBranch{name, hash, name == repo.DefaultBranch})
		}
	}
	slices.SortFunc(p.Branches, func(a, b pageBranch) int {
		if a.Default != b.Default {
			return map[bool]int{true: -1, false: 1}[a.Default]
		}
		return strings.Compare(a.Name, b.Name)
	})
	head := refs["refs/heads/"+repo.DefaultBranch]
	if head == "" {
		return p, nil
	}
	list, err := f.log(ctx, repo, pageCommits, head)
	if err != nil {
		return p, full(err, "read the history of "+repo.full())
	}
	for _, c := range list {
		p.Commits = append(p.Commits, c.toCommit())
	}
	p.Files, p.Cut = f.files(ctx, repo, head)
	return p, nil
}

// files lists the files of a commit; a tree too large to list is cut.
func (f *Forge) files(ctx context.Context, repo record, commit string) (list []pageFile, more bool) {
	out, err := f.git.run(ctx, f.repoPath(repo.ID), 256<<10, "ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)
	base := prefix + url.PathEscape(repo.Owner) + "/" + url.PathEscape(repo.Name) + "/raw/" + commit + "/"
	names := strings.Split(string(out), "\x00")
	for _, name := range names[:len(names)-1] { // the last one is empty, or cut
		if len(list) == pageFiles {
			return list, true
		}
		list = append(list, pageFile{name, base + (&url.URL{Path: name}).EscapedPath()})
	}
	return list, err != nil
}

// serveRaw gives one file at a full commit id. Whatever it is, the browser shows it
// as text or saves it, in a sandbox without scripts.
func (f *Forge) serveRaw(w http.ResponseWriter, r *http.Request, repo record, raw string) {
	commit, name, _ := strings.Cut(raw, "/")
	if !isHash(commit) {
		f.refuse(w, r, bot.Errorf(bot.CodeNotFound, "There is nothing here."))
		return
	}
	data, err := f.readFile(r.Context(), repo, commit, name, maxRaw)
	if err != nil {
		f.refuse(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	if kind := http.DetectContentType(data); strings.HasPrefix(kind, "text/") || len(data) == 0 {
		h.Set("Content-Type", "text/plain; charset=utf-8") // never HTML
	} else if strings.HasPrefix(kind, "image/") && path.Ext(name) != ".svg" {
		h.Set("Content-Type", kind)
	}
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "private, max-age=3600")
	_, _ = w.Write(data) //nolint:gosec // never HTML, nosniff, in a sandbox
}

func pageTemplate() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"short": func(hash string) string { return hash[:min(len(hash), 10)] },
		"day":   func(t time.Time) string { return t.Format("2006-01-02 15:04") },
	}).Parse(pageHTML))
}

const pageHTML = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Repo.Owner}}/{{.Repo.Name}}</title>
<style>
:root{color-scheme:light dark;--fg:#1c2530;--dim:#5b6876;--line:#dde3ea;--bg:#fff;--soft:#f4f6f9;--link:#0b5cad}
@media(prefers-color-scheme:dark){:root{--fg:#e3e8ee;--dim:#96a3b1;--line:#2c3743;--bg:#12181f;--soft:#1a222b;--link:#7db7f2}}
body{margin:0 auto;max-width:52rem;padding:2rem 1rem;font:16px/1.55 system-ui,sans-serif;color:var(--fg);background:var(--bg)}
h1{font-size:1.5rem;margin:0}h2{font-size:1rem;margin:2rem 0 .5rem}a{color:var(--link)}p{margin:.3rem 0}
code,.m{font:.875rem/1.5 ui-monospace,monospace}.dim{color:var(--dim)}.tag{border:1px solid var(--line);border-radius:1rem;padding:0 .6rem;font-size:.8rem;color:var(--dim)}
pre{background:var(--soft);border:1px solid var(--line);border-radius:.4rem;padding:.7rem .9rem;overflow-x:auto;margin:.5rem 0}
ul{list-style:none;margin:0;padding:0}li{border-top:1px solid var(--line);padding:.4rem 0;overflow-wrap:anywhere}
</style></head><body><main>
<h1>{{.Repo.Owner}} / {{.Repo.Name}}</h1>
{{with .Repo.Description}}<p>{{.}}</p>{{end}}
<p>{{if .Repo.Private}}<span class="tag">private</span> {{end}}{{if .Repo.Archived}}<span class="tag">archived</span>{{end}}</p>
<h2>Clone</h2><pre>git clone {{.CloneURL}}</pre>
<p class="dim">To push, log in with your user name and a git token; OpsBot gives you one in the chat.</p>
<h2>Branches</h2>
{{if .Branches}}<ul>{{range .Branches}}<li>{{.Name}} <code class="dim">{{short .Commit}}</code>{{if .Default}} <span class="tag">default</span>{{end}}</li>{{end}}</ul>
{{else}}<p class="dim">Nothing has been pushed yet.</p>{{end}}
{{if .Commits}}<h2>Last commits of {{.Repo.DefaultBranch}}</h2>
<ul>{{range .Commits}}<li id="{{slice .ID 0 12}}">{{.Title}}<br><span class="dim"><code>{{short .ID}}</code> {{.Author}}, {{day .At}} UTC</span></li>{{end}}</ul>{{end}}
{{if .Files}}<h2>Files</h2><ul>{{range .Files}}<li><a class="m" href="{{.URL}}">{{.Name}}</a></li>{{end}}{{if .Cut}}<li class="dim">... and more</li>{{end}}</ul>{{end}}
</main></body></html>
`
