package jenkins

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"opsbot/bot"
)

// report completes what a build's own page says by its stages, the tests that
// failed and why it failed. What of that Jenkins does not give is left out.
func (s *Service) report(ctx context.Context, ref bot.BuildRef, name string, j buildJSON) (bot.Build, error) {
	queue := s.convert(ref, name, j, queueDoc{}).Ref.Queue
	d, _, err := read[queueDoc](ctx, s, kindQueue, queueKey(ref.Job, queue))
	if err != nil {
		return bot.Build{}, err
	}
	b := s.convert(ref, name, j, d)
	at := buildPath(ref.Job, name, j.Number)
	var log logText
	var run runJSON
	if j.Class == pipelineRun {
		if run, err = s.stages(ctx, at, &log); err != nil {
			return bot.Build{}, err
		}
	}
	b.Stages = run.convert()
	questions, err := s.asks(ctx, at, &b, run, d, &log)
	if err != nil {
		return bot.Build{}, err
	}
	if b.Commit == "" && !d.deploys() { // what a deployment checks out is another matter
		if b.Commit, err = s.commitInLog(ctx, at, &log); err != nil {
			return bot.Build{}, err
		}
	}
	if b.Tests != nil && b.Tests.Failed > 0 {
		if b.Tests.Failures, err = s.failures(ctx, at); err != nil {
			return bot.Build{}, err
		}
	}
	if b.Message == "" {
		if b.Message, err = s.message(ctx, at, b, &log); err != nil {
			return bot.Build{}, err
		}
	}
	b.Sequence = sequenceOf(b, questions)
	return b, nil
}

// asks puts the questions that a build waits for into its report. Without the stage
// view's plugin the log shows that it waits, and no more.
func (s *Service) asks(ctx context.Context, at string, b *bot.Build, run runJSON, d queueDoc, log *logText) (happened int64, err error) {
	if b.State == bot.BuildFinished {
		return 0, nil
	}
	if log.read {
		message, happened := log.question()
		if message != "" {
			b.Message = "Waits for input at " + s.link(at+"input/") + " : " + message
		}
		return happened, nil
	}
	if run.waits() {
		asked, err := s.questions(ctx, at)
		if err != nil {
			return 0, err
		}
		b.Inputs = inputsOf(asked)
	}
	return s.noteInputs(ctx, b.Ref, d, b.Inputs)
}

// absence remembers for a while that something is not there.
type absence struct {
	mu    sync.Mutex
	until time.Time
}

func (a *absence) known(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return now.Before(a.until)
}

func (a *absence) set(until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.until = until
}

// runJSON is a build as the stage view's plugin tells it.
type runJSON struct {
	Status string      `json:"status"`
	Stages []stageJSON `json:"stages"`
}

type stageJSON struct {
	Name     string `json:"name"`
	Status   string `json:"status"`
	Duration int64  `json:"durationMillis"`
	Error    *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// waits: for an answer, in a stage or in none.
func (r runJSON) waits() bool {
	return r.Status == statusPaused || slices.ContainsFunc(r.Stages, func(st stageJSON) bool { return st.Status == statusPaused })
}

// stages asks the stage view's plugin; where it is missing the log has to do.
func (s *Service) stages(ctx context.Context, at string, log *logText) (got runJSON, err error) {
	if !s.noStages.known(s.env.Clock.Now()) {
		err := s.getInto(ctx, at+"wfapi/describe", nil, &got)
		if httpStatus(err) != http.StatusNotFound {
			return got, err
		}
		s.noStages.set(s.env.Clock.Now().Add(10 * time.Minute))
	}
	err = s.readText(ctx, at, log)
	return runJSON{Stages: log.stages()}, err
}

func (r runJSON) convert() []bot.Stage {
	var out []bot.Stage
	for _, st := range r.Stages {
		one := bot.Stage{Name: bot.Shorten(st.Name, 200), Status: st.Status, Duration: time.Duration(max(st.Duration, 0)) * time.Millisecond}
		if one.Status == statusPaused {
			one.Status = statusRunning
		}
		if st.Error != nil {
			one.Error = firstLine(st.Error.Message)
		}
		out = append(out, one)
	}
	return out
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return bot.Shorten(strings.TrimSpace(line), 300)
}

// maxFailures is how many failed cases are named.
const maxFailures = 10

func (s *Service) failures(ctx context.Context, at string) ([]string, error) {
	var got struct {
		Suites []struct {
			Cases []struct {
				Class  string `json:"className"`
				Name   string `json:"name"`
				Status string `json:"status"`
			} `json:"cases"`
		} `json:"suites"`
	}
	err := s.getJSON(ctx, at+"testReport/", "suites[cases[className,name,status]]", &got)
	if c := bot.CodeOf(err); c == bot.CodeNotFound || c == bot.CodeTooLarge {
		return nil, nil
	}
	var names []string
	for _, suite := range got.Suites {
		for _, c := range suite.Cases {
			if (c.Status == "FAILED" || c.Status == "REGRESSION") && len(names) < maxFailures {
				names = append(names, bot.Shorten(strings.Trim(c.Class+"."+c.Name, "."), 200))
			}
		}
	}
	return names, err
}

// message is why a build is no success: one line.
func (s *Service) message(ctx context.Context, at string, b bot.Build, log *logText) (string, error) {
	if b.State != bot.BuildFinished || b.Result == bot.ResultSuccess {
		return "", nil
	}
	for _, st := range b.Stages {
		if st.Error != "" {
			return st.Name + ": " + st.Error, nil
		}
	}
	if b.Tests != nil && b.Tests.Failed > 0 {
		return "Tests failed: " + strings.Join(b.Tests.Failures[:min(3, len(b.Tests.Failures))], ", "), nil
	}
	if err := s.readText(ctx, at, log); err != nil {
		return "", err
	}
	if text := log.reason(); text != "" {
		return text, nil
	}
	return endedAs(b.Result), nil
}

// endedAs is the message of a build that says nothing else.
func endedAs(r bot.Result) string { return "The build ended as " + string(r) }

// logText is a log that was read to find something out, once for one report. A
// long one is known by its beginning and its end.
type logText struct {
	read bool
	text string
}

var (
	logCommit = regexp.MustCompile(`(?m)^(?:Obtained .+ from |Checking out Revision )([0-9a-f]{40})\b`)
	logStamp  = regexp.MustCompile(`^\[\d{4}-\d\d-\d\dT[\d:.]+Z\] `)
	logStage  = regexp.MustCompile(`^\[Pipeline\] \{ \((.+)\)$`)
)

// unstamped is a line of the log without the time that a pipeline may have put there.
func unstamped(line string) string {
	return strings.TrimSpace(line[len(logStamp.FindString(line)):])
}

func (l *logText) commit() string {
	if m := logCommit.FindStringSubmatch(l.text); m != nil {
		return m[1]
	}
	return ""
}

// stages reads names and order out of the log, as far as it tells: which stage
// failed it does not say in so many words, so the last one of a failure is taken.
func (l *logText) stages() []stageJSON {
	var out []stageJSON
	result := ""
	for line := range strings.Lines(l.text) {
		line = strings.TrimRight(line, "\r\n")
		if m := logStage.FindStringSubmatch(line); m != nil && !strings.HasPrefix(m[1], "Branch: ") {
			out = append(out, stageJSON{Name: m[1], Status: "SUCCESS"})
		}
		if v, ok := strings.CutPrefix(line, "Finished: "); ok {
			result = v
		}
	}
	if n := len(out); n > 0 {
		switch result {
		case "":
			out[n-1].Status = statusRunning
		case "FAILURE":
			out[n-1].Status = "FAILED"
		case "ABORTED", "UNSTABLE":
			out[n-1].Status = result
		}
	}
	return out
}

// question is the newest question that was not answered, "" if there is none, and how
// many were asked and answered so far.
func (l *logText) question() (message string, happened int64) {
	asked, settled := 0, 0
	next := false
	for line := range strings.Lines(l.text) {
		line = unstamped(line)
		if next {
			message, next = firstLine(line), false
		}
		switch {
		case line == "[Pipeline] input":
			asked, next = asked+1, true
		case strings.HasPrefix(line, "Approved by "), strings.HasPrefix(line, "Rejected by "), strings.HasPrefix(line, "Cancelling nested steps"):
			settled = min(settled+1, asked)
		}
	}
	if settled == asked {
		message = ""
	}
	return message, int64(asked + settled)
}

// reason is the last line that names an error.
func (l *logText) reason() string {
	best := ""
	for line := range strings.Lines(l.text) {
		line = unstamped(line)
		switch {
		case best == "" && strings.HasPrefix(line, "Build step '"): // of a job without a pipeline
			best = line
		case strings.HasPrefix(line, "ERROR: "):
			best = strings.TrimPrefix(line, "ERROR: ")
		case strings.HasPrefix(line, "WorkflowScript: ") || strings.HasPrefix(line, "Aborted by ") || strings.HasPrefix(line, "Rejected by ") ||
			strings.HasPrefix(line, "Timeout has been exceeded") || strings.HasPrefix(line, "hudson.AbortException: "):
			if best == "" || !strings.HasPrefix(line, "WorkflowScript: ") {
				best = strings.TrimPrefix(line, "hudson.AbortException: ")
			}
		}
	}
	return bot.Shorten(best, 300)
}
