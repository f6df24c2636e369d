package jenkins

import (
	"fmt"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

// build is one run of a branch.
type build struct {
	job     *item
	number  int
	item    *queued
	commit  string
	program Program
	started time.Time
	ended   time.Time
	result  string
	asked   *Input // the input step that it waits at
	input   string // its id
	inputs  int    // how many there were
	stopped bool
	raw     []byte // the log as it lies on disk, with its notes
}

func (b *build) running() bool { return b.ended.IsZero() }

func (b *build) path() string { return b.job.path() + strconv.Itoa(b.number) + "/" }

// over tells whether it has come to its end by itself.
func (b *build) over(now time.Time) bool {
	return !b.program.Waits && b.input == "" && !now.Before(b.started.Add(b.program.Lasts))
}

func (b *build) outcome() string {
	switch {
	case b.program.Broken || b.program.FailsIn != "":
		return "FAILURE"
	case b.program.Result != "":
		return b.program.Result
	case b.program.Tests != nil && len(b.program.Tests.Failed) > 0:
		return "UNSTABLE"
	default:
		return "SUCCESS"
	}
}

func (p *Program) stages() []string {
	switch {
	case p.Broken:
		return nil
	case len(p.Stages) == 0:
		return []string{"Build"}
	default:
		return p.Stages
	}
}

// begin lets an item leave the queue: of the newest commit of its branch.
func (s *Server) begin(q *queued) {
	now := s.clock.Now()
	q.job.last++
	b := &build{job: q.job, number: q.job.last, item: q, started: now}
	q.build, q.gone = b, now
	q.job.builds = append(q.job.builds, b)
	for _, src := range q.job.parent.settings.Sources {
		if repo := s.repo(src.url()); repo != nil && repo.branches[q.job.display] != nil {
			c := repo.branches[q.job.display]
			b.commit, b.program = c.id, *c.program
		}
	}
	if q.job.plain == nil {
		q.job.params = b.program.Parameters // known from the first build on
	} else if q.job.plain.Run != nil {
		b.program = *q.job.plain.Run(q.values())
	}
	for _, c := range q.causes {
		b.note(fmt.Sprint(c["shortDescription"]))
	}
	if b.commit != "" {
		b.note("Seen 1 remote branch")
		b.note("Obtained Jenkinsfile from " + b.commit)
	}
	s.notify(b, "QUEUED")
	if b.program.Broken {
		b.note("org.codehaus.groovy.control.MultipleCompilationErrorsException: startup failed:")
		b.note("WorkflowScript: 2: Expected a symbol @ line 2, column 27.")
		return
	}
	if !b.freestyle() {
		b.note("[Pipeline] Start of Pipeline")
		b.note("[Pipeline] node")
		b.note("[Pipeline] {")
		b.note("[Pipeline] stage")
		b.note("[Pipeline] { (" + b.program.stages()[0] + ")")
	}
	for _, line := range b.program.Lines {
		b.note(line)
	}
	b.ask(b.program.Input)
	s.notify(b, "STARTED")
}

// note writes a line of the log; on disk some lines have a note that no reader
// sees but whose bytes count.
func (b *build) note(line string) {
	if strings.HasPrefix(line, "[Pipeline]") || strings.HasPrefix(line, "Started by") {
		b.raw = append(b.raw, "\x1b[8mha:////4AAAAbm90ZQ==\x1b[0m"...)
	}
	b.raw = append(b.raw, line+"\n"...)
}

func (b *build) finish(result string, at time.Time) {
	b.ended, b.result, b.input = at, result, ""
	defer b.job.server.notify(b, "FINALIZED")
	if b.freestyle() {
		if result == "FAILURE" {
			b.note("Build step 'Execute shell' marked build as failure")
		}
		b.note("Finished: " + result)
		return
	}
	for i, stage := range b.program.stages() {
		if i > 0 {
			b.note("[Pipeline] stage")
			b.note("[Pipeline] { (" + stage + ")")
		}
		if stage == b.program.FailsIn || b.stopped {
			break
		}
		b.note("[Pipeline] }")
		b.note("[Pipeline] // stage")
	}
	b.note("[Pipeline] End of Pipeline")
	if b.program.FailsIn != "" && !b.stopped {
		b.note("ERROR: " + b.program.Error)
	}
	b.job.server.notify(b, "COMPLETED")
	b.note("Finished: " + result)
}

func (b *build) freestyle() bool { return b.job.plain != nil && b.job.plain.Freestyle }

func (s *Server) serveBuild(w http.ResponseWriter, r *request, b *build) bool {
	switch {
	case r.is("GET", "api", "json"):
		s.view(w, r, b.view())
	case r.is("GET", "consoleText"):
		text(w, plain(b.raw))
	case r.is("GET", "logText", "progressiveText"):
		b.progressive(w, r)
	case r.is("POST", "stop"):
		if s.require(w, r.caller, ItemCancel) {
			if b.running() {
				b.stopped = true
				b.note("Aborted by " + r.name())
				b.finish("ABORTED", s.clock.Now())
			}
			s.redirect(w, b.path())
		}
	case r.is("GET", "testReport", "api", "json") && b.program.Tests != nil && !b.running():
		s.view(w, r, b.testsView())
	case r.is("GET", "testReport", "api", "json"):
		notFound(w)
	case len(r.rest) > 1 && r.rest[0] == "artifact" && r.Method == http.MethodGet:
		b.artifact(w, strings.Join(r.rest[1:], "/"))
	case len(r.rest) > 0 && (r.rest[0] == "wfapi" || r.rest[0] == "input"):
		return s.serveStages(w, r, b)
	default:
		return false
	}
	return true
}

// artifact answers a file with the type that its name stands for.
func (b *build) artifact(w http.ResponseWriter, name string) {
	content, ok := b.program.Files[name]
	if !ok || b.running() {
		notFound(w)
		return
	}
	kind := mime.TypeByExtension(path.Ext(name))
	if kind == "" {
		kind = "application/octet-stream"
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write([]byte(content)) // the client has gone
}

// plain is a log without its notes.
func plain(raw []byte) string {
	out := string(raw)
	for {
		from := strings.Index(out, "\x1b[8mha:")
		if from < 0 {
			return out
		}
		to := strings.Index(out[from:], "\x1b[0m")
		if to < 0 {
			return out[:from]
		}
		out = out[:from] + out[from+to+len("\x1b[0m"):]
	}
}

// progressive answers from an offset into the raw log on, with line ends of the
// network; an offset past the end gives all of it.
func (b *build) progressive(w http.ResponseWriter, r *request) {
	start, _ := strconv.Atoi(r.URL.Query().Get("start"))
	if start < 0 || start > len(b.raw) {
		start = 0
	}
	w.Header().Set("X-Text-Size", strconv.Itoa(len(b.raw)))
	if b.running() {
		w.Header().Set("X-More-Data", "true")
	}
	text(w, strings.ReplaceAll(plain(b.raw[start:]), "\n", "\r\n"))
}

// Log appends lines to the log of a build that runs.
func (s *Server) Log(fullName string, number int, lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	if i := s.find(fullName); i != nil {
		if b := i.build(number); b != nil && b.running() {
			for _, line := range lines {
				b.note(line)
			}
		}
	}
}

// Finish ends a build that runs.
func (s *Server) Finish(fullName string, number int, result string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	if i := s.find(fullName); i != nil {
		if b := i.build(number); b != nil && b.running() {
			b.finish(result, s.clock.Now())
		}
	}
}
