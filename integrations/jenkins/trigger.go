package jenkins

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"opsbot/bot"
)

// KeyParameter is a parameter that a Jenkinsfile may declare: it then gets the
// idempotency key of each build, and a build is found by it for certain.
const KeyParameter = "OPSBOT_KEY"

// Build queues a build of the newest commit of a branch; a branch that Jenkins has
// not seen is looked for first. The same key gives the same build: the intent is
// stored before the call, and what became of it is looked for before the next one.
func (s *Service) Build(ctx context.Context, req bot.BuildRequest) (bot.BuildRef, error) {
	id := req.Job.ExternalID
	job, err := s.resolve(ctx, id)
	if err != nil {
		return bot.BuildRef{}, err
	}
	if !goodBranch(req.Branch) {
		return bot.BuildRef{}, s.noBranch(job, req.Branch)
	}
	req.Job.ExternalID = job // from here on by name
	queue, err := s.build(ctx, req)
	if err != nil {
		return bot.BuildRef{}, err
	}
	life, err := s.life(ctx, job, req.Branch)
	return bot.BuildRef{Job: inLife(id, life), Branch: req.Branch, Queue: queue}, err
}

func (s *Service) build(ctx context.Context, req bot.BuildRequest) (queue string, err error) {
	job := req.Job.ExternalID
	unlock, err := s.branches.lock(ctx, job+" "+req.Branch)
	if err != nil {
		return "", err
	}
	defer unlock()
	intent, known, err := s.intent(ctx, req)
	if err != nil || intent.Queue != "" {
		return intent.Queue, err
	}
	asked := s.env.Clock.Now()
	b, err := s.awaitBranch(ctx, job, req.Branch)
	if err != nil {
		return "", fmt.Errorf("jenkins: build %s/%s: %w", job, req.Branch, err)
	}
	if _, err := s.numbers(ctx, job, req.Branch, b.NextBuildNumber, b.last(), asked); err != nil {
		return "", err
	}
	if known {
		if queue, err := s.findEffect(ctx, job, b, intent); err != nil || queue != "" {
			return queue, err
		}
	}
	if b, err = s.check(ctx, req, b); err != nil {
		return "", err
	}
	if queue, err = s.order(ctx, req, b); err != nil {
		return "", fmt.Errorf("jenkins: build %s/%s: %w", job, req.Branch, err)
	}
	return queue, nil
}

// goodBranch refuses what is no branch and would lead out of the job's path.
func goodBranch(name string) bool {
	return name != "" && name != "." && !strings.Contains(name, "..") && len(name) <= 300 && !strings.ContainsAny(name, "\x00\n\r")
}

// check refuses what Jenkins would answer with an "Oops", or not at all.
func (s *Service) check(ctx context.Context, req bot.BuildRequest, b *branchJSON) (*branchJSON, error) {
	job := req.Job.ExternalID
	if req.Commit != "" {
		if err := s.checkCommit(ctx, job, req.Branch, req.Commit); err != nil {
			return nil, err
		}
	}
	if len(req.Parameters) == 0 {
		return b, nil
	}
	b, err := s.awaitParameters(ctx, job, b)
	if err != nil {
		return nil, err
	}
	names := b.parameterNames()
	for _, name := range slices.Sorted(maps.Keys(req.Parameters)) {
		if !slices.Contains(names, name) {
			return nil, bot.Errorf(bot.CodeInvalid, "The pipeline of %s/%s has no parameter %s%s", job, req.Branch, bot.Shorten(name, 60), bot.Instead(name, names))
		}
	}
	return b, b.checkChoices(req.Parameters)
}

// checkCommit: a multibranch job builds the newest commit and no other.
func (s *Service) checkCommit(ctx context.Context, job, branch, commit string) error {
	l, err := s.rescan(ctx, job)
	if err = s.scanResult(job, l, err); err != nil {
		return err
	}
	if l.heads[branch] != commit {
		return bot.Errorf(bot.CodeUnsupported, "Jenkins builds the newest commit of a branch only, and %s is not known to be that of %s.", bot.Shorten(commit, 12), branch)
	}
	return nil
}

// awaitParameters waits for the first build of a branch, before which Jenkins does
// not know what parameters there are.
func (s *Service) awaitParameters(ctx context.Context, job string, b *branchJSON) (*branchJSON, error) {
	begun := s.env.Clock.Now()
	for len(b.parameters()) == 0 {
		first := b.NextBuildNumber <= 1
		if !first && (b.LastBuild == nil || !b.LastBuild.Building) {
			return b, nil
		}
		if first && !b.InQueue {
			return nil, bot.Errorf(bot.CodeConflict, "%s/%s was never built, so Jenkins does not know its parameters yet. Build it once without any.", job, decodeBranch(b.Name))
		}
		if s.env.Clock.Now().Sub(begun) >= s.config.ScanTimeout || !s.pause(ctx, s.look) {
			return nil, bot.Errorf(bot.CodeUnavailable, "The first build of %s/%s has not begun: until then Jenkins does not know its parameters.", job, decodeBranch(b.Name)).Backoff()
		}
		var err error
		if b, err = s.readBranch(ctx, job, b.Name); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// order asks for the build, with the intent written first. A build with equal
// parameters that still waits is given to both who asked for it; if it is another
// request's already, that one must leave the queue first.
func (s *Service) order(ctx context.Context, req bot.BuildRequest, b *branchJSON) (queue string, err error) {
	if err := s.writeIntent(ctx, req, b.NextBuildNumber); err != nil {
		return "", err
	}
	for {
		queue, err := s.trigger(ctx, req, b)
		if err != nil {
			return "", err
		}
		switch err := s.claim(ctx, req, queue); bot.CodeOf(err) {
		case "":
			return queue, nil
		case bot.CodeConflict:
			if err := s.awaitLeft(ctx, queue); err != nil {
				return "", err
			}
		default:
			return "", err
		}
	}
}

// trigger is the one call that makes a build.
func (s *Service) trigger(ctx context.Context, req bot.BuildRequest, b *branchJSON) (queue string, err error) {
	job := req.Job.ExternalID
	c := command{at: branchPath(job, b.Name) + "build", query: query{"delay": "0sec"}}
	if defs := b.parameters(); len(defs) > 0 {
		c.at, c.form = branchPath(job, b.Name)+"buildWithParameters", url.Values{}
		for name, value := range req.Parameters {
			c.form.Set(name, value)
		}
		if slices.ContainsFunc(defs, func(d parameterJSON) bool { return d.Name == KeyParameter }) && req.Key != "" {
			c.form.Set(KeyParameter, req.Key)
		}
	}
	header, err := s.post(ctx, c)
	switch {
	case httpStatus(err) == http.StatusBadRequest && c.form == nil:
		// Its first build has begun in between, and with it the parameters came.
		now, readErr := s.readBranch(ctx, job, b.Name)
		if readErr != nil || len(now.parameters()) == 0 {
			return "", err
		}
		return s.trigger(ctx, req, now)
	case httpStatus(err) == http.StatusConflict:
		return "", bot.Errorf(bot.CodeConflict, "Jenkins cannot build %s/%s: its branch is gone from the repository, or its job is disabled.", job, req.Branch).Because(err)
	case httpStatus(err) == http.StatusNotFound:
		return "", s.noBranch(job, req.Branch).Because(err)
	case err != nil:
		return "", err
	}
	at, err := url.Parse(header.Get("Location"))
	if err == nil && strings.Contains(at.Path, "/queue/item/") {
		if id, err := strconv.ParseInt(path.Base(at.Path), 10, 64); err == nil {
			return strconv.FormatInt(id, 10), nil
		}
	}
	// A disabled job answers as if all were well and queues nothing.
	if isDeployment(req.Key) {
		return "", bot.Errorf(bot.CodeUnknown, "Jenkins took the request to run %s but does not say what came of it.", req.Branch).Backoff()
	}
	if disabled, err := s.disabled(ctx, job); err == nil && disabled {
		return "", s.disabledError(job)
	}
	return "", bot.Errorf(bot.CodeUnknown, "Jenkins took the request to build %s/%s but does not say what came of it.", job, req.Branch).Backoff()
}

// noBranch is the refusal of what is not there.
func (s *Service) noBranch(job, branch string) *bot.Error {
	return bot.Errorf(bot.CodeNotFound, "Jenkins has no branch %s of %s.", bot.Shorten(branch, 60), bot.Shorten(job, 100))
}
