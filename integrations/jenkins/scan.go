package jenkins

import (
	"context"
	"regexp"
	"strings"
	"time"

	"opsbot/bot"
)

// scanLog is what the log of a scan of the branches says.
type scanLog struct {
	text     string
	started  bool // there has been one at all
	finished bool
	failed   bool
	reason   string // of a failure: one line, foreign text
	branches []string
	heads    map[string]string // newest commit, of the branches that it is said of
}

// parseScan reads the log: there is no other account of a scan.
func parseScan(text string) scanLog {
	l := scanLog{text: text, started: strings.Contains(text, "Starting branch indexing"), heads: map[string]string{}}
	var notes []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "Finished: "):
			l.finished = true
			l.failed = line != "Finished: SUCCESS"
		case strings.HasPrefix(trimmed, "Checking branch "):
			l.branches = append(l.branches, strings.TrimPrefix(trimmed, "Checking branch "))
		case strings.HasPrefix(trimmed, "at ") || trimmed == "":
		default:
			notes = append(notes, trimmed)
			if m := headLine.FindStringSubmatch(line); m != nil {
				l.heads[m[1]] = m[2]
			}
		}
	}
	if l.failed {
		l.reason = scanReason(notes)
	}
	return l
}

// headLine is a line that names a branch and its newest commit.
var headLine = regexp.MustCompile(`^(?:No changes detected: |Changes detected: |Branch reopened: )(.+) \((?:still at |[0-9a-f]{40} → )?([0-9a-f]{40})\)$`)

// scanReason finds the line that says most: what git said, else the last cause,
// else the exception behind FATAL.
func scanReason(notes []string) string {
	best, rank := "", 0
	for i, note := range notes {
		r, text := 0, note
		switch {
		case strings.HasPrefix(note, "stderr: ") && len(note) > len("stderr: "):
			r, text = 4, strings.TrimPrefix(note, "stderr: ")
		case strings.HasPrefix(note, "Caused: "):
			r, text = 3, strings.TrimPrefix(note, "Caused: ")
		case i > 0 && strings.HasPrefix(notes[i-1], "FATAL: "):
			r = 2
		case strings.HasPrefix(note, "ERROR: "), strings.HasPrefix(note, "FATAL: "):
			r = 1
		}
		if r >= rank && r > 0 {
			best, rank = text, r
		}
	}
	return bot.Shorten(best, 200)
}

func (s *Service) readScan(ctx context.Context, job string) (scanLog, error) {
	text, _, err := s.get(ctx, jobPath(job)+"indexing/consoleText", nil, "text/plain")
	return parseScan(text), err
}

// scanned makes sure that the newest scan could read the repository. changed says
// that Jenkins has begun one because the configuration is new. A scan that takes
// longer than the bound is left to itself.
func (s *Service) scanned(ctx context.Context, job string, changed bool) error {
	l, err := s.readScan(ctx, job)
	if err != nil {
		return err
	}
	if !changed {
		if l.finished && !l.failed {
			return nil
		}
		if l.finished || !l.started { // what was wrong may be mended meanwhile
			l, err = s.rescan(ctx, job)
			return s.scanResult(job, l, err)
		}
	}
	l, err = s.awaitScan(ctx, job, "")
	return s.scanResult(job, l, err)
}

func (s *Service) scanResult(job string, l scanLog, err error) error {
	if err != nil || !l.failed {
		return err
	}
	return bot.Errorf(bot.CodeUnavailable, "Jenkins could not read the repository of %s: %s. Check its address and the credentials that Jenkins uses for it, then try again.",
		job, strings.TrimRight(l.reason, ". "))
}

// rescan has Jenkins look for branches now and waits for the end.
func (s *Service) rescan(ctx context.Context, job string) (scanLog, error) {
	before, err := s.readScan(ctx, job)
	if err != nil {
		return before, err
	}
	if err := s.triggerScan(ctx, job); err != nil {
		return before, err
	}
	return s.awaitScan(ctx, job, before.text)
}

// triggerScan asks for a scan; asking twice does no harm.
func (s *Service) triggerScan(ctx context.Context, job string) error {
	_, err := s.post(ctx, command{at: jobPath(job) + "build", query: query{"delay": "0"}, safe: true})
	if httpStatus(err) == 500 {
		if disabled, readErr := s.disabled(ctx, job); readErr == nil && disabled {
			return s.disabledError(job)
		}
	}
	return err
}

// sameScan is how long an unchanged log counts as that of the scan before: two
// scans within a second can have the same text.
const sameScan = 5 * time.Second

// awaitScan waits for the end of a scan whose log is not before.
func (s *Service) awaitScan(ctx context.Context, job, before string) (scanLog, error) {
	begun := s.env.Clock.Now()
	for {
		l, err := s.readScan(ctx, job)
		waited := s.env.Clock.Now().Sub(begun)
		if err != nil || l.finished && (l.text != before || waited >= min(sameScan, 5*s.look)) || waited >= s.config.ScanTimeout {
			return l, err
		}
		if !s.pause(ctx, s.look) {
			return l, bot.Errorf(bot.CodeUnavailable, "The scan of %s takes longer than OpsBot may wait.", job).Backoff().Because(ctx.Err())
		}
	}
}

// disabled reads the only place that says whether a job is.
func (s *Service) disabled(ctx context.Context, job string) (bool, error) {
	node, err := s.readJob(ctx, job)
	if err != nil || node == nil {
		return false, err
	}
	return node.Value("disabled") == "true", nil
}

func (s *Service) disabledError(job string) error {
	return bot.Errorf(bot.CodeConflict, "The job %s is disabled in Jenkins: somebody must enable it at %s before it can be built.", job, s.jobURL(job))
}
