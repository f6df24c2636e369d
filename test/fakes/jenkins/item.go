package jenkins

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
)

type kind string

const (
	kindRoot        kind = "hudson.model.Hudson"
	kindFolder      kind = "com.cloudbees.hudson.plugins.folder.Folder"
	kindMultibranch kind = "org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject"
	kindBranch      kind = "org.jenkinsci.plugins.workflow.job.WorkflowJob"
	kindPipeline    kind = "org.jenkinsci.plugins.workflow.job.WorkflowJob "
)

// item is a folder, a multibranch project, one of its branches or a plain job.
type item struct {
	server   *Server
	parent   *item
	kind     kind
	name     string // as in the path, unescaped: "feature%2Flogin" for a branch
	display  string
	config   string
	settings settings
	children []*item

	scan scan

	// of a branch
	sourceID string
	head     string // commit that was last seen
	dead     bool
	params   []Parameter
	builds   []*build
	last     int // the number given last
	created  time.Time

	plain *Plain // of a job of its own
}

func (i *item) child(name string) *item {
	for _, c := range i.children {
		if c.name == name || c.kind == kindBranch && c.display == name || c.kind != kindBranch && strings.EqualFold(c.name, name) {
			return c
		}
	}
	return nil
}

func (i *item) path() string {
	if i.kind == kindRoot {
		return "/"
	}
	return i.parent.path() + "job/" + url.PathEscape(i.name) + "/"
}

func (i *item) fullName() string {
	if i.parent.kind == kindRoot {
		return i.name
	}
	return i.parent.fullName() + "/" + i.name
}

func (i *item) build(number int) *build {
	for _, b := range i.builds {
		if b.number == number {
			return b
		}
	}
	return nil
}

// disabled: a multibranch project passes it on to its branches.
func (i *item) disabled() bool {
	return i.settings.Disabled || i.kind == kindBranch && i.parent.settings.Disabled
}

func (i *item) setDisabled(on bool) {
	old, now := "<disabled>false</disabled>", "<disabled>true</disabled>"
	if !on {
		old, now = now, old
	}
	i.config = strings.Replace(i.config, old, now, 1)
	i.settings.Disabled = on
}

// goodName is why a name is refused, "" if it is not.
func goodName(name string) string {
	switch {
	case strings.TrimSpace(name) == "":
		return "No name is specified"
	case name == "." || name == "..":
		return " " + name + "  is not an allowed name"
	case strings.HasSuffix(name, "."):
		return "A name cannot end with  . "
	}
	for _, c := range name {
		if unicode.IsControl(c) {
			return "No control code is allowed: " + fmt.Sprintf("\\u%d;", c)
		}
		if strings.ContainsRune(`/\?*%!@#$^&<>[]:;|`, c) {
			return " " + string(c) + "  is an unsafe character"
		}
	}
	return ""
}

// checkJobName answers 200 whatever it finds: only its page tells.
func (s *Server) checkJobName(w http.ResponseWriter, name string) {
	why := goodName(name)
	if why == "" && s.root.child(strings.TrimSpace(name)) != nil {
		why = "A job already exists with the name ‘" + name + "’"
	}
	w.Header().Set("Content-Type", "text/html;charset=utf-8")
	if why == "" {
		_, _ = io.WriteString(w, "<div/>") // the client has gone
		return
	}
	fmt.Fprintf(w, `<div class="error">%s</div>`, html.EscapeString(why))
}

// createItem is POST createItem, with XML or as a copy is not offered.
func (s *Server) createItem(w http.ResponseWriter, r *request, in *item) {
	if !s.require(w, r.caller, ItemCreate) {
		return
	}
	query := r.URL.Query()
	kindOf, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	name := strings.TrimSpace(query.Get("name"))
	switch {
	case err != nil:
		oops(w)
		return
	case in.kind == kindMultibranch:
		w.WriteHeader(http.StatusOK) // recorded: it makes nothing
		return
	case !query.Has("name"):
		refuse(w, "Query parameter 'name' is required")
		return
	case kindOf != "application/xml" && kindOf != "text/xml":
		refuse(w, "No mode given")
		return
	}
	if why := goodName(query.Get("name")); why != "" {
		refuse(w, why)
		return
	}
	if in.child(name) != nil {
		refuse(w, "A job already exists with the name  "+name+" ")
		return
	}
	set, made, err := readConfig(string(body), s.cfg.missing)
	if err != nil || len(name) > 250 {
		oops(w)
		return
	}
	made.server, made.parent, made.name, made.config, made.settings, made.created = s, in, name, string(body), set, s.clock.Now()
	in.children = append(in.children, made)
	if made.kind == kindMultibranch {
		made.startScan("Legacy code started this job.  No cause information is available")
	}
	w.WriteHeader(http.StatusOK)
}

func (s *Server) serveConfig(w http.ResponseWriter, r *request, i *item) {
	if !s.require(w, r.caller, ItemConfigure) {
		return
	}
	if r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "application/xml")
		_, _ = io.WriteString(w, i.config) // the client has gone
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err != nil || !strings.Contains(r.Header.Get("Content-Type"), "xml") {
		oops(w)
		return
	}
	set, made, err := readConfig(string(body), s.cfg.missing)
	if err != nil || made.kind != i.kind {
		oops(w)
		return
	}
	i.config, i.settings = string(body), set
	if i.kind == kindMultibranch && !set.Disabled {
		i.startScan("Legacy code started this job.  No cause information is available")
	}
	w.WriteHeader(http.StatusOK)
}

func (s *Server) delete(w http.ResponseWriter, r *request, i *item) {
	if !s.require(w, r.caller, ItemDelete) {
		return
	}
	i.parent.children = slices.DeleteFunc(i.parent.children, func(c *item) bool { return c == i })
	s.queue = slices.DeleteFunc(s.queue, func(q *queued) bool { return !q.left() && (q.job == i || q.job.parent == i) })
	s.redirect(w, i.parent.path())
}

// find gives an item by its full name.
func (s *Server) find(fullName string) *item {
	at := s.root
	for part := range strings.SplitSeq(fullName, "/") {
		if at = at.child(part); at == nil {
			return nil
		}
	}
	return at
}

// Config is a job's config.xml as it is stored; "" if there is no such job.
func (s *Server) Config(fullName string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.find(fullName); i != nil {
		return i.config
	}
	return ""
}

// Disable disables or enables a job, as its admin would.
func (s *Server) Disable(fullName string, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	if i := s.find(fullName); i != nil {
		i.setDisabled(on)
	}
}

// Save rewrites a job's config.xml in Jenkins' own form, as it does whenever an
// admin saves the job.
func (s *Server) Save(fullName string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(fullName)
	if i == nil {
		return
	}
	own := `<owner class="` + string(kindMultibranch) + `" reference="../.."/>`
	i.config = strings.NewReplacer(
		`<`+string(kindMultibranch)+`>`, `<`+string(kindMultibranch)+` plugin="workflow-multibranch@791.v28fb_f74dfca_e">`,
		`<healthMetrics></healthMetrics>`, `<healthMetrics/>`,
		`<sources class="jenkins.branch.MultiBranchProject$BranchSourceList">`, `<folderViews class="jenkins.branch.MultiBranchProjectViewHolder" plugin="branch-api@2.1169.va_f810c56e895">`+own+`</folderViews>
  <sources class="jenkins.branch.MultiBranchProject$BranchSourceList" plugin="branch-api@2.1169.va_f810c56e895">`,
		`</numToKeep>`, "</numToKeep>\n    <abortBuilds>false</abortBuilds>",
	).Replace(i.config)
}
