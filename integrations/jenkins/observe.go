package jenkins

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"opsbot/bot"
)

// Observe implements bot.Deployer: it follows the item of the queue to the build, and
// the build to its end. It asks Jenkins no more often than polling does.
func (s *Service) Observe(ctx context.Context, req bot.DeployRequest) (bot.Observation, error) {
	d, known, err := read[deployDoc](ctx, s, kindDeploy, esc(req.DeploymentID))
	switch {
	case err != nil:
		return bot.Observation{}, err
	case !known || d.Queue == "":
		return bot.Observation{}, bot.Errorf(bot.CodeNotFound, "The deployment %s was never applied with Jenkins.", bot.Shorten(req.DeploymentID, 60))
	case d.End != nil:
		return *d.End, nil
	}
	now := s.env.Clock.Now()
	if seen, ok := s.looks.at(req.DeploymentID, now.Add(-s.config.PollMin)); ok {
		return seen, nil
	}
	ref := d.ref(d.Queue)
	ref.Number = d.Number
	b, err := s.status(ctx, ref)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return s.missing(ctx, req.DeploymentID, d)
	}
	if err != nil {
		return bot.Observation{}, lookAgain(err)
	}
	before := d
	o := d.observe(b)
	d.Missing = time.Time{}
	return s.settle(ctx, req.DeploymentID, before, d, o)
}

// lookAgain: the job runs on whatever keeps OpsBot from looking, so that alone does not
// make a failure of the deployment.
func lookAgain(err error) error {
	var e *bot.Error
	if errors.As(err, &e) && e.Retry == bot.RetryNever {
		return e.Backoff()
	}
	return err
}

// missing is about a build that Jenkins does not have. One look may be mistaken.
func (s *Service) missing(ctx context.Context, id string, d deployDoc) (bot.Observation, error) {
	o := bot.Observation{State: bot.DeploymentWatching, Message: "the build of " + d.Job + " is gone from Jenkins", URL: s.jobURL(d.Job)}
	before := d
	switch now := s.env.Clock.Now(); {
	case d.Missing.IsZero():
		d.Missing = now
	case now.Sub(d.Missing) > 60*s.look:
		o.State = bot.DeploymentUnknown
	}
	return s.settle(ctx, id, before, d, o)
}

// observe says what a build means for the deployment.
func (d *deployDoc) observe(b bot.Build) bot.Observation {
	d.Number = b.Ref.Number
	d.complete(b.Stages)
	o := bot.Observation{State: bot.DeploymentWatching, URL: b.URL, Steps: d.Steps}
	name := fmt.Sprintf("%s #%d", d.Job, b.Ref.Number)
	switch {
	case b.State == bot.BuildQueued:
		o.State, o.Message = bot.DeploymentApplying, d.Job+" waits in Jenkins' queue"
		if b.Message != "" {
			o.Message += ": " + oneLine(b.Message)
		}
	case b.State == bot.BuildRunning:
		o.Message = name + " runs"
		if n := len(b.Stages); n > 0 {
			o.Message += ": " + b.Stages[n-1].Name
		}
		switch {
		case len(b.Inputs) > 0:
			o.Message = name + " waits for input: " + oneLine(b.Inputs[0].Message)
		case b.Message != "":
			o.Message = name + ": " + oneLine(b.Message)
		}
	case b.Result == bot.ResultSuccess:
		o.State, o.Message = bot.DeploymentSucceeded, name
		if d.URL != "" {
			o.URL = d.URL
		}
	default:
		o.State, o.Message = bot.DeploymentFailed, name+" ended as "+string(b.Result)
		if b.Ref.Number == 0 {
			o.Message = d.Job + " was taken out of Jenkins' queue"
		}
		if b.Message != "" && b.Message != endedAs(b.Result) {
			o.Message += ": " + oneLine(b.Message)
		}
	}
	return o
}

// complete adds the stages that have ended well since the last look. Of stages that
// run side by side the later may end first, so what was told once keeps its place.
func (d *deployDoc) complete(stages []bot.Stage) {
	told := map[string]int{}
	for _, name := range d.Steps {
		told[name]++
	}
	for _, st := range stages {
		name := oneLine(st.Name)
		if name == "" || st.Status != "SUCCESS" && st.Status != "UNSTABLE" {
			continue
		}
		if told[name]--; told[name] < 0 {
			d.Steps = append(d.Steps, name)
		}
	}
}

// settle remembers what must outlive the build, and the rest for a moment.
func (s *Service) settle(ctx context.Context, id string, before, d deployDoc, o bot.Observation) (bot.Observation, error) {
	if o.State.Final() {
		d.End = &o
	}
	if d.End != nil || d.Number != before.Number || !d.Missing.Equal(before.Missing) || len(d.Steps) != len(before.Steps) {
		if err := s.keep(ctx, id, &d); err != nil {
			return o, err
		}
	}
	if d.End != nil {
		o = *d.End
	}
	o.Steps = d.Steps
	s.looks.put(id, s.env.Clock.Now(), o)
	return o, nil
}

// keep stores what is new, and tells of it, unless another look was faster.
func (s *Service) keep(ctx context.Context, id string, d *deployDoc) error {
	return s.env.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		r, err := ensure[deployDoc](ctx, tx, s.env.Name, kindDeploy, esc(id))
		if err != nil {
			return err
		}
		if r.body.End != nil || len(r.body.Steps) > len(d.Steps) {
			*d = r.body
			return nil
		}
		if err := s.news(ctx, tx, id, r.body, *d); err != nil {
			return err
		}
		r.body = *d
		return r.save(ctx, tx)
	})
}

// looks remembers what was seen of deployments a moment ago. The zero value is ready.
type looks struct {
	mu   sync.Mutex
	seen map[string]look
}

type look struct {
	at   time.Time
	what bot.Observation
}

const maxLooks = 1000

// at gives what was seen since a time.
func (l *looks) at(id string, since time.Time) (bot.Observation, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen, ok := l.seen[id]
	return seen.what, ok && seen.at.After(since)
}

func (l *looks) put(id string, at time.Time, what bot.Observation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil || len(l.seen) >= maxLooks {
		l.seen = map[string]look{}
	}
	l.seen[id] = look{at, what}
}
