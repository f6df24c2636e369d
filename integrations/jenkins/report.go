package jenkins

import (
	"context"
	"net/http"
	"regexp"
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
	if b.Stages, err = s.stages(ctx, at, &log); err != nil {
		return bot.Build{}, err
	}
	if b.Commit == "" {
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
	b.Sequence = sequenceOf(b)
	return b, nil
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

type stagesJSON struct {
	Stages []struct {
		Name     string `json:"name"`
		Status   string `json:"status"`
		Duration int64  `json:"durationMillis"`
		Error    *struct {
			Message string `json:"message"`
		} `json:"error"`
	} `json:"stages"`
}

// stages asks the stage view's plugin; where it is missing the log has to do.
func (s *Service) stages(ctx context.Context, at string, log *logText) ([]bot.Stage, error) {
	if !s.noStages.known(s.env.Clock.Now()) {
		var got stagesJSON
		err := s.getInto(ctx, at+"wfapi/describe", nil, &got)
		if err == nil {
			return got.convert(), nil
		}
		if httpStatus(err) != http.StatusNotFound {
			return nil, err
		}
		s.noStages.set(s.env.Clock.Now().Add(10 * time.Minute))
	}
	if err := s.readText(ctx, at, log); err != nil {
		return nil, err
	}
	return log.stages(), nil
}

func (j stagesJSON) convert() []bot.Stage {
	var out []bot.Stage
	for _, st := range j.Stages {
		one := bot.Stage{Name: bot.Shorten(st.Name, 200), Status: st.Status, Duration: time.Duration(max(st.Duration, 0)) * time.Millisecond}
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

// message is why a build is no success, or what it waits for: one line.
func (s *Service) message(ctx context.Context, at string, b bot.Build, log *logText) (string, error) {
	if b.State != bot.BuildFinished {
		for _, st := range b.Stages {
			if st.Status == statusPaused {
				return s.waitsFor(ctx, at)
			}
		}
		return "", nil
	}
	if b.Result == bot.ResultSuccess {
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
	return "The build ended as " + string(b.Result), nil
}

// logText is a log that was read to find something out, once for one report. A
// long one is known by its beginning and its end.
type logText struct {
	read bool
	text string
}

var (
	logCommit = regexp.MustCompile(`(?m)^(?:Obtained .+ from |Checking out Revision )([0-9a-f]{40})\b`)
	logStage  = regexp.MustCompile(`^\[Pipeline\] \{ \((.+)\)$`)
)

func (l *logText) commit() string {
	if m := logCommit.FindStringSubmatch(l.text); m != nil {
		return m[1]
	}
	return ""
}

// stages reads names and order out of the log, as far as it tells: which stage
// failed it does not say in so many words, so the last one of a failure is taken.
func (l *logText) stages() []bot.Stage {
	var out []bot.Stage
	result := ""
	for line := range strings.Lines(l.text) {
		line = strings.TrimRight(line, "\r\n")
		if m := logStage.FindStringSubmatch(line); m != nil && !strings.HasPrefix(m[1], "Branch: ") {
			out = append(out, bot.Stage{Name: bot.Shorten(m[1], 200), Status: "SUCCESS"})
		}
		if v, ok := strings.CutPrefix(line, "Finished: "); ok {
			result = v
		}
	}
	if n := len(out); n > 0 {
		switch result {
		case "":
			out[n-1].Status = "IN_PROGRESS"
		case "FAILURE":
			out[n-1].Status = "FAILED"
		case "ABORTED", "UNSTABLE":
			out[n-1].Status = result
		}
	}
	return out
}

// reason is the last line that names an error.
func (l *logText) reason() string {
	best := ""
	for line := range strings.Lines(l.text) {
		line = strings.TrimSpace(line)
		switch {
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
