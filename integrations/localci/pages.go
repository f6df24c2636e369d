package localci

import (
	"context"
	_ "embed"
	"html/template"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"opsbot/bot"
	"opsbot/integrations/localci/report"
)

var _ bot.Routes = (*Service)(nil)

//go:embed pages.html
var pagesHTML string

// Prefix is below which the pages of the jobs lie.
func (s *Service) Prefix() string { return "/ci/" + esc(s.env.Name) + "/" }

// Listener is the console's: logs and artifacts are for those who are logged in.
func (s *Service) Listener() bot.Listener { return bot.ListenConsole }

// Handler serves what the URLs of jobs and builds name: the list of builds, one
// build, its log and its artifacts. It does not ask who is there; the listener
// does.
func (s *Service) Handler() http.Handler {
	pages := template.Must(template.New("pages").Funcs(template.FuncMap{
		"took":     func(b bot.Build) string { return took(b, s.env.Clock.Now()) },
		"quote":    bot.Quote,
		"artifact": func(name string) string { return (&url.URL{Path: "artifact/" + name}).EscapedPath() },
	}).Parse(pagesHTML))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.knownHost(r.Host) {
			http.Error(w, "this is not the host of these pages", http.StatusMisdirectedRequest)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		// What a build made must not act on this origin.
		w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if err := s.page(w, r, pages); err != nil {
			s.pageError(w, r, err)
		}
	})
}

// knownHost refuses names that somebody has pointed at this machine to read along
// in a visitor's browser.
func (s *Service) knownHost(host string) bool {
	own, err := url.Parse(s.env.ConsoleURL)
	if err != nil {
		return false
	}
	if host == own.Host {
		return true
	}
	name, port, err := net.SplitHostPort(host)
	return err == nil && port == own.Port() && (name == "localhost" || name == "127.0.0.1" || name == "::1")
}

func (s *Service) pageError(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusInternalServerError
	switch bot.CodeOf(err) {
	case bot.CodeNotFound, bot.CodeInvalid:
		status = http.StatusNotFound
	case bot.CodeUnavailable:
		status = http.StatusServiceUnavailable
	default:
		s.env.Log.Error("serve page", "path", r.URL.Path, "error", err)
	}
	http.Error(w, bot.MessageOf(err), status)
}

// target is what a path names.
type target struct {
	job    string
	branch string
	number int
	rest   string // behind the number
}

var errNoPage = bot.Errorf(bot.CodeNotFound, "There is no such page.")

// parsePath reads job/NAME[/job/NAME...]/[NUMBER/rest] in its escaped form.
func parsePath(escaped string) (target, error) {
	parts := strings.Split(escaped, "/")
	var names []string
	for len(parts) >= 2 && parts[0] == "job" {
		name, err := url.PathUnescape(parts[1])
		if err != nil || name == "" {
			return target{}, errNoPage
		}
		names, parts = append(names, name), parts[2:]
	}
	if len(parts) == 0 {
		return target{}, errNoPage
	}
	number, err := strconv.Atoi(parts[0])
	switch {
	case len(names) > 0 && parts[0] == "" && len(parts) == 1:
		return target{job: strings.Join(names, "/")}, nil
	case err != nil || len(names) < 2 || len(parts) < 2:
		return target{}, errNoPage
	}
	rest, err := url.PathUnescape(strings.Join(parts[1:], "/"))
	if err != nil {
		return target{}, errNoPage
	}
	last := len(names) - 1
	return target{job: strings.Join(names[:last], "/"), branch: unescape(names[last]), number: number, rest: rest}, nil
}

func (s *Service) page(w http.ResponseWriter, r *http.Request, pages *template.Template) error {
	below, ok := strings.CutPrefix(r.URL.EscapedPath(), s.Prefix())
	if !ok {
		return errNoPage
	}
	t, err := parsePath(below)
	if err != nil {
		return err
	}
	if t.number == 0 {
		return s.jobPage(r.Context(), w, pages, t.job)
	}
	build, err := s.Status(r.Context(), bot.BuildRef{Job: t.job, Branch: t.branch, Number: t.number})
	if err != nil {
		return err
	}
	if name, ok := strings.CutPrefix(t.rest, "artifact/"); ok {
		return s.artifactPage(w, r, build, name)
	}
	switch t.rest {
	case "":
		return s.buildPage(r.Context(), w, pages, build)
	case "console":
		return s.logPage(w, r, build.Ref)
	}
	return errNoPage
}

func (s *Service) jobPage(ctx context.Context, w http.ResponseWriter, pages *template.Template, job string) error {
	builds, err := s.Builds(ctx, bot.Job{ExternalID: job}, "", 50)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	return pages.ExecuteTemplate(w, "job", map[string]any{"Job": job, "Builds": builds})
}

func (s *Service) buildPage(ctx context.Context, w http.ResponseWriter, pages *template.Template, build bot.Build) error {
	tests, err := s.TestReport(ctx, build.Ref)
	if err != nil && bot.CodeOf(err) != bot.CodeNotFound {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	return pages.ExecuteTemplate(w, "build", map[string]any{
		"Build": build, "Failed": failedCases(tests), "JobURL": s.jobURL(build.Ref.Job),
	})
}

func failedCases(tests *report.Report) []report.Case {
	const most = 100
	var failed []report.Case
	if tests == nil {
		return nil
	}
	for _, suite := range tests.Suites {
		for _, c := range suite.Cases {
			if c.Broken() && len(failed) < most {
				failed = append(failed, c)
			}
		}
	}
	return failed
}

func (s *Service) logPage(w http.ResponseWriter, r *http.Request, ref bot.BuildRef) error {
	text, err := s.ReadLog(r.Context(), bot.LogRef{Build: ref}, 0)
	if err != nil {
		return err
	}
	defer text.Close()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.Copy(w, text) // who asked may have gone
	return nil
}

func (s *Service) artifactPage(w http.ResponseWriter, r *http.Request, build bot.Build, name string) error {
	for _, a := range build.Artifacts {
		if a.Name != name {
			continue
		}
		body, err := s.env.Blobs.Open(r.Context(), a.Digest)
		if err != nil {
			return err
		}
		defer body.Close()
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(path.Base(name)))
		http.ServeContent(w, r, "", build.FinishedAt, body)
		return nil
	}
	return bot.Errorf(bot.CodeNotFound, "The build has no artifact of that name.")
}

func took(b bot.Build, now time.Time) string {
	switch b.State {
	case bot.BuildFinished:
		return bot.Span(b.FinishedAt.Sub(b.StartedAt))
	case bot.BuildRunning:
		return "for " + bot.Span(now.Sub(b.StartedAt))
	}
	return "waiting"
}
